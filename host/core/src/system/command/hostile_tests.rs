//! Programs that mean harm: whatever they try, nothing outside of their tree changes.

use std::io::Write;

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::system::test_support::is_root;

/// A file of the server's behind a loop device, as a disk would be.
struct Disk {
    file: Utf8PathBuf,
    device: String,
}

const CONTENT: &str = "PRECIOUS-CONTENT-OF-A-DISK";

impl Disk {
    fn attach(place: &Utf8Path) -> Option<Self> {
        let file = place.join("disk");
        std::fs::File::create(&file).unwrap().write_all(CONTENT.repeat(40_000).as_bytes()).unwrap();
        let attach = Tool::new("losetup").args(["--find", "--show", file.as_str()]);
        let done = attach.isolation(Isolation::None).capture_stdout(100).run();
        let Ok(done) = done else {
            eprintln!("SKIPPED: there is no loop device");
            return None;
        };
        let device = String::from_utf8(done.stdout).unwrap().trim().to_owned();
        Some(Disk { file, device })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Tool::new("losetup").args(["--detach", &self.device]).isolation(Isolation::None).run();
    }
}

/// Says what it was able to do; what only looks so is seen from outside. `$1` is the server's block device, `$2` a process of the
/// server, `$3` a word to plant.
const HOSTILE: &str = r#"
number=${1#/dev/loop}
echo WRITTEN >"$1"
echo WRITTEN >/dev/kmsg
echo left >/dev/shm/$3
for place in /dev /run /tmp /root $TREE $TREE/dev; do
    mknod $place/$3-b b 7 $number 2>/dev/null
    head -c 26 $place/$3-b 2>/dev/null && echo DID read the disk through $place
    echo WRITTEN 2>/dev/null >>$place/$3-b && test -b $place/$3-b && echo DID write the disk through $place
    rm -f $place/$3-b
done
mount -t tmpfs none /mnt && echo DID mount
mount -o remount,rw / && echo DID remount
umount /proc/sys && echo DID uncover /proc/sys
umount -l /dev && echo DID uncover /dev
unshare -m true && echo DID make a namespace
nsenter -t 1 -m true && echo DID enter a namespace
echo h >/proc/sysrq-trigger && echo DID ask the kernel
value=$(cat /proc/sys/kernel/panic_on_oops) && echo $value >/proc/sys/kernel/panic_on_oops && echo DID set a parameter
head -c 1 /proc/kcore | grep -q . && echo DID read memory
hostname $3 && echo DID rename
kill -9 $2 && echo DID kill
ls /proc/$2/root/ && echo DID look at a process
cat /proc/1/environ /proc/1/maps >/dev/null && echo SAW the process that started it
head -c 1 /proc/1/mem >/dev/null && echo DID read its memory; ls /proc/1/root/ && echo DID look at its root
kill -TERM 1
for file in /sys/power/state /sys/kernel/mm/ksm/run; do test -e $file && cat $file >/dev/null && echo 0 >$file && echo DID write $file; done
grep -E '^Cap(Prm|Bnd)' /proc/self/status
exit 0
"#;

fn run_hostile(isolation: Isolation, disk: &Disk, tree: &str) -> String {
    let victim = std::process::id().to_string();
    let word = format!("planted-{victim}");
    let tool = Tool::new("sh").args(["-c", HOSTILE, "sh", &disk.device, &victim, &word]).env("TREE", tree);
    let done = tool.isolation(isolation).capture_stdout(100_000).run().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!said.contains("DID "), "{said}");
    // Kernels from 6.15 on show environment and map of a process to SYS_ADMIN; there is no secret in either.
    assert!(!said.contains("SAW ") || said.contains("CapPrm:\t00000000802"), "{said}");
    assert!(!said.contains(CONTENT), "{said}");
    for place in ["/dev/shm", "/run", "/tmp", "/root", "/dev"] {
        for ending in ["", "-b"] {
            let planted = Utf8Path::new(place).join(format!("{word}{ending}"));
            assert!(planted.symlink_metadata().is_err(), "{planted} is on the server");
        }
    }
    assert_eq!(std::fs::read_to_string(&disk.file).unwrap(), CONTENT.repeat(40_000), "the disk was written");
    said
}

/// SYS_MODULE, SYS_RAWIO, SYS_PTRACE, SYS_ADMIN, SYS_BOOT, SYS_TIME, DAC_READ_SEARCH, NET_ADMIN, and MKNOD.
const NEVER: u64 = 1 << 16 | 1 << 17 | 1 << 19 | 1 << 21 | 1 << 22 | 1 << 25 | 1 << 2 | 1 << 12;
const MKNOD: u64 = 1 << 27;

fn assert_capabilities(said: &str, mknod: bool) {
    let sets: Vec<u64> = said
        .lines()
        .filter_map(|line| u64::from_str_radix(line.strip_prefix("Cap")?.split('\t').nth(1)?, 16).ok())
        .collect();
    assert_eq!(sets.len(), 2, "{said}");
    for set in sets {
        assert_eq!(set & NEVER, 0, "{set:x}");
        assert_eq!(set & MKNOD != 0, mknod, "{set:x}");
    }
}

fn make_tree(place: &Utf8Path) -> Utf8PathBuf {
    let tree = place.join("tree");
    for name in ["usr", "etc", "mnt", "tmp", "root"] {
        std::fs::create_dir_all(tree.join(name)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), tree.join(name)).unwrap();
    }
    tree
}

#[test]
fn a_hostile_program_of_a_tree_changes_nothing_outside_of_it() {
    if !is_root("a_hostile_program_of_a_tree_changes_nothing_outside_of_it") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(temp.path()).unwrap();
    let Some(disk) = Disk::attach(place) else { return };
    for (rights, mknod) in [(Rights::Packages, true), (Rights::Tool, false)] {
        let tree = make_tree(&place.join(format!("{rights:?}")));
        let chroot = Chroot::new(&tree).bind("/usr", "/usr", Access::ReadOnly).rights(rights);
        let said = run_hostile(Isolation::Chroot(chroot), &disk, "/");
        assert_capabilities(&said, mknod);
    }
}

/// On a server without SELinux the kernel asks for more than files for a label.
#[test]
fn a_program_that_labels_a_tree_can_do_that_and_no_more() {
    if !is_root("a_program_that_labels_a_tree_can_do_that_and_no_more") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(temp.path()).unwrap();
    let Some(disk) = Disk::attach(place) else { return };
    let tree = make_tree(place);
    let inside = |rights| Chroot::new(&tree).bind("/usr", "/usr", Access::ReadOnly).rights(rights);
    run_hostile(Isolation::Chroot(inside(Rights::Labels)), &disk, "/");
    let label = |rights| {
        let set = ["-n", "security.selinux", "-v", "system_u:object_r:etc_t:s0", "/etc"];
        Tool::new("setfattr").args(set).isolation(Isolation::Chroot(inside(rights))).run()
    };
    if crate::system::command::find("setfattr").is_some() {
        label(Rights::Labels).unwrap();
    }
}

/// A script that leaves the tree, which takes root no effort, is where the package manager is.
#[test]
fn a_hostile_package_manager_changes_nothing_but_its_tree() {
    if !is_root("a_hostile_package_manager_changes_nothing_but_its_tree") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let place = Utf8Path::from_path(temp.path()).unwrap();
    let Some(disk) = Disk::attach(place) else { return };
    let (tree, scratch, other) = (make_tree(place), place.join("scratch"), place.join("other"));
    std::fs::create_dir(&scratch).unwrap();
    std::fs::create_dir(&other).unwrap();
    let installing = || Isolation::Installing(Installing::into_tree(&tree).may_write(&scratch));
    let said = run_hostile(installing(), &disk, tree.as_str());
    assert_capabilities(&said, true);

    let script = format!(
        "touch {tree}/etc/made {scratch}/made; touch {other}/made && echo DID write beside; touch /etc/{0} && echo DID write to /etc; \
         ls -d /run/systemd /run/dbus* /run/disklessset 2>/dev/null; \
         test -c {tree}/dev/null && test -e {tree}/proc/self/stat && test -d {tree}/sys/class && echo system is there; \
         echo 1 >{tree}/proc/sys/kernel/panic_on_oops && echo DID set a parameter; chmod 0555 {tree}/sys {tree}/proc && echo as tar does; \
         cat /etc/resolv.conf",
        "planted-by-disklessset"
    );
    let done =
        Tool::new("sh").args(["-c", &script]).isolation(installing()).capture_stdout(10_000).run().unwrap();
    let said = String::from_utf8_lossy(&done.stdout).into_owned();
    assert!(!said.contains("DID "), "{said}");
    assert!(
        said.starts_with("/run/systemd\nsystem is there\nas tar does\n")
            || said.starts_with("system is there\nas tar does\n"),
        "{said}"
    );
    assert!(said.ends_with(&std::fs::read_to_string("/etc/resolv.conf").unwrap()), "{said}");
    assert!(!Utf8Path::new("/tmp/made").exists());
    assert!(tree.join("etc/made").is_file() && scratch.join("made").is_file());
    for name in ["proc", "sys", "dev"] {
        assert_eq!(std::fs::read_dir(tree.join(name)).unwrap().count(), 0, "{name} is not empty");
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!mounts.contains(tree.as_str()), "{mounts}");
}

/// `telinit u` of a package's script ends in a SIGTERM for process 1 where no init answers.
#[test]
fn a_script_that_tells_init_to_end_does_not_end_itself() {
    if !is_root("a_script_that_tells_init_to_end_does_not_end_itself") {
        return;
    }
    let done =
        Tool::new("sh").args(["-c", "kill -TERM 1; sleep 0.3; echo on"]).capture_stdout(100).run().unwrap();
    assert_eq!(done.stdout, b"on\n");
}

#[test]
fn a_tool_of_a_tree_has_no_network() {
    if !is_root("a_tool_of_a_tree_has_no_network") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = make_tree(Utf8Path::from_path(temp.path()).unwrap());
    let links = |rights| {
        let chroot = Chroot::new(&tree).bind("/usr", "/usr", Access::ReadOnly).rights(rights);
        let ask = Tool::new("sh").args(["-c", "grep -c : /proc/net/dev; ls /proc/net/unix >/dev/null"]);
        let done = ask.isolation(Isolation::Chroot(chroot)).capture_stdout(1000).run().unwrap();
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    };
    assert_eq!(links(Rights::Tool), "1", "the loop of its own alone");
}

#[test]
fn what_makes_something_public_sees_no_private_file_of_the_server() {
    if !is_root("what_makes_something_public_sees_no_private_file_of_the_server") {
        return;
    }
    let place = tempfile::tempdir_in("/var/tmp").unwrap();
    let place = Utf8Path::from_path(place.path()).unwrap();
    std::fs::create_dir(place.join("shown")).unwrap();
    let put = |path: &Utf8Path| std::fs::File::create(path).unwrap().write_all(b"SEEN").unwrap();
    put(&place.join("shown/file"));
    put(&place.join("beside"));
    let private = ["/etc", "/root", "/"].map(|directory| {
        let secret = tempfile::Builder::new().prefix("s").tempfile_in(directory).unwrap();
        secret.as_file().write_all(b"SEEN").unwrap();
        secret.into_temp_path()
    });
    let sees = |path: &str| {
        let isolation = Isolation::Public(Public::default().show(place.join("shown")));
        let done = Tool::new("cat").arg(path).isolation(isolation).capture_stdout(1 << 20).run();
        done.map(|done| String::from_utf8(done.stdout).unwrap()).unwrap_or_default()
    };
    for secret in &private {
        assert_eq!(sees(secret.to_str().unwrap()), "", "{}", secret.display());
    }
    assert_eq!(sees(place.join("beside").as_str()), "");
    assert_eq!(sees(place.join("shown/file").as_str()), "SEEN");
    assert_ne!(sees("/etc/passwd"), "");
    // It works in what it is shown, and nothing of that is seen outside of it.
    let write = ["-c", "echo made > shown/new && echo made > beside"];
    let isolation = Isolation::Public(Public::default().show(place.join("shown")));
    let _ = Tool::new("sh").args(write).current_dir(place).isolation(isolation).run().unwrap();
    assert_eq!(std::fs::read_to_string(place.join("shown/new")).unwrap(), "made\n");
    assert_eq!(std::fs::read_to_string(place.join("beside")).unwrap(), "SEEN");
}
