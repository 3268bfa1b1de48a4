//! Replays frozen consoles of real boots through watch and classifier.
//!
//! The excerpts in `fixtures/` are from a Debian 12 image on QEMU 7.2, shortened by leaving lines out;
//! the requests beside them are those the boot server saw.

use std::time::Duration;

use super::boot_file::BootFile;
use super::boot_file::FlatOverlay;
use super::cause::{Cause, NeededFile};
use super::evidence::End;
use super::report::ProveEvent;
use super::request::Mebibytes;
use super::stage::Stage;
use super::watch::{Verdict, Watch};
use disklessset_serve::{RequestReport, Transfer};

const BOOT: &str = "pxe/images/a/boot.ipxe";
const KERNEL: &str = "pxe/kernels/vmlinuz-6.1";
const INITRAMFS: &str = "pxe/kernels/initramfs-kernel-6.1";
const ROOT: &str = "pxe/images/a/squashfs.img";

fn boot_text(parameters: &str) -> String {
    format!(
        "#!ipxe\nkernel http://${{next-server}}/{KERNEL} initrd=i root=live:http://${{next-server}}/{ROOT} {parameters} ${{eq-console}}\n\
         initrd --name i http://${{next-server}}/{INITRAMFS}\nboot\n"
    )
}

fn nfs_boot_text() -> String {
    format!(
        "#!ipxe\nkernel http://${{next-server}}/{KERNEL} initrd=i root=nfs:${{next-server}}:/d/a,vers=4.2,rw ${{eq-console}}\n\
         initrd --name i http://${{next-server}}/{INITRAMFS}\nboot\n"
    )
}

fn asked(path: &str, agent: &str, status: u16) -> RequestReport {
    RequestReport {
        peer: ([127, 0, 0, 1], 1).into(),
        via: None,
        method: "GET".into(),
        path: path.into(),
        file: path.into(),
        agent: agent.into(),
        host: "10.0.2.2".into(),
        status,
        bytes: 1,
        transfer: Transfer::Complete,
        took: Duration::ZERO,
        problem: None,
    }
}

fn firmware(path: &str, status: u16) -> RequestReport {
    asked(path, "iPXE/1.0.0", status)
}

fn initramfs(path: &str, status: u16) -> RequestReport {
    asked(path, "curl/7.88.1", status)
}

fn served(root: Option<RequestReport>) -> Vec<RequestReport> {
    let files = [BOOT, KERNEL, INITRAMFS].map(|path| firmware(path, 200));
    files.into_iter().chain(root).collect()
}

/// One boot told again: firmware requests come before the kernel's first word, the others right
/// after the initramfs has started.
fn replay(console: &[u8], parameters: &str, requests: Vec<RequestReport>) -> (Watch, Vec<ProveEvent>) {
    replay_of(console, &boot_text(parameters), requests)
}

fn replay_of(console: &[u8], boot_text: &str, requests: Vec<RequestReport>) -> (Watch, Vec<ProveEvent>) {
    let mut watch = Watch::new(BootFile::parse(BOOT, boot_text), crate::node::made_up().unwrap());
    let mut events = Vec::new();
    let mut at = Duration::ZERO;
    let (early, late): (Vec<_>, Vec<_>) =
        requests.into_iter().partition(|request| request.agent.starts_with("iPXE"));
    let mut early = Some(early);
    let mut late = Some(late);
    for piece in console.chunks(7) {
        at += Duration::from_millis(10);
        let seen = String::from_utf8_lossy(piece).contains("Next");
        if seen || watch.last_stage() == Some(Stage::KernelStarted) {
            for request in early.take().into_iter().flatten() {
                events.extend(watch.request(at, &request));
            }
        }
        events.extend(watch.console(at, piece));
        if watch.last_stage() >= Some(Stage::InitramfsStarted) {
            for request in late.take().into_iter().flatten() {
                events.extend(watch.request(at, &request));
            }
        }
    }
    for request in early.into_iter().chain(late).flatten() {
        events.extend(watch.request(at, &request));
    }
    (watch, events)
}

const LATER: Duration = Duration::from_secs(1000);

fn cause_of(console: &[u8], parameters: &str, requests: Vec<RequestReport>, memory: u32) -> Cause {
    let (watch, _) = replay(console, parameters, requests);
    assert_eq!(watch.verdict(LATER), Verdict::Failed, "fails early");
    let reached = watch.last_stage();
    watch.evidence.cause(End::Decided, reached, &watch.failed_units, Mebibytes(memory))
}

const OVERLAY: &str = "rd.live.overlay.overlayfs=1";

#[test]
fn a_boot_that_comes_up_passes_all_stages_and_names_its_failed_unit() {
    let console = include_bytes!("fixtures/debian12-up.log");
    let (watch, events) = replay(console, OVERLAY, served(Some(initramfs(ROOT, 200))));
    let stages: Vec<Stage> = watch.timeline.iter().map(|(_, stage)| *stage).collect();
    assert_eq!(
        stages,
        [
            Stage::Firmware,
            Stage::BootFileFetched,
            Stage::KernelFetched,
            Stage::InitramfsFetched,
            Stage::KernelStarted,
            Stage::InitramfsStarted,
            Stage::RootImageFetched,
            Stage::SystemStarted,
            Stage::SystemUp,
            Stage::LoginPrompt,
        ]
    );
    assert_eq!(watch.login_line.as_deref(), Some("prove login:"));
    // sysroot.mount failed too, in the initramfs of a boot that works: not worth a word.
    assert_eq!(watch.failed_units, ["ssh.service"]);
    let told = events.iter().filter(|event| matches!(event, ProveEvent::UnitFailed { .. })).count();
    assert_eq!(told, 1, "each unit is told once");
    assert_eq!(watch.verdict(Duration::ZERO), Verdict::Up);
}

#[test]
fn without_its_prompt_the_same_boot_is_not_up_and_time_runs_out() {
    let console = include_bytes!("fixtures/debian12-up.log");
    let end = console.len() - "prove login: ".len();
    let (mut watch, _) = replay(&console[..end], OVERLAY, served(Some(initramfs(ROOT, 200))));
    assert!(watch.tick(LATER).is_empty());
    assert_eq!(watch.verdict(LATER), Verdict::Open);
    let after = Duration::from_secs(180);
    let reached = watch.last_stage();
    let cause = watch.evidence.cause(End::TimedOut(after), reached, &[], Mebibytes(1024));
    assert!(cause.may_pass());
    assert_eq!(cause.to_string(), "no working system after 180 s; the last stage was: system up");
}

#[test]
fn a_kernel_that_is_not_there_is_named() {
    let console = include_bytes!("fixtures/kernel-missing.log");
    let requests = vec![firmware(BOOT, 200), firmware(KERNEL, 404)];
    let cause = cause_of(console, OVERLAY, requests, 1024);
    assert!(
        matches!(&cause, Cause::NotServed { file: NeededFile::Kernel, path, status: 404, .. } if path == KERNEL),
        "{cause:?}"
    );
    assert!(!cause.may_pass());
}

#[test]
fn the_firmwares_own_words_are_quoted_when_no_request_explains() {
    let console = include_bytes!("fixtures/kernel-missing.log");
    let cause = cause_of(console, OVERLAY, vec![firmware(BOOT, 200)], 1024);
    let text = cause.to_string();
    assert!(text.starts_with("the boot file ended without booting: "), "{text}");
    assert!(text.contains("No such file or directory (http://ipxe.org/2d0c613b)"), "{text}");
}

#[test]
fn an_ipxe_that_cannot_check_signatures_is_named() {
    // What Debian's iPXE says, in place of the other console's failure.
    let console = String::from_utf8_lossy(include_bytes!("fixtures/kernel-missing.log"));
    let line = console.lines().find(|line| line.contains("ipxe.org/2d0c613b")).unwrap();
    let console = console.replace(line, "imgverify: command not found");
    let cause = cause_of(console.as_bytes(), OVERLAY, vec![firmware(BOOT, 200), firmware(KERNEL, 200)], 1024);
    assert_eq!(cause, Cause::FirmwareWithoutImgverify);
}

#[test]
fn an_initramfs_of_mode_0600_is_named_with_its_mode() {
    let console = include_bytes!("fixtures/initramfs-private.log");
    let mut refused = firmware(INITRAMFS, 403);
    refused.problem = Some(format!("{INITRAMFS}: mode 0600 keeps a web server out"));
    let requests = vec![firmware(BOOT, 200), firmware(KERNEL, 200), refused];
    let cause = cause_of(console, OVERLAY, requests, 1024);
    let text = cause.to_string();
    assert!(matches!(cause, Cause::NotServed { file: NeededFile::Initramfs, .. }));
    assert!(text.contains("403") && text.contains("0600"), "{text}");
}

#[test]
fn a_missing_root_image_ends_the_try_at_once() {
    let console = include_bytes!("fixtures/root-image-missing.log");
    let cause = cause_of(console, OVERLAY, served(Some(initramfs(ROOT, 404))), 1024);
    assert!(
        matches!(&cause, Cause::NotServed { file: NeededFile::RootImage, path, .. } if path == ROOT),
        "{cause:?}"
    );
}

#[test]
fn a_root_image_that_cannot_be_mounted_says_what_to_look_at() {
    let root = || served(Some(initramfs(ROOT, 200)));
    let console = include_bytes!("fixtures/flat-without-overlay.log");
    let cause = cause_of(console, "", root(), 1024);
    assert!(
        matches!(&cause, Cause::RootNotMountable { overlay: FlatOverlay::NotAsked, line } if line.contains("Can't mount root")),
        "{cause:?}"
    );
    assert!(cause.to_string().contains("lacks rd.live.overlay.overlayfs=1"));

    let console = include_bytes!("fixtures/root-image-truncated.log");
    let cause = cause_of(console, OVERLAY, root(), 1024);
    assert!(
        matches!(&cause, Cause::RootNotMountable { overlay: FlatOverlay::Asked, line } if line.contains("find a root filesystem")),
        "{cause:?}"
    );
}

#[test]
fn too_little_memory_is_told_at_every_stage_it_shows() {
    let console = include_bytes!("fixtures/memory-192.log");
    let cause = cause_of(console, OVERLAY, served(None), 192);
    assert!(cause.to_string().starts_with("192 MiB of memory are too small"), "{cause}");

    let mut cut = initramfs(ROOT, 200);
    cut.transfer = Transfer::CutShort;
    let console = include_bytes!("fixtures/memory-256.log");
    let cause = cause_of(console, OVERLAY, served(Some(cut.clone())), 256);
    assert!(matches!(&cause, Cause::OutOfMemory { line: Some(_), .. }), "{cause:?}");

    // The console may stay silent about it: a root image that never came whole says enough.
    let console = include_bytes!("fixtures/root-image-truncated.log");
    let cause = cause_of(console, OVERLAY, served(Some(cut)), 256);
    assert!(matches!(&cause, Cause::OutOfMemory { line: None, .. }), "{cause:?}");
}

#[test]
fn a_kernel_without_usable_initramfs_tells_why() {
    let console = include_bytes!("fixtures/no-initrd-line.log");
    let cause = cause_of(console, OVERLAY, served(None), 1024);
    assert!(cause.to_string().contains("the kernel got no initramfs"), "{cause}");

    let console = include_bytes!("fixtures/memory-100.log");
    let cause = cause_of(console, OVERLAY, served(None), 100);
    assert!(matches!(cause, Cause::InitramfsUnreadable { .. }), "{cause:?}");
    assert!(cause.to_string().contains("memory is too small"), "{cause}");
}

#[test]
fn a_machine_that_dies_and_one_that_is_silent_are_told_apart() {
    let text = boot_text("").replace(" ${eq-console}", "");
    let mut watch = Watch::new(BootFile::parse(BOOT, &text), crate::node::made_up().unwrap());
    for request in served(Some(initramfs(ROOT, 200))) {
        watch.request(Duration::ZERO, &request);
    }
    assert!(watch.tick(Duration::from_secs(20)).is_empty());
    assert_eq!(watch.verdict(LATER), Verdict::Open);
    watch.tick(Duration::from_secs(60));
    assert_eq!(watch.verdict(LATER), Verdict::Failed);
    let reached = watch.last_stage();
    let cause = |end| watch.evidence.cause(end, reached, &[], Mebibytes(1024));
    let silent = cause(End::TimedOut(Duration::from_secs(180)));
    assert_eq!(silent, Cause::SilentConsole);
    let died = cause(End::Exited("QEMU was ended by SIGSEGV".into()));
    assert!(died.may_pass());
    assert!(died.to_string().contains("SIGSEGV"), "{died}");
}

#[test]
fn emergency_mode_names_the_units_that_failed() {
    let console = include_bytes!("fixtures/debian12-up.log");
    let end = console.len() - "Debian GNU/Linux 12 prove ttyS0\r\nprove login: ".len();
    let mut told = console[..end].to_vec();
    told.extend_from_slice(b"\r\nYou are in emergency mode. After logging in, type \"journalctl -xb\"\r\n");
    let text = String::from_utf8_lossy(&told)
        .replace("multi-user.target", "x.target")
        .replace("Multi-User System", "x")
        .replace("graphical.target", "y.target")
        .replace("Graphical Interface", "y");
    let cause = cause_of(text.as_bytes(), OVERLAY, served(Some(initramfs(ROOT, 200))), 1024);
    assert_eq!(cause.to_string(), "the system went into emergency mode after ssh.service failed");
}

#[test]
fn an_image_for_newer_processors_is_known() {
    let console = b"[    0.0] Linux version 5.14\r\n[    1.0] Run /init as init process\r\n\
        Fatal glibc error: CPU does not support x86-64-v2\r\n\
        [    1.1] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\r\n";
    let cause = cause_of(console, OVERLAY, served(None), 1024);
    assert!(matches!(cause, Cause::ProcessorTooOld { .. }), "{cause:?}");
}

#[test]
fn an_nfs_root_that_comes_up_is_mounted_and_fetches_no_image() {
    let console = include_bytes!("fixtures/nfs-up.log");
    let (watch, _) = replay_of(console, &nfs_boot_text(), served(None));
    let stages: Vec<Stage> = watch.timeline.iter().map(|(_, stage)| *stage).collect();
    assert_eq!(
        stages,
        [
            Stage::Firmware,
            Stage::BootFileFetched,
            Stage::KernelFetched,
            Stage::InitramfsFetched,
            Stage::KernelStarted,
            Stage::InitramfsStarted,
            Stage::RootMounted,
            Stage::SystemStarted,
            Stage::SystemUp,
            Stage::LoginPrompt,
        ]
    );
    assert_eq!(watch.login_line.as_deref(), Some("c001 login:"));
    assert_eq!(watch.verdict(Duration::ZERO), Verdict::Up);
}

fn nfs_cause(console: &[u8], end: End) -> Cause {
    let (watch, _) = replay_of(console, &nfs_boot_text(), served(None));
    if end == End::Decided {
        assert_eq!(watch.verdict(LATER), Verdict::Failed, "fails early");
    }
    let reached = watch.last_stage();
    watch.evidence.cause(end, reached, &watch.failed_units, Mebibytes(1024))
}

#[test]
fn an_initramfs_without_the_nfs_part_is_named_with_the_command_that_mends_it() {
    let console = include_bytes!("fixtures/nfs-part-missing.log");
    let cause = nfs_cause(console, End::Decided);
    assert!(matches!(cause, Cause::InitramfsWithoutNfs { .. }), "{cause:?}");
    let text = cause.to_string();
    assert!(text.contains("Don't know how to handle 'root=nfs:") && text.contains("nfs-common"), "{text}");
    assert!(text.ends_with("disklessset kernel initramfs 6.1"), "{text}");
}

#[test]
fn a_root_that_is_not_mounted_is_told_in_the_clients_words() {
    let console = include_bytes!("fixtures/nfs-tree-missing.log");
    let cause = nfs_cause(console, End::Decided);
    let text = cause.to_string();
    assert!(text.contains("reason given by server: No such file or directory"), "{text}");
    assert!(matches!(cause, Cause::NfsRootRefused { .. }) && !cause.may_pass());
}

#[test]
fn a_root_that_cannot_be_written_explains_a_system_that_does_not_come_up() {
    let console = include_bytes!("fixtures/nfs-read-only.log");
    let after = End::TimedOut(Duration::from_secs(180));
    let cause = nfs_cause(console, after.clone());
    assert!(
        matches!(&cause, Cause::NfsRootReadOnly { line } if line.contains("Read-only file system")),
        "{cause:?}"
    );

    let words = String::from_utf8_lossy(console).replace("Read-only file system", "Permission denied");
    let emergency = format!("{words}\r\nYou are in emergency mode. After logging in, type\r\n");
    let cause = nfs_cause(emergency.as_bytes(), End::Decided);
    assert!(matches!(cause, Cause::NfsRootDenied { .. }), "{cause:?}");
    assert!(matches!(nfs_cause(words.as_bytes(), after), Cause::TimedOut { .. }), "it may just be slow");
}

#[test]
fn a_server_that_stopped_answering_explains_a_time_out_until_it_answers_again() {
    let up = include_bytes!("fixtures/nfs-up.log");
    let end = up.windows(12).position(|window| window == b"multi-user.t").unwrap();
    let silent =
        [&up[..end], b"\r\n[   99.0] nfs: server 10.0.2.2 not responding, still trying\r\n"].concat();
    let after = End::TimedOut(Duration::from_secs(180));
    let cause = nfs_cause(&silent, after.clone());
    assert!(matches!(cause, Cause::NfsServerSilent { .. }) && cause.may_pass(), "{cause:?}");
    let back = [&silent[..], b"[  120.0] nfs: server 10.0.2.2 OK\r\n"].concat();
    assert!(matches!(nfs_cause(&back, after), Cause::TimedOut { .. }));
}
