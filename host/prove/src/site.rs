//! The private network with its servers and machines, for the length of one try.

use std::io::{self, Read};
use std::process::{ChildStdin, ChildStdout};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;

use super::dhcp::DhcpServer;
use super::error::ProveError;
use super::exported::Exported;
use super::machine::{Boot, Machine, MachineEnd, MachineSpec};
use super::network;
use super::nfs_server::{Ganesha, NfsServer, ServerEnd};
use super::subnet::Subnet;
use super::tools::FirmwareTools;
use disklessset_plugin_api::node_set::NodeName;
use disklessset_serve::{Observer, RequestReport, ServedTree, serve};

/// What is served in the network.
#[derive(Debug, Clone)]
pub(super) struct Served {
    /// Over HTTP.
    pub(super) files: ServedTree,
    /// What machines start with, and what that meets in the network.
    pub(super) firmware: FirmwareTools,
    /// Over NFS, by which server; nothing when the image has no NFS root.
    pub(super) trees: Option<Trees>,
}

/// Trees that are served over NFS.
#[derive(Debug, Clone)]
pub(super) struct Trees {
    /// By which server.
    pub(super) ganesha: Ganesha,
    pub(super) exported: Vec<Exported>,
    /// The file for its log, should it end by itself.
    pub(super) evidence: Utf8PathBuf,
}

/// What the threads of a site tell. Machines go by their place in the order they were asked for.
pub(super) enum SiteEvent {
    Console(usize, Vec<u8>),
    ConsoleClosed(usize),
    Request(RequestReport),
    /// The NFS server ended by itself.
    NfsServerEnded(ServerEnd),
}

/// A machine of the site, with its console's input.
pub(super) struct SiteMachine {
    machine: Machine,
    pub(super) input: ChildStdin,
    reader: JoinHandle<()>,
}

impl SiteMachine {
    pub(super) fn pid(&self) -> u32 {
        self.machine.pid()
    }

    /// Kills it.
    pub(super) fn kill(self) {
        drop(self.input);
        self.machine.kill();
        let _ = self.reader.join();
    }

    /// Tells how it ended, when its console was closed.
    pub(super) fn end(self) -> MachineEnd {
        drop(self.input);
        let end = self.machine.end();
        let _ = self.reader.join();
        end
    }
}

/// The network and its servers; dropping it takes them down. Machines are the caller's, and die with the site too.
pub(super) struct Site {
    close: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Site {
    /// Opens the network, starts the servers and, when these answer, a machine for each node.
    ///
    /// # Errors
    /// When one of them cannot be had; nothing is left then.
    pub(super) fn open(
        spec: MachineSpec,
        nodes: Vec<NodeName>,
        served: Served,
        tell: Sender<SiteEvent>,
    ) -> Result<(Self, Vec<SiteMachine>), ProveError> {
        let (close, closing) = tokio::sync::oneshot::channel();
        let (ready, opened) = channel();
        let thread = std::thread::Builder::new()
            .name("prove-network".into())
            .spawn(move || live(&spec, &nodes, served, &tell, closing, &ready))
            .map_err(ProveError::io("start a thread"))?;
        let site = Self { close: Some(close), thread: Some(thread) };
        match opened.recv() {
            Ok(machines) => machines.map(|machines| (site, machines)),
            Err(_) => Err(ProveError::io("set up the private network")(io::Error::other("its thread ended"))),
        }
    }

    /// Takes it down.
    ///
    /// # Errors
    /// When the boot server had failed.
    pub(super) fn close(mut self) -> Result<(), ProveError> {
        self.shut().map_err(ProveError::io("serve the boot files"))
    }

    fn shut(&mut self) -> io::Result<()> {
        if let Some(close) = self.close.take() {
            let _ = close.send(());
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(ended)) => ended,
            Some(Err(_)) => Err(io::Error::other("its thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        // Whoever drops it without closing it has an error of its own.
        let _ = self.shut();
    }
}

/// How long QEMU may take until it has made its interface: some hundredths of a second on an idle server.
const INTERFACES: Duration = Duration::from_secs(30);

type Opened = Result<Vec<SiteMachine>, ProveError>;

/// The life of the thread that owns the network: what it starts dies with it.
fn live(
    spec: &MachineSpec,
    nodes: &[NodeName],
    served: Served,
    tell: &Sender<SiteEvent>,
    closing: tokio::sync::oneshot::Receiver<()>,
    ready: &Sender<Opened>,
) -> io::Result<()> {
    let Served { files, firmware, trees } = served;
    let (listener, runtime, _servers, machines) = match set_up(spec, nodes, &firmware, trees, tell) {
        Ok(parts) => parts,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Ok(());
        }
    };
    let _ = ready.send(Ok(machines));
    let observer = Arc::new(Requests(Mutex::new(tell.clone())));
    runtime.block_on(serve(listener, files, observer, async {
        let _ = closing.await;
    }))
}

/// Servers that end when they are dropped.
type Servers = (Option<DhcpServer>, Option<NfsServer>);
type Parts = (std::net::TcpListener, tokio::runtime::Runtime, Servers, Vec<SiteMachine>);

fn set_up(
    spec: &MachineSpec,
    nodes: &[NodeName],
    firmware: &FirmwareTools,
    trees: Option<Trees>,
    tell: &Sender<SiteEvent>,
) -> Result<Parts, ProveError> {
    network::enter_private().map_err(ProveError::io("make a private network namespace"))?;
    let listener = network::listen().map_err(ProveError::io("listen on port 80"))?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .enable_time()
        .build()
        .map_err(ProveError::io("start the boot server"))?;
    let networks = networks(nodes)?;
    let nfs_server = match trees {
        None => None,
        Some(Trees { ganesha, exported, evidence }) => {
            let tell = tell.clone();
            Some(NfsServer::start(ganesha, exported, evidence, move |end| {
                let _ = tell.send(SiteEvent::NfsServerEnded(end));
            })?)
        }
    };
    let machines = networks.iter().enumerate().map(|(place, (node, subnet))| {
        let boot = Boot::Network { node: (*node).clone(), subnet: *subnet, firmware: firmware.clone() };
        start(place, &boot, spec, tell)
    });
    let mut machines = machines.collect::<Result<Vec<_>, _>>()?;
    let dhcp_server = match firmware {
        FirmwareTools::Bios => None,
        FirmwareTools::Uefi(tools) => {
            for (machine, (_, subnet)) in machines.iter_mut().zip(&networks) {
                connect(machine, *subnet)?;
            }
            // A firmware begins to ask for an address seconds after it was started, and asks again.
            Some(DhcpServer::start(&tools.dnsmasq, &networks)?)
        }
    };
    Ok((listener, runtime, (dhcp_server, nfs_server), machines))
}

/// Connects the interface that a machine makes when it starts.
fn connect(machine: &mut SiteMachine, subnet: Subnet) -> Result<(), ProveError> {
    let started = Instant::now();
    let failed =
        |error| ProveError::io(format!("use the interface {} of a machine", subnet.interface()))(error);
    while network::open_interface(subnet).map_err(failed)?.is_none() {
        if let Some(end) = machine.machine.ended_early() {
            return Err(failed(io::Error::other(end.describe())));
        }
        if started.elapsed() > INTERFACES {
            return Err(failed(io::Error::other("QEMU did not make it")));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Each node with its network.
fn networks(nodes: &[NodeName]) -> Result<Vec<(&NodeName, Subnet)>, ProveError> {
    let network = |(place, node)| Some((node, Subnet::of(place)?));
    let networks: Option<Vec<_>> = nodes.iter().enumerate().map(network).collect();
    networks.ok_or(ProveError::TooManyNodes { most: Subnet::MOST })
}

fn start(
    place: usize,
    boot: &Boot,
    spec: &MachineSpec,
    tell: &Sender<SiteEvent>,
) -> Result<SiteMachine, ProveError> {
    let mut machine = spec.start(boot).map_err(ProveError::io(format!("start {}", spec.program)))?;
    let (input, output) =
        machine.console().ok_or_else(|| ProveError::io("open the console")(io::Error::other("no pipe")))?;
    let reader = read_console(place, output, tell.clone());
    Ok(SiteMachine { machine, input, reader })
}

fn read_console(place: usize, mut output: ChildStdout, tell: Sender<SiteEvent>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut piece = [0; 16 * 1024];
        while let Ok(length @ 1..) = output.read(&mut piece) {
            if tell.send(SiteEvent::Console(place, piece[..length].to_vec())).is_err() {
                return;
            }
        }
        let _ = tell.send(SiteEvent::ConsoleClosed(place));
    })
}

struct Requests(Mutex<Sender<SiteEvent>>);

impl Observer for Requests {
    fn finished(&self, report: RequestReport) {
        let sender = match self.0.lock() {
            Ok(sender) => sender,
            Err(poisoned) => poisoned.into_inner(),
        };
        let _ = sender.send(SiteEvent::Request(report));
    }
}
