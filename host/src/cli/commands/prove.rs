//! `prove`: boots an image in a throw-away machine and tells whether it comes up.

use super::{reference, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    output::Format,
    prove::{
        self, FailedMachine, Failure, Mebibytes, NodeName, Proof, ProveError, ProveEvent, ProveRequest,
        ProvenMachine, Timeline,
    },
    system::interrupt,
    versions::VersionReference,
};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result, Size};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn command() -> Command {
    Command::new("prove")
        .about("Boot an image in a temporary virtual machine, as a node would")
        .arg(word("name", "NAME[@N]", "The image, or one of its versions by number or tag"))
        .arg(
            Arg::new("memory").long("memory").value_name("SIZE").help("Memory of each machine [default: 1G]"),
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
                .help("Give up after SECONDS [default: 180, more for several nodes]"),
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
    let version = reference(matches, "name")?;
    Ok(Prove { name: version.image.clone(), version, memory, timeout, nodes })
}

fn memory(text: &str) -> Result<Mebibytes> {
    let size: Size =
        text.parse().map_err(|cause| failure::usage(cause).context("--memory cannot be used"))?;
    let mebibytes = u32::try_from(size.as_mebibytes()).ok().filter(|amount| *amount >= 64);
    mebibytes.map(Mebibytes).ok_or_else(|| Error::usage(format!("--memory: no machine can have {text}")))
}

/// Proves that an image boots.
pub(crate) struct Prove {
    name: ImageName,
    version: VersionReference,
    memory: Option<Mebibytes>,
    timeout: Option<Duration>,
    nodes: Vec<NodeName>,
}

impl Request for Prove {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
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
        match prove::prove(&request, &stop, &mut |event| tell(session, several, event)) {
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
        if let Some(memory) = self.memory {
            request.memory = memory;
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
        let mut error = match several {
            false => Error::failed(format!("image {} does not boot", self.name)),
            true => {
                let failed = names(failure.machines.iter().map(|machine| &machine.node));
                Error::failed(format!("image {} does not boot on {failed}", self.name))
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

fn names<'a>(nodes: impl IntoIterator<Item = &'a NodeName>) -> String {
    nodes.into_iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ")
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

/// Stages are the time line that was asked for; in the other formats it is part of the document that comes last.
fn tell(session: &Session, several: bool, event: ProveEvent) {
    use crate::observer::Observer;
    use disklessset_plugin_api::Level;
    let output = &session.output;
    // Lines of machines that boot side by side begin with whose they are.
    let of = |node: &NodeName| if several { format!("{node}  ") } else { String::new() };
    match event {
        ProveEvent::Probing => output.line(Level::Info, "finding out whether KVM works here"),
        ProveEvent::Started { accelerator, reason, cpus, nodes } => {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let cpus = if cpus == 1 { "one processor".to_owned() } else { format!("{cpus} processors") };
            let nodes = if several { format!(" each: {}", names(&nodes)) } else { String::new() };
            output.say(&format!("booting with {accelerator}{reason}, {cpus}{nodes}"));
        }
        ProveEvent::Stage { node, at, stage } => {
            let line = format!("{:7.1} s  {}{stage}", at.as_secs_f64(), of(&node));
            match output.format() {
                Format::Table => output.data(&format!("{line}\n")),
                Format::Json | Format::Yaml => output.say(&line),
            }
        }
        ProveEvent::Console { node, line } => {
            let name = if several { format!("console {node}") } else { "console".to_owned() };
            output.tool_line(&name, &line);
        }
        ProveEvent::Request { node, path, status, bytes } => {
            output.line(Level::Debug, &format!("{}HTTP {status} {path} ({bytes} bytes)", of(&node)));
        }
        ProveEvent::UnitFailed { node, unit } => {
            output.warn(&format!("{}unit {unit} failed to start", of(&node)));
        }
        ProveEvent::Retry { node, reason } => {
            output.warn(&format!("{}trying once more: {reason}", of(&node)));
        }
    }
}

/// The first machine's facts stand in the document's top level too, where they stood when there was one.
fn print(session: &Session, proof: &Proof) {
    let mut document = proof.machines.first().map(machine).unwrap_or_default();
    let common = json!({
        "boots": true,
        "accelerator": proof.accelerator,
        "memory_mebibytes": proof.memory.0,
        "failed_tries": proof.failed_tries,
        "nodes": proof.machines.iter().map(machine).collect::<Vec<_>>(),
    });
    if let (Value::Object(document), Value::Object(common)) = (&mut document, common) {
        document.extend(common);
    }
    session.output.document("proof", &document, |_| {
        let mut text = String::new();
        for machine in &proof.machines {
            let who = if proof.machines.len() > 1 { format!("{}: ", machine.node) } else { String::new() };
            text.push_str(&format!("{who}login line: {}\n", crate::output::plain(&machine.login_line)));
            text.push_str(&format!("{who}memory: {} for the machine", proof.memory));
            if let Some(peak) = machine.qemu_peak {
                text.push_str(&format!(", at most {peak} taken on this server"));
            }
            text.push_str(&format!("\n{who}console: {}\n", machine.console_log));
        }
        text
    });
}

fn machine(machine: &ProvenMachine) -> Value {
    json!({
        "node": machine.node.as_str(),
        "login_line": machine.login_line,
        "peak_mebibytes": machine.qemu_peak.map(|peak| peak.0),
        "failed_units": machine.failed_units,
        "timeline": timeline(&machine.timeline),
        "console_log": machine.console_log,
    })
}

fn timeline(timeline: &Timeline) -> Value {
    timeline.iter().map(|(at, stage)| json!({"seconds": at.as_secs_f64(), "stage": stage})).collect()
}
