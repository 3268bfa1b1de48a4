//! `node import`: nodes from an inventory that the site has.

use super::{inventory_change, text};
use crate::{
    cli::{
        globals::absolute,
        request::{Effect, Request, Session},
    },
    inventory::{self, Found, Kind, MOST_BYTES, ReadError},
    nodes::{Inventory, NodeManager},
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgMatches, Command, builder::PossibleValuesParser, value_parser};
use disklessset_plugin_api::{Error, Result};
use std::{collections::BTreeSet, io::Read};

/// The most lines of what was passed over.
const MOST_TOLD: usize = 20;

pub(crate) fn command() -> Command {
    Command::new("import")
        .about("Take nodes over from an inventory")
        .long_about(
            "Take nodes over from an inventory. Nodes that it names are made or changed, others stay as they are. All is done or nothing.\n\n\
             csv: a table with a column `name`; yaml: what `node list --format yaml` prints; ansible: what `ansible-inventory --list` \
             prints; ethers: /etc/ethers; dnsmasq: lines with dhcp-host; warewulf: nodes.conf of Warewulf 4; xcat: what `lsdef -z` prints.",
        )
        .arg(Arg::new("file")
                .value_name("FILE")
                .required(true)
                .value_parser(value_parser!(Utf8PathBuf))
                .help("The inventory; - for standard input"))
        .arg(
            Arg::new("from")
                .long("from")
                .value_name("KIND")
                .value_parser(PossibleValuesParser::new(Kind::ALL.map(Kind::word)))
                .help("What kind of inventory it is [default: by its content, else by its name]"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<ImportNodes> {
    let given = matches.get_one::<Utf8PathBuf>("file").ok_or_else(|| Error::usage("FILE is missing"))?;
    let file = if given == "-" { given.clone() } else { absolute(given)? };
    Ok(ImportNodes { file, kind: text(matches, "from").parse().ok() })
}

/// Takes nodes over.
pub(crate) struct ImportNodes {
    file: Utf8PathBuf,
    kind: Option<Kind>,
}

impl ImportNodes {
    fn found(&self, session: &Session) -> Result<Found> {
        let bytes = self.bytes()?;
        let kind = match self.kind {
            Some(kind) => kind,
            None => Kind::of(self.file.file_name().unwrap_or_default(), &bytes).map_err(|error| {
                let kinds = Kind::ALL.map(Kind::word).join("|");
                Error::usage(format!("{}: {error}", self.name())).hint(format!("name it: --from {kinds}"))
            })?,
        };
        let refuse = |error: ReadError| Error::usage(format!("{} ({kind}): {error}", self.name()));
        let found = inventory::read(kind, &bytes).map_err(refuse)?;
        self.tell(session, &found);
        Ok(found)
    }

    fn bytes(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let read = match self.file.as_str() {
            "-" => std::io::stdin().take(MOST_BYTES + 1).read_to_end(&mut bytes),
            _ => open(&self.file)?.take(MOST_BYTES + 1).read_to_end(&mut bytes),
        };
        read.map_err(|cause| Error::usage(format!("cannot read {}: {cause}", self.name())))?;
        Ok(bytes)
    }

    fn name(&self) -> &str {
        if self.file == "-" { "standard input" } else { self.file.as_str() }
    }

    fn tell(&self, session: &Session, found: &Found) {
        for line in found.passed_over.iter().take(MOST_TOLD) {
            session.output.warn(&format!("passed over: {}: {line}", self.name()));
        }
        let more = found.passed_over.len().saturating_sub(MOST_TOLD);
        if more > 0 {
            session.output.warn(&format!("passed over: {more} more lines"));
        }
    }

    fn apply(&self, found: &Found, inventory: Inventory) -> Result<Inventory> {
        let refuse = |error: ReadError| Error::refused(format!("{}: {error}", self.name()));
        found.apply(inventory).map_err(refuse)
    }

    /// Says how many nodes stay as they are, because the inventory says the same or nothing.
    fn tell_left(session: &Session, found: &Found) -> Result<()> {
        let named: BTreeSet<&str> = found.names().collect();
        let inventory = NodeManager::new(&session.site).inventory()?;
        let left = inventory.nodes().keys().filter(|name| !named.contains(name.as_str())).count();
        if left > 0 {
            session
                .output
                .say(&format!("{left} other nodes stay as they are: the inventory does not name them."));
        }
        Ok(())
    }
}

impl Request for ImportNodes {
    fn effect(&self) -> Effect {
        Effect::ChangesAsIs
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        let found = self.found(session)?;
        let lines = inventory_change::plan(session, |inventory| self.apply(&found, inventory))?;
        Self::tell_left(session, &found)?;
        Ok(lines)
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let found = self.found(session)?;
        let operation = format!("node import {}", self.file);
        inventory_change::run(session, &operation, |inventory| self.apply(&found, inventory))?;
        Self::tell_left(session, &found)
    }
}

/// A file; a directory or a device is none.
fn open(path: &Utf8Path) -> Result<std::fs::File> {
    let file = std::fs::File::open(path).and_then(|file| Ok((file.metadata()?.is_dir(), file)));
    match file {
        Ok((false, file)) => Ok(file),
        Ok((true, _)) => Err(Error::usage(format!("{path} is a directory"))),
        Err(cause) => Err(Error::usage(format!("cannot read {path}: {cause}"))),
    }
}
