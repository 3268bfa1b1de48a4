//! Debian's registry on a port of this machine, with its data below the test's root.

use super::put;
use camino::Utf8PathBuf;
use disklessset_oci::names::Host;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::Running;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// `me` with the password `hunter2`, as htpasswd writes it.
const HTPASSWD: &str = "me:$2b$05$gzh4dhTR7el4UvVHXD9S6eKHAXqKU/0HDrGkQfTJ2NfL.rWbJ0q1e\n";

/// How a registry is set up.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    /// Plain HTTP for everybody.
    Plain,
    /// HTTPS with a certificate that nobody knows, and a login.
    Private,
}

/// A registry, killed when it goes.
pub(crate) struct Server<'r> {
    root: &'r TestRoot,
    address: String,
    running: Option<Running>,
}

impl<'r> Server<'r> {
    pub(crate) fn start(root: &'r TestRoot, setup: &Setup) -> Self {
        // Free now; should another take it before the registry does, the registry ends and says so.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let beside = root.beside();
        let mut settings = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {beside}/registry}}}}\nhttp:\n  addr: {address}\n"
        );
        if *setup == Setup::Private {
            settings +=
                &format!("  tls: {{certificate: {beside}/registry.pem, key: {beside}/registry.key}}\n");
            settings += &format!("auth: {{htpasswd: {{realm: test, path: {beside}/htpasswd}}}}\n");
            put(&beside.join("htpasswd"), HTPASSWD.as_bytes());
            let make = |name: &str, more: &str| {
                let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2";
                let line = format!("{new} -subj /CN={name} -keyout {name}.key -out {name}.pem {more}");
                let _ =
                    root.tool("openssl", &line.split_whitespace().collect::<Vec<_>>()).run().expect_done();
            };
            make("site", "");
            let of_site = "-CA site.pem -CAkey site.key -addext basicConstraints=critical,CA:FALSE";
            make("registry", &format!("{of_site} -addext subjectAltName=IP:127.0.0.1"));
        }
        put(&beside.join("registry.yml"), settings.as_bytes());
        let mut server = Self { root, address, running: None };
        server.start_again();
        server
    }

    pub(crate) fn start_again(&mut self) {
        let settings = self.root.beside().join("registry.yml");
        let program = self.root.tool("docker-registry", &["serve", settings.as_str()]);
        let running = program.limit(Duration::from_secs(600)).start();
        let (running, ()) = running.wait_until(|| TcpStream::connect(&self.address).ok().map(drop));
        self.running = Some(running);
    }

    pub(crate) fn kill(&mut self) {
        if let Some(running) = self.running.take() {
            running.kill_nine();
        }
    }

    pub(crate) fn host(&self) -> Host {
        self.address.parse().unwrap()
    }

    /// The site's authority, which signed its certificate.
    pub(crate) fn certificate(&self) -> Utf8PathBuf {
        self.root.beside().join("site.pem")
    }
}

impl Drop for Server<'_> {
    fn drop(&mut self) {
        self.kill();
    }
}
