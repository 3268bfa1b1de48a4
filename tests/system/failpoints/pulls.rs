//! Versions from a registry: the next one of an image, and the first one of a new image; OS trees there and back.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::sync::OnceLock;

use disklessset_tests::need;
use disklessset_tests::stage::warmed_up;

use super::super::kill_points::{Case, Does};
use super::super::nfs::crash::{a_staging_image, closed};
use super::super::oci::layout;
use super::super::registry::server::{Server, Setup};
use super::super::small::{KERNEL, Small, kernels, put, register_kernel};
use super::{COMMITTED, Operation, Turn, UNREGISTERED, kill};
use disklessset_tests::root::TestRoot;

fn one_image(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
}

fn nothing(_root: &TestRoot) {}

/// What stands once there was an image.
fn a_place_for_trees(root: &TestRoot) {
    let _ = std::fs::create_dir_all(kernels(root));
    let places = root.path().join("diskless/images/nfsimages");
    for place in ["staging", "golden"] {
        std::fs::create_dir_all(places.join(place)).unwrap();
        closed(&places.join(place));
    }
}

/// What is pulled, and where.
struct Pulled {
    module: &'static str,
    image: &'static str,
    /// Makes the image where it is pushed.
    origin: fn(&TestRoot),
    push: &'static [&'static str],
}

const DEMO: Pulled = Pulled { module: "demo", image: "a", origin: a_newer_one, push: &[] };
const WITH_TREE: Pulled =
    Pulled { module: "nfs", image: "st", origin: a_staging_image, push: &["--with-tree"] };

fn a_newer_one(origin: &TestRoot) {
    let _ = origin.disklessset(&["demo", "create", "a", "--message", "new"]).run().expect_done();
}

/// A pull of a version that another site pushed, killed at its steps.
fn kill_a_pull(
    name: &'static str,
    pulled: &Pulled,
    more: &[&'static str],
    does: Does,
    prepare: fn(&TestRoot),
    turn: Turn,
) {
    need!(need::root(), need::tool("docker-registry"));
    let origin = warmed_up(&["demo", pulled.module]);
    let server = Server::start(&origin, &Setup::Plain);
    let repository = format!("{}/images/{}", server.host(), pulled.image);
    (pulled.origin)(&origin);
    let push = [&["push", pulled.image, &repository, "--plain-http"], pulled.push].concat();
    let _ = origin.disklessset(&push).run().expect_done();
    let mut words: Vec<&'static str> = vec!["pull", format!("{repository}:current").leak(), "--plain-http"];
    words.extend(more);
    let modules = vec![pulled.module].leak();
    let case = Case { modules, command: words.leak(), image: pulled.image, does, prepare };
    kill(&Operation::new(name, Box::leak(Box::new(case)), turn));
}

#[test]
fn the_next_version_of_an_image() {
    kill_a_pull("pull", &DEMO, &[], Does::Change, one_image, COMMITTED);
}

#[test]
fn the_first_version_of_a_new_image() {
    kill_a_pull("pull, a new image", &DEMO, &[], Does::Make, nothing, UNREGISTERED);
}

#[test]
fn a_version_that_is_held() {
    kill_a_pull("pull --hold", &DEMO, &["--hold"], Does::Other, one_image, COMMITTED);
}

#[test]
fn a_new_image_with_its_tree() {
    need!(need::tool("zstd"));
    kill_a_pull("pull, an OS tree", &WITH_TREE, &[], Does::Make, a_place_for_trees, UNREGISTERED);
}

/// A push of a tree changes nothing here, wherever it is killed.
#[test]
fn a_push_with_its_tree() {
    need!(need::root(), need::tool("docker-registry"), need::tool("zstd"));
    let beside = warmed_up(&["demo"]);
    let server = Server::start(&beside, &Setup::Plain);
    let to = format!("{}/images/st", server.host()).leak();
    let command = vec!["push", "st", to, "--plain-http", "--with-tree"].leak();
    let prepare = a_staging_image;
    let case = Case { modules: &["nfs"], command, image: "st", does: Does::Other, prepare };
    kill(&Operation::new("push --with-tree", Box::leak(Box::new(case)), Turn::Begin));
}

/// The registry of the test that is running.
static REGISTRY: OnceLock<String> = OnceLock::new();

/// A site that talks to that registry without TLS.
fn a_site_of_the_registry(root: &TestRoot) {
    std::fs::create_dir_all(kernels(root)).unwrap();
    register_kernel(root, KERNEL);
    let settings = root.path().join("etc/disklessset");
    std::fs::create_dir_all(&settings).unwrap();
    let text = format!("registries: {{plain_http: ['{}']}}\n", REGISTRY.get().unwrap());
    put(&settings.join("diskless_parameters.yml"), text.as_bytes(), 0o644);
}

#[test]
fn an_image_from_an_os_image_of_a_registry() {
    need!(need::root(), need::tool("docker-registry"), need::tool("umoci"), need::tool("skopeo"));
    let origin = Small::new();
    let server = Server::start(&origin.root, &Setup::Plain);
    let _ = REGISTRY.set(server.host().to_string());
    let address = format!("{}/os/web:9", server.host());
    let (from, to) = (format!("oci:{}:v1", layout(&origin)), format!("docker://{address}"));
    let copy = ["copy", "--quiet", "--dest-tls-verify=false", &from, &to];
    let _ = origin.root.tool("skopeo", &copy).run().expect_done();
    let source = format!("registry:{address}").leak();
    let command = vec!["livenet", "create", "web", "--kernel", KERNEL, "--source", source].leak();
    let prepare = a_site_of_the_registry;
    let case = Case { modules: &["livenet"], command, image: "web", does: Does::Make, prepare };
    let name = "livenet create --source registry:";
    let operation = Operation::new(name, Box::leak(Box::new(case)), UNREGISTERED);
    kill(&Operation { remade: &["squashfs.img", "SHA256SUMS"], ..operation });
}
