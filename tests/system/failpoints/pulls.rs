//! Versions from a registry: the next one of an image, and the first one of a new image.

use disklessset_tests::need;
use disklessset_tests::stage::warmed_up;

use super::super::kill_points::{Case, Does};
use super::super::registry::server::{Server, Setup};
use super::{COMMITTED, Operation, Turn, UNREGISTERED, kill};
use disklessset_tests::root::TestRoot;

fn one_image(root: &TestRoot) {
    let _ = root.disklessset(&["demo", "create", "a", "--message", "old"]).run().expect_done();
}

fn nothing(_root: &TestRoot) {}

/// A pull of a version that another site pushed, killed at its steps.
fn kill_a_pull(name: &'static str, more: &[&'static str], does: Does, prepare: fn(&TestRoot), turn: Turn) {
    need!(need::root(), need::tool("docker-registry"));
    let origin = warmed_up(&["demo"]);
    let server = Server::start(&origin, &Setup::Plain);
    let repository = format!("{}/images/a", server.host());
    let _ = origin.disklessset(&["demo", "create", "a", "--message", "new"]).run().expect_done();
    let _ = origin.disklessset(&["push", "a", &repository, "--plain-http"]).run().expect_done();
    let mut words: Vec<&'static str> = vec!["pull", format!("{repository}:current").leak(), "--plain-http"];
    words.extend(more);
    let case = Case { modules: &[], command: words.leak(), image: "a", does, prepare };
    kill(&Operation::new(name, Box::leak(Box::new(case)), turn));
}

#[test]
fn the_next_version_of_an_image() {
    kill_a_pull("pull", &[], Does::Change, one_image, COMMITTED);
}

#[test]
fn the_first_version_of_a_new_image() {
    kill_a_pull("pull, a new image", &[], Does::Make, nothing, UNREGISTERED);
}

#[test]
fn a_version_that_is_held() {
    kill_a_pull("pull --hold", &["--hold"], Does::Other, one_image, COMMITTED);
}
