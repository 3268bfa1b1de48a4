//! What a check came to.

use serde::Serialize;

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Nothing is wrong as far as it can be told, and it cannot be told far enough.
    Warning,
    /// Something is wrong.
    Problem,
}

/// Something that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// What it is, one line.
    pub text: String,
    /// The command that mends it, or what else to do.
    pub mend: Option<String>,
}

impl Fault {
    /// Something that is wrong.
    pub fn problem(text: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, text: text.into(), mend: None }
    }

    /// Something that nobody can tell.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into(), mend: None }
    }

    /// With what to do about it.
    #[must_use]
    pub fn mend(mut self, command: impl Into<String>) -> Self {
        self.mend = Some(command.into());
        self
    }
}

impl From<disklessset_plugin_api::Error> for Fault {
    /// What could not be checked is not good. Its hint says what to do.
    fn from(error: disklessset_plugin_api::Error) -> Self {
        Self { severity: Severity::Problem, text: crate::failure::one_line(&error), mend: error.hint }
    }
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// An image.
    Image,
    /// A kernel with its initramfs.
    Kernel,
    /// What belongs to no single one of them.
    Site,
}

/// One thing that was checked, with what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What is wrong with it; nothing when it is good.
    pub faults: Vec<Fault>,
}

impl Checked {
    /// Whether something is wrong with it.
    pub fn is_bad(&self) -> bool {
        self.faults.iter().any(|fault| fault.severity == Severity::Problem)
    }
}
