//! The kernel's NFS server, where one runs.

use crate::system::command::Tool;
use camino::Utf8Path;
use std::time::Duration;

/// What the server's tools and the kernel share; there when the server's part of the kernel is.
const SERVERS_TABLE: &str = "/proc/fs/nfsd";

/// Has the server read the exports again. Without a server there is nobody to tell, and it reads them when it starts.
///
/// A failure is only told: `exportfs` also fails for the lines of others, and the file is right in any case.
pub(super) fn refresh(warn: &dyn Fn(&str)) {
    if !Utf8Path::new(SERVERS_TABLE).join("exports").exists() {
        return;
    }
    // Also while an action that was stopped is taken back: what the file says and what is offered go together.
    let told = Tool::new("exportfs").arg("-ra").time_limit(Duration::from_secs(60)).despite_signals().run();
    if let Err(error) = told {
        warn(&format!("the NFS server could not be told of the exports, `exportfs -ra` does it: {error}"));
    }
}
