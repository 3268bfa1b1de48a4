//! The examiner: sends actors, and looks at the world before and after each.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{ActionSpec, Role};
use nix::sys::prctl;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::geteuid;

use super::act::{Act, ActError, Answer, FaultKind, Step};
use super::class::Class;
use super::place::{self, Rooms};
use super::root_snapshot::{self, Mounts, RootSnapshot};
use super::source::Source;
use super::{CHILD, Order, Value, finding, small_tree, values};

use disklessset_core::installations::mounts_on_record;
use disklessset_core::modules::check::{Finding, Outcome};
use disklessset_core::modules::{ModuleEntry, ModuleRegistry, ModuleState};
use disklessset_core::operation::unique;
use disklessset_core::system::command::{CommandError, Ending, Isolation, Tool};
use disklessset_core::system::layout::Layout;
use disklessset_core::system::{atomic_file, interrupt, mounts, tree_mounts};

/// The program that runs now, wherever its file is by now.
const OURSELVES: &str = "/proc/self/exe";
/// The most an answer may hold, in bytes.
const MOST_ANSWER: u64 = 16 * 1024 * 1024;

/// Everything that is said while the module is exercised goes through here.
pub(super) struct Examiner<'e> {
    base: Utf8PathBuf,
    mounts: Mounts,
    rooms: Rooms,
    pub(super) layout: Layout,
    pub(super) given: BTreeMap<String, Value>,
    limit: Duration,
    emit: &'e dyn Fn(&Finding),
    saved: RefCell<Vec<(RootSnapshot, Utf8PathBuf)>>,
    pub(super) failed: Cell<bool>,
}

/// How an actor is sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct RunOptions {
    pub(super) module: bool,
    pub(super) die_at: u64,
    pub(super) interrupted: bool,
    pub(super) limit: Option<Duration>,
}

impl RunOptions {
    pub(super) const PLAIN: Self = Self { module: true, die_at: 0, interrupted: false, limit: None };
}

/// What became of an actor.
#[derive(Debug)]
pub(super) struct ActOutcome {
    /// How its process ended when it should not have.
    pub(super) ended: Option<Exit>,
    pub(super) answer: Answer,
    /// What it printed, which nobody but the host may.
    printed: Vec<String>,
    /// Processes that outlived it.
    left: Vec<String>,
}

/// An end that was not its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Exit {
    Killed,
    Otherwise(String),
    TimedOut(String),
}

impl ActOutcome {
    /// What the action left in its process and beside it; for one that was killed only what is beside it.
    pub(super) fn traces(&self) -> Vec<String> {
        let printed = self.printed.first().map(|line| format!("prints to the terminal: {line:?}"));
        let left = self.left.iter().map(|name| format!("leaves a process running: {name}"));
        printed.into_iter().chain(left).chain(self.answer.changes.iter().cloned()).collect()
    }

    /// How it failed, if it did.
    pub(super) fn failure(&self) -> Option<ActError> {
        let fault = |text: String| ActError { kind: FaultKind::Failed, text };
        match &self.ended {
            None => self.answer.error.clone(),
            Some(Exit::Killed) => Some(fault("ended its process by signal 9".to_owned())),
            Some(Exit::Otherwise(how)) => Some(fault(format!("ended its process: {how}"))),
            Some(Exit::TimedOut(how)) => Some(fault(how.clone())),
        }
    }
}

/// The name of the mount namespace of this process.
pub(super) fn mount_namespace() -> String {
    std::fs::read_link("/proc/self/ns/mnt")
        .map_or_else(|_| String::new(), |name| name.to_string_lossy().into_owned())
}

/// The examiner's whole life.
///
/// # Errors
/// Why it could not begin, in one line.
pub fn examine(order: &Utf8Path, emit: &dyn Fn(&Finding)) -> Result<(), String> {
    let text = atomic_file::read_bounded(order, MOST_ANSWER).map_err(|error| error.to_string())?;
    let order: Order = serde_json::from_slice(&text).map_err(|cause| cause.to_string())?;
    interrupt::install().map_err(|cause| cause.to_string())?;
    // What outlives an actor becomes our child.
    prctl::set_child_subreaper(true).map_err(|cause| cause.to_string())?;
    let rooms = Rooms::of(&order.base);
    let layout = Layout::builder().root(rooms.root()).build().map_err(|error| error.to_string())?;
    let examiner = Examiner {
        mounts: if mount_namespace() == order.mount_namespace { Mounts::Shared } else { Mounts::Own },
        base: order.base,
        rooms,
        layout,
        given: order.given,
        limit: Duration::from_secs(order.limit_seconds),
        emit,
        saved: RefCell::default(),
        failed: Cell::new(false),
    };
    examiner.watch_temporary_files();
    examiner.furnish()?;
    examiner.classes(&order.module);
    Ok(())
}

impl Examiner<'_> {
    pub(super) fn say(&self, subject: &str, outcome: Outcome, text: impl Into<String>) {
        if outcome == Outcome::Bad {
            self.failed.set(true);
        }
        (self.emit)(&finding(subject, outcome, text));
    }

    /// Sees to it that what is written below `/tmp` and `/var/tmp` lands where we can see it.
    fn watch_temporary_files(&self) {
        for (upper, target) in self.rooms.temporary() {
            let work = self.rooms.drawer().join(format!("work-{}", upper.file_name().unwrap_or_default()));
            let made = atomic_file::create_dir(&work, 0o700).map_err(|error| error.to_string());
            let watched = made.and_then(|()| match () {
                () if self.mounts == Mounts::Shared => Err("that needs root".to_owned()),
                () if self.base.starts_with(target) => {
                    Err("the throw-away root itself lies there".to_owned())
                }
                () => mounts::mount_overlay(target, &upper, &work, target, &[], tree_mounts::WITHOUT_POWERS)
                    .map_err(|error| error.to_string()),
            });
            if let Err(cause) = watched {
                self.say(&format!("files left in {target}"), Outcome::NotExercised, cause);
            }
        }
    }

    /// Puts the standing directories there, and kernels that are only files.
    fn furnish(&self) -> Result<(), String> {
        let told = |error: disklessset_core::system::FileError| format!("{error}: {}", error.source);
        let exports = self.layout.exports_file().parent().map(Utf8Path::to_owned);
        for directory in self.layout.owned_roots().into_iter().chain(exports) {
            atomic_file::create_dir_all(&directory, 0o755).map_err(told)?;
        }
        let given = self.given.get("kernel").and_then(|value| match value {
            Value::Text(text) if text != "from-image" => Some(text.as_str()),
            _ => None,
        });
        small_tree::make(&self.small_tree(), given)?;
        for version in given.into_iter().chain([values::KERNEL, values::OTHER_KERNEL]) {
            let kernel = disklessset_plugin_api::KernelVersion::parse(version)
                .map(disklessset_plugin_api::Kernel::new)
                .map_err(|cause| cause.to_string())?;
            let directory = self.layout.kernels_dir();
            atomic_file::replace(&directory.join(kernel.vmlinuz()), b"no kernel", 0o644).map_err(told)?;
            atomic_file::replace(&directory.join(kernel.initramfs()), &initramfs(version), 0o644)
                .map_err(told)?;
        }
        Ok(())
    }

    /// Exercises the sources, and one class after the other: those that need images of others after these.
    fn classes(&self, module: &str) {
        let registry = ModuleRegistry::scan(&self.rooms.modules());
        let Some(entry) = registry.module(module) else {
            return self.say(
                "classes",
                Outcome::Bad,
                format!("module {module} is not listed where it was put"),
            );
        };
        if entry.state != ModuleState::Ready {
            let reason = entry.reason.clone().unwrap_or_default();
            let outcome = match entry.state {
                ModuleState::Waiting => Outcome::NotExercised,
                _ => Outcome::Bad,
            };
            return self.say("classes", outcome, reason);
        }
        let mut open: Vec<Class<'_>> = Vec::new();
        for class in &entry.classes {
            open.extend(self.described(class.name.as_str(), &registry));
        }
        for source in &entry.sources {
            if interrupt::check().is_err() {
                return;
            }
            if let Some(source) = Source::described(self, source.as_str()) {
                source.exercise();
            }
        }
        let mut stock: BTreeMap<String, String> = BTreeMap::new();
        while !open.is_empty() {
            let ready = open.iter().position(|class| class.lacks(&stock).is_none());
            let class = open.remove(ready.unwrap_or(0));
            let subject = format!("contract of {}", class.name);
            match class.lacks(&stock) {
                // Nobody has tried it: that is no pass.
                Some(lacking) => {
                    self.say(&subject, Outcome::Bad, format!("no image of it can be made: it {lacking}"));
                }
                None if interrupt::check().is_err() => return,
                None => {
                    let wanted = open.iter().any(|other| other.wants(&class.name));
                    if let Some(image) = class.exercise(&stock, wanted) {
                        stock.insert(class.name.clone(), image);
                    }
                }
            }
        }
    }

    /// The tree that images are made of when nobody named a source.
    pub(super) fn small_tree(&self) -> Utf8PathBuf {
        self.rooms.small_tree()
    }

    fn described(&self, class: &str, registry: &ModuleRegistry) -> Option<Class<'_>> {
        let subject = format!("contract of {class}");
        let outcome = self.act(Step::Describe { class: class.to_owned() }, RunOptions::PLAIN);
        for trace in outcome.traces() {
            self.say(&format!("description of {class}"), Outcome::Bad, trace);
        }
        if let Some(fault) = outcome.failure() {
            self.say(&subject, Outcome::Bad, fault.text);
            return None;
        }
        for (words, reason) in &outcome.answer.left_out {
            self.say(&format!("action {words} of {class}"), Outcome::Bad, format!("not offered: {reason}"));
        }
        // The source is of another module, whose author may be the one to mend it.
        for sentence in &outcome.answer.sources_left_out {
            self.say(&subject, Outcome::Warning, sentence.clone());
        }
        let actions: Vec<ActionSpec> = outcome.answer.actions;
        let Some(creation) = actions.iter().find(|action| action.role == Role::Create).cloned() else {
            let (outcome, text) = without_creation(class, registry);
            self.say(&subject, outcome, text);
            return None;
        };
        Some(Class { examiner: self, name: class.to_owned(), creation, actions })
    }

    /// Sends an actor and waits for its end.
    pub(super) fn act(&self, what: Step, how: RunOptions) -> ActOutcome {
        let name = unique();
        let act = Act {
            root: self.rooms.root(),
            modules: if how.module { self.rooms.modules() } else { self.rooms.without() },
            answer: self.rooms.drawer().join(format!("answer-{name}")),
            what,
            die_at: how.die_at,
            interrupted: how.interrupted,
        };
        let mut printed = Vec::new();
        let ended = match place::leave(&self.rooms, &format!("order-{name}"), &act) {
            Err(cause) => Some(Exit::Otherwise(cause)),
            Ok(order) => {
                let ended = self.send(&order, how, &mut printed);
                let _ = std::fs::remove_file(order);
                ended
            }
        };
        let answer = atomic_file::read_bounded(&act.answer, MOST_ANSWER).ok();
        let answer: Option<Answer> = answer.and_then(|text| serde_json::from_slice(&text).ok());
        let _ = std::fs::remove_file(&act.answer);
        let silent = || Exit::Otherwise("it ended well, and without a word".to_owned());
        let ended = ended.or_else(|| answer.is_none().then(silent));
        ActOutcome {
            ended,
            answer: answer.unwrap_or_default(),
            printed,
            left: root_snapshot::left_processes(),
        }
    }

    fn send(&self, order: &Utf8Path, how: RunOptions, printed: &mut Vec<String>) -> Option<Exit> {
        let mut hear = |line: &str| printed.push(line.to_owned());
        let limit = how.limit.unwrap_or(self.limit);
        let actor = Tool::new(OURSELVES).args([CHILD, "act", order.as_str(), self.base.as_str()]);
        let actor = actor.isolation(Isolation::None).time_limit(limit).on_line(&mut hear);
        match actor.run() {
            Ok(_) => None,
            Err(CommandError::Failed { ending: Ending::Signal(9), .. }) => Some(Exit::Killed),
            Err(CommandError::Failed { ending, .. }) => Some(Exit::Otherwise(ending.to_string())),
            Err(CommandError::TimedOut { .. }) => {
                Some(Exit::TimedOut(format!("was not done after {} s", limit.as_secs())))
            }
            Err(other) => {
                Some(Exit::Otherwise(other.to_string().lines().next().unwrap_or_default().to_owned()))
            }
        }
    }

    pub(super) fn world(&self) -> RootSnapshot {
        RootSnapshot::now(&self.base, self.mounts)
    }

    /// Keeps the root as it is now, for [`Self::restore`], until [`Self::forget`].
    pub(super) fn save(&self) -> RootSnapshot {
        let world = self.world();
        let mut saved = self.saved.borrow_mut();
        let copy = self.base.join(format!("saved-{}", saved.len()));
        if self.replace(&self.rooms.root(), &copy) {
            saved.push((world.clone(), copy));
        }
        world
    }

    /// Gives up what was kept.
    pub(super) fn forget(&self) {
        for (_, copy) in self.saved.take() {
            // What cannot be removed goes with the place.
            let _ = std::fs::remove_dir_all(copy);
        }
    }

    /// Puts a world back that was kept, whatever has become of it: what one fault left is no other's.
    pub(super) fn restore(&self, wanted: &RootSnapshot) {
        let now = self.world();
        let mut mounted: Vec<&Utf8PathBuf> = wanted.new_mounts(&now).collect();
        mounted.sort();
        for target in mounted.into_iter().rev() {
            let _ = unmount(target.as_std_path(), UnmountFlags::DETACH | UnmountFlags::NOFOLLOW);
        }
        if let Some((_, copy)) = self.saved.borrow().iter().find(|(world, _)| world == wanted) {
            self.replace(copy, &self.rooms.root());
        }
    }

    fn replace(&self, from: &Utf8Path, to: &Utf8Path) -> bool {
        let gone = std::fs::remove_dir_all(to);
        let free = gone.is_ok() || gone.is_err_and(|cause| cause.kind() == std::io::ErrorKind::NotFound);
        let copy = Tool::new("cp").args(["-a", "--reflink=auto", from.as_str(), to.as_str()]);
        free && copy.isolation(Isolation::None).run().is_ok()
    }

    /// Mounts that came with an action and are on no record of the image.
    pub(super) fn unrecorded_mounts(&self, before: &RootSnapshot, image: &str) -> Vec<String> {
        let now = self.world();
        let known = mounts_on_record(&self.layout, image);
        let on_record = |target: &Utf8PathBuf| known.iter().any(|known| target.starts_with(known));
        let new = before.new_mounts(&now).filter(|target| !on_record(target));
        new.map(|target| format!("leaves a mount that is on no record: {target}")).collect()
    }

    /// Whether a failure may be for want of privileges.
    pub(super) fn is_unprivileged(&self) -> bool {
        !geteuid().is_root()
    }
}

/// What is said of a class that creates no images by itself: others may be built on it, and these are tried.
fn without_creation(class: &str, registry: &ModuleRegistry) -> (Outcome, String) {
    let of_module = |module: &ModuleEntry| {
        let noted = module.classes.iter();
        let built = noted.filter(|noted| noted.base.as_ref().is_some_and(|base| base.class == class));
        built.map(|noted| format!("{} of module {}", noted.name, module.name)).collect::<Vec<_>>()
    };
    let built: Vec<String> = registry.ready().flat_map(of_module).collect();
    match built.is_empty() {
        true => {
            let text = "it can create no image, and no class here is built on it: its actions need an \
                ActionSpec::create";
            (Outcome::Bad, text.to_owned())
        }
        false => {
            let text =
                format!("it creates no images by itself: check what is built on it, {}", built.join(", "));
            (Outcome::NotExercised, text)
        }
    }
}

/// Drivers of file systems that a root can have.
const DRIVERS: [&str; 8] = ["btrfs", "erofs", "ext4", "isofs", "nfs", "overlay", "squashfs", "xfs"];

/// An uncompressed archive with dracut's list of its parts and the names of drivers (the format is cpio's "newc"): whoever asks what an
/// initramfs can do gets an answer.
fn initramfs(version: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let parts = "base\nnfs\nnetwork\ndmsquash-live\nlivenet\noverlayfs\n";
    let drivers = DRIVERS.map(|driver| format!("usr/lib/modules/{version}/kernel/fs/{driver}/{driver}.ko"));
    let files = std::iter::once(("usr/lib/dracut/modules.txt", parts))
        .chain(drivers.iter().map(|name| (name.as_str(), "")))
        .chain([("TRAILER!!!", "")]);
    for (name, text) in files {
        out.extend(b"070701");
        for field in 0..13 {
            let value = match field {
                6 => text.len(),
                11 => name.len() + 1,
                _ => 0,
            };
            out.extend(format!("{value:08x}").bytes());
        }
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(text.bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
