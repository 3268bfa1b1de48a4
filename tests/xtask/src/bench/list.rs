//! `cargo xtask bench list`: a listing of many images, beside `grep` that reads the same files.

use super::Installed;
use super::demands::Demands;
use super::made_tree::make_dir;
use super::samples::{Samples, Strictness};
use super::site::{Site, write};
use super::timing::{bare, by_turns, milliseconds, peak_mib};
use crate::failure::Failure;
use crate::say;

/// Pairs of runs.
const ROUNDS: usize = 15;
/// So many images, and for a bench among tests.
const COUNTS: ([u32; 4], [u32; 3]) = ([100, 1_000, 5_000, 10_000], [100, 300, 600]);
/// What grep needs to read the files, nobody can be much quicker than.
const MOST: f64 = 1.1;
const MOST_MIB: f64 = 64.0;

/// Builds with optimisation, measures, prints, compares with what was demanded.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let installed = Installed::build()?;
    let counts: &[u32] = match strictness {
        Strictness::Fails => &COUNTS.0,
        Strictness::Told => &COUNTS.1,
    };
    let mut demands = Demands::of("list");
    let mut points = Vec::new();
    for count in counts {
        say::step(&format!("list of {count} images, with the shipped modules"));
        let site = Site::new(&installed, &format!("root-{count}"))?;
        fill(&site, *count)?;
        let images = site.images();
        let grep = || {
            let mut grep = bare("grep");
            milliseconds(grep.args(["-r", "--include=image_data.yml", "-c", "", images.as_str()]))
        };
        let (list, _, ratios) = by_turns(ROUNDS, || site.takes(&["list"]), grep)?;
        say::note(&format!("{list} ms"));
        points.push((f64::from(*count), list.median()));
        if Some(count) == counts.last() {
            demands.at_most(&format!("{count} images, of grep's time"), &ratios, MOST);
            let memory = peak_mib(&site.command(&["list"]))?;
            demands.at_most("memory in MiB", &Samples::of(vec![memory]), MOST_MIB);
        }
    }
    demands.grows("list", "image", points);
    demands.verdict(strictness)
}

fn fill(site: &Site<'_>, count: u32) -> Result<(), Failure> {
    for number in 0..count {
        let image = site.images().join(format!("image{number:05}"));
        make_dir(&image)?;
        let kernel = "6.1.0-1-amd64";
        let record = format!(
            "format: 2\nimage_data:\n  image_class: LivenetImage\n  name: image{number:05}\n  kernel: vmlinuz-{kernel}\n  \
             image: initramfs-kernel-{kernel}\n  livenet_type: CORE\n  livenet_size: 700\n  layout: flat\n  \
             is_mounted: false\n  selinux: false\n  optimize: false\n  creation_date: 2026-01-01\n"
        );
        write(&image.join("image_data.yml"), record.as_bytes())?;
    }
    Ok(())
}
