//! The NFS server of a proof: nfs-ganesha in the proof's network, with mounts, state and files of its own.
//!
//! Its thread has mounts that nobody else sees ([`views`]); they, the state of clients and the configuration lie in memory
//! and go with the server, which dies with that thread, and so with us, however that comes.

mod config;
mod views;

use std::fs::File;
use std::io::{self, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::signal::Signal;

use super::child::{LastWords, dies_with_this_thread, leaves_a_core};
use super::error::ProveError;
use super::exported::Exported;
use super::tools;
use config::Export;
use disklessset_core::needs;

/// The port of NFS 4.
const PORT: u16 = 2049;
/// It answers after a quarter of a second; a busy machine takes longer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Its words for an export of the configuration that there will not be.
const NO_EXPORT: &str = "Could not create export";
/// How often its end is looked for.
const TICK: Duration = Duration::from_millis(100);

/// The installed server.
#[derive(Debug, Clone)]
pub(super) struct Ganesha {
    program: Utf8PathBuf,
    plugins: Utf8PathBuf,
}

impl Ganesha {
    /// Looks for it.
    ///
    /// # Errors
    /// When it or its module for local file systems is not installed; with the package that has it.
    pub(super) fn find() -> Result<Self, ProveError> {
        let find = |tool: &'static needs::Tool| {
            let package = tools::package(tool);
            needs::found(tool).ok_or(ProveError::MissingNfsServer { tool: tool.name, package })
        };
        let (program, vfs) = (find(&needs::GANESHA)?, find(&needs::GANESHA_VFS)?);
        Ok(Self { program, plugins: vfs.parent().map_or_else(Utf8PathBuf::new, Utf8Path::to_owned) })
    }
}

/// A running server; dropping it ends it and waits until it is gone.
#[derive(Debug)]
pub(super) struct NfsServer {
    /// Dropped, it tells the thread to end.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl NfsServer {
    /// Starts it in the calling thread's network and comes back when it answers. `on_end` is told how it ended when
    /// it ends by itself later; its whole log then goes to the file `evidence`.
    ///
    /// # Errors
    /// When the trees cannot be shown to it, or it does not start.
    pub(super) fn start(
        ganesha: Ganesha,
        exported: Vec<Exported>,
        evidence: Utf8PathBuf,
        on_end: impl FnOnce(ServerEnd) + Send + 'static,
    ) -> Result<Self, ProveError> {
        let (stop, stopped) = channel();
        let (ready, started) = channel();
        let thread = std::thread::Builder::new()
            .name("prove-nfs".into())
            .spawn(move || live(&ganesha, &exported, &evidence, &stopped, &ready, on_end))
            .map_err(ProveError::io("start a thread"))?;
        let server = Self { stop: Some(stop), thread: Some(thread) };
        match started.recv() {
            Ok(result) => result.map(|()| server),
            Err(_) => Err(ProveError::io("start the NFS server")(io::Error::other("its thread ended"))),
        }
    }
}

impl Drop for NfsServer {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// How a server ended by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerEnd {
    /// Its exit code or signal, as a part of a sentence.
    pub(super) how: String,
    /// Its telling words.
    pub(super) words: String,
    /// Where all of its words are kept.
    pub(super) log: Option<Utf8PathBuf>,
}

impl std::fmt::Display for ServerEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "nfs-ganesha {}: {}", self.how, self.words)?;
        match &self.log {
            Some(log) => write!(f, " (its log is kept in {log})"),
            None => Ok(()),
        }
    }
}

/// The life of the thread that owns the mounts and the server.
fn live(
    ganesha: &Ganesha,
    exported: &[Exported],
    evidence: &Utf8Path,
    stopped: &Receiver<()>,
    ready: &Sender<Result<(), ProveError>>,
    on_end: impl FnOnce(ServerEnd),
) {
    let mut running =
        match Running::start(ganesha, exported, evidence).and_then(Running::wait_until_it_answers) {
            Ok(running) => running,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
    let _ = ready.send(Ok(()));
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
        if running.has_ended() {
            return on_end(running.evidence(evidence));
        }
    }
}

/// The process; dropping it kills it.
struct Running {
    child: Child,
    words: Option<LastWords>,
}

impl Running {
    fn start(ganesha: &Ganesha, exported: &[Exported], evidence: &Utf8Path) -> Result<Self, ProveError> {
        let views = views::prepare(exported)?;
        let place = Utf8Path::new(views::PLACE);
        let (file, state, pid) =
            (place.join("ganesha.conf"), place.join("ganesha-state"), place.join("ganesha.pid"));
        let exports: Vec<Export<'_>> = exported
            .iter()
            .zip(&views)
            .map(|(export, view)| Export { pseudo: &export.path, directory: view })
            .collect();
        let text = config::text(&exports, &ganesha.plugins, &state)
            .map_err(|cause| ProveError::Unsupported { what: cause.to_string() })?;
        let write = || {
            std::fs::create_dir(&state)?;
            io::Write::write_all(&mut std::fs::File::create(&file)?, text.as_bytes())
        };
        write().map_err(ProveError::io("configure the NFS server"))?;
        #[allow(clippy::disallowed_methods, reason = "this room owns the server's process")]
        let mut command = Command::new(&ganesha.program);
        command
            .args(["-F", "-f", file.as_str(), "-p", pid.as_str(), "-L", "STDERR"])
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            // Where the kernel puts a core that is named without a directory.
            .current_dir(evidence.parent().filter(|dir| dir.is_dir()).unwrap_or(Utf8Path::new("/")))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        dies_with_this_thread(&mut command);
        leaves_a_core(&mut command);
        let mut child = command.spawn().map_err(ProveError::io(format!("start {}", ganesha.program)))?;
        let words = child.stderr.take().map(LastWords::of);
        Ok(Self { child, words })
    }

    fn wait_until_it_answers(mut self) -> Result<Self, ProveError> {
        let started = Instant::now();
        loop {
            let answers = TcpStream::connect((Ipv4Addr::LOCALHOST, PORT)).is_ok();
            // It runs on without the exports it cannot make, having said so before it listens.
            let words = self.words.as_ref().map(LastWords::so_far).unwrap_or_default();
            if answers && !words.contains(NO_EXPORT) {
                return Ok(self);
            }
            if answers || self.has_ended() || started.elapsed() > PATIENCE {
                return Err(ProveError::NfsServer { words: self.end() });
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    fn has_ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// How it ended by itself. Its whole log is kept, and its core, if it left one.
    fn evidence(mut self, file: &Utf8Path) -> ServerEnd {
        let pid = self.child.id();
        let status = self.child.try_wait().ok().flatten();
        let log = self.words.take().map(LastWords::whole).unwrap_or_default();
        let mut how = match status {
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => format!("ended with exit code {code}"),
                (None, Some(number)) => match Signal::try_from(number) {
                    Ok(signal) => format!("was ended by {signal}"),
                    Err(_) => format!("was ended by signal {number}"),
                },
                (None, None) => "ended".to_owned(),
            },
            None => "ended".to_owned(),
        };
        if status.is_some_and(|status| status.core_dumped()) {
            how += ", leaving a core";
            let left = ["core".to_owned(), format!("core.{pid}")].map(|name| file.with_file_name(name));
            if let Some(core) = left.iter().find(|core| core.is_file()) {
                let kept = file.with_extension("core");
                // Where it cannot be renamed it lies beside the log all the same.
                let _ = std::fs::rename(core, &kept);
            }
        }
        let text = format!("--- nfs-ganesha (process {pid}) {how} ---\n{log}\n");
        let open = File::options().append(true).create(true).mode(0o600).open(file);
        let kept = open.and_then(|mut file| file.write_all(text.as_bytes())).is_ok();
        ServerEnd { how, words: telling_words(&log), log: kept.then(|| file.to_owned()) }
    }

    /// Ends it and gives its telling words.
    fn end(mut self) -> String {
        self.kill();
        let words = self.words.take().map(LastWords::whole).unwrap_or_default();
        telling_words(&words)
    }

    fn kill(&mut self) {
        // Both fail only when it has ended and is waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The first telling lines without the marks every line begins with; it complains of dbus and Kerberos always.
fn telling_words(log: &str) -> String {
    let usual = ["DBUS", "krb5", "keytab", "RADOS", ":EVENT :", ":INFO :", "Cannot register NFS"];
    let telling = log.lines().filter(|line| !usual.iter().any(|word| line.contains(word)));
    let mut said: Vec<_> =
        telling.map(|line| line.split_once("] ").map_or(line, |(_, said)| said).trim()).collect();
    // Newer releases warn of settings that older ones need, before they say what is wrong.
    said.sort_by_key(|line| line.contains(":WARN :"));
    match said.is_empty() {
        true => "it said nothing".to_owned(),
        false => said[..said.len().min(3)].join("; "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exported::View;

    #[test]
    fn what_it_says_in_any_case_is_left_out() {
        let log = "23/11/2026 23:20:20 : epoch 6b : vm : nfs-ganesha-1[main] gsh_dbus_pkginit :DBUS :CRIT :dbus_bus_get failed\n\
            23/11/2026 23:20:20 : epoch 6b : vm : nfs-ganesha-1[main] Bind_sockets_V4 :DISP :WARN :Cannot bind NFS tcp socket\n";
        assert_eq!(telling_words(log), "Bind_sockets_V4 :DISP :WARN :Cannot bind NFS tcp socket");
        assert_eq!(telling_words(""), "it said nothing");
    }

    #[test]
    fn what_is_wrong_comes_before_what_it_warns_of() {
        let warnings = "1 : ganesha.nfsd-1[main] nfs_set_param_from_conf :NFS STARTUP :WARN :x will soon be deprecated\n".repeat(3);
        let log = format!(
            "{warnings}1 : ganesha.nfsd-1[main] resolve_posix_filesystem :FSAL :CRIT :no such file system\n"
        );
        let told = telling_words(&log);
        assert!(told.starts_with("resolve_posix_filesystem :FSAL :CRIT :no such file system; "), "{told}");
    }

    #[test]
    fn a_tree_that_cannot_be_exported_is_an_error_at_once() {
        let Ok(ganesha) = Ganesha::find() else { return };
        if !rustix::process::geteuid().is_root() {
            return;
        }
        // Files of /proc have no handles.
        let proc = Exported { path: "/d/a".into(), directory: "/proc".into(), view: View::AsItIs };
        let end = std::thread::spawn(move || {
            crate::network::enter_private().unwrap();
            NfsServer::start(ganesha, vec![proc], "/nowhere/log".into(), |_| ()).map(drop)
        });
        let error = end.join().unwrap().unwrap_err().to_string();
        assert!(error.contains("resolve_posix_filesystem"), "{error}");
    }
}
