//! What an action tells the observer of the site.

use super::Operation;
use disklessset_plugin_api::Level;

impl Operation<'_> {
    /// Tells how long a tool took; what is left of the wall time is our own.
    pub(crate) fn took(&self, tool: &str, duration: std::time::Duration) {
        self.say(Level::Debug, &format!("{tool} took {:.2} s", duration.as_secs_f64()));
    }

    /// Passes on a line that a tool printed.
    pub(crate) fn tool_line(&self, tool: &str, line: &str) {
        self.site.observer.tool_line(tool, line);
    }

    /// Tells the observer.
    pub(crate) fn say(&self, level: Level, text: &str) {
        self.site.observer.line(level, text);
    }

    /// Tells of something that should not be so.
    pub(crate) fn warn(&self, text: &str) {
        self.site.observer.line(Level::Warning, text);
    }
}
