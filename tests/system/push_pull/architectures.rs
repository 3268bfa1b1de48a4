//! Versions for another architecture than this server's: a boot server gives them to nodes of that architecture.

use super::liar::{self, Reply};
use super::lies::{Origin, pull_from};
use super::*;
use disklessset_oci::names::Digest;

/// A server whose version is for another architecture, and has another kernel under the same name.
fn of_arm64(origin: &Origin) -> (liar::Server, Vec<u8>) {
    let manifest: Value = serde_json::from_slice(&origin.manifest).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().replace("sha256:", "");
    let blobs = origin.small.root.oci_dir().join("blobs/sha256");
    let text = std::fs::read_to_string(blobs.join(&config)).unwrap();
    let new_config = text.replace("amd64", "arm64").into_bytes();
    let kernel = origin.digits(&format!("vmlinuz-{KERNEL}"));
    let mut new_kernel = std::fs::read(blobs.join(&kernel)).unwrap();
    *new_kernel.last_mut().unwrap() ^= 1;
    let [new_config_name, new_kernel_name] =
        [&new_config, &new_kernel].map(|bytes| Digest::of(bytes).hex().to_string());
    let text = String::from_utf8(origin.manifest.clone()).unwrap().replace("\"amd64\"", "\"arm64\"");
    let text = text.replace(&config, &new_config_name).replace(&kernel, &new_kernel_name);
    let (new, given) = (new_kernel.clone(), [(new_config_name, new_config), (new_kernel_name, new_kernel)]);
    let server = origin.server(text.into_bytes(), move |seen| {
        let found = given.iter().find(|(name, _)| seen.path.ends_with(name.as_str()));
        found.map(|(_, bytes)| Reply::part(seen, bytes))
    });
    (server, new)
}

#[test]
fn a_version_for_another_architecture_is_served_and_its_kernel_is_its_own() {
    disklessset_tests::need!(need::root());
    let origin = Origin::new();
    let (other_server, new_kernel) = of_arm64(&origin);
    let own_server = origin.server(origin.manifest.clone(), |_| None);
    let other = other_site();
    let _ = pull_from(&other, &own_server).expect_done();
    let vmlinuz = kernels(&other).join(format!("vmlinuz-{KERNEL}"));
    let own_kernel = std::fs::read(&vmlinuz).unwrap();

    // Never the next version of an image for another one.
    let before = Snapshot::of(&other);
    let _ = pull_from(&other, &other_server).expect_code(5).expect_said("image web is for amd64");
    before.assert_same_as_now(&other);

    let from = format!("{}/images/web:v1", other_server.host());
    let pulled = run(&other, &["pull", &from, "arm", "--plain-http"]).expect_done();
    let pulled = pulled.expect_said("the version is for arm64, this server is amd64");
    let _ = pulled.expect_said(&format!("kernel {KERNEL} is here with other files"));
    let digest = Digest::of(&new_kernel).hex().to_string();
    assert!(boot_file(&other, "arm").contains(&digest) && !boot_file(&other, "web").contains(&digest));
    assert!(std::fs::read(other.oci_dir().join("blobs/sha256").join(&digest)).unwrap() == new_kernel);
    assert!(std::fs::read(&vmlinuz).unwrap() == own_kernel, "the kernel of other images is another one");
    let _ = run(&other, &["verify"]).expect_done();
    let _ = run(&other, &["remove", "arm", "--yes"]).expect_done();
    assert!(std::fs::read(&vmlinuz).unwrap() == own_kernel);
    let _ = run(&other, &["verify"]).expect_done();
}
