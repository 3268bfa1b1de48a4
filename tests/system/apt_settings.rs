//! Given a server that reaches its packages in a way of its own: an image's packages are fetched in the same way, and no password is seen.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use camino::Utf8PathBuf;
use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;

use super::repo_server::{SECRET, Server};
use super::small::{Small, put};

/// A site whose sources are there by a moving name, with a login, behind a proxy. The proxy turns everybody away and counts.
struct Site {
    small: Small,
    proxy: Server,
    apt: Utf8PathBuf,
}

impl Site {
    fn new() -> Self {
        let small = Small::new();
        let apt = small.root.beside().join("apt");
        for directory in ["apt.conf.d", "preferences.d", "trusted.gpg.d", "auth.conf.d"] {
            std::fs::create_dir_all(apt.join(directory)).unwrap();
        }
        let source = format!("deb [trusted=yes] http://alice:{SECRET}@deb.site.example/debian stable main\n");
        put(&apt.join("sources.list"), source.as_bytes(), 0o644);
        Self { proxy: Server::start(&small.root.beside()), small, apt }
    }

    /// How often the proxy is asked by a creation, which fails.
    #[track_caller]
    fn asked(&self, variable: Option<&str>) -> u32 {
        let before = (Snapshot::of(&self.small.root), *self.proxy.refused.lock().unwrap());
        let instead = format!("mount --bind '{}' /etc/apt && exec \"$0\" \"$@\"", self.apt);
        let create = self.small.create_from("web", "apt", &[]).args(["-d"]);
        let create = create.behind("unshare", &["--mount", "sh", "-c", &instead]);
        let create = match variable {
            Some(address) => create.env("http_proxy", address),
            None => create,
        };
        let failed = create.run().expect_code(1);
        let failed = failed.expect_said("http://deb.site.example/debian stable");
        assert!(!failed.stderr.contains(SECRET) && !failed.stdout.contains(SECRET), "{failed}");
        before.0.assert_same_as_now(&self.small.root);
        let grep =
            self.small.root.tool("grep", &["-rlF", "--", SECRET, self.small.root.path().as_str()]).run();
        assert_eq!(grep.status.code(), Some(1), "{}", grep.stdout);
        let asked = *self.proxy.refused.lock().unwrap();
        asked - before.1
    }
}

#[test]
fn packages_are_fetched_through_the_proxy_of_the_server_or_of_the_user() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("unshare"));
    let site = Site::new();
    let proxy = format!("http://{}", site.proxy.address);
    assert!(site.asked(Some(&proxy)) > 0, "the variable is not looked at");
    let setting =
        format!("Acquire::http::Proxy::deb.site.example \"http://me:{SECRET}@{}\";\n", site.proxy.address);
    put(&site.apt.join("apt.conf.d/proxy"), setting.as_bytes(), 0o600);
    assert!(site.asked(None) > 0, "the server's configuration is not looked at");
}
