//! The boot proof: an image is booted in a throw-away virtual machine as a node would boot it.
//!
//! Real iPXE on the machine's network card takes an address, chains to the image's own `boot.ipxe`
//! and fetches over HTTP what that names, from a server that refuses what an unprivileged one could
//! not read. It is proven when the serial console shows a login prompt and the image's system is up.
//!
//! ```text
//! request ─ probe (does KVM work?) ─ attempt ─┬─ network    namespace of one thread
//!                                             ├─ serve      boot files over HTTP
//!                                             ├─ machine    QEMU
//!                                             └─ watch      console + requests → stages, verdict
//!                                                  └─ cause      why it failed
//! ```
//!
//! This room prints nothing: it reports [`ProveEvent`]s while it runs and returns a [`Proof`].

mod attempt;
mod boot_file;
mod cause;
mod console;
mod evidence;
mod machine;
mod network;
mod probe;
#[cfg(test)]
mod replay;
mod report;
mod request;
mod watch;

use std::fs::File;
use std::io::Write;

pub use cause::{Cause, FlatOverlay, NeededFile};
pub use report::{Failure, Proof, ProveError, ProveEvent, Stage, Timeline, UsedAccelerator};
pub use request::{Accelerator, Mebibytes, ProveRequest};

use crate::serve::ServedTree;
use boot_file::{BootFile, ENTRY_PATH, entry_script};
use machine::{Boot, MachineSpec, Processor};
use probe::Answer;
use watch::Watch;

/// Boots what `request` names and tells whether it comes up.
///
/// `stop` is asked some ten times a second whether the user wants to end it. Nothing is left behind
/// in any case but the console's log: the machine dies even when this process is killed.
///
/// # Errors
/// [`ProveError::Failed`] when the image does not boot, the others when that could not be found out.
pub fn prove(
    request: &ProveRequest,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Proof, ProveError> {
    if !nix::unistd::geteuid().is_root() {
        return Err(ProveError::NotRoot);
    }
    let program = machine::find_qemu()
        .ok_or(ProveError::MissingTool { tool: "qemu-system-x86_64", package: "qemu-system-x86" })?;
    let boot_file = read_boot_file(request)?;
    let tree = ServedTree::new(&request.http_root)
        .map_err(ProveError::io(format!("open {}", request.http_root)))?
        .with_file(ENTRY_PATH, entry_script(&request.boot_path));
    let mut log = open_log(request)?;
    let mut answer = choose(request, &program, &boot_file, stop, on_event);
    if stop() {
        return Err(ProveError::Interrupted);
    }
    let mut failed_tries = Vec::new();
    let mut retries = request.retries;
    let mut processor = Processor::Plain;
    loop {
        let spec = MachineSpec {
            program: program.clone(),
            accelerator: answer.accelerator,
            memory: request.memory,
            cpus: request.cpus.unwrap_or_else(machine::sensible_cpus),
            processor,
            boot: Boot::Network { node_name: request.node_name.clone() },
        };
        on_event(ProveEvent::Started {
            accelerator: spec.accelerator,
            reason: answer.reason.clone(),
            cpus: spec.cpus,
        });
        let mut watch = Watch::new(boot_file.clone());
        let ended = attempt::run(&spec, tree.clone(), request.timeout, &mut log, &mut watch, stop, on_event)?;
        if ended.lacks_rom {
            return Err(ProveError::MissingTool {
                tool: "iPXE for QEMU's network card",
                package: "ipxe-qemu",
            });
        }
        let Err(end) = ended.end else {
            return Ok(Proof {
                accelerator: spec.accelerator,
                accelerator_reason: answer.reason,
                memory: request.memory,
                cpus: spec.cpus,
                login_line: watch.login_line.clone().unwrap_or_default(),
                failed_units: watch.failed_units,
                timeline: watch.timeline,
                qemu_peak: ended.qemu_peak,
                failed_tries,
                console_log: request.console_log.clone(),
            });
        };
        let cause = watch.evidence.cause(end, watch.last_stage(), &watch.failed_units, request.memory);
        let newer = matches!(cause, Cause::ProcessorTooOld { .. })
            && spec.accelerator == UsedAccelerator::Emulation
            && processor == Processor::Plain;
        if newer {
            processor = Processor::Newest;
        } else if cause.may_pass() && retries > 0 {
            retries -= 1;
        } else {
            return Err(ProveError::Failed(Box::new(Failure {
                cause,
                last_lines: watch.last_lines(),
                timeline: watch.timeline,
                failed_units: watch.failed_units,
                accelerator: spec.accelerator,
                failed_tries,
                console_log: request.console_log.clone(),
            })));
        }
        let reason = cause.to_string();
        writeln!(log, "\n--- another try: {reason} ---")
            .map_err(ProveError::io(format!("write {}", request.console_log)))?;
        on_event(ProveEvent::Retry { reason: reason.clone() });
        failed_tries.push(reason);
        if request.accelerator == Accelerator::Auto {
            answer = after_failure(answer);
        }
    }
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
    program: &camino::Utf8Path,
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
    let path = request.http_root.join(&request.boot_path);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(ProveError::NoBootFile { path });
        }
        Err(error) => return Err(ProveError::io(format!("read {path}"))(error)),
    };
    let boot_file = BootFile::parse(&request.boot_path, &text);
    match boot_file.root.as_deref() {
        Some(root) if root.starts_with("nfs") => Err(ProveError::Unsupported {
            what: format!("its root is {root}, and proofs over NFS are not there yet"),
        }),
        _ => Ok(boot_file),
    }
}

fn open_log(request: &ProveRequest) -> Result<File, ProveError> {
    let path = &request.console_log;
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory)
            .map_err(ProveError::io(format!("make the directory {directory}")))?;
    }
    File::create(path).map_err(ProveError::io(format!("write {path}")))
}
