//! Trusted proxies as a configuration names them, and whom `X-Forwarded-For` says that they ask for. The first line has the networks.

use crate::{one_line, text};
use disklessset::{fuzzing::configuration, serve::fuzzing::client};
use std::net::{IpAddr, SocketAddr};

/// Who is connected: a proxy of most configurations in the corpus.
const PEER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 250));

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let (networks, forwarded) = text.split_once('\n').unwrap_or_default();
    let words: Vec<&str> = networks.split_whitespace().collect();
    // JSON is YAML.
    let key = serde_json::json!({"trusted_proxies": words});
    let found = match configuration(&key.to_string()) {
        Err(reason) => return one_line(&reason),
        Ok(found) => found,
    };
    let trusts = |address: IpAddr| found.trusted_proxies().any(|network| network.contains(&address));
    let of = |forwarded: &str| client(found.trusted_proxies().collect(), PEER, Some(forwarded));
    let who = of(forwarded);
    if !trusts(PEER) {
        assert_eq!(who, PEER, "somebody else is believed");
    }
    let is_named = |word: &str| {
        let word = word.trim();
        let with_port = word.parse::<SocketAddr>().map(|address| address.ip());
        word.parse().or(with_port).is_ok_and(|address: IpAddr| address.to_canonical() == who)
    };
    assert!(who == PEER || forwarded.split(',').any(is_named), "{who} comes from nowhere");
    if !trusts(who) {
        // What the client sent itself stands before its address.
        assert_eq!(of(&format!("192.0.2.1, {forwarded}")), who, "a client chose its own address");
    }
}
