//! A file that is checked or installed is loaded in a child of this program: what it does to that process it does not do to ours.

use crate::{
    failure, module_changes,
    modules::{
        ModuleRegistry,
        check::{self, Finding},
    },
    output::Output,
    system::{command::Tool, interrupt},
};
use camino::Utf8Path;
use disklessset_check::{self as contract, CHILD};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use serde_json::{Value, json};
use std::ffi::OsString;

/// The most a child's answer may hold, in bytes.
const MOST_ANSWER: usize = 1024 * 1024;

/// Has a child of this program look at a file and gives back its answer.
///
/// # Errors
/// How the child ended, in one line, when it did not end well.
pub(super) fn in_child(
    what: &str,
    file: &Utf8Path,
    directory: &Utf8Path,
) -> std::result::Result<Value, String> {
    let tool = Tool::this_program().args([CHILD, what, file.as_str(), directory.as_str()]);
    let done = tool.capture_stdout(MOST_ANSWER).run().map_err(|cause| first_line(&cause.to_string()))?;
    serde_json::from_slice(&done.stdout).map_err(|_| "it gave no answer".to_owned())
}

/// An error when the user asked for a stop: the child was ended by it then.
pub(super) fn not_stopped() -> Result<()> {
    interrupt::check().map_err(|signal| failure::with_kind(ErrorKind::INTERRUPTED, signal))
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// The child's side: answers on standard output. `None` when this process is no such child.
///
/// # Errors
/// What a child that exercises a module could not begin with.
pub(crate) fn as_child(arguments: &[OsString], output: &Output) -> Option<Result<()>> {
    let arguments: Vec<&str> = arguments.iter().map(|word| word.to_str()).collect::<Option<_>>()?;
    let [CHILD, what, file, directory] = arguments[..] else { return None };
    let file = Utf8Path::new(file);
    let answer = match what {
        "act" => return Some(contract::perform(file).map_err(Error::failed)),
        "examine" => {
            let emit = |finding: &Finding| output.data(&format!("{}\n", json!(finding)));
            return Some(contract::examine(file, &emit).map_err(Error::failed));
        }
        "check" => json!(check::check(file, &ModuleRegistry::scan(Utf8Path::new(directory))).findings),
        _ => match module_changes::load_here(file) {
            Ok(()) => Value::Null,
            Err(reason) => Value::String(reason),
        },
    };
    output.data(&answer.to_string());
    Some(Ok(()))
}
