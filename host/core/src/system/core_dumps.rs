//! What is left of a crash must not tell a secret.

use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};

/// From here on this process leaves no core dump, whatever ends it and wherever the machine sends them, and neither do the programs it
/// runs. To be called before a secret is read. Who looks for a fault of the program can still have one: without a secret.
pub fn forbid() {
    // A system without one of the two still has the other, and there is nothing better to do about it.
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
}
