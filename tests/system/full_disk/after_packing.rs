//! A disk that others fill up while an image is packed. What is written after the packing is small, and a file system that is too full
//! for the packing may have room for all of it: these stages are met only when the room goes in that moment.

use disklessset_tests::loop_disk::Disk;
use disklessset_tests::need;
use disklessset_tests::run::Outcome;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::super::reliability::tools::{Fault, with_faulty};
use super::super::small;
use super::{OnDisk, World, reason};

/// Room for the image and all that its creation needs.
const ENOUGH: u64 = 48 << 20;
/// Bytes that suffice for all small files of a creation, on a file system with blocks of 1 KiB.
const MOST: u64 = 64 << 10;

/// The packing does its work, and ends when somebody ends what it waits for.
const WAITS: &str = "case \"$1\" in */tree) sleep 3600 ;; esac\nexit 0";

/// Lets the packing end with so many bytes left.
fn create_with(bytes: u64, livenet: &small::Small, disk: &OnDisk) -> Outcome {
    let filling = disk.fill_but(ENOUGH);
    let create =
        with_faulty(&livenet.root, "mksquashfs", Fault::AfterItsWork(WAITS), livenet.create("web", &[]));
    let (running, waiting) = create.start().wait_until(|| livenet.root.tool_at_work("sleep"));
    drop(filling);
    // What was packed goes to disk behind the packer: until it is there, the room that is left changes.
    std::thread::sleep(std::time::Duration::from_millis(600));
    let filling = disk.fill_but(bytes);
    kill(Pid::from_raw(waiting), Signal::SIGKILL).unwrap();
    let outcome = running.wait();
    drop(filling);
    outcome
}

#[test]
fn a_creation_names_each_file_that_no_longer_fits_and_takes_everything_back() {
    need!(need::root(), need::tool("mkfs.ext4"), need::tool("mksquashfs"));
    let livenet = small::Small::new();
    let disk = OnDisk::new(&livenet.root, &livenet.root.path(), Disk::Ext4, 96);
    let before = World::of(&livenet.root, &disk);
    let mut refusals = std::collections::BTreeSet::new();
    let mut bytes = 0;
    let done = loop {
        let outcome = create_with(bytes, &livenet, &disk);
        if outcome.status.success() {
            break outcome;
        }
        let outcome = outcome.expect_refusal(&[1, 5]);
        assert!(outcome.stderr.contains("the file system "), "{outcome}");
        before.assert_same(&livenet.root, &disk, &format!("with {bytes} bytes"));
        refusals.insert(reason(&outcome));
        bytes += 1024;
        assert!(bytes < MOST, "{MOST} bytes do not suffice: {refusals:#?}");
    };
    let _ = done.expect_done();
    let _ = livenet.run(&["verify", "web"]).expect_done();
    // As the messages are kept, without digits.
    for file in ["image_data.yml", "index.json", "boot.ipxe", "SHASUMS", "installations.yml"] {
        assert!(refusals.iter().any(|said| said.contains(file)), "never {file}: {refusals:#?}");
    }
}
