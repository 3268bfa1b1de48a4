//! The steps of the durable acts of this crate, told to a hook. A program that is tested by being killed at each of its steps installs one;
//! without it a step is one look at an empty cell.

use std::{fmt::Display, sync::OnceLock};

/// A step that an act of this crate has just made.
///
/// It has no text: a program that is not tested so has no trace of it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The first half of a file aside is written, when the hook asks for it.
    TemporaryHalfWritten,
    /// A file aside has its content.
    TemporaryWritten,
    /// A file aside is on disk.
    TemporaryFlushed,
    /// A file aside has the name that it is for.
    TemporaryInPlace,
    /// A new file is there and nobody may read it yet.
    FileMadeWithoutMode,
    /// A new file is there with its mode.
    FileMade,
    /// A file is open for appending, and there.
    FileOpenForAppending,
    /// A file is gone.
    FileRemoved,
    /// A file or directory has its new mode.
    ModeSet,
    /// A new directory is there and nobody may look into it yet.
    DirectoryMadeWithoutMode,
    /// What was made, renamed and removed in a directory is on disk.
    DirectoryFlushed,
    /// A directory lets nobody but its owner in any more.
    DirectoryClosed,
    /// What another user put in the way has another name.
    MovedAside,
    /// Something has a name that nothing had.
    RenamedToNewName,
    /// Something has a name that another had.
    RenamedOver,
    /// Two files or directories have each other's name.
    Exchanged,
    /// What is about to be published is on disk.
    Flushed,
    /// A tree is about to be removed.
    RemovalBegins,
    /// Of a tree the first file is gone.
    RemovalFirstFileGone,
    /// A tree has nothing inside any more.
    RemovalEmpty,
    /// A tree is gone.
    RemovalAllGone,
    /// A tree is gone, and that is on disk.
    RemovalEnded,
    /// Something is shown a second time, and other namespaces see it, too.
    BindShared,
    /// Something is shown a second time, as it was asked for.
    BindFinished,
    /// An overlay is mounted, and other namespaces see it, too.
    OverlayShared,
    /// An overlay is mounted, as it was asked for.
    OverlayFinished,
    /// The file system in a file is mounted.
    ImageMounted,
    /// A mount is gone.
    Unmounted,
    /// A loop device has its file, its name and its flags.
    LoopDeviceMade,
    /// A loop device has its file, and would stay.
    LoopDeviceWithoutName,
}

/// What is told of each step: the step, what it was done to, and an act that leaves the step half done, to be called right before an end.
pub type Hook = fn(step: Step, what: &dyn Display, halfway: &mut dyn FnMut());

static HOOK: OnceLock<Hook> = OnceLock::new();

/// Has all steps of this process told to a hook from now on. `false` when there is one already, which stays.
pub fn install(hook: Hook) -> bool {
    HOOK.set(hook).is_ok()
}

/// Tells a step.
pub(crate) fn passed(step: Step, what: &dyn Display) {
    passed_halfway(step, what, || {});
}

/// Tells a step that only an end in the middle of a call leaves: `act` makes it.
pub(crate) fn passed_halfway(step: Step, what: &dyn Display, mut act: impl FnMut()) {
    if let Some(hook) = HOOK.get() {
        hook(step, what, &mut act);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{durable, test_support::Place};
    use std::cell::RefCell;

    thread_local! {
        /// Those of this test, once it wants to know: others pass the hook, too.
        static SEEN: RefCell<Option<Vec<(Step, String)>>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_hook_is_told_each_step_in_its_order_and_may_have_one_half_done() {
        let place = Place::new();
        let file = place.path("file");
        assert!(install(|step, what, halfway| {
            SEEN.with_borrow_mut(|seen| {
                if let Some(seen) = seen {
                    seen.push((step, what.to_string()));
                    halfway();
                }
            });
        }));
        assert!(!install(|_, _, _| {}), "the first one stays");
        SEEN.set(Some(Vec::new()));
        // The half that the hook has written is before the whole.
        durable::replace(&file, b"text", 0o644).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"tetext");
        durable::remove_file(&file).unwrap();
        let (steps, whats): (Vec<Step>, Vec<String>) = SEEN.take().unwrap().into_iter().unzip();
        use Step::*;
        let replaced = [
            FileMadeWithoutMode,
            FileMade,
            TemporaryHalfWritten,
            TemporaryWritten,
            TemporaryFlushed,
            TemporaryInPlace,
            DirectoryFlushed,
        ];
        assert!(steps == [&replaced[..], &[FileRemoved, DirectoryFlushed]].concat(), "{whats:?}");
        assert_eq!(whats[5], file);
    }
}
