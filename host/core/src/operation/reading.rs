//! A look at one image or at all of a class: what a class may do meanwhile changes nothing that is on record.

use super::Subject;
use crate::site::Site;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ImageName, Level, Result};

/// What a class is at work on, for an action that only reads.
pub(crate) struct Reading<'s> {
    site: &'s Site,
    subject: Subject,
    /// The module whose class is at work; it chooses the section of the configuration.
    module: String,
    log: Utf8PathBuf,
    rehearsal: bool,
}

impl<'s> Reading<'s> {
    /// An action on an image that only reads.
    pub(crate) fn of(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self::on(site, Subject::Image(name.clone()), class)
    }

    /// A look at what an action would be refused for: what it is to offer is checked, and nothing is changed.
    pub(crate) fn rehearsing(site: &'s Site, name: &ImageName, class: &str) -> Self {
        Self { rehearsal: true, ..Self::of(site, name, class) }
    }

    /// A look at the images of a class.
    pub(crate) fn overview(site: &'s Site, class: &str) -> Self {
        Self::on(site, Subject::Overview, class)
    }

    pub(super) fn on(site: &'s Site, subject: Subject, class: &str) -> Self {
        Self {
            site,
            module: site.classes.module_of(class).unwrap_or_default(),
            log: site.layout.log_file(&subject.to_string()),
            subject,
            rehearsal: false,
        }
    }

    /// The site.
    pub(crate) fn site(&self) -> &'s Site {
        self.site
    }

    /// What it is about.
    pub(crate) fn subject(&self) -> &Subject {
        &self.subject
    }

    /// The module whose class is at work; empty where there is none.
    pub(crate) fn module(&self) -> &str {
        &self.module
    }

    /// The file that has what tools printed.
    pub(crate) fn log(&self) -> &Utf8Path {
        &self.log
    }

    /// Whether it only finds out what would be refused.
    pub(crate) fn is_rehearsal(&self) -> bool {
        self.rehearsal
    }

    /// Refuses a path outside of what disklessset manages.
    pub(crate) fn must_be_ours(&self, path: &Utf8Path) -> Result<()> {
        let climbs = path.components().any(|part| part.as_str() == "..");
        let ours = self.site.layout.owned_roots().iter().any(|root| path.starts_with(root) && path != root);
        if ours && !climbs {
            return Ok(());
        }
        Err(Error::refused(format!("{path} lies outside of what disklessset manages")))
    }

    /// Tells the observer.
    pub(crate) fn say(&self, level: Level, text: &str) {
        self.site.observer.line(level, text);
    }

    /// Tells how long a tool took; what is left of the wall time is our own.
    pub(crate) fn took(&self, tool: &str, duration: std::time::Duration) {
        self.say(Level::Debug, &format!("{tool} took {:.2} s", duration.as_secs_f64()));
    }
}
