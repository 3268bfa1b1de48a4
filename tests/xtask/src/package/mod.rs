//! `cargo xtask package --dest DIR`: packages for Debian and for Enterprise Linux, of what `dist` installs.
//!
//! The files of a package and what it needs come from one table for both. `dpkg-deb` and `rpmbuild` write them: what a package needs
//! follows from the table of tools, which manifests of cargo, that `cargo-deb` and `cargo-generate-rpm` read, cannot say.

mod deb;
mod glibc;
mod rpm;
mod staged;
mod table;

use camino::Utf8Path;

use crate::dist;
use crate::failure::{self, Failure};
use crate::say;
use crate::source_tree::SourceTree;
use staged::Staged;

/// The revision of packages of one version.
pub(crate) const REVISION: &str = "1";
/// Who answers for the packages: nobody that could be written to, as these are built by the site itself.
pub(crate) const MAINTAINER: &str = "disklessset <packagers@disklessset.invalid>";
/// The highest glibc that Enterprise Linux 8 has.
const OF_EL8: (u32, u32) = (2, 28);

/// Builds, installs into a directory that is thrown away, and writes a package of each part to `dest`.
pub(crate) fn task(dest: &Utf8Path) -> Result<(), Failure> {
    let tree = SourceTree::find()?;
    let built = dist::build(&tree)?;
    let scratch = tempfile::tempdir().map_err(|cause| Failure::Plain(cause.to_string()))?;
    let scratch = Utf8Path::from_path(scratch.path())
        .ok_or_else(|| Failure::Plain("TMPDIR is not UTF-8".to_owned()))?;
    let staged = Staged::of(&tree, &built, scratch)?;
    std::fs::create_dir_all(dest).map_err(failure::file("make the directory", dest))?;
    say::step("packages for Debian");
    deb::write(&staged, dest)?;
    say::step("packages for Enterprise Linux");
    rpm::write(&staged, dest)?;
    let (major, minor) = staged.glibc;
    if staged.glibc > OF_EL8 {
        say::note(&format!(
            "these packages need glibc {major}.{minor}: Enterprise Linux 8 has 2.28, and 9 has 2.34. Build them on the oldest system they are for"
        ));
    }
    Ok(())
}
