//! `cargo xtask bench mount`: an image that is mounted to be edited, and packed again, beside `mksquashfs` of the same tree.

use super::Installed;
use super::demands::Demands;
use super::made_tree::{Data, Size, fill, make_system};
use super::samples::{Samples, Strictness};
use super::site::{KERNEL, Site, write};
use super::timing::{bare, by_turns, milliseconds};
use crate::failure::Failure;
use crate::say;

/// Megabytes of the trees, and for a bench among tests.
const SIZES: ([u64; 3], [u64; 2]) = ([100, 500, 1_000], [20, 60]);
const ROUNDS: usize = 5;
/// Milliseconds of a mount, whatever the size.
const MOST_MOUNT: f64 = 100.0;
/// An unmount that packs, of one pack.
const MOST_UNMOUNT: f64 = 1.15;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        say::note("mounting needs root: left out");
        return Ok(());
    }
    let sizes: &[u64] = match strictness {
        Strictness::Fails => &SIZES.0,
        Strictness::Told => &SIZES.1,
    };
    let installed = Installed::build()?;
    let mut demands = Demands::of("mount");
    let mut points = Vec::new();
    for megabytes in sizes {
        say::step(&format!("an image of {megabytes} MB"));
        let site = Site::new(&installed, &format!("root-{megabytes}"))?;
        make_image(&site, *megabytes)?;
        let mut mounts = Vec::new();
        let edit = || {
            mounts.push(site.takes(&["livenet", "mount", "web"])?);
            write(&site.area("web").join("mnt/etc/motd"), b"edited")?;
            site.takes(&["livenet", "unmount", "web"])
        };
        let alone = || pack_alone(&site);
        let (unmount, _, ratios) = by_turns(ROUNDS, edit, alone)?;
        points.push((*megabytes as f64, unmount.median()));
        let mounts = Samples::of(mounts);
        demands.at_most(&format!("mount of {megabytes} MB, ms"), &mounts, MOST_MOUNT);
        if Some(megabytes) == sizes.last() {
            demands.at_most("unmount with an edit, of one pack", &ratios, MOST_UNMOUNT);
        }
        std::fs::remove_dir_all(site.root()).map_err(crate::failure::file("remove", site.root()))?;
    }
    demands.grows("unmount with an edit", "megabyte", points);
    demands.verdict(strictness)
}

/// Milliseconds in which the same tree, read out of the same image, is packed by mksquashfs and is on disk.
fn pack_alone(site: &Site<'_>) -> Result<f64, Failure> {
    site.takes(&["livenet", "mount", "web"])?;
    let (tree, file) = (site.area("web").join("mnt"), site.root().join("packed"));
    let mut mksquashfs = bare("mksquashfs");
    mksquashfs.args([tree.as_str(), file.as_str(), "-noappend", "-comp", "zstd", "-Xcompression-level", "6"]);
    let packed =
        milliseconds(mksquashfs.args(["-no-progress", "-quiet", "-one-file-system", "-mem", "256M"]))?;
    let flushed = milliseconds(bare("sync").arg(file.as_str()))?;
    site.takes(&["livenet", "unmount", "web", "--discard"])?;
    Ok(packed + flushed)
}

/// Makes the image `web` of a tree.
pub(super) fn make_image(site: &Site<'_>, megabytes: u64) -> Result<(), Failure> {
    let tree = site.root().join("tree");
    fill(&tree, Size::of_megabytes(megabytes), Data::Programs)?;
    make_system(&tree, KERNEL)?;
    let source = format!("tree:{tree}");
    let create = ["livenet", "create", "web", "--kernel", KERNEL, "--source", &source, "--layout", "flat"];
    let took = site.takes(&create)?;
    say::note(&format!("made in {took:.0} ms"));
    Ok(())
}
