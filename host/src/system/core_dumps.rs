//! What is left of a crash must not tell a secret.

use nix::sys::resource::{Resource, setrlimit};

/// From here on this process leaves no core dump, whatever ends it and wherever the machine sends them, and neither do the programs it
/// runs. To be called before a secret is read. Who looks for a fault of the program can still have one: without a secret.
pub fn forbid() {
    // A system without one of the two still has the other, and there is nothing better to do about it.
    let _ = nix::sys::prctl::set_dumpable(false);
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
}
