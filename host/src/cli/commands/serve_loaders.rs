//! `serve loaders`: iPXE as files that firmware fetches.

use crate::{
    Site,
    boot_config::{self, CopyError, WaitingScript},
    cli::request::{Effect, Request, Session},
    failure,
    needs::{self, Family},
    nodes,
};
use clap::Command;
use disklessset_plugin_api::{Error, Result};

pub(crate) fn command() -> Command {
    Command::new("loaders")
        .about("Copy iPXE out of the distribution's package to where nodes fetch it")
        .long_about(
            "Copy iPXE out of the distribution's package to where nodes fetch it: undionly.kpxe for BIOS, snponly.efi and ipxe.efi for \
             UEFI. Beside them it writes wait.ipxe, by which iPXE waits for the boot server. Nothing is done when they are there. Run it \
             again when the package is updated, or http_base_url changes.",
        )
}

/// Copies what the package has.
pub(crate) struct CopyLoaders;

impl Request for CopyLoaders {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn is_for_mirrors(&self) -> bool {
        true
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let to = session.site.layout().loaders_dir();
        let found = boot_config::lacking(&boot_config::packages(), &to).map_err(explained)?;
        let new = found.into_iter().filter(|loader| loader.new);
        let mut plan: Vec<_> = new.map(|loader| format!("copy {} to {to}", loader.from)).collect();
        let script = waiting(&session.site)?;
        if !script.is_written() {
            plan.push(format!("write {}", script.path()));
        }
        Ok(plan)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let to = session.site.layout().loaders_dir();
        let copied = boot_config::copy(&boot_config::packages(), &to).map_err(explained)?;
        for loader in &copied {
            let text = match loader.new {
                true => format!("copied {} to {to}", loader.from),
                false => format!("{} is there already", to.join(loader.file)),
            };
            session.output.say(&text);
        }
        let script = waiting(&session.site)?;
        let text = if script.is_written() {
            format!("{} is there already", script.path())
        } else {
            script.write().map_err(failure::of)?;
            format!("wrote {}, by which iPXE waits for the boot server", script.path())
        };
        session.output.say(&text);
        Ok(())
    }
}

/// The script that waits for the boot server, as this site wants it.
pub(super) fn waiting(site: &Site) -> Result<WaitingScript> {
    Ok(WaitingScript::new(&site.layout().loaders_dir(), nodes::waiting_script(site)?))
}

fn explained(error: CopyError) -> Error {
    let install = match needs::of_this_server() {
        Some(Family::Enterprise) => "dnf install ipxe-bootimgs-x86",
        _ => "apt install ipxe",
    };
    match error {
        CopyError::NoPackage => failure::refused(error).hint(install),
        error @ CopyError::File(_) => failure::of(error),
    }
}
