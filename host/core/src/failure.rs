//! Where the typed errors of the rooms become the one error of the API, whose kind gives the exit code.

use crate::{
    exports::ExportsError,
    system::{command::CommandError, interrupt::Interrupted},
};
use disklessset_plugin_api::{Error, ErrorKind};
use std::error::Error as StdError;

/// What somebody who lacks the privilege can do.
const AS_ROOT: &str = "run disklessset as root, or with --root DIR in a directory of your own";

/// Something that failed, with its causes below; or that was stopped, when the user asked for that; or that the system
/// refused to somebody who is not root.
pub fn of(error: impl StdError) -> Error {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<Interrupted>() {
            return with_kind(ErrorKind::INTERRUPTED, error);
        }
        if !rustix::process::geteuid().is_root() && is_for_want_of_privilege(cause) {
            return with_kind(ErrorKind::REFUSED, error).hint(AS_ROOT);
        }
        next = cause.source();
    }
    with_kind(ErrorKind::FAILED, error)
}

/// Root is refused things, too (a read-only mount, an immutable file); no privilege helps there.
fn is_for_want_of_privilege(cause: &(dyn StdError + 'static)) -> bool {
    let kind = match (cause.downcast_ref::<std::io::Error>(), cause.downcast_ref::<nix::errno::Errno>()) {
        (Some(error), _) => error.kind(),
        (_, Some(errno)) => std::io::Error::from(*errno).kind(),
        _ => return false,
    };
    kind == std::io::ErrorKind::PermissionDenied
}

/// A wrong request.
pub fn usage(error: impl StdError) -> Error {
    with_kind(ErrorKind::USAGE, error)
}

/// A refusal.
pub fn refused(error: impl StdError) -> Error {
    with_kind(ErrorKind::REFUSED, error)
}

/// Exports that cannot be changed; a line that the server's own tool does not take is refused.
pub fn of_exports(error: ExportsError) -> Error {
    if matches!(error, ExportsError::Unreadable { .. }) { refused(error) } else { of(error) }
}

/// The error of an action that a signal stopped.
pub fn interrupted(cause: Interrupted) -> Error {
    Error::new(ErrorKind::INTERRUPTED, cause.to_string())
}

/// An error of any kind, with its causes below.
pub fn with_kind(kind: ErrorKind, error: impl StdError) -> Error {
    let mut causes = Vec::new();
    let mut errno = None;
    let mut next = error.source();
    while let Some(cause) = next {
        errno = errno.or_else(|| number_of(cause));
        // Whose error it is says it already.
        if !cause.is::<Interrupted>() {
            causes.push(cause.to_string());
        }
        next = cause.source();
    }
    let mut converted = Error::new(kind, error.to_string());
    converted.causes = causes;
    converted.errno(errno)
}

/// The number of an error of the system.
fn number_of(cause: &(dyn StdError + 'static)) -> Option<i32> {
    match (cause.downcast_ref::<std::io::Error>(), cause.downcast_ref::<nix::errno::Errno>()) {
        (Some(error), _) => error.raw_os_error(),
        (_, Some(errno)) => Some(*errno as i32),
        _ => None,
    }
}

/// The error of a tool, with the kind that gives the right exit code.
pub fn of_tool(error: CommandError) -> Error {
    let kind = match &error {
        CommandError::Interrupted { .. } => ErrorKind::INTERRUPTED,
        CommandError::NeedsRoot { .. } => ErrorKind::REFUSED,
        _ => ErrorKind::FAILED,
    };
    // What happened is the first line; the tool's own last lines are below it.
    let mut converted = with_kind(kind, error);
    let text = std::mem::take(&mut converted.message);
    let mut lines = text.lines();
    converted.message = lines.next().unwrap_or_default().to_owned();
    converted.causes.splice(0..0, lines.map(|line| line.trim_start().to_owned()));
    converted
}

/// The exit code of an error: 1 failed, 2 usage, 3 not found, 4 busy, 5 refused, 130 interrupted.
pub fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::USAGE => 2,
        ErrorKind::NOT_FOUND => 3,
        ErrorKind::BUSY => 4,
        ErrorKind::REFUSED => 5,
        ErrorKind::INTERRUPTED => 130,
        _ => 1,
    }
}

/// An error with its causes, for where there is one line.
pub fn one_line(error: &Error) -> String {
    error.causes.iter().fold(error.message.clone(), |text, cause| format!("{text}: {cause}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::system::command::CommandError;
    use crate::system::interrupt::StopSignal;

    #[derive(Debug, thiserror::Error)]
    #[error(transparent)]
    struct Wrapped(#[from] CommandError);

    #[test]
    fn a_stop_is_told_from_a_failure_however_deep_it_is() {
        let interrupted = Interrupted { signal: StopSignal::Terminate };
        let stopped = Wrapped(CommandError::Interrupted { tool: "mount".to_owned(), interrupted });
        let error = of(stopped);
        assert_eq!((error.kind, error.causes.len()), (ErrorKind::INTERRUPTED, 0));
        assert_eq!(error.message, "mount was stopped: interrupted by SIGTERM");
        assert_eq!(of(std::io::Error::other("broken")).kind, ErrorKind::FAILED);
    }
}
