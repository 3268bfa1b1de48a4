//! The classes against the test host: boot files and declarations. Trees and nodes are the system tier's.

use crate::{boot_file, exporting, overlays, parameters, places::Golden};
use disklessset_kit::node_set::NodeSet;
use disklessset_plugin_api::{
    ActionSpec, BootContext, Image, ImageName, Kernel, KernelVersion, testing::TestHost,
};
use serde_json::json;
use std::collections::BTreeMap;

fn boot_line(test: &TestHost) -> disklessset_plugin_api::Result<String> {
    let kernel = Kernel::new(KernelVersion::parse("6.1.0-1-amd64").unwrap());
    let mut image =
        Image::new(ImageName::parse("web").unwrap(), "NfsStagingImage", BTreeMap::new(), "/i/web");
    image.set_kernel(&kernel);
    let mut boot = BootContext::new("web", "http://x/images/web", "http://x/kernels", Some(&kernel));
    boot.kernel_parameters = "quiet".to_owned();
    let tree = test.places().nfs_staging.join("web");
    let text = boot_file::template(&image, "NFS staging", &tree, "", &boot, &test.host("NfsStagingImage"))?;
    Ok(text.lines().nth(4).unwrap().to_owned())
}

#[test]
fn the_boot_line_is_that_of_1x_with_the_tree_as_nodes_see_it() {
    let test = TestHost::new();
    assert_eq!(
        boot_line(&test).unwrap(),
        "kernel http://x/kernels/vmlinuz-6.1.0-1-amd64 initrd=initramfs-kernel-6.1.0-1-amd64 \
         root=nfs:${next-server}:/diskless/images/nfsimages/staging/web,vers=4.2,rw rd.neednet=1 selinux=0 \
         rd.net.timeout.carrier=30 rd.net.timeout.ifup=60 rd.net.dhcp.retry=4 quiet ${eq-console} \
         ${eq-kernel-parameters} ${dedicated-kernel-parameters}"
    );
}

#[test]
fn a_site_may_have_another_server_and_other_options_but_no_other_words() {
    let test = TestHost::new();
    test.set_config(json!({ "server": "10.0.0.7", "mount_options": "vers=4.1,rw,nconnect=4" }));
    assert!(
        boot_line(&test)
            .unwrap()
            .contains("root=nfs:10.0.0.7:/diskless/images/nfsimages/staging/web,vers=4.1,rw,nconnect=4 ")
    );
    for wrong in ["a b", "", "x ${y}", "a\nb"] {
        test.set_config(json!({ "server": wrong }));
        let refused = boot_line(&test).unwrap_err().to_string();
        assert!(refused.contains("wrong server"), "{refused}");
    }
}

#[test]
fn a_staging_image_takes_what_1x_took_under_the_same_names() {
    let create = parameters::of_staging(ActionSpec::create("Create it"));
    let names: Vec<&str> = create.params.iter().map(|param| param.name.as_str()).collect();
    for name in ["kernel", "password", "additional_packages", "release_version"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
    let required = create.params.iter().filter(|param| param.required).map(|param| param.name.as_str());
    assert_eq!(required.collect::<Vec<_>>(), ["kernel"]);
}

#[test]
#[allow(clippy::disallowed_methods, reason = "the test does what a node does")]
fn overlays_come_and_go_and_their_identities_last() {
    if !disklessset_plugin_api::testing::is_root() {
        eprintln!("SKIPPED overlays_come_and_go_and_their_identities_last: it needs root");
        return;
    }
    let test = TestHost::new();
    let host = test.host("NfsGoldenImage");
    let name = ImageName::parse("g").unwrap();
    let places = Golden::of(&name, &host).unwrap();
    for directory in [&places.tree, &places.nodes, &places.work] {
        std::fs::create_dir_all(directory).unwrap();
    }
    std::fs::write(places.tree.join("file"), "golden").unwrap();
    let nodes: NodeSet = "c[1-2]".parse().unwrap();
    overlays::add(&nodes, &places, &host).unwrap();
    assert_eq!(overlays::present(&places).unwrap(), nodes);
    let [one, other]: [_; 2] = nodes.iter().collect::<Vec<_>>().try_into().unwrap();
    std::fs::write(places.node(&one).join("file"), "own").unwrap();
    for tree in [places.node(&other), places.tree.clone()] {
        assert_eq!(std::fs::read_to_string(tree.join("file")).unwrap(), "golden");
    }
    overlays::remove(std::slice::from_ref(&one), &places, &host).unwrap();
    assert!(!places.node(&one).exists() && places.node(&other).join("file").exists());
    overlays::remove(std::slice::from_ref(&other), &places, &host).unwrap();
    assert!(!places.overlays.exists() && test.open().is_empty());

    // Whoever changes how it is made takes mounted roots away from nodes.
    assert_eq!(exporting::identity(&name, &one), "91f690ca-c040-8333-8587-c1c729bc66f2");
    assert_ne!(exporting::identity(&name, &one), exporting::identity(&name, &other));
}
