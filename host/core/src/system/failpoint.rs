//! Failpoints: places beside each durable step where a test has the process killed. Compiled in with the feature `failpoints` only,
//! which the program itself never has: without it `failpoint!` expands to nothing, its texts included.
//!
//! `DISKLESSSET_FAILPOINTS=record:FILE` appends a line to FILE for each step that is passed, in their order;
//! `kill:N:FILE` does so too, and the process ends by SIGKILL at the N-th. What modules do between two calls of the host lies
//! between the steps of these calls, so that any module takes part, without being built for it.
//!
//! The durable acts of `disklessset-system` tell their steps to a hook, which is installed with that feature.
//!
//! Our own dozen lines and no crate: `fail`, the one in use, has had no release for more than two years, and it neither records steps nor
//! kills at the N-th.

/// Passes a step: `failpoint!("file: renamed into its place", path)`. With `dying: ACT` that is done right before the end, for
/// states that only an end in the middle of a call leaves; with `when: CONDITION` it is a step only then.
macro_rules! failpoint {
    ($name:literal, $what:expr) => {
        $crate::system::failpoint::failpoint!($name, $what, dying: ())
    };
    ($name:literal, $what:expr, when: $condition:expr) => {{
        #[cfg(feature = "failpoints")]
        if $condition {
            $crate::system::failpoint::passed($name, &$what, || {});
        }
    }};
    ($name:literal, $what:expr, dying: $act:expr) => {{
        #[cfg(feature = "failpoints")]
        $crate::system::failpoint::passed($name, &$what, || {
            let _ = $act;
        });
    }};
}
pub(crate) use failpoint;

#[cfg(feature = "failpoints")]
pub(crate) use compiled_in::passed;
#[cfg(feature = "failpoints")]
pub use compiled_in::take_steps_of_the_ground;

#[cfg(feature = "failpoints")]
mod compiled_in {
    use disklessset_system::steps::{self, Step};
    use nix::sys::signal::{Signal, raise};
    use std::{
        fmt::Display,
        fs::File,
        io::Write,
        sync::{
            LazyLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    const VARIABLE: &str = "DISKLESSSET_FAILPOINTS";

    /// What a test asked for.
    struct FailpointRequest {
        record: File,
        /// The step to die at, counted from 1; 0 is none.
        kill_at: usize,
    }

    static REQUEST: LazyLock<Option<FailpointRequest>> = LazyLock::new(|| {
        let text = std::env::var(VARIABLE).ok()?;
        let (kill_at, file) = match text.strip_prefix("kill:").and_then(|rest| rest.split_once(':')) {
            Some((number, file)) => (number.parse().expect("kill:N:FILE has a number"), file),
            None => (0, text.strip_prefix("record:").expect("it is record:FILE or kill:N:FILE")),
        };
        let record = File::options().append(true).create(true).open(file).expect("FILE can be written");
        Some(FailpointRequest { record, kill_at })
    });
    static PASSED: AtomicUsize = AtomicUsize::new(0);

    /// Records a step, and dies there when it is the one.
    pub(crate) fn passed(name: &str, what: &dyn Display, dying: impl FnOnce()) {
        let Some(request) = &*REQUEST else { return };
        let number = PASSED.fetch_add(1, Ordering::SeqCst) + 1;
        let line = format!("{name}\t{what}").replace('\n', " ");
        (&request.record).write_all(format!("{line}\n").as_bytes()).expect("FILE can be written");
        if number == request.kill_at {
            dying();
            let _ = raise(Signal::SIGKILL);
        }
    }
    /// Has the steps of the crate below us recorded and died at like our own.
    pub fn take_steps_of_the_ground() {
        steps::install(|step, what, halfway| passed(name_of(step), &what, halfway));
    }

    fn name_of(step: Step) -> &'static str {
        match step {
            Step::TemporaryHalfWritten => "file aside: half written",
            Step::TemporaryWritten => "file aside: written",
            Step::TemporaryFlushed => "file aside: flushed",
            Step::TemporaryInPlace => "file aside: in its place",
            Step::FileMadeWithoutMode => "file: made, without its mode",
            Step::FileMade => "file: made",
            Step::FileOpenForAppending => "file: open for more lines",
            Step::FileRemoved => "file: removed",
            Step::ModeSet => "mode: set",
            Step::DirectoryMadeWithoutMode => "directory: made, without its mode",
            Step::DirectoryFlushed => "directory: flushed",
            Step::DirectoryClosed => "directory: closed to others",
            Step::MovedAside => "another user's thing moved aside",
            Step::RenamedToNewName => "renamed to a new name",
            Step::RenamedOver => "renamed over what was there",
            Step::Exchanged => "directories: exchanged",
            Step::Flushed => "about to be published: flushed",
            Step::RemovalBegins => "removal: begins",
            Step::RemovalFirstFileGone => "removal: the first file gone",
            Step::RemovalEmpty => "removal: empty",
            Step::RemovalAllGone => "removal: all gone",
            Step::RemovalEnded => "removal: ended",
            Step::BindShared => "bind: mounted, and shared still",
            Step::BindFinished => "bind: finished",
            Step::OverlayShared => "overlay: mounted, and shared still",
            Step::OverlayFinished => "overlay: finished",
            Step::ImageMounted => "image: mounted",
            Step::Unmounted => "unmounted",
            Step::LoopDeviceMade => "loop device: made",
            Step::LoopDeviceWithoutName => "loop device: made, without its name",
        }
    }
}
