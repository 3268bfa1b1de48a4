//! `module remove`: a module, taken out of the modules directory.

use crate::{
    cli::{
        commands::{boxed, text, word},
        request::{Effect, Request, Session},
    },
    module_changes::ModuleManager,
};
use clap::{ArgMatches, Command};
use disklessset_plugin_api::Result;

pub(super) fn command() -> Command {
    Command::new("remove").about("Remove a module from the modules directory; its images stay").arg(word(
        "name",
        "MODULE",
        "The module",
    ))
}

pub(super) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    boxed(Ok(RemoveModule { name: text(matches, "name").to_owned() }))
}

struct RemoveModule {
    name: String,
}

impl Request for RemoveModule {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let plan = ModuleManager::new(&session.site).plan_remove(&self.name)?;
        let mut lines = vec![format!("remove {}", plan.file())];
        lines.extend(left_without(session, &self.name)?.map(|images| format!("leave {images}")));
        lines.extend(plan.will_wait().iter().map(|module| format!("leave module {module} waiting for it")));
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let left = left_without(session, &self.name)?;
        let plan = ModuleManager::new(&session.site).remove(&self.name)?;
        if let Some(images) = left {
            session.output.warn(&format!("this leaves {images}"));
        }
        for module in plan.will_wait() {
            session.output.warn(&format!("module {module} builds on it and waits until it is back"));
        }
        session.output.say(&format!("removed module {} ({})", self.name, plan.file()));
        Ok(())
    }
}

/// What the removal of a module means for the images of its classes.
fn left_without(session: &Session, module: &str) -> Result<Option<String>> {
    let images = session.images().list()?;
    let names: Vec<&str> = images
        .iter()
        .filter(|image| image.module.as_deref() == Some(module))
        .map(|image| image.name.as_str())
        .collect();
    let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
    Ok(match names.len() {
        0 => None,
        1 => Some(format!("image {shown} without its module: nodes boot it, and it cannot be changed")),
        count => {
            let more = if count > 5 { ", ..." } else { "" };
            Some(format!(
                "{count} images without their module ({shown}{more}): nodes boot them, and they cannot be changed"
            ))
        }
    })
}
