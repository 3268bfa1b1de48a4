//! `prove`: boots an image in a throw-away machine and tells whether it comes up.

mod report;
mod visit;

use super::{reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    prove::{
        self, FailedMachine, Failure, Firmware, Mebibytes, NodeName, ProveError, ProveRequest,
        VisitedConsole, Visitor,
    },
    system::interrupt,
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result, Size};
use report::{names, print, tell};
use std::time::Duration;

pub(crate) fn command() -> Command {
    Command::new("prove")
        .about("Boot an image in a temporary virtual machine, as a node would")
        .arg(word("name", "NAME[@N]", "The image, or one of its versions by number or tag"))
        .arg(
            Arg::new("memory")
                .long("memory")
                .value_name("SIZE")
                .help("Memory of each machine. auto = what the image's files need [default: 1G]"),
        )
        .arg(
            Arg::new("firmware")
                .long("firmware")
                .value_name("FIRMWARE")
                .value_parser(Firmware::WORDS)
                .default_value("bios")
                .help("The firmware of each machine"),
        )
        .arg(
            Arg::new("node").long("node").value_name("NODE").action(ArgAction::Append).help(
                "Boot this node from its own tree. The boot changes the tree. Several nodes boot at once",
            ),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..))
                .help("Give up after SECONDS [default: 180, or 360 under UEFI, more for several nodes]"),
        )
        .arg(
            Arg::new("console")
                .long("console")
                .action(ArgAction::SetTrue)
                .help("When the machine is up, connect the terminal to its console. CTRL+] ends that"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Prove> {
    let memory = matches.get_one::<String>("memory").map(|text| memory(text)).transpose()?;
    let timeout = matches.get_one::<u64>("timeout").map(|seconds| Duration::from_secs(*seconds));
    let mut nodes = Vec::new();
    for text in matches.get_many::<String>("node").into_iter().flatten() {
        let node =
            NodeName::parse(text).map_err(|cause| failure::usage(cause).context("--node cannot be used"))?;
        if !nodes.contains(&node) {
            nodes.push(node);
        }
    }
    let console = matches.get_flag("console");
    if console && nodes.len() > 1 {
        return Err(Error::usage("--console takes one machine: give --node once"));
    }
    let version = reference(matches, "name")?;
    let firmware = matches.get_one::<String>("firmware").map(|word| word.parse()).transpose();
    let firmware = firmware.map_err(failure::usage)?.unwrap_or_default();
    Ok(Prove { name: version.image.clone(), version, firmware, memory, timeout, nodes, console })
}

/// The memory of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Memory {
    /// What the image's files need.
    Auto,
    Of(Mebibytes),
}

fn memory(text: &str) -> Result<Memory> {
    if text == "auto" {
        return Ok(Memory::Auto);
    }
    let size: Size =
        text.parse().map_err(|cause| failure::usage(cause).context("--memory cannot be used"))?;
    let mebibytes = u32::try_from(size.as_mebibytes()).ok().filter(|amount| *amount >= 64);
    mebibytes
        .map(|amount| Memory::Of(Mebibytes(amount)))
        .ok_or_else(|| Error::usage(format!("--memory: no machine can have {text}")))
}

/// Proves that an image boots.
pub(crate) struct Prove {
    name: ImageName,
    version: VersionReference,
    firmware: Firmware,
    memory: Option<Memory>,
    timeout: Option<Duration>,
    nodes: Vec<NodeName>,
    console: bool,
}

impl Request for Prove {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.console && !session.output.has_terminal() {
            return Err(Error::refused("prove --console needs a terminal"));
        }
        let request = self.proof_of(session)?;
        // The machine and its network go away in an orderly way on CTRL+C.
        interrupt::install()?;
        let stop = || interrupt::check().is_err();
        // Nodes write to their trees: nobody may remove or copy these meanwhile.
        let _held = match self.nodes.is_empty() {
            true => None,
            false => Some(session.images().hold(&self.name, "prove")?),
        };
        let several = self.nodes.len() > 1;
        let mut visit = |console: &mut VisitedConsole<'_>| visit::visit(&session.output, console);
        let visitor = self.console.then_some(&mut visit as &mut Visitor<'_>);
        let on_event = &mut |event| tell(session, several, event);
        match prove::prove_and_visit(&request, visitor, &stop, on_event) {
            Ok(proof) => {
                print(session, &proof);
                Ok(())
            }
            Err(ProveError::Failed(failure)) => Err(self.failed(session, &failure)),
            Err(ProveError::Interrupted) => {
                let signal = interrupt::check().err().map(|signal| signal.to_string()).unwrap_or_default();
                Err(Error::new(ErrorKind::INTERRUPTED, signal))
            }
            Err(error @ ProveError::NotRoot) => Err(failure::refused(error)),
            Err(error @ (ProveError::NodesNotNamed | ProveError::TooManyNodes { .. })) => {
                Err(failure::usage(error).context(format!("--node cannot be used with image {}", self.name)))
            }
            Err(error @ ProveError::NoNodeTree { .. }) => {
                Err(failure::with_kind(ErrorKind::NOT_FOUND, error))
            }
            Err(other) => Err(failure::of(other)),
        }
    }
}

impl Prove {
    fn proof_of(&self, session: &Session) -> Result<ProveRequest> {
        session.images().get_created_image(&self.name)?;
        let layout = session.site.layout();
        let http_root = layout.http_root();
        let boot_file = layout.image_dir(self.name.as_str()).join(crate::records::file_names::BOOT_FILE);
        let boot_path = boot_file
            .strip_prefix(&http_root)
            .map_err(|_| Error::usage(format!("{boot_file} is not below the HTTP root {http_root}")))?;
        for directory in [layout.logs_dir(), layout.locks_dir()] {
            session.site.make_usable(&directory)?;
        }
        // No image can be named so that its own log is this file.
        let console = layout.logs_dir().join(format!("{}.console", self.name));
        let mut request = ProveRequest::new(&http_root, boot_path.as_str(), console);
        request.cache_dir = Some(layout.locks_dir());
        if self.version.version.is_some() {
            request.boot_text = Some(session.images().boot_file_of_version(&self.version)?);
        }
        request.system_root = layout.root().to_owned();
        request.nodes = self.nodes.clone();
        request.firmware = self.firmware;
        match self.memory {
            None => {}
            Some(Memory::Of(memory)) => request.memory = memory,
            Some(Memory::Auto) => {
                let needed = prove::needed_memory(&request)
                    .map_err(|cause| failure::of(cause).context("--memory auto cannot be used"))?;
                session.output.say(&format!("memory: {needed}"));
                request.memory = needed.memory;
            }
        }
        request.timeout = self.timeout;
        Ok(request)
    }

    fn failed(&self, session: &Session, failure: &Failure) -> Error {
        let several = failure.machines.len() + failure.came_up.len() > 1;
        for machine in &failure.machines {
            let who = if several { format!("{} ", machine.node) } else { String::new() };
            for line in &machine.last_lines {
                session.output.say(&format!("  {who}| {line}"));
            }
        }
        // What boots under a BIOS says nothing of UEFI.
        let under = match failure.firmware {
            Firmware::Bios => "",
            Firmware::Uefi => " under UEFI",
        };
        let mut error = match several {
            false => Error::failed(format!("image {} does not boot{under}", self.name)),
            true => {
                let failed = names(failure.machines.iter().map(|machine| &machine.node));
                Error::failed(format!("image {} does not boot{under} on {failed}", self.name))
            }
        };
        for machine in &failure.machines {
            error = explained(error, machine, several);
        }
        if !failure.came_up.is_empty() {
            error = error.because(format!("these nodes came up: {}", names(&failure.came_up)));
        }
        for reason in &failure.failed_tries {
            error = error.because(format!("an earlier try: {reason}"));
        }
        let logs: Vec<_> = failure.machines.iter().map(|machine| machine.console_log.as_str()).collect();
        error.hint(format!("the whole console is in {}", logs.join(", ")))
    }
}

/// The causes of one machine's failure below `error`.
fn explained(mut error: Error, machine: &FailedMachine, several: bool) -> Error {
    let who = if several { format!("{}: ", machine.node) } else { String::new() };
    error = error.because(format!("{who}{}", machine.cause));
    if let Some((at, stage)) = machine.timeline.last() {
        error = error.because(format!("{who}it came as far as: {stage} ({:.1} s)", at.as_secs_f64()));
    }
    if !machine.failed_units.is_empty() {
        error = error.because(format!("{who}units that failed: {}", machine.failed_units.join(", ")));
    }
    error
}
