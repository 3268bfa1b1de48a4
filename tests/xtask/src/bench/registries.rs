//! `cargo xtask bench registries`: a push and a pull of an image, beside `skopeo copy` of the same bytes. The registry is Debian's, on this
//! machine, and a new one for each run: nobody finds anything there.
#![allow(
    clippy::disallowed_methods,
    reason = "programs are timed bare, without the watching that other tasks do"
)]

use std::fs::File;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_tests::need;

use super::Installed;
use super::demands::Demands;
use super::samples::{Samples, Strictness};
use crate::failure::{self, Failure};
use crate::say;

/// What an image has beside its small files.
const MEBIBYTES: u64 = 256;
/// Pairs of runs of which the median counts.
const ROUNDS: usize = 5;
/// The most that a push or a pull may need, in MiB.
const MOST_MEMORY: f64 = 64.0;
const TOOLS: [&str; 2] = ["docker-registry", "skopeo"];

/// Builds with optimisation, measures, prints, and fails when a demand does not hold.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    if let Some(lack) = TOOLS.iter().find(|tool| need::find_tool(tool).is_none()) {
        return Err(Failure::Plain(format!("bench registries needs {lack}: cargo xtask setup installs it")));
    }
    let installed = Installed::build()?;
    say::step(&format!("an image of {MEBIBYTES} MiB to a registry and from it, beside skopeo copy"));
    let bench = Bench { installed: &installed };
    bench.make_image()?;
    let mut all = All::default();
    for round in 0..ROUNDS {
        bench.round(round, &mut all)?;
    }
    let mut demands = Demands::of("registries");
    all.judge(&mut demands);
    demands.verdict(strictness)
}

/// What was measured: how many times faster than skopeo, and MiB.
#[derive(Default)]
struct All {
    push: Vec<f64>,
    pull: Vec<f64>,
    memory: Vec<f64>,
}

impl All {
    fn judge(self, demands: &mut Demands) {
        for (what, ratios) in [("push", self.push), ("pull", self.pull)] {
            let ratio = Samples::of(ratios);
            demands.check(
                &format!("{what}, speed of skopeo copy"),
                &ratio,
                "at least 1.0",
                ratio.median() >= 1.0,
            );
        }
        let most = Samples::of(self.memory.iter().copied().reduce(f64::max).into_iter().collect());
        demands.check("memory in MiB", &most, "below 64", most.median() < MOST_MEMORY);
    }
}

struct Bench<'a> {
    installed: &'a Installed,
}

impl Bench<'_> {
    fn root(&self, name: &str) -> Utf8PathBuf {
        self.installed.place.join(name)
    }

    fn ours(&self, root: &Utf8Path, words: &[&str]) -> Vec<String> {
        let Installed { built, modules, .. } = self.installed;
        let own = [built.program.as_str(), "--root", root.as_str(), "--modules-dir", modules.as_str()];
        own.iter().chain(words).map(|word| (*word).to_owned()).collect()
    }

    /// An image with one large file of noise, whose next version has that file.
    fn make_image(&self) -> Result<(), Failure> {
        let root = self.root("origin");
        make_dir(&root)?;
        let _ = measured(&self.ours(&root, &["demo", "create", "bench"]))?;
        let image = root.join("var/www/html/preboot_execution_environment/diskless/images/bench");
        noise(&image.join("noise.img"))?;
        let _ = measured(&self.ours(&root, &["verify", "--record"]))?;
        Ok(())
    }

    fn round(&self, round: usize, all: &mut All) -> Result<(), Failure> {
        let number = self.newest()?;
        let place = self.root(&format!("round-{round}"));
        make_dir(&place)?;
        let (one, two) = (Registry::start(&place.join("one"))?, Registry::start(&place.join("two"))?);
        let layout = self.root("origin").join("var/www/html/preboot_execution_environment/diskless/oci");
        let skopeo = |from: String, to: String| {
            let plain = ["skopeo", "copy", "--quiet", "--src-tls-verify=false", "--dest-tls-verify=false"];
            plain.iter().map(|word| (*word).to_owned()).chain([from, to]).collect::<Vec<_>>()
        };
        let ours = format!("{}/images/bench", one.address);
        let theirs = format!("docker://{}/images/bench:v1", two.address);
        let push = measured(&self.ours(&self.root("origin"), &["push", "bench", &ours, "--plain-http"]))?;
        let of_skopeo = measured(&skopeo(format!("oci:{layout}:bench@{number}"), theirs.clone()))?;
        all.push.push(of_skopeo.seconds / push.seconds);
        let root = place.join("root");
        make_dir(&root)?;
        let from = format!("{ours}:current");
        let pull = measured(&self.ours(&root, &["pull", &from, "--plain-http"]))?;
        let back = measured(&skopeo(theirs, format!("oci:{}:v1", place.join("copy"))))?;
        all.pull.push(back.seconds / pull.seconds);
        all.memory.extend([push.mebibytes, pull.mebibytes]);
        say::note(&format!(
            "push {:.2} s, skopeo {:.2} s; pull {:.2} s, skopeo {:.2} s",
            push.seconds, of_skopeo.seconds, pull.seconds, back.seconds
        ));
        drop((one, two));
        std::fs::remove_dir_all(&place).map_err(failure::file("remove", &place))
    }

    /// The number of the newest version.
    fn newest(&self) -> Result<u64, Failure> {
        let words = self.ours(&self.root("origin"), &["--format", "json", "versions", "bench"]);
        let output = Command::new(&words[0]).args(&words[1..]).output();
        let output = output.map_err(|cause| Failure::Plain(format!("cannot run {}: {cause}", words[0])))?;
        let listed: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
        listed["versions"][0]["number"]
            .as_u64()
            .ok_or_else(|| Failure::Plain("the image has no versions".to_owned()))
    }
}

/// How long a program took, and the most memory that it had.
struct Measured {
    seconds: f64,
    mebibytes: f64,
}

/// Runs a program below a process of its own: the system only tells the peak of all children together.
fn measured(words: &[String]) -> Result<Measured, Failure> {
    // What others wrote is on disk before.
    nix::unistd::sync();
    let started = Instant::now();
    let output = Command::new("/proc/self/exe").args(["peak", "--"]).args(words).output();
    let seconds = started.elapsed().as_secs_f64();
    let output = output.map_err(|cause| Failure::Plain(format!("cannot measure: {cause}")))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout);
    match text.trim().parse::<f64>() {
        Ok(kibibytes) if !said.contains("error:") => Ok(Measured { seconds, mebibytes: kibibytes / 1024.0 }),
        _ => Err(Failure::Plain(format!("{}: {said}", words.join(" ")))),
    }
}

/// A registry of this machine, ended when it goes.
struct Registry {
    address: String,
    running: Child,
}

impl Registry {
    fn start(place: &Utf8Path) -> Result<Self, Failure> {
        make_dir(place)?;
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let address = free.map_err(|cause| Failure::Plain(format!("no port is free: {cause}")))?.to_string();
        let settings = place.join("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage: {{filesystem: {{rootdirectory: {place}/data}}}}\nhttp: {{addr: {address}}}\n"
        );
        std::fs::write(&settings, text).map_err(failure::file("write", &settings))?;
        let mut command = Command::new("docker-registry");
        command.args(["serve", settings.as_str()]).stdout(Stdio::null()).stderr(Stdio::null());
        let running = command
            .spawn()
            .map_err(|cause| Failure::Plain(format!("cannot run docker-registry: {cause}")))?;
        let registry = Self { address, running };
        let begun = Instant::now();
        while TcpStream::connect(&registry.address).is_err() {
            if begun.elapsed() > Duration::from_secs(20) {
                return Err(Failure::Plain("docker-registry does not listen".to_owned()));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(registry)
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.running.kill().and_then(|()| self.running.wait());
    }
}

/// Bytes that nobody can compress.
fn noise(path: &Utf8Path) -> Result<(), Failure> {
    let wrong = failure::file("write", path);
    let random = File::open("/dev/urandom").map(|random| random.take(MEBIBYTES << 20));
    let copied = random.and_then(|mut random| std::io::copy(&mut random, &mut File::create(path)?));
    copied.map(drop).map_err(wrong)
}

fn make_dir(path: &Utf8Path) -> Result<(), Failure> {
    std::fs::create_dir_all(path).map_err(failure::file("make", path))
}
