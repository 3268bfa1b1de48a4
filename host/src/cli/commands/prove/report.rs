//! What a proof shows while it runs, and its report.

use crate::{
    cli::request::Session,
    output::Format,
    prove::{FoundMemory, NodeName, Proof, ProveEvent, ProvenMachine, Timeline},
};
use serde_json::{Value, json};

pub(super) fn names<'a>(nodes: impl IntoIterator<Item = &'a NodeName>) -> String {
    nodes.into_iter().map(NodeName::as_str).collect::<Vec<_>>().join(", ")
}

/// Stages are the time line that was asked for; in the other formats it is part of the document that comes last.
pub(super) fn tell(session: &Session, several: bool, event: ProveEvent) {
    use crate::observer::Observer;
    use disklessset_plugin_api::Level;
    let output = &session.output;
    // Lines of machines that boot side by side begin with whose they are.
    let of = |node: &NodeName| if several { format!("{node}  ") } else { String::new() };
    match event {
        ProveEvent::Probing => output.line(Level::Info, "finding out whether KVM works here"),
        ProveEvent::Started { firmware, memory, accelerator, reason, cpus, nodes } => {
            let reason = reason.map(|reason| format!(" ({reason})")).unwrap_or_default();
            let cpus = if cpus == 1 { "one processor".to_owned() } else { format!("{cpus} processors") };
            let nodes = if several { format!(" each: {}", names(&nodes)) } else { String::new() };
            output.say(&format!("booting with {firmware}, {accelerator}{reason}, {memory}, {cpus}{nodes}"));
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
pub(super) fn print(session: &Session, proof: &Proof, found: Option<FoundMemory>) {
    let mut document = proof.machines.first().map(machine).unwrap_or_default();
    let common = json!({
        "boots": true,
        "firmware": proof.firmware,
        "accelerator": proof.accelerator,
        "memory_mebibytes": proof.memory.0,
        "failed_tries": proof.failed_tries,
        "nodes": proof.machines.iter().map(machine).collect::<Vec<_>>(),
    });
    if let (Value::Object(document), Value::Object(common)) = (&mut document, common) {
        document.extend(common);
        if let Some(found) = found {
            document.insert("needed_mebibytes".to_owned(), found.enough.0.into());
            document
                .insert("too_little_mebibytes".to_owned(), found.too_little.map(|memory| memory.0).into());
        }
    }
    session.output.document("proof", &document, |_| {
        let mut text = String::new();
        for machine in &proof.machines {
            let who = if proof.machines.len() > 1 { format!("{}: ", machine.node) } else { String::new() };
            text.push_str(&format!("{who}login line: {}\n", crate::output::plain(&machine.login_line)));
            text.push_str(&format!("{who}firmware: {}\n", proof.firmware));
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
