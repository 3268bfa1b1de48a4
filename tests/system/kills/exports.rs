//! Lines for NFS servers, taken away.

use disklessset_tests::need;
use disklessset_tests::stage::warmed_up;

use super::table::Table;
use crate::system::nfs::crash::an_exported_image;

#[test]
fn an_unexport_of_each_node() {
    disklessset_tests::need!(need::root(), need::tool("strace"));
    let root = warmed_up(&["demo", "nfs"]);
    an_exported_image(&root);
    Table::of("nfs unexport, each node", &root, &["nfs", "unexport", "g"]).kill();
}
