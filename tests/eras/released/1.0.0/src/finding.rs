//! What classes find when they check their images.

use serde::{Deserialize, Serialize};

/// How certain a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Something is wrong: `verify` ends with 1.
    Problem,
    /// Nobody can tell, or it is worth knowing.
    #[serde(other)]
    Warning,
}

/// One thing that [`crate::ImageClass::verify`] finds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Finding {
    /// How certain it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub text: String,
    /// The command or sentence that mends it.
    #[serde(default)]
    pub mend: Option<String>,
}

impl Finding {
    /// Something that is wrong, and the command that mends it.
    pub fn problem(text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { severity: Severity::Problem, text: text.into(), mend: Some(mend.into()) }
    }

    /// Something that nobody can tell, or that is worth knowing.
    pub fn warning(text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, text: text.into(), mend: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_severity_of_a_later_version_is_a_warning_and_no_list_of_something_else_is_read() {
        let told = json!([{ "severity": "problem", "text": "broken", "mend": "mend it" }, { "severity": "hint", "text": "x" }]);
        let read: Vec<Finding> = serde_json::from_value(told).unwrap();
        assert_eq!(read, [Finding::problem("broken", "mend it"), Finding::warning("x")]);
        assert!(serde_json::from_value::<Vec<Finding>>(json!([{ "fault": "a disk is on fire" }])).is_err());
    }
}
