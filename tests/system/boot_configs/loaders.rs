//! `serve loaders` with the real package, and without one.

use super::*;
use disklessset_tests::residue::Snapshot;

#[test]
fn loaders_are_copied_once_and_a_dry_run_says_so() {
    disklessset_tests::need!(needs_ipxe());
    let root = TestRoot::bare();
    let before = Snapshot::of(&root);
    let told = root.disklessset(&["--dry-run", "serve", "loaders"]).run().expect_done();
    assert!(told.stdout.contains("would copy ") && told.stdout.contains("undionly.kpxe"), "{told}");
    before.assert_same_as_now(&root);
    let _ = root.disklessset(&["serve", "loaders"]).run().expect_done().expect_said("copied ");
    let copied = html(&root).join(BASE).join("loaders/undionly.kpxe");
    let package = ["/usr/lib/ipxe/undionly.kpxe", "/usr/share/ipxe/undionly.kpxe"];
    let of_package = package.iter().find_map(|path| std::fs::read(path).ok()).unwrap();
    assert!(std::fs::read(&copied).unwrap() == of_package);
    let script = html(&root).join(BASE).join("loaders/wait.ipxe");
    let text = std::fs::read_to_string(&script).unwrap();
    assert!(text.contains("chain --replace ${diskless-base}/boot/entry.ipxe ||\n"), "{text}");
    let again = root.disklessset(&["serve", "loaders"]).run().expect_done();
    assert!(again.stderr.contains("is there already") && !again.stderr.contains("copied"), "{again}");
    let dry = root.disklessset(&["--dry-run", "serve", "loaders"]).run().expect_done();
    assert_eq!(dry.stdout, "");
    // It leads where the configuration says.
    assert!(printed(&root, &["dnsmasq"]).contains("/wait.ipxe\n"));
    put(&root.path().join("etc/disklessset/diskless_parameters.yml"), "http_base_url: http://10.0.0.9\n");
    let stale = root.disklessset(&["serve", "config", "dnsmasq"]).run().expect_done();
    assert!(stale.stderr.contains("for another address: disklessset serve loaders"), "{stale}");
    let _ = root.disklessset(&["serve", "loaders"]).run().expect_done().expect_said("wrote ");
    assert!(std::fs::read_to_string(&script).unwrap().contains("http://10.0.0.9/"));
}

#[test]
fn a_missing_package_is_named_in_one_line() {
    disklessset_tests::need!(need::root(), need::tool("unshare"));
    let root = TestRoot::bare();
    let hide = "for dir in /usr/lib/ipxe /usr/share/ipxe; do if [ -d $dir ]; then mount -t tmpfs none $dir; fi; done; exec \"$@\"";
    let program = root.disklessset(&["serve", "loaders"]);
    let told = program.behind("unshare", &["--mount", "sh", "-c", hide, "sh"]).run().expect_code(5);
    assert!(told.stderr.contains("iPXE is not installed") && told.stderr.contains("ipxe"), "{told}");
    assert!(!html(&root).exists(), "nothing is made for nothing");
}

#[test]
fn only_loaders_that_are_there_have_lines() {
    let root = TestRoot::bare();
    let told = root.disklessset(&["serve", "config", "dnsmasq"]).run().expect_done();
    assert!(told.stderr.contains("serve loaders") && !told.stdout.contains("dhcp-match"), "{told}");
    put(&html(&root).join(BASE).join("loaders/ipxe.efi"), "x");
    let text = printed(&root, &["dnsmasq"]);
    assert!(text.contains("tag:arch7,tag:!ipxe,ipxe.efi") && !text.contains("tag:arch0"), "{text}");
    let _ = root.disklessset(&["serve", "config", "nginx", "--hosts"]).run().expect_code(2);
}
