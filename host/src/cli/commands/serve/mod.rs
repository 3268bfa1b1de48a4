//! `serve`: the boot server over what nodes fetch.

mod following;

pub(crate) use following::kept_file;

use super::{boxed, serve_config, serve_loaders};
use crate::{
    cli::request::{Effect, Request, Session},
    failure,
    serve::{self, AccessLog, ListenError, ServedPlaces, ServedTree, Sockets, TrustedProxies, Writing},
    system::{atomic_file, interrupt, layout::Layout},
    versions::FetchedFiles,
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use following::{Following, own_file};
use std::{io::ErrorKind as Io, net::SocketAddr, sync::Arc};

/// systemd sets it where what is printed goes to the journal, which has its own times.
const JOURNAL: &str = "JOURNAL_STREAM";

pub(crate) fn command() -> Command {
    Command::new("serve")
        .about("Serve what nodes fetch over HTTP")
        .long_about(
            "Serve what nodes fetch over HTTP: images, kernels, versions and boot files, read-only.\n\n\
             It runs until SIGTERM or CTRL+C. Started by root, it opens its ports and becomes the user nobody. Each request is a line \
             on standard output. The unit disklessset-serve.socket does the same as a service.",
        )
        .arg(
            Arg::new("listen")
                .long("listen")
                .value_name("ADDR:PORT")
                .value_parser(value_parser!(SocketAddr))
                .action(ArgAction::Append)
                .help("Listen on this address, such as 10.0.0.1:80 or [::1]:8080 [default: port 80 of all addresses]"),
        )
        .arg(
            Arg::new("tftp")
                .long("tftp")
                .action(ArgAction::SetTrue)
                .help("Give boot loaders over TFTP too: the files of loaders/, on port 69 of the same addresses"),
        )
        .arg(
            Arg::new("status")
                .long("status")
                .value_name("ADDR:PORT")
                .value_parser(value_parser!(SocketAddr))
                .help("Show what nodes do on this address: a page, /metrics for Prometheus, /nodes.json; read-only, without a login"),
        )
        .args_conflicts_with_subcommands(true)
        .subcommand(serve_loaders::command())
        .subcommand(serve_config::command())
}

pub(crate) fn request(matches: &ArgMatches) -> Result<Box<dyn Request>> {
    match matches.subcommand() {
        Some(("config", matches)) => boxed(serve_config::request(matches)),
        Some(_) => boxed(Ok(serve_loaders::CopyLoaders)),
        None => boxed(Ok(serve(matches))),
    }
}

fn serve(matches: &ArgMatches) -> Serve {
    Serve {
        listen: matches.get_many("listen").into_iter().flatten().copied().collect(),
        tftp: matches.get_flag("tftp"),
        status: matches.get_one("status").copied(),
    }
}

/// Serves until a signal comes.
pub(crate) struct Serve {
    listen: Vec<SocketAddr>,
    tftp: bool,
    status: Option<SocketAddr>,
}

impl Request for Serve {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let layout = session.site.layout();
        let root = layout.http_root();
        let tree = ServedTree::new(&root).map_err(|cause| no_root(&root, &cause))?;
        let tree = tree.limited_to(places(layout, &root));
        let sockets = self.sockets()?;
        let kept = own_file(layout);
        make_room_for(&kept)?;
        serve::give_up_root().map_err(failure::of)?;
        interrupt::install()?;
        let stop = interrupt::poll_fd().ok_or_else(|| Error::failed("cannot wait for signals"))?;
        let with_time = std::env::var_os(JOURNAL).is_none();
        let (log, writing) = access_log(layout, with_time)?;
        let following = Arc::new(Following::new(layout, &root, log, Some(kept))?);
        let output = Arc::clone(&session.output);
        let keeping_up = following.keep_up(move |line| output.warn(line))?;
        let addresses: Vec<String> = sockets.http_addresses().iter().map(SocketAddr::to_string).collect();
        session.output.say(&format!("serving {root} on {}", addresses.join(", ")));
        let proxies = TrustedProxies::new(session.site.configuration().trusted_proxies().collect());
        let (observer, desk) = (Arc::clone(&following), Arc::clone(&following));
        let served = serve::run(sockets, tree, observer, desk, proxies, stop);
        keeping_up.end();
        drop(following);
        writing.end();
        // A signal is how a server ends.
        interrupt::reset();
        served.map_err(|cause| Error::failed("the boot server failed").because(cause))
    }
}

impl Serve {
    fn sockets(&self) -> Result<Sockets> {
        let mut sockets = Sockets::handed_over()
            .map_err(|cause| Error::failed("a socket from systemd cannot be used").because(cause))?;
        if sockets.is_empty() || !self.listen.is_empty() {
            sockets.listen(&self.listen).map_err(explained)?;
        }
        if self.tftp && sockets.tftp.is_empty() {
            sockets.listen_for_tftp().map_err(explained)?;
        }
        if let Some(address) = self.status {
            sockets.listen_for_status(address).map_err(explained)?;
        }
        Ok(sockets)
    }
}

/// The directories that nodes fetch from, as far as they are below the root of the server.
fn places(layout: &Layout, root: &Utf8Path) -> ServedPlaces {
    let below = |directory: Utf8PathBuf| directory.strip_prefix(root).ok().map(Utf8Path::to_owned);
    let loaders = layout.loaders_dir();
    let directories = [layout.images_dir(), layout.kernels_dir(), layout.boot_dir(), loaders.clone()];
    let places =
        ServedPlaces::only(directories.into_iter().filter_map(below).collect(), below(layout.oci_dir()));
    match below(loaders) {
        Some(loaders) => places.with_loaders(loaders),
        None => places,
    }
}

/// What the log says of versions is what is published of them.
fn access_log(layout: &Layout, with_time: bool) -> Result<(AccessLog, Writing)> {
    let mut files = FetchedFiles::of(layout.clone());
    AccessLog::start(std::io::stdout(), with_time, move |path| files.name_of(path)).map_err(failure::of)
}

/// Makes the directory of a file, which belongs to whom this process becomes.
fn make_room_for(file: &Utf8Path) -> Result<()> {
    let directory = file.parent().unwrap_or(file);
    if directory.symlink_metadata().is_ok() {
        return Ok(());
    }
    atomic_file::create_dir_all(directory, 0o755).map_err(failure::of)?;
    serve::give_to_server(directory).map_err(failure::of)
}

fn no_root(root: &Utf8Path, cause: &std::io::Error) -> Error {
    match cause.kind() {
        Io::NotFound => Error::failed(format!("there is no directory {root} to serve"))
            .hint("create an image first: that makes it"),
        _ => Error::failed(format!("cannot open {root}: {cause}")),
    }
}

fn explained(error: ListenError) -> Error {
    let port = error.address.port();
    let line = |kind, why: &str| Error::new(kind, format!("{error}: {why}"));
    match error.source.kind() {
        Io::AddrInUse => line(ErrorKind::FAILED, "the port is in use")
            .hint(format!("who has it: ss -lntup 'sport = :{port}'; another port: --listen ADDR:PORT")),
        Io::PermissionDenied => line(ErrorKind::REFUSED, "that needs root").hint(
            "as root, with a port from 1024 on (--listen 0.0.0.0:8080), or: systemctl enable --now disklessset-serve.socket",
        ),
        Io::AddrNotAvailable => {
            line(ErrorKind::FAILED, "this server has no such address").hint("its addresses: ip address")
        }
        _ => line(ErrorKind::FAILED, &error.source.to_string()),
    }
}
