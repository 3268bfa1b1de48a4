//! Finds out whether KVM works here, by booting something.
//!
//! The device file proves little: on some nested hypervisors it is there, firmware runs, and a stock
//! kernel hangs before its first word.

use std::io::Read;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::machine::{Boot, MachineSpec, Processor};
use super::report::UsedAccelerator;
use super::request::Mebibytes;
use disklessset_core::system::atomic_file;

/// A kernel under working KVM panics for want of a root in two or three seconds.
const PATIENCE: Duration = Duration::from_secs(12);
const DEVICE: &str = "/dev/kvm";
const CACHE_FILE: &str = "kvm-probe.json";

/// The probe's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) accelerator: UsedAccelerator,
    /// Why not KVM.
    pub(super) reason: Option<String>,
}

/// An answer and what it holds for.
#[derive(Debug, Serialize, Deserialize)]
struct Cached {
    boot_id: String,
    program: String,
    #[serde(flatten)]
    answer: Answer,
}

fn emulation(reason: impl Into<String>) -> Answer {
    Answer { accelerator: UsedAccelerator::Emulation, reason: Some(reason.into()) }
}

/// What is known without booting anything: from an earlier probe since this server started, or
/// because there is nothing to probe.
pub(super) fn known(program: &Utf8Path, cache_dir: Option<&Utf8Path>) -> Option<Answer> {
    if !Utf8Path::new(DEVICE).exists() {
        return Some(emulation(format!("there is no {DEVICE}")));
    }
    let text = std::fs::read_to_string(cache_dir?.join(CACHE_FILE)).ok()?;
    let cached: Cached = serde_json::from_str(&text).ok()?;
    (cached.boot_id == boot_id()? && cached.program == program.as_str()).then_some(cached.answer)
}

/// Starts `kernel` under KVM and sees whether it runs through its own start.
///
/// `stop` ends the probe early; the answer is then emulation and is not kept.
pub(super) fn probe(
    program: &Utf8Path,
    kernel: Option<&Utf8Path>,
    cache_dir: Option<&Utf8Path>,
    stop: &dyn Fn() -> bool,
) -> Answer {
    let Some(kernel) = kernel.filter(|kernel| kernel.is_file()) else {
        return emulation("the boot file names no kernel KVM could be probed with");
    };
    let spec = MachineSpec {
        program: program.to_owned(),
        accelerator: UsedAccelerator::Kvm,
        memory: Mebibytes(256),
        cpus: 1,
        processor: Processor::Plain,
    };
    let answer = run(&spec, &Boot::Kernel(kernel.to_owned()), stop);
    if !stop() {
        // A cache that cannot be written costs the next proof a few seconds, nothing else.
        let _ = keep(&answer, program, cache_dir);
    }
    answer
}

fn run(spec: &MachineSpec, boot: &Boot, stop: &dyn Fn() -> bool) -> Answer {
    let mut machine = match spec.start(boot) {
        Ok(machine) => machine,
        Err(error) => return emulation(format!("cannot start {}: {error}", spec.program)),
    };
    let Some((_input, mut output)) = machine.console() else {
        return emulation("the machine has no console");
    };
    let (sender, pieces) = channel();
    let reader = std::thread::spawn(move || {
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = output.read(&mut piece) {
            if sender.send(piece[..length].to_vec()).is_err() {
                break;
            }
        }
    });
    let started = Instant::now();
    let mut seen = Vec::new();
    let answer = loop {
        match pieces.recv_timeout(Duration::from_millis(100)) {
            Ok(piece) => seen.extend_from_slice(&piece),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => {
                let end = machine.end();
                break match panicked(&seen) {
                    true => None,
                    false => Some(format!("KVM cannot be used ({})", end.describe())),
                };
            }
        }
        if panicked(&seen) {
            drop(machine);
            break None;
        }
        if started.elapsed() > PATIENCE || stop() {
            drop(machine);
            break Some(format!(
                "{DEVICE} is there, but a kernel did not start under it within {} s",
                PATIENCE.as_secs()
            ));
        }
    };
    drop(pieces);
    let _ = reader.join();
    match answer {
        None => Answer { accelerator: UsedAccelerator::Kvm, reason: None },
        Some(reason) => emulation(reason),
    }
}

/// The kernel came to the end of its start: it looks for a root and has none.
fn panicked(console: &[u8]) -> bool {
    let text = String::from_utf8_lossy(console);
    text.contains("Linux version ")
        && (text.contains("Kernel panic - not syncing") || text.contains("Unable to mount root"))
}

fn boot_id() -> Option<String> {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(id.trim().to_owned())
}

fn keep(answer: &Answer, program: &Utf8Path, cache_dir: Option<&Utf8Path>) -> Option<()> {
    let cached = Cached { boot_id: boot_id()?, program: program.to_string(), answer: answer.clone() };
    let dir = cache_dir?;
    atomic_file::create_dir_all(dir, 0o755).ok()?;
    let mut file = tempfile::NamedTempFile::new_in(dir).ok()?;
    serde_json::to_writer(&mut file, &cached).ok()?;
    file.persist(dir.join(CACHE_FILE)).ok()?;
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_kept_for_this_boot_and_this_program() {
        let dir = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(dir.path()).unwrap();
        let answer = emulation("a kernel did not start");
        keep(&answer, Utf8Path::new("/usr/bin/q"), Some(dir)).unwrap();
        if Utf8Path::new(DEVICE).exists() {
            assert_eq!(known(Utf8Path::new("/usr/bin/q"), Some(dir)), Some(answer));
            assert_eq!(known(Utf8Path::new("/usr/bin/other"), Some(dir)), None);
        }
        let text = std::fs::read_to_string(dir.join(CACHE_FILE)).unwrap();
        assert!(text.contains("\"accelerator\":\"emulation\""), "{text}");
    }

    #[test]
    fn firmware_alone_is_no_kernel() {
        assert!(!panicked(b"SeaBIOS\r\nBooting from ROM..."));
        assert!(!panicked(b"[0.0] Linux version 6.1\r\n"));
        assert!(panicked(
            b"[0.0] Linux version 6.1\r\n[1.2] Kernel panic - not syncing: VFS: Unable to mount root fs"
        ));
    }
}
