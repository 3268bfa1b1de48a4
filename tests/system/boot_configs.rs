//! What `serve config` prints, in the real servers, and what `serve loaders` brings.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

mod dhcp;
mod loaders;
mod web;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

/// Where nodes fetch from.
pub(crate) const BASE: &str = "preboot_execution_environment/diskless";

/// A root with a fixed address, and loaders out of the real package.
pub(crate) fn site() -> TestRoot {
    let root = TestRoot::bare();
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), "http_base_url: http://10.0.0.1\n");
    let _ = root.disklessset(&["serve", "loaders"]).run().expect_done();
    root
}

pub(crate) fn put(path: &Utf8Path, text: &str) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
}

/// Directory of a root that is the one of the web server.
pub(crate) fn html(root: &TestRoot) -> Utf8PathBuf {
    root.path().join("var/www/html")
}

/// What is printed, about the places below the root.
pub(crate) fn printed(root: &TestRoot, args: &[&str]) -> String {
    let all: Vec<&str> = ["serve", "config"].into_iter().chain(args.iter().copied()).collect();
    let text = root.disklessset(&all).run().expect_done().stdout;
    text.replace("/var/www/html", html(root).as_str())
}

fn needs_ipxe() -> need::Verdict {
    if Utf8Path::new("/usr/lib/ipxe/undionly.kpxe").exists()
        || Utf8Path::new("/usr/share/ipxe/undionly.kpxe").exists()
    {
        return need::Verdict::Go;
    }
    need::skip("iPXE for firmware is not installed")
}
