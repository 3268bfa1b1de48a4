//! `cargo xtask bench program`: what a listing costs, and what disklessset adds to the tools that make an image.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use nix::sys::resource::{UsageWho, getrusage};

use super::Installed;
use crate::dist::Built;
use crate::failure::{self, Failure};
use crate::say;

/// Runs of which the median counts.
const RUNS: usize = 15;

/// Builds with optimisation, measures, prints.
pub(super) fn task() -> Result<(), Failure> {
    let installed = Installed::build()?;
    let Installed { built, place, modules, .. } = &installed;
    let site = Site { built, place, modules };
    listing(&site)?;
    if nix::unistd::geteuid().is_root() {
        return creation(&site);
    }
    say::note("making an image needs root: left out");
    Ok(())
}

struct Site<'a> {
    built: &'a Built,
    place: &'a Utf8Path,
    modules: &'a Utf8Path,
}

impl Site<'_> {
    fn command(&self, root: &Utf8Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.built.program);
        command.args(["--root", root.as_str(), "--modules-dir", self.modules.as_str()]).args(args);
        command
    }
}

/// A listing of 1,000 and of 5,000 images, against reading the same files.
fn listing(site: &Site<'_>) -> Result<(), Failure> {
    say::step("list, with the shipped modules");
    let mut per_image = Vec::new();
    for count in [1_000, 5_000] {
        let root = site.place.join(format!("root-{count}"));
        let images = root.join("var/www/html/preboot_execution_environment/diskless/images");
        for number in 0..count {
            let image = images.join(format!("image{number:05}"));
            make_dir(&image)?;
            let kernel = "6.1.0-1-amd64";
            let record = format!(
                "format: 2\nimage_data:\n  image_class: LivenetImage\n  name: image{number:05}\n  kernel: vmlinuz-{kernel}\n  \
                 image: initramfs-kernel-{kernel}\n  livenet_type: CORE\n  livenet_size: 700\n  layout: flat\n  \
                 is_mounted: false\n  selinux: false\n  optimize: false\n  creation_date: 2026-01-01\n"
            );
            let file = image.join("image_data.yml");
            std::fs::write(&file, record).map_err(failure::file("write", &file))?;
        }
        let list = Measured::of(|| site.command(&root, &["list"]))?;
        let read = Measured::of(|| {
            let mut grep = Command::new("grep");
            grep.args(["-r", "--include=image_data.yml", "-c", "", images.as_str()]);
            grep
        })?;
        say::note(&format!(
            "{count} images: {} ms, {} MiB; {:.1} times what grep needs to read the same files",
            milliseconds(list.time),
            list.peak_kib / 1024,
            list.time.as_secs_f64() / read.time.as_secs_f64()
        ));
        per_image.push(list.time.as_secs_f64() / f64::from(count));
    }
    say::note(&format!("an image in 5,000 costs {:.2} of one in 1,000", per_image[1] / per_image[0]));
    Ok(())
}

/// What an image from packages costs beside the tools that make it.
fn creation(site: &Site<'_>) -> Result<(), Failure> {
    say::step("livenet create, from packages");
    let root = site.place.join("root-create");
    make_dir(&root)?;
    let create =
        ["-d", "livenet", "create", "bench", "--kernel", "from-image", "--source", "apt", "--type", "core"];
    let started = Instant::now();
    let output = site
        .command(&root, &create)
        .args(["--kernel-package", "linux-image-cloud-amd64"])
        .output()
        .map_err(|cause| Failure::Plain(format!("cannot run {}: {cause}", site.built.program)))?;
    let wall = started.elapsed().as_secs_f64();
    let said = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(Failure::Plain(said.lines().last().unwrap_or("the creation failed").to_owned()));
    }
    let mut tools = 0.0;
    for (tool, seconds) in said.lines().filter_map(took) {
        tools += seconds;
        if seconds >= 0.1 {
            say::note(&format!("{tool}: {seconds:.1} s"));
        }
    }
    say::note(&format!("in all {wall:.1} s, {:.1} % of it our own", 100.0 * (wall - tools) / wall));
    Ok(())
}

/// `TOOL took SECONDS s`, as the program says with `-d`.
fn took(line: &str) -> Option<(&str, f64)> {
    let (before, after) = line.split_once(" took ")?;
    let seconds = after.strip_suffix(" s")?.parse().ok()?;
    Some((before.rsplit(' ').next()?, seconds))
}

struct Measured {
    time: Duration,
    peak_kib: i64,
}

impl Measured {
    /// The median of several runs, and the peak of the last, which runs below a process of its own: the system only tells the peak
    /// of all children together.
    fn of(command: impl Fn() -> Command) -> Result<Self, Failure> {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let started = Instant::now();
            let ended = command().stdout(Stdio::null()).status();
            times.push(started.elapsed());
            if !ended.as_ref().is_ok_and(std::process::ExitStatus::success) {
                return Err(Failure::Plain(format!("{:?} ended with {ended:?}", command())));
            }
        }
        times.sort_unstable();
        let command = command();
        // By its name it may be another one by now, or gone: what was built meanwhile took its place.
        let peak = Command::new("/proc/self/exe")
            .arg("peak")
            .arg("--")
            .arg(command.get_program())
            .args(command.get_args())
            .output();
        let peak = peak.map_err(|cause| Failure::Plain(format!("cannot measure memory: {cause}")))?;
        let text = String::from_utf8_lossy(&peak.stdout);
        let peak_kib =
            text.trim().parse().map_err(|_| Failure::Plain(format!("cannot measure memory: {text:?}")))?;
        Ok(Self { time: times[RUNS / 2], peak_kib })
    }
}

/// Runs a program and prints its peak memory in KiB: the process that [`Measured`] starts.
pub(crate) fn peak(words: &[String]) -> Result<(), Failure> {
    let (program, args) =
        words.split_first().ok_or_else(|| Failure::Plain("no program was named".to_owned()))?;
    let ended = Command::new(program).args(args).stdout(Stdio::null()).status();
    ended.map_err(|cause| Failure::Plain(format!("cannot run {program}: {cause}")))?;
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|cause| Failure::Plain(cause.to_string()))?;
    say::line(&usage.max_rss().to_string());
    Ok(())
}

fn milliseconds(time: Duration) -> String {
    format!("{:.1}", time.as_secs_f64() * 1000.0)
}

fn make_dir(path: &Utf8PathBuf) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(failure::file("make", path))
}

#[cfg(test)]
mod tests {
    #[test]
    fn durations_are_found_in_what_the_program_says() {
        assert_eq!(super::took("mmdebstrap took 12.50 s"), Some(("mmdebstrap", 12.5)));
        assert_eq!(super::took("debug: dracut took 4.00 s"), Some(("dracut", 4.0)));
        assert_eq!(super::took("it took long"), None);
    }
}
