//! Parsers of this library that nobody outside of it needs, for `tests/fuzz`.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use ipnet::IpNet;

use crate::TrustedProxies;
use crate::answer::{Asked, asked};
use crate::request::{end_of_head, parse, path_below};

/// The paths that the heads in these bytes name, one after the other as on a connection, until one is refused.
pub fn heads(mut bytes: &[u8]) -> Vec<Result<String, u16>> {
    let mut found = Vec::new();
    while let Some(end) = end_of_head(bytes, 0) {
        let read = parse(&bytes[..end]).map(|request| request.target.path().to_string());
        let refused = read.is_err();
        found.push(read.map_err(|refusal| refusal.status));
        if refused {
            break;
        }
        bytes = &bytes[end..];
    }
    found
}

/// What a range asks for of a file: nothing for the whole file.
pub fn range(text: &str, length: u64) -> Option<Vec<Range<u64>>> {
    match asked(Some(text), length) {
        Asked::Whole => None,
        Asked::Parts(parts) => Some(parts),
        Asked::Nothing => Some(Vec::new()),
    }
}

/// The path that a TFTP client means.
pub fn tftp_path(text: &str) -> Option<String> {
    path_below(text).map(camino::Utf8PathBuf::into_string)
}

/// Who asks over a connection from this address, with these proxies trusted.
pub fn client(proxies: Vec<IpNet>, peer: IpAddr, forwarded: Option<&str>) -> IpAddr {
    TrustedProxies::new(proxies).client(SocketAddr::new(peer, 0), forwarded).ip()
}
