//! NFS images: their trees, and what the server exports of them.

use disklessset_tests::root::TestRoot;

use super::super::kill_points::{Case, Does};
use super::super::nfs::crash::{CLONE, EXPORT, GOLDEN, REMOVE, STAGING, a_golden_image, an_exported_image};
use super::{COMMITTED, OUT_OF_SERVICE, Operation, UNREGISTERED, operations};

const fn change(command: &'static [&'static str], prepare: fn(&TestRoot)) -> Case {
    Case { modules: &["nfs"], command, image: "g", does: Does::Change, prepare }
}
const EXPORT_WHOLE: Case = change(&["nfs", "export", "g", "--client", "*"], a_golden_image);
const UNEXPORT: Case = change(&["nfs", "unexport", "g"], an_exported_image);
const UNEXPORT_WHOLE: Case = change(&["nfs", "unexport", "g"], exported_as_a_whole);

fn exported_as_a_whole(root: &TestRoot) {
    a_golden_image(root);
    let _ = root.disklessset(EXPORT_WHOLE.command).run().expect_done();
    let _ = root.disklessset(&["nfs", "export", "st", "--client", "*"]).run().expect_done();
}

operations! {
    a_creation_of_a_staging_image: Operation::new("nfs create-staging", &STAGING, UNREGISTERED);
    a_creation_of_a_golden_image: Operation::new("nfs create-golden", &GOLDEN, UNREGISTERED);
    a_clone_with_its_nodes: Operation::new("nfs clone", &CLONE, UNREGISTERED);
    a_removal_with_nodes_and_exports: Operation::new("nfs remove", &REMOVE, OUT_OF_SERVICE);
    an_export: Operation::new("nfs export", &EXPORT_WHOLE, COMMITTED);
    an_export_of_each_node: Operation::new("nfs export --per-node", &EXPORT, COMMITTED);
    an_end_of_an_export: Operation::new("nfs unexport", &UNEXPORT_WHOLE, COMMITTED);
    an_end_of_exports_of_each_node: Operation::new("nfs unexport, per node", &UNEXPORT, COMMITTED);
}
