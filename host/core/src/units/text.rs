//! The text of a mount unit.

use super::{UnitError, overlay::EXPORTABLE};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::PersistentOverlay;

/// The first line of every unit that is ours, and of no other.
pub(super) const MARK: &str = "# Written by disklessset. Goes with the tree it mounts.";
/// What pulls the units in at boot.
pub(super) const WANTED_BY: &str = "multi-user.target";

/// A unit whose every path stands in it as it is: none can end a word, a line or an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct MountUnit {
    lower: Utf8PathBuf,
    upper: Utf8PathBuf,
    work: Utf8PathBuf,
    target: Utf8PathBuf,
}

impl MountUnit {
    /// Takes paths as the booted system has them.
    pub(super) fn new(overlay: &PersistentOverlay) -> Result<Self, UnitError> {
        // `%` is systemd's, `:`, `,` and the backslash are overlay's, and blanks and quotes end words.
        let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@~".contains(c);
        for path in [&overlay.lower, &overlay.upper, &overlay.work, &overlay.target] {
            if !path.is_absolute() || !path.as_str().chars().all(plain) {
                return Err(UnitError::Path { path: path.clone() });
            }
        }
        let PersistentOverlay { lower, upper, work, target } = overlay.clone();
        Ok(Self { lower, upper, work, target })
    }

    pub(super) fn target(&self) -> &Utf8Path {
        &self.target
    }
}

impl std::fmt::Display for MountUnit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { lower, upper, work, target } = self;
        let exportable = EXPORTABLE.join(",");
        // Without its default dependencies: they put it before the network, which the trees may come over. Before local-fs-pre the
        // server's own root is read-only.
        write!(
            f,
            "{MARK}\n\
             [Unit]\n\
             Description=Tree of an NFS node at {target}\n\
             DefaultDependencies=no\n\
             Conflicts=umount.target\n\
             After=local-fs-pre.target\n\
             Before=umount.target nfs-server.service nfs-ganesha.service\n\
             RequiresMountsFor={lower} {upper} {work}\n\
             \n\
             [Mount]\n\
             What=overlay\n\
             Where={target}\n\
             Type=overlay\n\
             Options=nosuid,nodev,lowerdir={lower},upperdir={upper},workdir={work},{exportable}\n\
             \n\
             [Install]\n\
             WantedBy={WANTED_BY}\n"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn overlay(base: &str) -> PersistentOverlay {
        let at = |below: &str| Utf8PathBuf::from(format!("{base}/{below}"));
        PersistentOverlay { lower: at("image"), upper: at("u"), work: at("w"), target: at("nodes/c1") }
    }

    #[test]
    fn nothing_ends_a_word_a_line_or_an_option() {
        for bad in ["/a b", "/a:b", "/a,b", "/a%b", "/a\\b", "/a\"b", "/a\nb", "a", "/\u{e9}"] {
            assert!(matches!(MountUnit::new(&overlay(bad)), Err(UnitError::Path { .. })), "{bad:?}");
        }
        let text = MountUnit::new(&overlay("/d/el9-a.b+c")).unwrap().to_string();
        assert!(text.contains("Where=/d/el9-a.b+c/nodes/c1\n") && text.starts_with(MARK), "{text}");
    }
}
