//! The virtual machine: QEMU's arguments, its life and its end.
//!
//! It is started here and not through the room that runs tools: its output is a console that is
//! read while it runs, and it must die with us.
#![allow(unsafe_code)]

use std::io::{self, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::JoinHandle;

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::Signal;
use nix::unistd::{Pid, getpid, getppid};

use super::boot_file::ENTRY_PATH;
use super::report::UsedAccelerator;
use super::request::Mebibytes;

/// Where QEMU is: Debian and most others, then Enterprise Linux.
const PROGRAMS: [&str; 4] = [
    "/usr/bin/qemu-system-x86_64",
    "/usr/local/bin/qemu-system-x86_64",
    "/usr/libexec/qemu-kvm",
    "/usr/bin/qemu-kvm",
];

/// The machine to start.
#[derive(Debug, Clone)]
pub(super) struct MachineSpec {
    pub(super) program: Utf8PathBuf,
    pub(super) accelerator: UsedAccelerator,
    pub(super) memory: Mebibytes,
    pub(super) cpus: u32,
    pub(super) processor: Processor,
    pub(super) boot: Boot,
}

/// Without `tb-size` QEMU takes a gigabyte more.
const EMULATION: &str = "tcg,thread=multi,tb-size=256";

/// The emulated processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Processor {
    /// Nothing beyond the first x86-64: boots in two thirds of the time of the newest.
    Plain,
    /// All QEMU knows, for images built for x86-64-v2 and later (Enterprise Linux 9).
    Newest,
}

/// What the machine starts with.
#[derive(Debug, Clone)]
pub(super) enum Boot {
    /// iPXE on its network card, as a node.
    Network { node_name: String },
    /// A kernel alone, which can only panic: for probing.
    Kernel(Utf8PathBuf),
}

/// QEMU's path, if it is installed.
pub(super) fn find_qemu() -> Option<Utf8PathBuf> {
    PROGRAMS.iter().map(|program| Utf8PathBuf::from(*program)).find(|program| program.is_file())
}

impl MachineSpec {
    /// QEMU's arguments.
    fn arguments(&self) -> Vec<String> {
        let (accelerator, cpu) = match (self.accelerator, self.processor) {
            (UsedAccelerator::Kvm, _) => ("kvm", "host"),
            (UsedAccelerator::Emulation, Processor::Plain) => (EMULATION, "qemu64"),
            (UsedAccelerator::Emulation, Processor::Newest) => (EMULATION, "max"),
        };
        let mut arguments: Vec<String> = [
            "-accel",
            accelerator,
            "-cpu",
            cpu,
            "-no-user-config",
            "-nodefaults",
            "-no-reboot",
            "-nographic",
            "-serial",
            "stdio",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.extend(["-smp".into(), self.cpus.to_string()]);
        arguments.extend(["-m".into(), self.memory.0.to_string()]);
        match &self.boot {
            Boot::Network { node_name } => arguments.extend([
                "-netdev".to_owned(),
                format!("user,id=n0,hostname={node_name},bootfile=http://10.0.2.2/{ENTRY_PATH}"),
                "-device".to_owned(),
                "virtio-net-pci,netdev=n0,bootindex=0".to_owned(),
                "-device".to_owned(),
                "virtio-rng-pci".to_owned(),
            ]),
            Boot::Kernel(kernel) => arguments.extend([
                "-nic".to_owned(),
                "none".to_owned(),
                "-kernel".to_owned(),
                kernel.to_string(),
                "-append".to_owned(),
                "console=ttyS0,115200 panic=-1".to_owned(),
            ]),
        }
        arguments
    }

    /// Starts the machine. It is killed when the calling *thread* ends, however that comes.
    pub(super) fn start(&self) -> io::Result<Machine> {
        let parent = getpid();
        #[allow(clippy::disallowed_methods, reason = "this room owns QEMU's process")]
        let mut command = Command::new(&self.program);
        command.args(self.arguments()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        // SAFETY: between fork and exec the closure makes three plain system calls (prctl,
        // getppid, and the error's errno), none of which allocates or takes a lock.
        unsafe {
            command.pre_exec(move || die_with(parent));
        }
        let mut child = command.spawn()?;
        let errors = child.stderr.take().map(keep_last_words);
        Ok(Machine { child, errors })
    }
}

fn die_with(parent: Pid) -> io::Result<()> {
    nix::sys::prctl::set_pdeathsig(Signal::SIGKILL)?;
    // The parent may have died before the line above.
    match getppid() == parent {
        true => Ok(()),
        false => Err(io::Error::from_raw_os_error(nix::libc::ESRCH)),
    }
}

fn keep_last_words(mut stderr: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        let mut piece = [0; 4096];
        while let Ok(length @ 1..) = stderr.read(&mut piece) {
            kept.extend_from_slice(&piece[..length]);
            let surplus = kept.len().saturating_sub(8192);
            kept.drain(..surplus);
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

/// A running machine; dropping it kills it and waits.
#[derive(Debug)]
pub(super) struct Machine {
    child: Child,
    errors: Option<JoinHandle<String>>,
}

impl Machine {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The console's two ends; can be taken once.
    pub(super) fn console(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        self.child.stdin.take().zip(self.child.stdout.take())
    }

    /// Kills the machine if it still runs, and tells how it ended.
    pub(super) fn end(mut self) -> MachineEnd {
        // Its console may close a moment before it exits by itself.
        for _ in 0..20 {
            match self.child.try_wait() {
                Ok(None) => std::thread::sleep(std::time::Duration::from_millis(5)),
                _ => break,
            }
        }
        self.reap()
    }

    /// Kills the machine at once.
    pub(super) fn kill(mut self) -> MachineEnd {
        self.reap()
    }

    fn reap(&mut self) -> MachineEnd {
        let _ = self.child.kill();
        let status = match self.child.wait() {
            Ok(status) => match (status.signal().map(Signal::try_from), status.code()) {
                (Some(Ok(signal)), _) => format!("QEMU was ended by {signal}"),
                (_, Some(code)) => format!("QEMU ended with exit code {code}"),
                _ => format!("QEMU ended: {status}"),
            },
            Err(error) => format!("cannot wait for QEMU: {error}"),
        };
        let errors = self.errors.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        MachineEnd { status, errors }
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.reap();
    }
}

/// How a machine ended.
#[derive(Debug, Clone)]
pub(super) struct MachineEnd {
    status: String,
    errors: String,
}

impl MachineEnd {
    /// One line for people.
    pub(super) fn describe(&self) -> String {
        match self.errors.lines().rfind(|line| !line.trim().is_empty()) {
            Some(line) => format!("{}: {}", self.status, line.trim()),
            None => self.status.clone(),
        }
    }

    /// Whether QEMU did not find the network card's iPXE.
    pub(super) fn lacks_rom(&self) -> bool {
        self.errors.contains("romfile") || self.errors.contains(".rom\"")
    }
}

/// The most memory a process took so far.
pub(super) fn peak_memory(pid: u32) -> Option<Mebibytes> {
    let status = std::fs::read_to_string(Utf8Path::new("/proc").join(pid.to_string()).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u32 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(Mebibytes(kib.div_ceil(1024)))
}

/// How many processors an emulated machine gets: more than the server has idle make it slower or
/// lock it up.
pub(super) fn sensible_cpus() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let load: f64 = std::fs::read_to_string("/proc/loadavg")
        .ok()
        .and_then(|text| text.split_whitespace().next()?.parse().ok())
        .unwrap_or(0.0);
    match cores >= 2 && load < cores as f64 - 0.5 {
        true => 2,
        false => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_memory_can_be_read() {
        let peak = peak_memory(std::process::id()).unwrap();
        assert!(peak.0 >= 1 && peak.0 < 10_000, "{peak}");
    }

    #[test]
    fn a_missing_rom_is_told_from_other_ends() {
        let end =
            |errors: &str| MachineEnd { status: "QEMU ended with exit code 1".into(), errors: errors.into() };
        let rom =
            end("qemu-system-x86_64: -device virtio-net-pci: failed to find romfile \"efi-virtio.rom\"\n");
        assert!(rom.lacks_rom());
        let memory =
            end("qemu-system-x86_64: cannot set up guest memory 'pc.ram': Cannot allocate memory\n\n");
        assert!(!memory.lacks_rom());
        assert!(memory.describe().contains("exit code 1: qemu-system-x86_64: cannot set up guest"));
    }
}
