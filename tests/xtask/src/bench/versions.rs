//! `cargo xtask bench versions`: what the way back takes, what versions cost a listing, and the room that a further version takes.

use super::Installed;
use super::demands::Demands;
use super::mount::make_image;
use super::samples::{Samples, Strictness};
use super::site::{Site, write};
use super::timing::{bare, by_turns};
use crate::failure::Failure;
use crate::say;

const ROUNDS: usize = 9;
/// Megabytes of the trees, and for a bench among tests.
const SIZES: ([u64; 2], [u64; 2]) = ([50, 500], [10, 30]);
/// Versions of the image of which there are many.
const MANY: usize = 10;
/// Milliseconds of a rollback, whatever the size.
const MOST_ROLLBACK: f64 = 50.0;
/// A listing of images with many versions, of one of images with one.
const MOST_LIST: f64 = 1.1;
/// Images of each listing.
const IMAGES: usize = 30;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if !nix::unistd::geteuid().is_root() {
        say::note("making an image needs root: left out");
        return Ok(());
    }
    let sizes = if strictness == Strictness::Fails { SIZES.0 } else { SIZES.1 };
    let installed = Installed::build()?;
    let mut demands = Demands::of("versions");
    for megabytes in sizes {
        say::step(&format!("the way back of an image of {megabytes} MB"));
        let site = Site::new(&installed, &format!("root-{megabytes}"))?;
        make_image(&site, megabytes)?;
        site.takes(&["livenet", "mount", "web"])?;
        write(&site.area("web").join("mnt/etc/motd"), b"edited")?;
        site.takes(&["livenet", "unmount", "web"])?;
        let rollback = Samples::take(ROUNDS, |round| match round % 2 {
            0 => site.takes(&["rollback", "web"]),
            _ => site.takes(&["release", "web@2"]),
        })?;
        demands.at_most(&format!("rollback of {megabytes} MB, ms"), &rollback, MOST_ROLLBACK);
        room(&site, &mut demands)?;
    }
    listings(&installed, &mut demands)?;
    demands.verdict(strictness)
}

/// What all of a root takes, beside its largest files once each: versions have their data in common with what nodes fetch.
fn room(site: &Site<'_>, demands: &mut Demands) -> Result<(), Failure> {
    let served = site.images().parent().map(ToOwned::to_owned).unwrap_or_default();
    let mut du = bare("du");
    let du = du.args(["--block-size=1", "--summarize", served.as_str()]).output();
    let du = du.map_err(|cause| Failure::Plain(format!("cannot run du: {cause}")))?;
    let all: f64 = String::from_utf8_lossy(&du.stdout)
        .split_whitespace()
        .next()
        .and_then(|n| n.parse().ok())
        .unwrap_or(f64::NAN);
    let image = site.images().join("web/squashfs.img");
    #[allow(clippy::cast_precision_loss, reason = "some hundred megabytes")]
    let one = image.metadata().map_err(crate::failure::file("look at", &image))?.len() as f64;
    // Two versions, each with a root image of its own.
    demands.at_most(
        "room of two versions, of their root images",
        &Samples::of(vec![all / (2.0 * one)]),
        1.05,
    );
    Ok(())
}

fn listings(installed: &Installed, demands: &mut Demands) -> Result<(), Failure> {
    say::step(&format!("list of {IMAGES} images, with {MANY} versions and with one"));
    let site = |versions: usize| -> Result<Site<'_>, Failure> {
        let site = Site::new(installed, &format!("versions-{versions}"))?;
        for number in 0..IMAGES {
            let name = format!("i{number}");
            site.takes(&["demo", "create", &name])?;
            for version in 1..versions {
                site.takes(&["demo", "message", &name, &format!("m{version}")])?;
            }
        }
        Ok(site)
    };
    let (many, one) = (site(MANY)?, site(1)?);
    let (_, _, ratios) = by_turns(ROUNDS, || many.takes(&["list"]), || one.takes(&["list"]))?;
    demands.at_most(&format!("list with {MANY} versions, of that with one"), &ratios, MOST_LIST);
    Ok(())
}
