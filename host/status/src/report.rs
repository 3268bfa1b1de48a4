//! What a node says of itself when it is up: `node=NAME&version=sha256:HEX`, sent once with POST.

use disklessset_oci::names::Digest;
use disklessset_plugin_api::node_set::NodeName;

/// The most bytes of a report.
pub const LARGEST_REPORT: usize = 1024;

/// A node is up, and runs a version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Who says so.
    pub node: NodeName,
    /// The digest of the version's manifest; none where its boot file has none.
    pub version: Option<Digest>,
}

/// Why what was sent is no report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReportError {
    /// More than [`LARGEST_REPORT`].
    #[error("the report has more than 1024 bytes")]
    TooLarge,
    /// Not `key=value&…`, or a key twice, or one that nobody knows.
    #[error("the report is not node=NAME&version=sha256:DIGEST")]
    Malformed,
    /// The name is none.
    #[error("the report names no node")]
    Node,
    /// The version is none.
    #[error("the report's version is no digest")]
    Version,
}

impl Report {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// Anything that is no report.
    pub fn parse(body: &[u8]) -> Result<Self, ReportError> {
        if body.len() > LARGEST_REPORT {
            return Err(ReportError::TooLarge);
        }
        let text = str::from_utf8(body).map_err(|_| ReportError::Malformed)?;
        let (mut node, mut version) = (None, None);
        for part in text.trim_end().split('&') {
            let (key, value) = part.split_once('=').ok_or(ReportError::Malformed)?;
            let place = match key {
                "node" => &mut node,
                "version" => &mut version,
                _ => return Err(ReportError::Malformed),
            };
            if place.replace(value).is_some() {
                return Err(ReportError::Malformed);
            }
        }
        Ok(Self {
            node: node.unwrap_or_default().parse().map_err(|_| ReportError::Node)?,
            version: match version.unwrap_or_default() {
                "" => None,
                text => Some(text.parse().map_err(|_| ReportError::Version)?),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let digest = Digest::of(b"manifest");
        let report = Report::parse(format!("node=c001&version={digest}\n").as_bytes()).unwrap();
        assert_eq!(report, Report { node: "c001".parse().unwrap(), version: Some(digest) });
        for body in ["node=c001", "node=c001&version=", "version=&node=c001"] {
            assert_eq!(Report::parse(body.as_bytes()).unwrap().version, None, "{body}");
        }
    }

    #[test]
    fn what_is_no_report_is_refused() {
        let long = format!("node={}", "a".repeat(LARGEST_REPORT));
        for (body, error) in [
            (&b""[..], ReportError::Malformed),
            (b"node", ReportError::Malformed),
            (b"node=a&node=b", ReportError::Malformed),
            (b"node=a&x=b", ReportError::Malformed),
            (b"node=\xff", ReportError::Malformed),
            (b"version=", ReportError::Node),
            (b"node=../etc", ReportError::Node),
            (b"node=a%20b", ReportError::Node),
            (b"node=a&version=7", ReportError::Version),
            (long.as_bytes(), ReportError::TooLarge),
        ] {
            assert_eq!(Report::parse(body), Err(error), "{:?}", String::from_utf8_lossy(body));
        }
    }
}
