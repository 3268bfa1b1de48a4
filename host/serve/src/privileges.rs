//! Who serves: never root, where it can be helped.

use camino::Utf8Path;
use nix::fcntl::{AT_FDCWD, AtFlags};
use nix::unistd::{Gid, Uid, User, fchownat, geteuid, setgroups, setresgid, setresuid};

/// Whom each system has, and who owns nothing.
const USER: &str = "nobody";
/// Its numbers where no file says them.
const NUMBER: u32 = 65_534;

/// Root could not be given up.
#[derive(Debug, thiserror::Error)]
#[error("cannot become user {USER}")]
pub struct PrivilegesError(#[source] nix::Error);

/// Gives a directory to `nobody` if this is root, which becomes nobody.
///
/// # Errors
/// When the system refuses.
pub fn give_to_server(directory: &Utf8Path) -> Result<(), PrivilegesError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = nobody();
    // A link would lead root's word to somebody else's directory.
    fchownat(AT_FDCWD, directory.as_std_path(), Some(user), Some(group), AtFlags::AT_SYMLINK_NOFOLLOW)
        .map_err(PrivilegesError)
}

fn nobody() -> (Uid, Gid) {
    match User::from_name(USER) {
        Ok(Some(found)) => (found.uid, found.gid),
        _ => (Uid::from_raw(NUMBER), Gid::from_raw(NUMBER)),
    }
}

/// Becomes `nobody` if this is root, for good. To be called with one thread, when sockets and directories are open.
///
/// # Errors
/// When the system refuses.
pub fn give_up_root() -> Result<(), PrivilegesError> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let (user, group) = nobody();
    setgroups(&[group]).map_err(PrivilegesError)?;
    setresgid(group, group, group).map_err(PrivilegesError)?;
    setresuid(user, user, user).map_err(PrivilegesError)?;
    // Nothing that is run from here on is more than that.
    nix::sys::prctl::set_no_new_privs().map_err(PrivilegesError)
}
