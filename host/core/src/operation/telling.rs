//! What an action tells the observer of the site.

use super::Operation;
use disklessset_plugin_api::Level;

impl Operation<'_> {
    /// Tells how long a tool took.
    pub(crate) fn took(&self, tool: &str, duration: std::time::Duration) {
        self.reading().took(tool, duration);
    }

    /// Passes on a line that a tool printed.
    pub(crate) fn tool_line(&self, tool: &str, line: &str) {
        self.site().observer.tool_line(tool, line);
    }

    /// Tells the observer.
    pub(crate) fn say(&self, level: Level, text: &str) {
        self.reading().say(level, text);
    }

    /// Tells of something that should not be so.
    pub(super) fn warn(&self, text: &str) {
        self.say(Level::Warning, text);
    }
}
