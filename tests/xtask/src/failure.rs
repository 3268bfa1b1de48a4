//! Why a task did not do what it was asked for.

use std::io;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use crate::say::seconds;

#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot start {line}: {cause}")]
    Start { line: String, cause: io::Error },
    #[error("{line} ended with {status}{}", indented(.last))]
    Ended { line: String, status: std::process::ExitStatus, last: Vec<String> },
    #[error("{line} was stopped after {}, the time it may take{}", seconds(*.limit), indented(.last))]
    TooLong { line: String, limit: Duration, last: Vec<String> },
    #[error("interrupted")]
    Interrupted,
    #[error("cannot {act} {path}: {cause}")]
    File { act: &'static str, path: Utf8PathBuf, cause: io::Error },
    #[error(transparent)]
    Install(#[from] disklessset_tests::install::Failed),
    #[error("cannot understand the output of {line}: {cause}")]
    Output { line: String, cause: serde_json::Error },
    #[error("{0}")]
    Plain(String),
}

/// For `map_err`: names the act and the file.
pub(crate) fn file(act: &'static str, path: &Utf8Path) -> impl FnOnce(io::Error) -> Failure {
    let path = path.to_owned();
    move |cause| Failure::File { act, path, cause }
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  | {line}")).collect()
}
