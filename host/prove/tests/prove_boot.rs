//! Boots a laid-out image for real. Needs root, QEMU and an image, so it runs when asked:
//! `DISKLESSSET_PROVE_ROOT=/srv/html DISKLESSSET_PROVE_IMAGE=name cargo test -p disklessset-prove --test prove_boot -- --ignored`

#![allow(clippy::unwrap_used, reason = "a test may")]

use std::cell::Cell;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use disklessset_prove::{Cause, Mebibytes, ProveError, ProveEvent, ProveRequest, Stage, prove};

struct Lab {
    request: ProveRequest,
    _dir: tempfile::TempDir,
}

fn lab() -> Lab {
    let root = std::env::var("DISKLESSSET_PROVE_ROOT").expect("DISKLESSSET_PROVE_ROOT is set");
    let image = std::env::var("DISKLESSSET_PROVE_IMAGE").unwrap_or_else(|_| "lab".into());
    let dir = tempfile::tempdir().unwrap();
    let log = Utf8PathBuf::from_path_buf(dir.path().join("console.log")).unwrap();
    let boot = format!("preboot_execution_environment/diskless/images/{image}/boot.ipxe");
    Lab { request: ProveRequest::new(root, boot, log), _dir: dir }
}

/// Whether process `pid` is there and not merely waiting to be reaped.
fn runs(pid: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat.rsplit(") ").next().is_some_and(|rest| rest.starts_with('Z')),
        Err(_) => false,
    }
}

/// QEMU processes started from this very process.
fn machines_of(parent: u32) -> Vec<u32> {
    let parent = parent.to_string();
    let processes = std::fs::read_dir("/proc").unwrap();
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter(|pid: &u32| {
            let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.contains("(qemu")
                && stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1)) == Some(&parent)
        })
        .collect()
}

#[test]
#[ignore = "boots a virtual machine"]
fn an_image_comes_up_through_its_own_boot_file() {
    let lab = lab();
    let mut lines = 0;
    let proof = prove(&lab.request, &|| false, &mut |event| {
        lines += usize::from(matches!(event, ProveEvent::Console { .. }));
    })
    .unwrap();
    let machine = &proof.machines[0];
    assert_eq!(machine.login_line, "prove login:", "the name came by DHCP");
    let stages: Vec<Stage> = machine.timeline.iter().map(|(_, stage)| *stage).collect();
    assert!(stages.contains(&Stage::RootImageFetched) && stages.contains(&Stage::SystemUp));
    assert!(machine.timeline.is_sorted_by_key(|(at, _)| *at));
    assert!(machine.qemu_peak.is_some_and(|peak| peak > Mebibytes(100)));
    assert!(lines > 50);
    let log = std::fs::metadata(&lab.request.console_log).unwrap();
    assert!(log.len() > 10_000);
}

#[test]
#[ignore = "boots a virtual machine"]
fn too_little_memory_fails_early_and_says_so() {
    let mut lab = lab();
    lab.request.memory = Mebibytes(192);
    let error = prove(&lab.request, &|| false, &mut |_| {}).unwrap_err();
    let ProveError::Failed(failure) = error else {
        panic!("{error}");
    };
    let failed = &failure.machines[0];
    assert!(matches!(failed.cause, Cause::OutOfMemory { .. }), "{:?}", failed.cause);
    assert!(!failed.last_lines.is_empty());
}

#[test]
#[ignore = "boots a virtual machine"]
fn an_interrupted_proof_ends_at_once_and_leaves_no_machine() {
    let lab = lab();
    let stopped: Cell<Option<Instant>> = Cell::new(None);
    let mut machines = Vec::new();
    let stop = || stopped.get().is_some();
    let error = prove(&lab.request, &stop, &mut |event| {
        if matches!(event, ProveEvent::Stage { stage: Stage::KernelStarted, .. }) {
            machines = machines_of(std::process::id());
            stopped.set(Some(Instant::now()));
        }
    })
    .unwrap_err();
    assert!(matches!(error, ProveError::Interrupted), "{error}");
    let took = stopped.get().unwrap().elapsed();
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(!machines.is_empty(), "the machine was seen while it ran");
    // Another test's machine may be among them: ours is gone.
    assert!(machines.iter().any(|pid| !runs(*pid)));
}

#[test]
fn an_image_without_boot_file_is_refused_before_anything_starts() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let request = ProveRequest::new(&root, "images/x/boot.ipxe", root.join("log/console"));
    let error = prove(&request, &|| false, &mut |_| panic!("nothing to tell")).unwrap_err();
    match error {
        ProveError::NoBootFile { path } => assert_eq!(path, root.join("images/x/boot.ipxe")),
        ProveError::NotRoot | ProveError::MissingTool { .. } => {}
        other => panic!("{other}"),
    }
    assert!(!root.join("log").exists());
}
