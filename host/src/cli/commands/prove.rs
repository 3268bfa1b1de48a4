//! `prove`: boots an image in a throw-away machine and tells whether it comes up.

use super::{image_name, word};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    output::Format,
    prove::{self, Failure, Mebibytes, Proof, ProveError, ProveEvent, ProveRequest, Timeline},
    system::interrupt,
};
use clap::{Arg, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, ImageName, Result, Size};
use serde_json::{Value, json};
use std::time::Duration;

pub(crate) fn command() -> Command {
    Command::new("prove")
        .about("Boot an image in a throw-away virtual machine, as a node would")
        .arg(word("name", "NAME", "The image"))
        .arg(
            Arg::new("memory")
                .long("memory")
                .value_name("SIZE")
                .help("Give the machine so much memory [default: 1G]"),
        )
        .arg(
            Arg::new("timeout")
                .long("timeout")
                .value_name("SECONDS")
                .value_parser(value_parser!(u64).range(1..))
                .help("Give up after so long [default: 180]"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Prove> {
    let memory = matches.get_one::<String>("memory").map(|text| memory(text)).transpose()?;
    let timeout = matches.get_one::<u64>("timeout").map(|seconds| Duration::from_secs(*seconds));
    Ok(Prove { name: image_name(matches, "name")?, memory, timeout })
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
    memory: Option<Mebibytes>,
    timeout: Option<Duration>,
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
        match prove::prove(&request, &stop, &mut |event| tell(session, event)) {
            Ok(proof) => {
                print(session, &proof);
                Ok(())
            }
            Err(ProveError::Failed(failure)) => Err(self.failed(session, &failure)),
            Err(ProveError::Interrupted) => {
                let signal = interrupt::check().err().map(|signal| signal.to_string()).unwrap_or_default();
                Err(Error::new(ErrorKind::INTERRUPTED, signal))
            }
            Err(ProveError::NotRoot) => Err(failure::refused(ProveError::NotRoot)),
            Err(other) => Err(failure::of(other)),
        }
    }
}

impl Prove {
    fn proof_of(&self, session: &Session) -> Result<ProveRequest> {
        session.images().get_created_image(&self.name)?;
        let layout = session.site.layout();
        let http_root = layout.http_root();
        let boot_file = layout.image_dir(self.name.as_str()).join(crate::images::boot_file::FILE_NAME);
        let boot_path = boot_file
            .strip_prefix(&http_root)
            .map_err(|_| Error::usage(format!("{boot_file} is not below the HTTP root {http_root}")))?;
        // No image can be named so that its own log is this file.
        let console = layout.logs_dir().join(format!("{}.console", self.name));
        let mut request = ProveRequest::new(&http_root, boot_path.as_str(), console);
        request.cache_dir = Some(layout.locks_dir());
        if let Some(memory) = self.memory {
            request.memory = memory;
        }
        if let Some(timeout) = self.timeout {
            request.timeout = timeout;
        }
        Ok(request)
    }

    fn failed(&self, session: &Session, failure: &Failure) -> Error {
        for line in &failure.last_lines {
            session.output.say(&format!("  | {line}"));
        }
        let mut error = Error::failed(format!("image {} does not boot", self.name)).because(&failure.cause);
        if let Some((at, stage)) = failure.timeline.last() {
            error = error.because(format!("it came as far as: {stage} ({:.1} s)", at.as_secs_f64()));
        }
        if !failure.failed_units.is_empty() {
            error = error.because(format!("units that failed: {}", failure.failed_units.join(", ")));
        }
        for reason in &failure.failed_tries {
            error = error.because(format!("an earlier try: {reason}"));
        }
        error.hint(format!("the whole console is in {}", failure.console_log))
    }
}

/// Stages are the time line that was asked for; in the other formats it is part of the document that comes last.
fn tell(session: &Session, event: ProveEvent) {
    use crate::observer::Observer;
    use disklessset_plugin_api::Level;
    let output = &session.output;
    match event {
        ProveEvent::Probing => output.line(Level::Info, "finding out whether KVM works here"),
        ProveEvent::Started { accelerator, reason, cpus } => {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let cpus = if cpus == 1 { "one processor".to_owned() } else { format!("{cpus} processors") };
            output.say(&format!("booting with {accelerator}{reason}, {cpus}"));
        }
        ProveEvent::Stage { at, stage } => {
            let line = format!("{:7.1} s  {stage}", at.as_secs_f64());
            match output.format() {
                Format::Table => output.data(&format!("{line}\n")),
                Format::Json | Format::Yaml => output.say(&line),
            }
        }
        ProveEvent::Console(line) => output.tool_line("console", &line),
        ProveEvent::Request { path, status, bytes } => {
            output.line(Level::Debug, &format!("HTTP {status} {path} ({bytes} bytes)"));
        }
        ProveEvent::UnitFailed(unit) => output.warn(&format!("unit {unit} failed to start")),
        ProveEvent::Retry { reason } => output.warn(&format!("trying once more: {reason}")),
    }
}

fn print(session: &Session, proof: &Proof) {
    let document = json!({
        "boots": true,
        "login_line": proof.login_line,
        "accelerator": proof.accelerator,
        "memory_mebibytes": proof.memory.0,
        "peak_mebibytes": proof.qemu_peak.map(|peak| peak.0),
        "failed_units": proof.failed_units,
        "failed_tries": proof.failed_tries,
        "timeline": timeline(&proof.timeline),
        "console_log": proof.console_log,
    });
    session.output.document("proof", &document, |_| {
        let mut text = format!("login line: {}\n", crate::output::plain(&proof.login_line));
        text.push_str(&format!("memory: {} for the machine", proof.memory));
        if let Some(peak) = proof.qemu_peak {
            text.push_str(&format!(", at most {peak} taken on this server"));
        }
        text.push_str(&format!("\nconsole: {}\n", proof.console_log));
        text
    });
}

fn timeline(timeline: &Timeline) -> Value {
    timeline.iter().map(|(at, stage)| json!({"seconds": at.as_secs_f64(), "stage": stage})).collect()
}
