//! The error that modules return and host services give.

use crate::abi::AbiError;
use abi_stable::std_types::ROption;
use serde::{Deserialize, Serialize};

/// A result with the error of this API.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, coarsely: the host derives the exit code from it.
///
/// A number on the wire, so that kinds can be added: one that the receiver does not know reads as [`Self::FAILED`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorKind(pub(crate) u32);

impl ErrorKind {
    /// It was tried and did not work; nothing is left behind.
    pub const FAILED: Self = Self(1);
    /// The request itself is wrong.
    pub const USAGE: Self = Self(2);
    /// No such image, kernel or class.
    pub const NOT_FOUND: Self = Self(3);
    /// Somebody else is at it.
    pub const BUSY: Self = Self(4);
    /// Refused for safety or for lack of privilege.
    pub const REFUSED: Self = Self(5);
    /// Stopped by a signal.
    pub const INTERRUPTED: Self = Self(6);
    /// The class does not define this step: its base class is asked.
    pub const NOT_DEFINED: Self = Self(100);
    /// A panic, contained.
    pub const PANICKED: Self = Self(101);
    /// The other side does not know this service: it is older.
    pub const UNSUPPORTED: Self = Self(102);
}

/// One error: what failed (act and object), why, and what to do.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// The kind, from which exit codes follow.
    pub kind: ErrorKind,
    /// Act and object in one line, such as `cannot pack image web01`.
    pub message: String,
    /// Causes, outermost first.
    pub causes: Vec<String>,
    /// What the user can do, as a sentence or a command.
    pub hint: Option<String>,
    /// The number of the system's error that is behind it (`errno`), where one is: a full disk is known by it, whatever the words.
    pub errno: Option<i32>,
}

/// What goes into the open attributes of an error that crosses.
#[derive(Default, Serialize, Deserialize)]
struct Crossing {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    errno: Option<i32>,
}

impl Error {
    /// An error of a given kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), causes: Vec::new(), hint: None, errno: None }
    }

    /// Something was tried and failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::FAILED, message)
    }

    /// The request is wrong.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::USAGE, message)
    }

    /// Refused for safety.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::REFUSED, message)
    }

    /// A class does not define a step.
    pub fn not_defined(step: &str) -> Self {
        Self::new(ErrorKind::NOT_DEFINED, format!("step {step} is not defined"))
    }

    /// The same error with one more cause below it.
    #[must_use]
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.causes.push(cause.to_string());
        self
    }

    /// The same error with the number of the system's error behind it.
    #[must_use]
    pub fn errno(mut self, number: Option<i32>) -> Self {
        self.errno = number.or(self.errno);
        self
    }

    /// The same error with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same error below a new first line.
    #[must_use]
    pub fn context(mut self, message: impl Into<String>) -> Self {
        let inner = std::mem::replace(&mut self.message, message.into());
        self.causes.insert(0, inner);
        self
    }

    /// The error as it crosses the ABI.
    pub fn to_abi(&self) -> AbiError {
        AbiError {
            kind: self.kind.0,
            message: self.message.as_str().into(),
            causes: self.causes.iter().map(|c| c.as_str().into()).collect(),
            hint: self.hint.as_deref().map_or(ROption::RNone, |h| ROption::RSome(h.into())),
            attrs: self.attributes().into(),
        }
    }

    fn attributes(&self) -> String {
        let crossing = Crossing { errno: self.errno };
        match self.errno {
            Some(_) => serde_json::to_string(&crossing).unwrap_or_default(),
            None => String::new(),
        }
    }

    /// An error that came across the ABI.
    pub fn from_abi(error: AbiError) -> Self {
        // What cannot be read was never needed.
        let crossing: Crossing = serde_json::from_str(&error.attrs).unwrap_or_default();
        Self {
            errno: crossing.errno,
            kind: ErrorKind(error.kind),
            message: error.message.into(),
            causes: error.causes.into_iter().map(Into::into).collect(),
            hint: error.hint.into_option().map(Into::into),
        }
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::failed(error.to_string()).errno(error.raw_os_error())
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Self::failed(format!("a message does not have the expected shape: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_of_the_system_is_known_by_its_number_on_the_other_side() {
        let full =
            Error::from(std::io::Error::from_raw_os_error(28)).context("cannot write").hint("make room");
        let crossed = Error::from_abi(full.to_abi());
        assert_eq!((crossed.errno, crossed.message.as_str()), (Some(28), "cannot write"));
        let none = Error::failed("x").to_abi();
        assert_eq!((none.attrs.as_str(), Error::from_abi(none.clone()).errno), ("", None));
        let strange = AbiError { attrs: "not JSON".into(), ..full.to_abi() };
        assert_eq!(Error::from_abi(strange).errno, None);
    }
}
