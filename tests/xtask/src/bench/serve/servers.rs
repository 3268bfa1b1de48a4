//! The two servers, on ports of their own.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::failure::{self, Failure};

pub(super) const NGINX: &str = "/usr/sbin/nginx";
/// The file below the root of the servers.
pub(super) const PATH: &str = "preboot_execution_environment/diskless/images/bench/squashfs.img";
/// The root of the servers.
const HTML: &str = "var/www/html";
/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Which server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ours,
    Nginx,
}

/// A server that runs until it is dropped.
pub(super) struct Served {
    child: Child,
    address: SocketAddr,
}

impl Served {
    pub(super) fn start(kind: Kind, program: &Utf8Path, root: &Utf8Path) -> Result<Self, Failure> {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|cause| Failure::Plain(format!("there is no free port: {cause}")))?;
        let mut command = match kind {
            Kind::Ours => {
                let mut command = Command::new(program);
                command.args(["--root", root.as_str(), "serve", "--listen", &address.to_string()]);
                command
            }
            Kind::Nginx => {
                let file = root.join("nginx.conf");
                std::fs::write(&file, nginx_configuration(root, address))
                    .map_err(failure::file("write", &file))?;
                let mut command = Command::new(NGINX);
                command.args(["-c", file.as_str()]);
                command
            }
        };
        // Both write a line for each request.
        let log = File::create(root.join(format!("{kind:?}.log"))).map_err(failure::file("write", root))?;
        command.stdin(Stdio::null()).stdout(log).stderr(Stdio::null());
        let child =
            command.spawn().map_err(|cause| Failure::Plain(format!("cannot run {command:?}: {cause}")))?;
        let served = Self { child, address };
        let begun = Instant::now();
        while TcpStream::connect(address).is_err() {
            if begun.elapsed() > PATIENCE {
                return Err(Failure::Plain(format!("{command:?} does not answer")));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(served)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Of all its processes.
    pub(super) fn processor_seconds(&self) -> Result<f64, Failure> {
        self.processes().iter().map(|pid| processor_seconds(*pid)).sum()
    }

    pub(super) fn peak_mib(&self) -> Result<f64, Failure> {
        let path = Utf8PathBuf::from(format!("/proc/{}/status", self.child.id()));
        let status = std::fs::read_to_string(&path).map_err(failure::file("read", &path))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| Failure::Plain(format!("{path} tells no VmHWM")))
    }

    /// The server and its workers.
    fn processes(&self) -> Vec<u32> {
        let first = self.child.id();
        let workers = std::fs::read_to_string(format!("/proc/{first}/task/{first}/children"));
        let workers = workers.unwrap_or_default();
        std::iter::once(first).chain(workers.split_whitespace().filter_map(|pid| pid.parse().ok())).collect()
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let pid = i32::try_from(self.child.id()).map(Pid::from_raw);
        // It ends by itself otherwise, or is gone.
        let _ = pid.map(|pid| kill(pid, Signal::SIGTERM));
        let _ = self.child.wait();
    }
}

/// What all threads of a process have used, exactly: ticks are too coarse for a single reader.
fn processor_seconds(pid: u32) -> Result<f64, Failure> {
    let tasks = Utf8PathBuf::from(format!("/proc/{pid}/task"));
    let mut seconds = 0.0;
    for task in tasks.read_dir_utf8().map_err(failure::file("read", &tasks))? {
        let path = task.map_err(failure::file("read", &tasks))?.path().join("schedstat");
        let text = std::fs::read_to_string(&path).map_err(failure::file("read", &path))?;
        let nanoseconds = text.split(' ').next().and_then(|text| text.parse::<f64>().ok());
        seconds += nanoseconds.unwrap_or_default() / 1e9;
    }
    Ok(seconds)
}

/// The lines of Debian's nginx.conf that matter for a file, with room for a thousand readers.
fn nginx_configuration(root: &Utf8Path, address: SocketAddr) -> String {
    let user = if nix::unistd::geteuid().is_root() { "user www-data;\n" } else { "" };
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|what| format!("  {what}_temp_path {root}/{what};\n"))
        .collect();
    format!(
        "{user}worker_processes auto;\ndaemon off;\npid {root}/nginx.pid;\nerror_log {root}/error.log;\n\
         events {{\n  worker_connections 2048;\n}}\n\
         http {{\n  sendfile on;\n  tcp_nopush on;\n  types_hash_max_size 2048;\n  default_type application/octet-stream;\n  \
         access_log {root}/access.log;\n  gzip on;\n{temporary}  \
         server {{\n    listen {address};\n    root {root}/{HTML};\n  }}\n}}\n"
    )
}

/// Makes the file, which all may read.
pub(super) fn place_file(root: &Utf8Path, mib: u64) -> io::Result<()> {
    let file = root.join(HTML).join(PATH);
    let directory = file.parent().unwrap_or(root);
    std::fs::create_dir_all(directory)?;
    // nginx has a user of its own.
    for above in directory.ancestors().take_while(|above| above.starts_with("/var/tmp/")) {
        std::fs::set_permissions(above, Permissions::from_mode(0o755))?;
    }
    let mut to = File::create(&file)?;
    let piece: Vec<u8> = (0..1_u32 << 20).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    for _ in 0..mib {
        to.write_all(&piece)?;
    }
    std::fs::set_permissions(&file, Permissions::from_mode(0o644))
}
