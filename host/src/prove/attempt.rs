//! One try: a private network, a boot server and a machine in it, until it is decided.

use std::fs::File;
use std::io::{self, Read, Write};
use std::process::ChildStdin;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::evidence::End;
use super::machine::{Machine, MachineEnd, MachineSpec, peak_memory};
use super::network;
use super::report::{ProveError, ProveEvent};
use super::request::Mebibytes;
use super::watch::{Verdict, Watch};
use crate::serve::{Observer, RequestReport, ServedTree, serve};

/// How often time-outs and interruptions are looked at.
const TICK: Duration = Duration::from_millis(100);
/// iPXE waits twice for this key, two seconds each; another key ends the wait.
const FIRMWARE_WAITS: &[u8] = b"Press Ctrl-B";

/// What the threads of a try tell.
enum Told {
    Console(Vec<u8>),
    ConsoleClosed,
    Request(RequestReport),
}

/// How a try ended.
pub(super) struct Ended {
    pub(super) end: Result<(), End>,
    pub(super) qemu_peak: Option<Mebibytes>,
    pub(super) lacks_rom: bool,
}

/// Runs one try to its end; `watch` holds what was seen.
///
/// # Errors
/// When this server fails or `stop` says so. The machine is gone in every case.
pub(super) fn run(
    spec: &MachineSpec,
    tree: ServedTree,
    timeout: Duration,
    log: &mut File,
    watch: &mut Watch,
    stop: &dyn Fn() -> bool,
    on_event: &mut dyn FnMut(ProveEvent),
) -> Result<Ended, ProveError> {
    let (tell, told) = channel();
    let mut site = Site::open(spec.clone(), tree, tell)?;
    let started = Instant::now();
    let mut peak = None;
    let mut keys = Keys::default();
    let end = loop {
        let tale = told.recv_timeout(TICK);
        let at = started.elapsed();
        let events = match tale {
            Ok(Told::Console(bytes)) => {
                log.write_all(&bytes).map_err(ProveError::io("write the console's log"))?;
                keys.skip_waits(&bytes, &mut site.input);
                watch.console(at, &bytes)
            }
            Ok(Told::Request(report)) => watch.request(at, &report),
            Ok(Told::ConsoleClosed) => {
                // Requests may still be on their way here; they explain the end.
                while let Ok(told) = told.try_recv() {
                    if let Told::Request(report) = told {
                        watch.request(at, &report).into_iter().for_each(&mut *on_event);
                    }
                }
                break Err(None);
            }
            Err(RecvTimeoutError::Timeout) => watch.tick(at),
            // The site's threads hold senders for as long as it is open.
            Err(RecvTimeoutError::Disconnected) => break Err(None),
        };
        events.into_iter().for_each(&mut *on_event);
        peak = peak_memory(site.pid).or(peak);
        match watch.verdict(at) {
            Verdict::Up => break Ok(()),
            Verdict::Failed => break Err(Some(End::Decided)),
            Verdict::Open if stop() => return Err(ProveError::Interrupted),
            Verdict::Open if at > timeout => break Err(Some(End::TimedOut(timeout))),
            Verdict::Open => {}
        }
    };
    let machine = match &end {
        Err(None) => site.close(Closing::MachineEnded)?,
        _ => site.close(Closing::Kill)?,
    };
    let end = end.map_err(|end| end.unwrap_or_else(|| End::Exited(machine.describe())));
    Ok(Ended { end, qemu_peak: peak, lacks_rom: machine.lacks_rom() })
}

/// Ends iPXE's waits for a key, as someone in a hurry would.
#[derive(Default)]
struct Keys {
    firmware: Vec<u8>,
    pressed: u8,
}

impl Keys {
    fn skip_waits(&mut self, bytes: &[u8], input: &mut ChildStdin) {
        if self.pressed == 2 {
            return;
        }
        self.firmware.extend_from_slice(bytes);
        if let Some(at) =
            self.firmware.windows(FIRMWARE_WAITS.len()).position(|window| window == FIRMWARE_WAITS)
        {
            self.firmware.drain(..at + FIRMWARE_WAITS.len());
            self.pressed += 1;
            // Without the key the boot goes on four seconds later.
            let _ = input.write_all(b" ").and_then(|()| input.flush());
        }
    }
}

/// How a site is closed.
#[derive(Clone, Copy)]
enum Closing {
    /// The machine ended by itself: its own exit status is wanted.
    MachineEnded,
    /// The machine is not needed any more.
    Kill,
}

/// The private network with server and machine; dropping it takes everything down.
struct Site {
    pid: u32,
    input: ChildStdin,
    close: Option<tokio::sync::oneshot::Sender<Closing>>,
    thread: Option<JoinHandle<io::Result<MachineEnd>>>,
    reader: Option<JoinHandle<()>>,
}

impl Site {
    fn open(spec: MachineSpec, tree: ServedTree, tell: Sender<Told>) -> Result<Self, ProveError> {
        let (close, closing) = tokio::sync::oneshot::channel();
        let (ready, opened) = channel();
        let thread = std::thread::Builder::new()
            .name("prove-network".into())
            .spawn(move || live(&spec, tree, tell, closing, &ready))
            .map_err(ProveError::io("start a thread"))?;
        match wait_open(&opened) {
            Some(Ok((pid, input, reader))) => {
                Ok(Self { pid, input, close: Some(close), thread: Some(thread), reader: Some(reader) })
            }
            Some(Err(error)) => {
                let _ = thread.join();
                Err(error)
            }
            None => {
                let _ = thread.join();
                Err(ProveError::io("set up the private network")(io::Error::other("its thread ended")))
            }
        }
    }

    fn close(&mut self, how: Closing) -> Result<MachineEnd, ProveError> {
        if let Some(close) = self.close.take() {
            let _ = close.send(how);
        }
        let ended = match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            _ => Err(io::Error::other("its thread panicked")),
        };
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        ended.map_err(ProveError::io("serve the boot files"))
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.thread.is_some() {
            let _ = self.close(Closing::Kill);
        }
    }
}

type Opened = Result<(u32, ChildStdin, JoinHandle<()>), ProveError>;

fn wait_open(opened: &Receiver<Opened>) -> Option<Opened> {
    opened.recv().ok()
}

/// The life of the thread that owns the namespace: QEMU is its child, so QEMU dies with it.
fn live(
    spec: &MachineSpec,
    tree: ServedTree,
    tell: Sender<Told>,
    closing: tokio::sync::oneshot::Receiver<Closing>,
    ready: &Sender<Opened>,
) -> io::Result<MachineEnd> {
    let fail = |error: ProveError| {
        let _ = ready.send(Err(error));
        Err(io::Error::other("not started"))
    };
    let listener = match network::enter_private() {
        Ok(()) => network::listen(),
        Err(error) => return fail(ProveError::io("make a private network namespace")(error)),
    };
    let listener = match listener {
        Ok(listener) => listener,
        Err(error) => return fail(ProveError::io("listen on 127.0.0.1:80")(error)),
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return fail(ProveError::io("start the boot server")(error)),
    };
    let mut machine = match spec.start() {
        Ok(machine) => machine,
        Err(error) => return fail(ProveError::io(format!("start {}", spec.program))(error)),
    };
    let Some((input, output)) = machine.console() else {
        return fail(ProveError::io("open the console")(io::Error::other("no pipe")));
    };
    let reader = read_console(output, tell.clone());
    let _ = ready.send(Ok((machine.pid(), input, reader)));
    let observer = Arc::new(Requests(Mutex::new(tell)));
    let mut how = Closing::Kill;
    let served = runtime.block_on(serve(listener, tree, observer, async {
        how = closing.await.unwrap_or(Closing::Kill);
    }));
    let end = finish(machine, how);
    served.map(|()| end)
}

fn finish(machine: Machine, how: Closing) -> MachineEnd {
    match how {
        Closing::MachineEnded => machine.end(),
        Closing::Kill => machine.kill(),
    }
}

fn read_console(mut output: impl Read + Send + 'static, tell: Sender<Told>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = [0; 16 * 1024];
        while let Ok(length @ 1..) = output.read(&mut piece) {
            if tell.send(Told::Console(piece[..length].to_vec())).is_err() {
                return;
            }
        }
        let _ = tell.send(Told::ConsoleClosed);
    })
}

struct Requests(Mutex<Sender<Told>>);

impl Observer for Requests {
    fn finished(&self, report: RequestReport) {
        let sender = match self.0.lock() {
            Ok(sender) => sender,
            Err(poisoned) => poisoned.into_inner(),
        };
        let _ = sender.send(Told::Request(report));
    }
}
