//! Web servers: nodes get what is for them, and nothing else.

use super::*;
use crate::system::registry::rack_cache::{free_address, nginx};
use disklessset_tests::run::Running;
use std::net::TcpStream;
use std::time::Duration;

/// What is there, and what a node gets for it.
const FILES: [(&str, bool); 9] = [
    ("images/web/boot.ipxe", true),
    ("images/web/squashfs.img", true),
    ("images/web/image_data.yml", false),
    ("images/web/.hidden", false),
    ("kernels/vmlinuz-1", true),
    ("boot/entry.ipxe", true),
    ("loaders/a.efi", true),
    ("oci/index.json", false),
    ("other/file", false),
];

fn tree(root: &TestRoot) -> String {
    let digest = "0123456789abcdef".repeat(4);
    let base = html(root).join(BASE);
    for (file, _) in FILES {
        put(&base.join(file), file);
    }
    put(&base.join("oci/blobs/sha256").join(&digest), "blob");
    put(&html(root).join("secret"), "secret");
    std::os::unix::fs::symlink("/etc/passwd", base.join("images/web/link")).unwrap();
    digest
}

/// The head of an answer.
fn head(root: &TestRoot, address: &str, path: &str) -> String {
    let url = format!("http://{address}/{path}");
    let args =
        ["--silent", "--show-error", "--path-as-is", "--output", "/dev/null", "--dump-header", "-", &url];
    root.tool("curl", &args).run().expect_done().stdout
}

fn judge(root: &TestRoot, address: &str, digest: &str) {
    let found = |path: &str| head(root, address, path).starts_with("HTTP/1.1 200");
    for (file, served) in FILES {
        assert_eq!(found(&format!("{BASE}/{file}")), served, "{file}");
    }
    for other in [
        "secret".to_owned(),
        format!("{BASE}/images/web/link"),
        format!("{BASE}/images/web/%69mage_data.yml"),
        format!("{BASE}/images//web//image_data.yml"),
        format!("{BASE}/images/../../../secret"),
        format!("{BASE}/images/"),
    ] {
        assert!(!found(&other), "{other}");
    }
    // Shim asks with two slashes.
    assert!(found(&format!("{BASE}/loaders//a.efi")));
    let blob = head(root, address, &format!("{BASE}/oci/blobs/sha256/{digest}"));
    assert!(blob.starts_with("HTTP/1.1 200") && blob.contains("immutable"), "{blob}");
    let boot_file = head(root, address, &format!("{BASE}/images/web/boot.ipxe"));
    assert!(!boot_file.contains("immutable"), "{boot_file}");
}

#[test]
fn nginx_gives_nodes_what_is_for_them() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("nginx"), need::tool("curl"));
    let root = TestRoot::bare();
    let digest = tree(&root);
    let address = free_address();
    let words = printed(&root, &["nginx"]);
    let words = words.replace("listen 80;", &format!("listen {address};")).replace("listen [::]:80;", "");
    assert!(words.contains(&address));
    let server = nginx(&root, "web", &address, &words);
    judge(&root, &address, &digest);
    server.kill_group();
}

/// An apache with these words at the end of a configuration of its own.
fn apache(root: &TestRoot, address: &str, words: &str) -> Running {
    let place = root.beside().join("apache");
    let modules = ["/usr/lib/apache2/modules", "/etc/httpd/modules"];
    let modules = modules.into_iter().find(|path| Utf8Path::new(path).exists()).unwrap();
    let loaded: String = ["mpm_event", "authz_core", "headers"]
        .map(|name| format!("LoadModule {name}_module {modules}/mod_{name}.so\n"))
        .concat();
    let file = place.join("apache.conf");
    let text = format!(
        "ServerName localhost\n{loaded}PidFile {place}/pid\nErrorLog {place}/error.log\nListen {address}\n{words}"
    );
    put(&file, &text);
    let _ = root.tool("apache2", &["-t", "-f", file.as_str()]).run().expect_done();
    let program = root.tool("apache2", &["-DFOREGROUND", "-f", file.as_str()]);
    let running = program.limit(Duration::from_secs(600)).start();
    running.wait_until(|| TcpStream::connect(address).ok().map(drop)).0
}

#[test]
fn apache_gives_nodes_what_is_for_them() {
    disklessset_tests::need!(need::full(), need::root(), need::tool("apache2"), need::tool("curl"));
    let root = TestRoot::bare();
    let digest = tree(&root);
    let address = free_address();
    let port = address.rsplit(':').next().unwrap();
    let words = printed(&root, &["apache"]).replace("<VirtualHost *:80>", &format!("<VirtualHost *:{port}>"));
    assert!(words.contains(port));
    let server = apache(&root, &address, &words);
    judge(&root, &address, &digest);
    server.kill_group();
}
