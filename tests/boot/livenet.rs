//! Given a livenet image of real packages: a node boots it to its login prompt.

use std::time::Duration;

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;

const PATIENCE: Duration = Duration::from_secs(10 * 60);

#[test]
fn an_image_from_packages_boots_to_its_login_prompt() {
    disklessset_tests::need!(need::root(), need::tool("mmdebstrap"), need::tool("qemu-system-x86_64"));
    let root = TestRoot::with_modules(&["livenet"]);
    let create = ["livenet", "create", "node", "--kernel", "from-image", "--source", "apt", "--type", "core"];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    let image = root.image_dir("node");
    for file in ["boot.ipxe", "squashfs.img", "image_data.yml"] {
        assert!(image.join(file).is_file(), "{file} is missing");
    }
    let before = Snapshot::of(&root);
    let proof = root.disklessset(&["prove", "node"]).limit(PATIENCE).run().expect_done();
    assert!(
        proof.stdout.contains("login:") || proof.stderr.contains("login:"),
        "no login prompt shown: {proof}"
    );
    before.assert_same_as_now(&root);
}
