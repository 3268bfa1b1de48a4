//! `cargo xtask bench boot`: how long an image takes to its login prompt, and the memory that the machine had.

use std::time::Duration;

use serde_json::Value;

use super::Installed;
use super::demands::Demands;
use super::samples::Strictness;
use super::site::Site;
use crate::failure::Failure;
use crate::say;

/// Seconds in an emulated machine of two processors; with KVM it is a tenth of it.
const MOST: f64 = 600.0;

/// Builds with optimisation, measures, prints. Among tests, boots are a tier of their own, and are left out here.
pub(super) fn task(strictness: Strictness) -> Result<(), Failure> {
    let tools = ["qemu-system-x86_64", "mmdebstrap"];
    let lacks = tools.iter().find(|tool| disklessset_tests::need::find_tool(tool).is_none());
    if strictness == Strictness::Told || lacks.is_some() || !nix::unistd::geteuid().is_root() {
        say::note(
            "boots take minutes, root, QEMU and mmdebstrap; among tests they are a tier of their own: left out",
        );
        return Ok(());
    }
    let installed = Installed::build()?;
    let site = Site::new(&installed, "root")?;
    say::step("an image from packages, booted to its login prompt");
    let create = ["livenet", "create", "web", "--kernel", "from-image", "--source", "apt", "--type", "core"];
    site.takes(&[&create[..], &["--kernel-package", "linux-image-cloud-amd64"]].concat())?;
    let mut prove =
        site.command(&["--format", "json", "prove", "web", "--memory", "auto", "--timeout", "900"]);
    let output = prove.output().map_err(|cause| Failure::Plain(format!("cannot run {prove:?}: {cause}")))?;
    let told: Value = serde_json::from_slice(&output.stdout).map_err(|cause| {
        Failure::Plain(format!("prove ended with {} and said no JSON: {cause}", output.status))
    })?;
    say::note(&format!("{told}"));
    let seconds = seconds_to_login(&told)
        .ok_or_else(|| Failure::Plain(format!("prove did not tell how long the boot took: {told}")))?;
    let mut demands = Demands::of("boot");
    let measured = format!("{:.0} s", seconds.as_secs_f64());
    demands.check(
        "to the login prompt",
        &measured,
        &format!("at most {MOST} s"),
        seconds.as_secs_f64() <= MOST,
    );
    demands.verdict(strictness)
}

/// How long the machine took, as `prove` tells.
fn seconds_to_login(told: &Value) -> Option<Duration> {
    let seconds = told.pointer("/proof/seconds").or_else(|| told.pointer("/seconds"))?;
    Duration::try_from_secs_f64(seconds.as_f64()?).ok()
}
