//! The line of a boot file that says which version it boots. It is what makes a version the current one: boot file and version change in
//! one step, and a boot file that somebody else wrote has none.

use disklessset_oci::names::{Digest, VersionName};
use std::fmt;

/// What comes before the name in the line.
const WORDS: &str = "# disklessset: this is ";

/// Which version a boot file boots.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Marker {
    /// Image and number.
    pub(crate) version: VersionName,
    /// The manifest.
    pub(crate) digest: Digest,
}

impl Marker {
    /// The one in the text of a boot file, in its second line.
    pub(crate) fn find(text: &str) -> Option<Self> {
        let (version, digest) = text.lines().nth(1)?.strip_prefix(WORDS)?.split_once(' ')?;
        Some(Self { version: version.parse().ok()?, digest: digest.parse().ok()? })
    }
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{WORDS}{} {}", self.version, self.digest)
    }
}

/// The manifests of all versions that a boot file says it boots, in whichever line.
pub fn markers_in(text: &str) -> Vec<Digest> {
    let of_line = |line: &str| line.strip_prefix(WORDS)?.split_once(' ')?.1.parse().ok();
    text.lines().filter_map(of_line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_is_found_in_its_line_and_nowhere_else() {
        let marker = Marker { version: "web01@7".parse().unwrap(), digest: Digest::of(b"") };
        assert_eq!(Marker::find(&format!("#!ipxe\n{marker}\nboot\n")), Some(marker.clone()));
        assert_eq!(Marker::find(&format!("#!ipxe\n\n{marker}\nboot\n")), None);
        assert_eq!(Marker::find("#!ipxe\n# a comment\n"), None);
        assert_eq!(Marker::find("#!ipxe"), None);
    }
}
