//! What a class is asked about an action before it is run.

use crate::Arguments;

/// An action that somebody is about to run: what [`crate::ImageClass::check`] looks at.
///
/// The host has checked each argument against its declaration. What only the class can tell is left: whether a node is there, whether a
/// client can be exported to, whether two values go together.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ActionCheck<'a> {
    /// The words of the action, such as `create` or `nodes add`.
    pub words: &'a str,
    /// The arguments. Those that were not given, and have no default, are absent.
    pub arguments: &'a Arguments,
    /// Whether these are all. The menu asks after each answer, with what was answered until then.
    pub complete: bool,
}

impl<'a> ActionCheck<'a> {
    /// A check of all arguments of an action.
    pub fn new(words: &'a str, arguments: &'a Arguments) -> Self {
        Self { words, arguments, complete: true }
    }

    /// The same with some arguments not given yet.
    #[must_use]
    pub fn incomplete(mut self) -> Self {
        self.complete = false;
        self
    }
}
