//! One action in a process of its own: the only one that loads the module, and that whatever it does happens to.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::messages::{StepRequest, steps};
use disklessset_plugin_api::{
    ActionSpec, Error, ErrorKind, ImageName, KernelVersion, Level, Raw, Result, SourceDescription,
};
use nix::sys::signal::{Signal, raise};
use serde::{Deserialize, Serialize};

use super::Value;
use super::probe::Probe;
use super::values::{KERNEL, OTHER_KERNEL};
use disklessset_core::images::{ImageManager, ParametersFile};
use disklessset_core::installations::kill_point;
use disklessset_core::modules::HostService;
use disklessset_core::observer::Observer;
use disklessset_core::records::ImageStatus;
use disklessset_core::site::{Site, SiteOptions};
use disklessset_core::system::layout::Layout;
use disklessset_core::system::{atomic_file, interrupt};
use disklessset_core::{
    failure,
    integrity::{self, Severity},
    yaml,
};

/// What an actor is told.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Act {
    pub(super) root: Utf8PathBuf,
    pub(super) modules: Utf8PathBuf,
    pub(super) answer: Utf8PathBuf,
    pub(super) what: Step,
    /// The moment of its sudden end; 0 for none.
    pub(super) die_at: u64,
    /// Whether a stop is asked for before the class begins.
    pub(super) interrupted: bool,
}

/// What it does.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Step {
    /// Tells the actions of a class.
    Describe {
        class: String,
    },
    /// Tells what a source is.
    DescribeSource {
        source: String,
    },
    /// Has a source look at values.
    CheckSource {
        source: String,
        given: BTreeMap<String, Value>,
    },
    /// Has a source make a tree.
    BuildSource {
        source: String,
        given: BTreeMap<String, Value>,
    },
    /// Makes an image from the text of a parameters file.
    Create {
        file: String,
        words: String,
    },
    Clone {
        from: String,
        name: String,
    },
    Remove {
        name: String,
    },
    /// Removes an image whatever its state.
    Clear {
        name: String,
    },
    SetKernel {
        name: String,
        version: String,
    },
    Action {
        class: String,
        words: String,
        name: String,
        given: BTreeMap<String, Value>,
    },
    Overview {
        class: String,
        words: String,
        given: BTreeMap<String, Value>,
    },
    /// Tells how an image is, in the eyes of a process that has just come.
    Look {
        name: String,
    },
    /// Cleans all there is to clean.
    Clean,
    /// Has a class clean an image that is nowhere.
    CleanNothing {
        class: String,
        name: String,
    },
    /// Asks a class for things that make no sense.
    Nonsense {
        class: String,
    },
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) error: Option<ActError>,
    pub(super) actions: Vec<ActionSpec>,
    pub(super) source: Option<SourceDescription>,
    /// Words of actions that the class has and nobody gets, and why.
    pub(super) left_out: Vec<(String, String)>,
    /// Sources that actions cannot offer, a sentence each: of the class or source that was asked about.
    pub(super) sources_left_out: Vec<String>,
    pub(super) seen: Option<Seen>,
    /// What was said to the user.
    pub(super) warnings: Vec<String>,
    /// What was left in the process.
    pub(super) changes: Vec<String>,
    /// How many moments there are to end it at.
    pub(super) moments: u64,
    pub(super) milliseconds: u128,
}

/// An error between processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ActError {
    pub(super) kind: FaultKind,
    pub(super) text: String,
}

/// Which sort of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum FaultKind {
    Panicked,
    Interrupted,
    /// Somebody's objection: a refusal, something that is not there.
    Refused,
    /// The request is taken for a wrong one.
    Usage,
    Failed,
}

/// An image as a process that has just come sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Seen {
    pub(super) status: String,
    pub(super) attributes: BTreeMap<String, serde_json::Value>,
    pub(super) problem: Option<String>,
}

impl From<Error> for ActError {
    fn from(error: Error) -> Self {
        let kind = match error.kind {
            ErrorKind::PANICKED => FaultKind::Panicked,
            ErrorKind::INTERRUPTED => FaultKind::Interrupted,
            ErrorKind::USAGE => FaultKind::Usage,
            ErrorKind::REFUSED | ErrorKind::NOT_FOUND | ErrorKind::BUSY => FaultKind::Refused,
            _ => FaultKind::Failed,
        };
        let text = error.causes.iter().fold(error.message, |text, cause| format!("{text}: {cause}"));
        Self { kind, text: text.lines().collect::<Vec<_>>().join(" ") }
    }
}

/// Keeps what is said to the user.
#[derive(Default)]
struct WarningCollector(Mutex<Vec<String>>);

impl Observer for WarningCollector {
    fn line(&self, level: Level, text: &str) {
        if level == Level::Warning {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
        }
    }
}

/// The actor's whole life: reads the order, does it, leaves the answer.
///
/// # Errors
/// When the order or the answer cannot be read or written.
pub fn perform(order: &Utf8Path) -> std::result::Result<(), String> {
    let text = atomic_file::read_bounded(order, 16 * 1024 * 1024).map_err(|error| error.to_string())?;
    let act: Act = serde_json::from_slice(&text).map_err(|cause| cause.to_string())?;
    let mut answer = Answer::default();
    if let Err(error) = begin(&act, &mut answer) {
        answer.error = Some(error.into());
    }
    let text = serde_json::to_vec(&answer).map_err(|cause| cause.to_string())?;
    atomic_file::replace(&act.answer, &text, 0o600).map_err(|error| error.to_string())
}

fn begin(act: &Act, answer: &mut Answer) -> Result<()> {
    let warnings = Arc::new(WarningCollector::default());
    let options = SiteOptions {
        root: Some(act.root.clone()),
        modules_dir: Some(act.modules.clone()),
        ..SiteOptions::default()
    };
    let site = Site::open(&options, Arc::clone(&warnings) as Arc<dyn Observer>)?;
    site.prepare()?;
    interrupt::install().map_err(|cause| Error::failed("cannot handle signals").because(cause))?;
    // Loaded before anything is compared: what the dynamic linker keeps open is no fault of the module.
    for module in site.classes().registry().ready() {
        site.classes().actions(&module.name)?;
    }
    if act.die_at > 0 {
        kill_point::set(act.die_at);
    }
    if act.interrupted {
        raise(Signal::SIGINT).map_err(|cause| Error::failed("cannot ask for a stop").because(cause))?;
    }
    let before = Probe::now();
    let begun = Instant::now();
    let outcome = carry_out(&site, &act.what, answer);
    answer.milliseconds = begun.elapsed().as_millis();
    answer.moments = kill_point::passed();
    answer.changes = before.changes();
    answer.warnings = warnings.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
    outcome
}

fn carry_out(site: &Site, what: &Step, answer: &mut Answer) -> Result<()> {
    let images = ImageManager::new(site);
    let given = |values: &BTreeMap<String, Value>| -> BTreeMap<String, Raw> {
        values.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect()
    };
    match what {
        Step::Describe { class } => {
            answer.actions = site.classes().actions_of_class(class)?;
            answer.left_out = site.classes().left_out(class)?;
            let module = site.classes().module_of(class).unwrap_or_default();
            let left_out =
                answer.actions.iter().flat_map(|action| site.classes().sources_left_out(&module, action));
            answer.sources_left_out = left_out.map(|left_out| left_out.to_string()).collect();
            Ok(())
        }
        Step::DescribeSource { source } => {
            answer.source = Some(site.classes().source(source)?);
            let left_out = site.classes().all_sources_left_out().into_iter();
            let own = left_out.filter(|left_out| left_out.source == *source);
            answer.sources_left_out = own.map(|left_out| left_out.to_string()).collect();
            Ok(())
        }
        Step::CheckSource { source, given: values } => images.check_source(source, given(values)),
        Step::BuildSource { source, given: values } => {
            let place = trial_directory(site.layout());
            let (tree, scratch) = (place.join("tree"), place.join("scratch"));
            for (directory, mode) in [(&place, 0o700), (&tree, 0o755), (&scratch, 0o700)] {
                atomic_file::create_dir(directory, mode).map_err(failure::of)?;
            }
            images.build_from_source(source, given(values), &tree, &scratch)
        }
        Step::Create { file, words } => {
            let file = ParametersFile::parse(file).map_err(Error::failed)?;
            images.run_action(&file.image_class, words, &file.name, file.given)?;
            see(&images, &file.name, answer)
        }
        Step::Clone { from, name } => images.clone_image(&image(from)?, &image(name)?),
        Step::Remove { name } => images.remove(&image(name)?),
        Step::Clear { name } => images.clear(&image(name)?),
        Step::SetKernel { name, version } => {
            let version = KernelVersion::parse(version).map_err(failure::usage)?;
            images.set_kernel(&image(name)?, &version)
        }
        Step::Action { class, words, name, given: values } => {
            images.run_action(class, words, &image(name)?, given(values)).map(drop)
        }
        Step::Overview { class, words, given: values } => {
            images.run_overview(class, words, given(values)).map(drop)
        }
        Step::Look { name } => see(&images, &image(name)?, answer),
        Step::Clean => {
            let report = images.clean(&[])?;
            match report.kept.into_iter().next() {
                Some((name, error)) => Err(error.context(format!("cannot clean {name}"))),
                None => Ok(()),
            }
        }
        Step::CleanNothing { class, name } => images.clean_nothing(class, &image(name)?),
        Step::Nonsense { class } => ask_nonsense(site, class),
    }
}

/// Where a source makes a tree, for the examiner to take away.
pub(super) fn trial_directory(layout: &Layout) -> Utf8PathBuf {
    layout.workdir().join("check-source")
}

/// How an image is: its status, its attributes as they were read back, and what is wrong with it.
fn see(images: &ImageManager<'_>, name: &ImageName, answer: &mut Answer) -> Result<()> {
    let Some(listed) = images.list()?.into_iter().find(|listed| listed.name == name.as_str()) else {
        return Ok(());
    };
    let problem = match listed.status {
        ImageStatus::Created => {
            let checked = images.verify(std::slice::from_ref(name))?;
            let mut faults = checked.into_iter().flat_map(|checked| checked.faults);
            // No image has modules of a made-up kernel; that is the check's doing, and not the class's.
            let of_the_check = |text: &str| [KERNEL, OTHER_KERNEL].iter().any(|kernel| text.contains(kernel));
            let bad =
                |fault: &integrity::Fault| fault.severity == Severity::Problem && !of_the_check(&fault.text);
            faults.find(bad).map(|fault| fault.text)
        }
        _ => listed.problem.clone(),
    };
    let status = listed.status.to_string();
    answer.seen = Some(Seen { status, attributes: listed.attributes, problem });
    Ok(())
}

fn image(name: &str) -> Result<ImageName> {
    ImageName::parse(name).map_err(failure::usage)
}

/// A host that does nothing for a class.
struct Nothing;

impl HostService for Nothing {
    fn call(&self, service: &str, _request: &str) -> Result<String> {
        Err(Error::new(ErrorKind::UNSUPPORTED, format!("this disklessset has no service {service}")))
    }
}

/// A step that nobody has, and one without its image: both are to be told as errors, and panics of the class as such.
fn ask_nonsense(site: &Site, class: &str) -> Result<()> {
    for step in ["no_such_step_of_the_check", steps::CREATE] {
        match site.classes().run_step(class, StepRequest::new(class, step), &Nothing) {
            Ok(_) => return Err(Error::failed(format!("step {step} without an image is taken for done"))),
            Err(error) if error.kind == ErrorKind::PANICKED => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

/// Whether a parameters file says what it was made of.
pub(super) fn round_trip(file: &str, values: &BTreeMap<String, Value>) -> std::result::Result<(), String> {
    // The scanner that images are described to.
    let _: serde_json::Value = yaml::from_str(file)?;
    let read = ParametersFile::parse(file)?;
    let read: BTreeMap<String, Value> =
        read.given.into_iter().map(|(name, raw)| (name, raw.into())).collect();
    if read == *values { Ok(()) } else { Err(format!("written {values:?}, read {read:?}")) }
}
