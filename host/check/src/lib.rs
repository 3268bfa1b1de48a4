//! The contract of image classes and of sources of OS trees, exercised: what `module check` does beyond looking at a file.
//!
//! A throw-away root gets the module, those its classes build on, and kernels that are only files. There each class makes,
//! clones, changes and removes images with the host's real services, each action in a process of its own, and what is in the
//! root, mounted and running is compared before and after. Every action is also killed at each moment that its journal knows,
//! and cleaned by a process that has the module and by one that has not.
//!
//! Three processes are at it: the one that was asked ([`exercise`]) makes the place and takes it away; the *examiner*
//! (`examiner`), in namespaces of its own where we are root, in which mounts and processes end with it; and one *actor*
//! (`act`) after the other, the only ones that load the module. This guards against mistakes. It is no sandbox.

mod act;
mod class;
mod examiner;
mod kills;
mod place;
mod probe;
mod root_snapshot;
mod run;
mod small_tree;
mod source;
mod stopping;
mod values;

pub use act::perform;
pub use run::examine;

use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Raw;
use serde::{Deserialize, Serialize};

use disklessset_core::modules::check::{Finding, Outcome};
use disklessset_core::modules::{Identity, ModuleRegistry};
use disklessset_core::system::command::{CommandError, Tool};

/// The first word of the command line of examiners and actors; not for people.
pub const CHILD: &str = "__module-child";
/// The most that the findings may take, in bytes.
const MOST_FINDINGS: usize = 4 * 1024 * 1024;

/// How to exercise a module.
#[derive(Debug, Clone)]
pub struct CheckOptions {
    /// Values of parameters, by their names in parameters files, where a class's own samples and defaults do not do.
    pub given: BTreeMap<String, Raw>,
    /// How long one action may take.
    pub limit: Duration,
    /// The sections of the modules in the site's configuration, by their names.
    pub sections: BTreeMap<String, serde_json::Value>,
}

/// What the examiner is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    base: Utf8PathBuf,
    module: String,
    given: BTreeMap<String, Value>,
    limit_seconds: u64,
    /// Where the one who asks is: the examiner is elsewhere, or has no mounts of its own.
    mount_namespace: String,
}

/// A value of a parameter on its way between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Value {
    Text(String),
    List(Vec<String>),
}

impl From<Raw> for Value {
    fn from(raw: Raw) -> Self {
        match raw {
            Raw::Text(text) => Self::Text(text),
            Raw::List(list) => Self::List(list),
        }
    }
}

impl From<Value> for Raw {
    fn from(value: Value) -> Self {
        match value {
            Value::Text(text) => Self::Text(text),
            Value::List(list) => Self::List(list),
        }
    }
}

/// Exercises the classes and sources of a module whose file passed the first level of the check. `registry` has the modules that its
/// classes may be built on.
///
/// # Errors
/// Why that could not be done, in one line; the findings say everything else.
pub fn exercise(
    file: &Utf8Path,
    identity: &Identity,
    registry: &ModuleRegistry,
    options: CheckOptions,
) -> Result<Vec<Finding>, String> {
    let place = place::TrialRoot::new(file, identity, registry)?;
    let order = Order {
        base: place.base().to_owned(),
        module: identity.name.to_string(),
        given: options.given.into_iter().map(|(name, raw)| (name, raw.into())).collect(),
        limit_seconds: options.limit.as_secs().max(1),
        mount_namespace: examiner::mount_namespace(),
    };
    place.configure(&options.sections)?;
    let order = place.leave("order", &order)?;
    let examiner = Tool::this_program().args([CHILD, "examine", order.as_str(), place.base().as_str()]);
    let done = examiner.capture_stdout(MOST_FINDINGS).run();
    // Its namespaces are gone with it, and with them what was mounted in the place.
    place.remove()?;
    let done = done.map_err(|cause| match cause {
        CommandError::Failed { ending, last_lines, .. } => {
            format!("the check itself was ended: {ending} {}", last_lines.last().cloned().unwrap_or_default())
        }
        other => other.to_string(),
    })?;
    let lines = String::from_utf8_lossy(&done.stdout).into_owned();
    lines.lines().map(|line| serde_json::from_str(line).map_err(|cause| format!("{line}: {cause}"))).collect()
}

/// A finding in the words of the report.
fn finding(subject: impl Into<String>, outcome: Outcome, text: impl Into<String>) -> Finding {
    Finding { subject: subject.into(), outcome, text: text.into(), hint: None }
}
