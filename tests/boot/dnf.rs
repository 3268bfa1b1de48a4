//! Given a whole operating system in one RPM: an image of it, installed by dnf, boots.

use std::time::Duration;

use disklessset_tests::need;

use crate::system::apt_tree::shared;
use crate::system::dnf_world::World;

#[test]
fn an_image_installed_by_dnf_boots_to_its_login_prompt() {
    disklessset_tests::need!(
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::tool("dnf"),
        need::tool("rpmbuild"),
        need::tool("createrepo_c"),
        need::full()
    );
    let patience = Duration::from_secs(10 * 60);
    let world = World::new();
    world.build_tree(shared().tree());
    let created = world.create_with_kernel("from-image", "node", &["--type", "core"]).limit(patience).run();
    let _ = created.expect_done();
    let proof = world.small.root.disklessset(&["prove", "node"]).limit(patience).run().expect_done();
    assert!(format!("{}{}", proof.stdout, proof.stderr).contains("login:"), "{proof}");
}
