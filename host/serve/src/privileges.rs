//! Who serves: never root, where it can be helped.

use nix::unistd::{Gid, Uid, User, geteuid, setgroups, setresgid, setresuid};

/// Whom each system has, and who owns nothing.
const USER: &str = "nobody";
/// Its numbers where no file says them.
const NUMBER: u32 = 65_534;

/// Root could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("cannot become user {USER}")]
pub struct PrivilegesError(#[source] nix::Error);

/// Becomes `nobody` if this is root, for good. To be called with one thread, when sockets and directories are open.
///
/// # Errors
/// When the system refuses.
pub fn give_up_root() -> Result<(), PrivilegesError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = match User::from_name(USER) {
        Ok(Some(found)) => (found.uid, found.gid),
        _ => (Uid::from_raw(NUMBER), Gid::from_raw(NUMBER)),
    };
    setgroups(&[group]).map_err(PrivilegesError)?;
    setresgid(group, group, group).map_err(PrivilegesError)?;
    setresuid(user, user, user).map_err(PrivilegesError)?;
    // Nothing that is run from here on is more than that.
    nix::sys::prctl::set_no_new_privs().map_err(PrivilegesError)
}
