//! The harness of disklessset's tests: rooms in which the real program is run and looked at from outside.
//!
//! Tests live in `suite.rs` and its folders, one folder a tier. What they share is here:
//! - [`root`]: a throw-away root with a modules directory the program accepts
//! - [`run`]: the program, run with a clean environment, a time limit and, where asked, a sudden end
//! - [`failpoints`]: the program, killed at a step of its own making
//! - [`strace`]: the program, killed, failing or slowed down at a system call of its own
//! - [`terminal`]: the program in a real terminal, for its menu
//! - [`residue`]: what there was before and after: mounts, loop devices, processes, files
//! - [`stage`]: the same root again and again, for fault after fault
//! - [`mounted`]: mounts that end with their test
//! - [`loop_disk`]: file systems in files, and the tools that make them
//! - [`own_tmp`]: `/tmp` and `/var/tmp` of one test alone
//! - [`dying`]: which processes are as good as dead
//! - [`hostile_tree`]: an OS tree with everything that copies lose
//! - [`tree_facts`]: all that can be told of a tree, and what differs between two
//! - [`canary`]: a tree outside the root that nothing may touch
//! - [`authors`]: modules of a workspace of their own, built when they are asked for
//! - [`kill_table`]: what was killed where, and how it ended
//! - [`mod@need`]: what a test needs of the machine, and how it says that it was skipped
//! - [`picture`]: pictures of the guides, made from what tests saw
//! - [`readme`]: the commands of a document, to be run as they are written
//!
//! `xtask` shares [`place`], [`install`], [`facts`], [`kill_table`], [`loop_disk`] and [`mod@need`].

pub mod authors;
pub mod canary;
pub mod dying;
pub mod facts;
pub mod failpoints;
pub mod hostile_tree;
pub mod install;
pub mod kill_table;
pub mod loop_disk;
pub mod mounted;
pub mod need;
mod outcome;
pub mod own_tmp;
pub mod patience;
pub mod picture;
pub mod place;
pub mod readme;
pub mod residue;
pub mod root;
pub mod run;
mod signal;
pub mod stage;
pub mod strace;
#[cfg(feature = "terminal")]
pub mod terminal;
pub mod tree_facts;
pub mod versions;
