//! Given an OS image in a registry, as bootc makes them: an image of it boots.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use super::livenet::{PATIENCE, boots, unpack, world};
use crate::system::registry::server::{Server, Setup};
use crate::system::small::put;
use disklessset_tests::need;
use disklessset_tests::root::TestRoot;

#[test]
fn an_os_image_of_a_registry_with_its_kernel_beside_the_modules_boots() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        need::tool("mmdebstrap"),
        need::tool("qemu-system-x86_64"),
        need::tool("docker-registry"),
        need::tool("umoci"),
        need::tool("skopeo")
    );
    let root = TestRoot::with_modules(&["livenet"]);
    let server = Server::start(&root, &Setup::Plain);
    let settings = root.path().join("etc/disklessset/diskless_parameters.yml");
    put(&settings, format!("registries: {{plain_http: ['{}']}}\n", server.host()).as_bytes(), 0o644);
    let unpacked = tempfile::tempdir_in(root.beside()).unwrap();
    let _ = unpack(world(), &unpacked);
    let tree = unpacked.path().join("tree");
    // As bootc has it: the kernel lies beside its modules, and /boot is empty.
    let version = std::fs::read_dir(tree.join("usr/lib/modules")).unwrap().next().unwrap().unwrap().path();
    let kernel = version.join("vmlinuz");
    if !kernel.exists() {
        let name = format!("vmlinuz-{}", version.file_name().unwrap().to_str().unwrap());
        std::fs::copy(tree.join("boot").join(name), &kernel).unwrap();
    }
    for entry in std::fs::read_dir(tree.join("boot")).unwrap() {
        let _ = std::fs::remove_file(entry.unwrap().path());
    }
    let layout = root.beside().join("layout");
    let image = format!("{layout}:9");
    let umoci = |args: &[&str]| root.tool("umoci", args).limit(PATIENCE).run().expect_done();
    let _ = umoci(&["init", "--layout", layout.as_str()]);
    let _ = umoci(&["new", "--image", &image]);
    let _ = umoci(&["insert", "--image", &image, tree.to_str().unwrap(), "/"]);
    let (from, to) = (format!("oci:{image}"), format!("docker://{}/os/node:9", server.host()));
    let copy = ["copy", "--quiet", "--dest-tls-verify=false", &from, &to];
    let _ = root.tool("skopeo", &copy).limit(PATIENCE).run().expect_done();
    let source = format!("registry:{}/os/node:9", server.host());
    let create = ["livenet", "create", "node", "--kernel", "from-image", "--source", &source];
    let _ = root.disklessset(&create).limit(PATIENCE).run().expect_done();
    // Nodes need no registry.
    drop(server);
    boots(&root, "node");
}
