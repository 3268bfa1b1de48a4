//! What a command line or a menu choice asks for, and how it is carried out.

use super::globals::Run;
use crate::{
    ImageManager, KernelManager, failure,
    images::{CleanReport, MODULES},
    mirror,
    nodes::{BootFilesChange, NodeManager},
    out_of_space,
    output::{Format, Output, unanswered},
    site::Site,
    system::interrupt,
};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result};
use std::{cell::Cell, sync::Arc};

/// Something to be done, from the command line or the menu.
pub(crate) trait Request {
    /// What it does to the site.
    fn effect(&self) -> Effect;

    /// What has to be confirmed first, if anything.
    fn question(&self) -> Option<String> {
        None
    }

    /// Finds out what would be done, a line each, and changes nothing.
    ///
    /// # Errors
    /// What would stop it.
    fn plan(&self, session: &Session) -> Result<Vec<String>>;

    /// Refuses what cannot be done before anybody is asked about it.
    ///
    /// # Errors
    /// What would stop it whatever the answer is, and whatever is cleaned first.
    fn check_before_asking(&self, _session: &Session) -> Result<()> {
        Ok(())
    }

    /// Whether it may be done on a server that is a mirror, though it changes something.
    fn is_for_mirrors(&self) -> bool {
        false
    }

    /// Whether it runs a command for the user, whose exit code is then the program's own: what fails here has another.
    fn runs_a_command(&self) -> bool {
        false
    }

    /// Does it. `cleaned` names the images that were cleaned for it a moment ago.
    ///
    /// # Errors
    /// Its own.
    fn run(&self, session: &Session, cleaned: &[String]) -> Result<()>;
}

/// What a request does to the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It only reads: nothing is cleaned for it.
    Reads,
    /// It changes something: what is left of crashes is cleaned first.
    Changes,
    /// It changes something, and this image must not be cleaned before.
    ChangesSparing(ImageName),
    /// It changes something, and nothing is cleaned for it: a cleaning itself, or nothing of images.
    ChangesAsIs,
}

/// A site with somebody at it.
pub(crate) struct Session {
    pub(crate) site: Site,
    pub(crate) output: Arc<Output>,
    pub(crate) run: Run,
    /// What the program will end with when nothing fails: 0, or the exit code of a command that was run for the user.
    pub(crate) exit_code: Cell<u8>,
}

impl Session {
    pub(crate) fn images(&self) -> ImageManager<'_> {
        ImageManager::new(&self.site)
    }

    pub(crate) fn kernels(&self) -> KernelManager<'_> {
        KernelManager::new(&self.site)
    }

    pub(crate) fn nodes(&self) -> NodeManager<'_> {
        NodeManager::new(&self.site)
    }

    /// Carries a request out: asks, cleans, does it; with `--dry-run` only tells.
    ///
    /// # Errors
    /// Those of the request; a refusal when a confirmation was answered with no.
    pub(crate) fn perform(&self, request: &dyn Request) -> Result<()> {
        let effect = request.effect();
        if effect == Effect::Reads {
            return self.run(request, &[]);
        }
        self.must_not_change_a_mirror(request)?;
        if self.run == Run::Dry {
            return self.tell(request, &effect);
        }
        // From here on a signal must not end the program in the middle of a change.
        interrupt::install()?;
        if let Some(question) = request.question() {
            request.check_before_asking(self)?;
            if !self.output.confirmation(&question)? {
                return Err(Error::refused("not confirmed: nothing was done"));
            }
        }
        let cleaned = self.clean_first(&effect)?;
        self.run(request, &cleaned)
    }

    /// Images and kernels of a mirror are changed where they are made.
    fn must_not_change_a_mirror(&self, request: &dyn Request) -> Result<()> {
        if request.is_for_mirrors() { Ok(()) } else { mirror::must_not_be_mirror(&self.site) }
    }

    /// Like [`Self::perform`] where the cleaning is over: the menu cleans once for each choice.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn perform_cleaned(&self, request: &dyn Request) -> Result<()> {
        if request.effect() != Effect::Reads {
            self.must_not_change_a_mirror(request)?;
        }
        if self.run == Run::Dry && request.effect() != Effect::Reads {
            return self.tell(request, &Effect::ChangesAsIs);
        }
        if let Some(question) = request.question() {
            match self.output.ask_yes_no(&question) {
                Ok(true) => {}
                Ok(false) => {
                    self.output.say("Nothing was done.");
                    return Ok(());
                }
                Err(reason) => return Err(unanswered(reason)),
            }
        }
        self.run(request, &[])
    }

    /// Runs it; an error for want of room says of which file system.
    fn run(&self, request: &dyn Request, cleaned: &[String]) -> Result<()> {
        let ran = request.run(self, cleaned);
        ran.map_err(|error| out_of_space::explained(error, self.site.layout(), &[]))
    }

    /// Cleans what crashed actions left behind, unless the site's configuration says no. What cannot be cleaned is a
    /// warning: it stays as it is, and the request may have nothing to do with it.
    ///
    /// # Errors
    /// Only when interrupted.
    pub(crate) fn clean_first(&self, effect: &Effect) -> Result<Vec<String>> {
        let wanted = match effect {
            Effect::Changes | Effect::ChangesSparing(_) => self.site.configuration().autoclean(),
            Effect::Reads | Effect::ChangesAsIs => false,
        };
        if !wanted || self.run == Run::Dry {
            return Ok(Vec::new());
        }
        self.end_boot_files();
        let cleaned = match effect {
            Effect::ChangesSparing(spared) => self.clean_all_but(spared),
            _ => self.images().clean(&[]),
        };
        match cleaned {
            Ok(report) => {
                for name in &report.cleaned {
                    self.output
                        .say(&format!("cleaned {}: an action on it had not come to its end", subject(name)));
                }
                self.tell_recovered(&report);
                for (name, error) in &report.kept {
                    if error.kind == ErrorKind::INTERRUPTED {
                        return Err(error.clone());
                    }
                    self.output.warn(&format!(
                        "cannot clean {}: {}",
                        subject(name),
                        failure::one_line(error)
                    ));
                }
                Ok(report.cleaned)
            }
            Err(error) if error.kind == ErrorKind::INTERRUPTED => Err(error),
            Err(error) => {
                self.output.warn(&format!("cannot clean: {}", failure::one_line(&error)));
                Ok(Vec::new())
            }
        }
    }

    /// Writes the boot files that a killed command left unwritten. A failure is a warning, as that of any cleaning.
    fn end_boot_files(&self) {
        let nodes = self.nodes();
        if !nodes.is_unfinished() {
            return;
        }
        match nodes.renew_boot_files() {
            // Another command was at it, and is done now.
            Ok(files) if files == BootFilesChange::default() => {}
            Ok(files) => {
                let text = files.in_words("wrote", "removed");
                self.output.say(&format!("{text}: a change of nodes had not come to its end"));
            }
            Err(error) => {
                self.output.warn(&format!("cannot write the boot files: {}", failure::one_line(&error)));
            }
        }
    }

    /// Says what classes found of interrupted actions on images in service.
    pub(crate) fn tell_recovered(&self, report: &CleanReport) {
        for (name, said) in &report.recovered {
            self.output.say(&format!("{}: {said}", subject(name)));
        }
    }

    fn clean_all_but(&self, spared: &ImageName) -> Result<CleanReport> {
        let mut names = self.images().to_clean()?;
        names.retain(|name| name != spared);
        // An empty list would mean all.
        if names.is_empty() { Ok(CleanReport::default()) } else { self.images().clean(&names) }
    }

    /// Says it beside the data where that is one document for a program.
    fn tell_cleaning(&self, name: &ImageName) {
        let line = format!("would clean image {name}");
        match self.output.format() {
            Format::Table => self.output.data(&format!("{line}\n")),
            Format::Json | Format::Yaml => self.output.say(&line),
        }
    }

    fn tell(&self, request: &dyn Request, effect: &Effect) -> Result<()> {
        let wanted = self.site.configuration().autoclean();
        if wanted && matches!(effect, Effect::Changes | Effect::ChangesSparing(_)) {
            for name in self.images().to_clean()? {
                if *effect != Effect::ChangesSparing(name.clone()) {
                    self.tell_cleaning(&name);
                }
            }
        }
        for line in request.plan(self)? {
            self.output.foreign(&format!("would {line}\n"));
        }
        Ok(())
    }
}

/// What a cleaning was about: an image, or the directory of kernels, which carries no name.
pub(crate) fn subject(name: &str) -> String {
    match name {
        "kernels" => "kernels".to_owned(),
        MODULES => "modules".to_owned(),
        name => format!("image {name}"),
    }
}
