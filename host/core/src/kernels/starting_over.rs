//! What an initramfs does when it cannot bring up its root: dracut halts the machine, whatever its kernel line says. A node that nobody
//! stands beside starts over instead.

use crate::{failure, system::atomic_file};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::Result;

/// The name of the script beside the initramfs.
const NAME: &str = "start-over.sh";

/// Where dracut looks for what is to be done before it halts: until its release 102, and from 103 on.
const PLACES: [&str; 2] = ["/usr/lib/dracut/hooks", "/var/lib/dracut/hooks"];

/// dracut reads it into its own shell, which has `getarg`. The machine is not taken down in order: nothing of it is mounted to be
/// written to, and dracut's own halt comes behind.
const SCRIPT: &str = "if [ \"$(getarg rd.emergency=)\" = reboot ]; then\n\
                      \x20   echo '<24>disklessset: this node has no root: it starts over in ten seconds' >/dev/kmsg\n\
                      \x20   sleep 10\n\
                      \x20   systemctl reboot --force --force\n\
                      fi\n";

/// Writes the script into `out`.
///
/// # Errors
/// When it cannot be written.
pub(super) fn write(out: &Utf8Path) -> Result<()> {
    atomic_file::replace(&out.join(NAME), SCRIPT.as_bytes(), 0o755).map_err(failure::of)
}

/// What dracut is told of it, where `inside` is the directory that it was written into as dracut sees it.
pub(super) fn options(inside: &Utf8Path) -> Vec<String> {
    let script: Utf8PathBuf = inside.join(NAME);
    let to = |place: &str| format!("{place}/shutdown-emergency/50-disklessset.sh");
    PLACES.iter().flat_map(|place| ["--include".to_owned(), script.to_string(), to(place)]).collect()
}
