//! `prove`: boots an image in a throw-away machine and tells whether it comes up.

mod memory;
mod report;
mod target;
mod visit;

use super::{node, reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    nodes::PoolName,
    prove::{
        self, Cause, FailedMachine, Failure, Firmware, Mebibytes, NodeName, ProveError, ProveRequest,
        VisitedConsole, Visitor,
    },
    system::interrupt,
    versions::VersionReference,
};
use camino::Utf8Path;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, Result, Size};
use report::{names, print, tell};
use std::time::Duration;
use target::Target;

pub(crate) fn command() -> Command {
    Command::new("prove")
        .about("Boot an image in a temporary virtual machine, as a node would")
        .arg(word("name", "NAME[@N]", "The image, or one of its versions by number or tag").required(false))
        .arg(
            Arg::new("pool")
                .long("pool")
                .value_name("POOL")
                .help("Boot what nodes of this pool boot, through the pool's own boot file"),
        )
        .arg(
            Arg::new("boot-node")
                .long("boot-node")
                .value_name("NODE")
                .conflicts_with("node")
                .help("Boot what this node on record boots, through its own boot file"),
        )
        .group(ArgGroup::new("what").args(["name", "pool", "boot-node"]).required(true))
        .arg(
            Arg::new("memory")
                .long("memory")
                .value_name("SIZE")
                .help("Memory of each machine. auto = find out how much the image needs, by several boots [default: 1G]"),
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
    let what = what(matches)?;
    let firmware = matches.get_one::<String>("firmware").map(|word| word.parse()).transpose();
    let firmware = firmware.map_err(failure::usage)?.unwrap_or_default();
    Ok(Prove { what, firmware, memory, timeout, nodes, console })
}

/// What is to boot.
enum What {
    /// An image, or one of its versions.
    Image(VersionReference),
    /// What the nodes of a pool boot.
    Pool(PoolName),
    /// What a node on record boots.
    Node(disklessset_plugin_api::node_set::NodeName),
}

fn what(matches: &ArgMatches) -> Result<What> {
    let one = |id: &str| matches.get_one::<String>(id);
    match (one("pool"), one("boot-node")) {
        (Some(pool), _) => Ok(What::Pool(node::parsed(pool)?)),
        (_, Some(name)) => Ok(What::Node(node::parsed(name)?)),
        _ => Ok(What::Image(reference(matches, "name")?)),
    }
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
    what: What,
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
        let target = Target::of(&self.what, session)?;
        let mut request = self.proof_of(session, &target)?;
        // The machine and its network go away in an orderly way on CTRL+C.
        interrupt::install()?;
        let stop = || interrupt::check().is_err();
        // Nodes write to their trees: nobody may remove or copy these meanwhile.
        let _held = match request.nodes.is_empty() {
            true => None,
            false => Some(session.images().hold(&target.version.image, "prove")?),
        };
        let several = self.nodes.len() > 1;
        let mut visit = |console: &mut VisitedConsole<'_>| visit::visit(&session.output, console);
        let visitor = self.console.then_some(&mut visit as &mut Visitor<'_>);
        let on_event = &mut |event| tell(session, several, event);
        let proven = if self.searches_memory() {
            memory::search(session, &mut request, &stop).map(|(proof, found)| (proof, Some(found)))
        } else {
            prove::prove_and_visit(&request, visitor, &stop, on_event).map(|proof| (proof, None))
        };
        match proven {
            Ok((proof, found)) => {
                print(session, &proof, found);
                found.map_or(Ok(()), |found| memory::keep(session, &target, found))
            }
            Err(ProveError::Failed(failure)) => Err(Self::failed(session, &target, request.memory, &failure)),
            Err(ProveError::Interrupted) => {
                let signal = interrupt::check().err().map(|signal| signal.to_string()).unwrap_or_default();
                Err(Error::new(ErrorKind::INTERRUPTED, signal))
            }
            Err(error @ ProveError::NotRoot) => Err(failure::refused(error)),
            Err(error @ (ProveError::NodesNotNamed | ProveError::TooManyNodes { .. })) => {
                let image = &target.version.image;
                Err(failure::usage(error).context(format!("--node cannot be used with image {image}")))
            }
            Err(error @ ProveError::NoNodeTree { .. }) => {
                Err(failure::with_kind(ErrorKind::NOT_FOUND, error))
            }
            Err(other) => Err(failure::of(other)),
        }
    }
}

impl Prove {
    /// Whether more than one boot tells how much memory is needed. Nodes with trees of their own, and machines with a visitor, boot once.
    fn searches_memory(&self) -> bool {
        self.memory == Some(Memory::Auto) && self.nodes.is_empty() && !self.console
    }

    fn proof_of(&self, session: &Session, target: &Target) -> Result<ProveRequest> {
        let name = &target.version.image;
        session.images().get_created_image(name)?;
        let layout = session.site.layout();
        let http_root = layout.http_root();
        let below = |file: &Utf8Path| match file.strip_prefix(&http_root) {
            Ok(path) => Ok(path.to_string()),
            Err(_) => Err(Error::usage(format!("{file} is not below the HTTP root {http_root}"))),
        };
        let of_image = || layout.image_dir(name.as_str()).join(crate::records::file_names::BOOT_FILE);
        let boot_path = below(&target.text_in.clone().unwrap_or_else(of_image))?;
        for directory in [layout.logs_dir(), layout.locks_dir()] {
            session.site.make_usable(&directory)?;
        }
        // No image can be named so that its own log is this file.
        let console = layout.logs_dir().join(format!("{name}.console"));
        let mut request = ProveRequest::new(&http_root, boot_path, console);
        request.cache_dir = Some(layout.locks_dir());
        if target.version.version.is_some() && target.text_in.is_none() {
            request.boot_text = Some(session.images().boot_file_of_version(&target.version)?);
        }
        request.begin_path = target.begins_at.as_deref().map(below).transpose()?;
        request.system_root = layout.root().to_owned();
        request.nodes = match &target.own_tree {
            Some(node) => vec![node.clone()],
            None => self.nodes.clone(),
        };
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

    fn failed(session: &Session, target: &Target, memory: Mebibytes, failure: &Failure) -> Error {
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
            false => Error::failed(format!("image {} does not boot{under}", target.version.image)),
            true => {
                let failed = names(failure.machines.iter().map(|machine| &machine.node));
                Error::failed(format!("image {} does not boot{under} on {failed}", target.version.image))
            }
        };
        for machine in &failure.machines {
            error = explained(error, machine, several);
        }
        if let Some(needed) = memory::on_record(session, target).filter(|needed| *needed > memory) {
            error = error.because(format!("it was found to need {needed}, and had {memory}"));
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

/// Whether more memory may help.
fn failed_by_memory(failure: &Failure) -> bool {
    failure.machines.iter().any(|machine| matches!(machine.cause, Cause::OutOfMemory { .. }))
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
