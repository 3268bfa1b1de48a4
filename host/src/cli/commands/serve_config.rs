//! `serve config`: the configuration of a server of others, for nodes of this one.

use super::{serve_loaders::waiting, text};
use crate::{
    boot_config::{self, Directories, Loaders, Place, Reservation, Server},
    cli::request::{Effect, Request, Session},
    failure,
    nodes::{Inventory, Node, NodeManager},
    system::layout::Layout,
};
use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser};
use disklessset_plugin_api::{Error, Result, node_set::NodeName};
use std::net::{IpAddr, Ipv4Addr};

/// The address of the guides, for a machine that has none.
const EXAMPLE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

pub(crate) fn command() -> Command {
    Command::new("config")
        .about("Print the configuration of a DHCP server, a web server or a cache for nodes")
        .long_about(
            "Print the configuration of a DHCP server, a web server or a cache for nodes, to be put where that server reads it.\n\n\
             Addresses are those of this server, or of `http_base_url` in the configuration. DHCP servers get a line for each kind of \
             firmware that `serve loaders` has brought a loader for.",
        )
        .arg(
            Arg::new("server")
                .value_name("SERVER")
                .required(true)
                .value_parser(PossibleValuesParser::new(Server::ALL.map(Server::word)))
                .help("The server"),
        )
        .arg(
            Arg::new("hosts")
                .long("hosts")
                .action(ArgAction::SetTrue)
                .help("Reserve the addresses of the nodes on record, and give none to others (dnsmasq, kea)"),
        )
}

pub(crate) fn request(matches: &ArgMatches) -> Result<PrintConfiguration> {
    let word = text(matches, "server");
    let server = Server::ALL.into_iter().find(|server| server.word() == word);
    let server = server.ok_or_else(|| Error::usage(format!("{word} is no server")))?;
    let hosts = matches.get_flag("hosts");
    if hosts && !server.is_for_dhcp() {
        return Err(Error::usage(format!("--hosts is for DHCP servers, and {word} is none")));
    }
    Ok(PrintConfiguration { server, hosts })
}

/// Prints a configuration.
pub(crate) struct PrintConfiguration {
    server: Server,
    hosts: bool,
}

impl Request for PrintConfiguration {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let layout = session.site.layout();
        let place = place(layout, session.site.configuration().http_base_url())?;
        let loaders = Loaders::in_directory(&layout.loaders_dir());
        if self.server.is_for_dhcp() && loaders.is_empty() {
            session.output.warn(&format!(
                "there are no loaders in {}: disklessset serve loaders",
                layout.loaders_dir()
            ));
        }
        if self.server.is_for_dhcp() && loaders.wait() && !waiting(&session.site)?.is_written() {
            session.output.warn("the script that waits is for another address: disklessset serve loaders");
        }
        let inventory = self.hosts.then(|| NodeManager::new(&session.site).inventory()).transpose()?;
        let nodes = inventory.as_ref().map(reservations);
        session.output.data(&self.server.configuration(&place, &loaders, nodes.as_deref()));
        Ok(())
    }
}

fn place(layout: &Layout, base_url: &str) -> Result<Place> {
    let published = |directory: Utf8PathBuf| layout.published(&directory);
    let directories = Directories {
        base: published(layout.served_base()),
        images: published(layout.images_dir()),
        kernels: published(layout.kernels_dir()),
        oci: published(layout.oci_dir()),
        boot: published(layout.boot_dir()),
        loaders: published(layout.loaders_dir()),
    };
    // `${next-server}` is for iPXE, which has asked already: firmware has not.
    let fixed = (!base_url.contains("${")).then(|| base_url.to_owned());
    let address = fixed.as_deref().and_then(address_in).or_else(boot_config::own_address).unwrap_or(EXAMPLE);
    Place::new(published(layout.http_root()), directories, fixed, address).map_err(failure::refused)
}

/// The IPv4 address that a URL names, if it names one.
fn address_in(url: &str) -> Option<Ipv4Addr> {
    let rest = url.split_once("://")?.1;
    rest.split(['/', ':']).next()?.parse().ok()
}

fn reservations(inventory: &Inventory) -> Vec<Reservation> {
    let of = |(name, node): (&NodeName, &Node)| Reservation {
        name: name.to_string(),
        macs: node.mac.iter().map(ToString::to_string).collect(),
        address: node.address.and_then(|address| match address.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        }),
    };
    inventory.nodes().iter().map(of).collect()
}
