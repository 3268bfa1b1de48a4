//! Given machines with UEFI: they fetch iPXE over HTTP and boot images as nodes do, and nothing of that reaches the server's own
//! network or stays.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::need::{self, Verdict};
use disklessset_tests::residue::Snapshot;
use nix::sys::signal::Signal;

use super::livenet::{PATIENCE, world};
use super::nfs::{empty_world, nothing_held, runs};

fn needs() -> Verdict {
    let tools = ["qemu-system-x86_64", "dnsmasq"].map(need::tool);
    let verdicts = [need::root()].into_iter().chain(tools);
    verdicts.into_iter().find(|verdict| *verdict == Verdict::Skip).unwrap_or(Verdict::Go)
}

/// The interfaces of this server.
fn interfaces() -> String {
    std::fs::read_to_string("/proc/net/dev")
        .unwrap()
        .lines()
        .filter_map(|line| line.split_once(':'))
        .map(|(name, _)| name.trim().to_owned() + " ")
        .collect()
}

#[test]
fn an_image_boots_under_uefi_through_its_boot_file() {
    disklessset_tests::need!(needs(), need::tool("mmdebstrap"), need::full());
    let root = world();
    let before = (Snapshot::of(root), interfaces());
    let prove = ["prove", "node", "--firmware", "uefi", "--memory", "512M", "--format", "json"];
    let proof = root.disklessset(&prove).limit(PATIENCE).run().expect_done().expect_said("booting with UEFI");
    before.0.assert_same_as_now(root);
    Snapshot::assert_nothing_held(root);
    assert_eq!(before.1, interfaces());
    let proof = &proof.json()["proof"];
    assert_eq!(proof["firmware"], "uefi");
    assert_eq!(proof["login_line"], "prove login:", "the name comes by DHCP");
    let stages: Vec<_> =
        proof["timeline"].as_array().unwrap().iter().map(|point| point["stage"].as_str().unwrap()).collect();
    assert_eq!(stages[..3], ["loader_fetched", "firmware", "boot_file_fetched"]);
    assert!(stages.contains(&"root_image_fetched") && stages.contains(&"system_up"), "{stages:?}");
}

#[test]
fn what_uefi_needs_goes_with_a_proof_that_is_killed_or_stopped() {
    disklessset_tests::need!(needs(), need::tool("ganesha.nfsd"));
    let (root, before) = (empty_world(), interfaces());
    for signal in [Signal::SIGKILL, Signal::SIGTERM] {
        let proof = root.disklessset(&["prove", "base", "--firmware", "uefi"]).start();
        let at_work = || root.tool_at_work("dnsmasq").zip(root.tool_at_work("qemu-system-x86_64"));
        let (proof, (server, machine)) = proof.wait_until(at_work);
        assert!(runs(server) && runs(machine));
        assert_eq!(before, interfaces(), "an interface of the server's own");
        proof.signal(signal);
        if signal == Signal::SIGKILL {
            proof.kill_nine();
        } else {
            let _ = proof.wait().expect_code(143);
        }
        let patience = Instant::now() + Duration::from_secs(5);
        while (runs(server) || runs(machine)) && Instant::now() < patience {
            std::thread::sleep(Duration::from_millis(20));
        }
        assert!(!runs(server), "{signal}: the DHCP server runs on");
        assert!(!runs(machine), "{signal}: the machine runs on");
        nothing_held(&root);
    }
}

#[test]
fn what_uefi_lacks_is_named_with_its_package_before_anything_starts() {
    disklessset_tests::need!(need::root(), need::tool("qemu-system-x86_64"), need::tool("unshare"));
    let root = empty_world();
    // A mount of this proof alone hides the firmware, wherever it lies.
    let hide = "for dir in /usr/share/OVMF /usr/share/edk2/ovmf; do \
                test -d $dir && mount -t tmpfs none $dir; done; exec \"$@\"";
    let hidden = ["--mount", "sh", "-c", hide, "sh"];
    let proof = root.disklessset(&["prove", "base", "--firmware", "uefi"]).behind("unshare", &hidden).run();
    let proof = proof.expect_code(1).expect_said("OVMF is missing (install the package ");
    assert!(!proof.stderr.contains("booting with"), "{proof}");
    let _ =
        root.disklessset(&["prove", "base", "--firmware", "efi"]).run().expect_code(2).expect_said("uefi");
}
