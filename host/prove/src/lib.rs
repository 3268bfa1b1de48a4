//! The boot proof: an image is booted in throw-away virtual machines as nodes would boot it.
//!
//! Real iPXE, on a machine's network card or fetched by its UEFI, takes an address, chains to the image's own `boot.ipxe`
//! and fetches over HTTP what that names, from a server that refuses what an unprivileged one could
//! not read. An NFS root is mounted from a server that is started for the proof. It is proven when the
//! serial console shows a login prompt and the image's system is up, on every machine.
//!
//! ```text
//! request ─┬─ tools                             what the server must have
//!          ├─ boot_file ─ nfs_root ─ exported    which trees, whether changes stay
//!          ├─ probe (does KVM work?)
//!          └─ attempt ─┬─ site ─┬─ network       namespace of one thread
//!                      │        ├─ dhcp          for UEFI; a BIOS has QEMU's own network
//!                      │        ├─ serve         boot files over HTTP
//!                      │        ├─ nfs_server    trees over NFS, in mounts of its own
//!                      │        └─ machine …     QEMU, one a node
//!                      └─ watch …                console + requests → stages, verdict
//!                           └─ cause             why it failed
//! ```
//!
//! This crate prints nothing: it reports [`ProveEvent`]s while it runs and returns a [`Proof`].

mod asker;
mod attempt;
mod boot_file;
mod cause;
mod child;
mod console;
mod dhcp;
mod error;
mod evidence;
mod exported;
mod firmware;
mod machine;
mod memory;
mod network;
mod nfs_root;
mod nfs_server;
mod node;
mod probe;
#[cfg(test)]
mod replay;
mod report;
mod request;
mod search;
mod site;
mod stage;
mod subnet;
mod tools;
mod visit;
mod watch;

use std::fs::File;
use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

pub use boot_file::FlatOverlay;
pub use cause::{Cause, NeededFile};
pub use disklessset_plugin_api::node_set::NodeName;
pub use error::ProveError;
pub use firmware::{Firmware, UnknownFirmware};
pub use memory::NeededMemory;
pub use report::{FailedMachine, Failure, Proof, ProveEvent, ProvenMachine, UsedAccelerator};
pub use request::{Accelerator, Mebibytes, ProveRequest};
pub use search::{FoundMemory, MemorySearch};
pub use stage::{Stage, Timeline};
pub use visit::{FromConsole, VisitedConsole, Visitor};

use attempt::Trial;
use boot_file::{BootFile, ENTRY_PATH, LOADER_PATH, OTHER_BOOT_FILE, entry_script};
use disklessset_core::needs;
use disklessset_core::system::{FileError, atomic_file, files};
use disklessset_serve::ServedTree;
use machine::{MachineSpec, Processor};
use nfs_root::NfsRoot;
use nfs_server::Ganesha;
use probe::Answer;
use site::{Served, Trees};
use subnet::Subnet;
use tools::{FirmwareTools, Tools};

/// A node that is to be proven, and where its console is kept.
struct Candidate {
    node: NodeName,
    log: File,
    log_path: Utf8PathBuf,
}

/// Boots what `request` names and tells whether it comes up.
///
/// `stop` is asked some ten times a second whether the user wants to end it. Nothing is left behind
/// in any case but the consoles' logs and what nodes write to trees of their own: machines and servers die even when this
/// process is killed.
///
/// # Errors
/// [`ProveError::Failed`] when the image does not boot, the others when that could not be found out.
pub fn prove(
    request: &ProveRequest,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Proof, ProveError> {
    prove_and_visit(request, None, stop, on_event)
}

/// As [`prove`], and has the machine visited when it is up. No time limit holds for the visit.
///
/// # Errors
/// As [`prove`]; and [`ProveError::SeveralToVisit`] when several machines are to boot.
pub fn prove_and_visit(
    request: &ProveRequest,
    mut visitor: Option<&mut Visitor<'_>>,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Proof, ProveError> {
    if visitor.is_some() && request.machines() > 1 {
        return Err(ProveError::SeveralToVisit);
    }
    if !rustix::process::geteuid().is_root() {
        return Err(ProveError::NotRoot);
    }
    let Tools { qemu: program, firmware: firmware_tools } = Tools::find(request.firmware)?;
    let boot_file = read_boot_file(request)?;
    let served = served(request, &boot_file, firmware_tools)?;
    let mut pending = candidates(request)?;
    let mut answer = choose(request, &program, &boot_file, stop, on_event);
    if stop() {
        return Err(ProveError::Interrupted);
    }
    let mut machines: Vec<ProvenMachine> = Vec::new();
    let mut failed_tries = Vec::new();
    let mut retries = request.retries;
    let mut processor = Processor::Plain;
    loop {
        let spec = MachineSpec {
            program: program.clone(),
            accelerator: answer.accelerator,
            memory: request.memory,
            cpus: request.cpus.unwrap_or_else(|| machine::sensible_cpus(pending.len())),
            processor,
        };
        let (accelerator, cpus) = (spec.accelerator, spec.cpus);
        let nodes = pending.iter().map(|candidate| candidate.node.clone()).collect();
        let (firmware, memory) = (request.firmware, request.memory);
        let reason = answer.reason.clone();
        on_event(ProveEvent::Started { firmware, memory, accelerator, reason, cpus, nodes });
        let mut trials: Vec<Trial> =
            pending.into_iter().map(|candidate| Trial::new(candidate, &boot_file)).collect();
        let timeout = request.time_for_a_try();
        let visitor = visitor.as_deref_mut();
        let run = attempt::run(&mut trials, &spec, served.clone(), timeout, visitor, stop, on_event);
        let ended = match run {
            // Rare, and not known to be the image's doing.
            Err(ProveError::NfsServerEnded { end }) if retries > 0 => {
                retries -= 1;
                pending = Vec::new();
                for trial in trials {
                    pending.push(again(trial.again(), &end, on_event)?);
                }
                failed_tries.push(end);
                continue;
            }
            ended => ended?,
        };
        let mut failed = Vec::new();
        for (trial, ended) in trials.into_iter().zip(ended) {
            if ended.lacks_rom {
                return Err(tools::missing(&needs::IPXE));
            }
            match ended.end {
                Ok(()) => machines.push(trial.proven(ended.qemu_peak)),
                Err(end) => failed.push(trial.failed(end, request.memory)),
            }
        }
        machines.sort_by_key(|machine| request.nodes.iter().position(|node| *node == machine.node));
        if failed.is_empty() {
            let accelerator_reason = answer.reason;
            return Ok(Proof {
                firmware,
                accelerator,
                accelerator_reason,
                memory,
                cpus,
                machines,
                failed_tries,
            });
        }
        let all = |test: fn(&Cause) -> bool| failed.iter().all(|(_, machine)| test(&machine.cause));
        let newer = all(|cause| matches!(cause, Cause::ProcessorTooOld { .. }))
            && accelerator == UsedAccelerator::Emulation
            && processor == Processor::Plain;
        if newer {
            processor = Processor::Newest;
        } else if all(Cause::may_pass) && retries > 0 {
            retries -= 1;
        } else {
            let came_up = machines.into_iter().map(|machine| machine.node).collect();
            let machines = failed.into_iter().map(|(_, machine)| machine).collect();
            let failure = Failure { machines, came_up, firmware, accelerator, failed_tries };
            return Err(ProveError::Failed(Box::new(failure)));
        }
        pending = Vec::new();
        for (candidate, machine) in failed {
            let reason = machine.cause.to_string();
            pending.push(again(candidate, &reason, on_event)?);
            failed_tries.push(reason);
        }
        if request.accelerator == Accelerator::Auto {
            answer = after_failure(answer);
        }
    }
}

/// The memory that the image of `request` is expected to need, by its files.
///
/// # Errors
/// When its boot file or one of these files is not there.
pub fn needed_memory(request: &ProveRequest) -> Result<NeededMemory, ProveError> {
    NeededMemory::of(&read_boot_file(request)?, &request.http_root)
}

/// A candidate for another try, for a reason that is told.
fn again(
    mut candidate: Candidate,
    reason: &str,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Candidate, ProveError> {
    writeln!(candidate.log, "\n--- another try: {reason} ---")
        .map_err(ProveError::io(format!("write {}", candidate.log_path)))?;
    on_event(ProveEvent::Retry { node: candidate.node.clone(), reason: reason.to_owned() });
    Ok(candidate)
}

/// What the machines are served; looks for all that is missing before anything starts.
fn served(
    request: &ProveRequest,
    boot_file: &BootFile,
    firmware: FirmwareTools,
) -> Result<Served, ProveError> {
    let files = ServedTree::new(&request.http_root)
        .map_err(ProveError::io(format!("open {}", request.http_root)))?
        .with_file(ENTRY_PATH, entry_script(request.served_boot_path()));
    let files = match &request.boot_text {
        Some(text) => files.with_file(OTHER_BOOT_FILE, text.clone()),
        None => files,
    };
    let files = match &firmware {
        FirmwareTools::Bios => files,
        FirmwareTools::Uefi(tools) => {
            let ipxe = std::fs::read(&tools.ipxe).map_err(ProveError::io(format!("read {}", tools.ipxe)))?;
            files.with_file(LOADER_PATH, ipxe)
        }
    };
    let unsupported = |cause: nfs_root::NfsRootError| ProveError::Unsupported { what: cause.to_string() };
    let nfs_root = NfsRoot::parse(boot_file.root.as_deref().unwrap_or_default()).map_err(unsupported)?;
    let trees = match nfs_root {
        Some(root) => {
            let exported = exported::exported(&root, &request.system_root, &request.nodes)?;
            let evidence = request.console_log.with_extension("nfs-ganesha.log");
            // Of this proof alone.
            match std::fs::remove_file(&evidence) {
                Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                    return Err(ProveError::io(format!("remove {evidence}"))(cause));
                }
                _ => {}
            }
            Some(Trees { ganesha: Ganesha::find()?, exported, evidence })
        }
        None if request.nodes.is_empty() => None,
        None => return Err(ProveError::NodesNotNamed),
    };
    Ok(Served { files, firmware, trees })
}

fn candidates(request: &ProveRequest) -> Result<Vec<Candidate>, ProveError> {
    let made_up = [node::made_up()?];
    let nodes = if request.nodes.is_empty() { &made_up[..] } else { &request.nodes };
    if nodes.len() > Subnet::MOST {
        return Err(ProveError::TooManyNodes { most: Subnet::MOST });
    }
    let open = |node: &NodeName| {
        node::must_be_host_name(node)?;
        let log_path = request.log_of(node);
        Ok(Candidate { node: node.clone(), log: open_log(&log_path)?, log_path })
    };
    nodes.iter().map(open).collect()
}

/// KVM that failed once is not trusted a second time, unless it was asked for.
fn after_failure(answer: Answer) -> Answer {
    match answer.accelerator {
        UsedAccelerator::Emulation => answer,
        UsedAccelerator::Kvm => Answer {
            accelerator: UsedAccelerator::Emulation,
            reason: Some("the first try under KVM failed".to_owned()),
        },
    }
}

fn choose(
    request: &ProveRequest,
    program: &Utf8Path,
    boot_file: &BootFile,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Answer {
    let forced = |accelerator| Answer { accelerator, reason: None };
    match request.accelerator {
        Accelerator::Kvm => forced(UsedAccelerator::Kvm),
        Accelerator::Emulation => forced(UsedAccelerator::Emulation),
        Accelerator::Auto => {
            let cache = request.cache_dir.as_deref();
            probe::known(program, cache).unwrap_or_else(|| {
                on_event(ProveEvent::Probing);
                let kernel = boot_file.kernel.as_ref().map(|kernel| request.http_root.join(kernel));
                probe::probe(program, kernel.as_deref(), cache, stop)
            })
        }
    }
}

fn read_boot_file(request: &ProveRequest) -> Result<BootFile, ProveError> {
    if let Some(text) = &request.boot_text {
        return Ok(BootFile::parse(&request.boot_path, text));
    }
    let path = request.http_root.join(&request.boot_path);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ProveError::NoBootFile { path });
        }
        Err(error) => return Err(ProveError::io(format!("read {path}"))(error)),
    };
    Ok(BootFile::parse(&request.boot_path, &text))
}

fn open_log(path: &Utf8Path) -> Result<File, ProveError> {
    let told = |error: FileError| ProveError::io(format!("{} {}", error.act, error.path))(error.source);
    if let Some(directory) = path.parent() {
        atomic_file::create_dir_all(directory, 0o755).map_err(told)?;
    }
    // Of this proof alone, and new: what lies there is not written to, whoever made it.
    files::remove_file(path).map_err(told)?;
    // What a system says while it starts is not for everybody.
    atomic_file::create_new(path, 0o640).map_err(told)
}
