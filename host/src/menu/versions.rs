//! The versions of an image: which one nodes get, what it is called, and what goes.

use super::{Menu, stop::Step};
use crate::cli::commands::{self, release::Way};

/// What can be done with a version, in the order of the page.
const ACTIONS: [&str; 3] = ["Have nodes get a version", "Give a version a tag", "Remove a version"];

impl Menu {
    /// Shows the versions of an image that is chosen, and does something with one of them.
    pub(super) fn versions(&self) -> Step<()> {
        let name = self.choose_image("Images", "There are no images", |_| true)?;
        let output = &self.session.output;
        output.data("\n");
        self.session.perform_cleaned(&commands::versions::Versions { name: name.clone() })?;
        let versions = self.session.images().versions(&name)?;
        if versions.is_empty() {
            return Ok(());
        }
        output.data("\n");
        let actions = ACTIONS.map(str::to_owned);
        let action = self.choose_or_back(&format!("Versions of {name}"), &actions, "Your choice")?;
        let Some(version) = self.choose_version(&name)? else { return Ok(()) };
        match action {
            0 => self.do_it(&commands::release::Release { way: Way::Release, version }),
            1 => {
                let tag = self.ask_tag()?;
                self.do_it(&commands::tag::TagVersion { version, tag, delete: false })
            }
            _ => self.do_it(&commands::remove::RemoveVersions { versions: vec![version] }),
        }
    }

    fn ask_tag(&self) -> Step<disklessset_oci::names::Tag> {
        loop {
            let answer = self.session.output.ask_line("Tag: ")?;
            match answer.trim().parse() {
                Ok(tag) => return Ok(tag),
                Err(reason) => self.session.output.data(&format!("{reason}\n")),
            }
        }
    }
}
