//! Locks: who holds one, who waits, and what killed holders leave.

use super::*;
use crate::system::lock_probe::from_outside;
use crate::system::test_support::{helper, is_helper};

fn place() -> (tempfile::TempDir, Utf8PathBuf) {
    let temp = tempfile::tempdir().unwrap();
    let dir = Utf8Path::from_path(temp.path()).unwrap().join("run/disklessset");
    (temp, dir)
}

fn take(dir: &Utf8Path, operation: &str, wait: Wait) -> Result<Lock, LockError> {
    Lock::acquire(dir, "web01", "image web01", operation, wait)
}

#[test]
fn the_second_one_is_told_who_is_first_and_gets_it_afterwards() {
    let (_temp, dir) = place();
    let first = take(&dir, "livenet unmount web01", Wait::No).unwrap();
    let error = take(&dir, "remove web01", Wait::No).unwrap_err().to_string();
    let expected =
        format!("image web01 is busy: pid {}, `livenet unmount web01`, since ", std::process::id());
    assert!(error.starts_with(&expected), "{error}");
    drop(first);
    assert_eq!(LockProbe::look(&dir, "web01").unwrap(), LockProbe::Free);
    let _second = take(&dir, "remove web01", Wait::No).unwrap();
    assert_eq!(std::fs::metadata(&dir).unwrap().mode() & 0o777, 0o755);
    assert_eq!(std::fs::metadata(dir.join("web01.lock")).unwrap().mode() & 0o777, MODE);
}

#[test]
fn looking_neither_takes_the_lock_nor_makes_a_try_fail() {
    let (_temp, dir) = place();
    assert_eq!(LockProbe::look(&dir, "web01").unwrap(), LockProbe::Free);
    assert!(!dir.exists(), "looking makes nothing");
    let stop = std::sync::atomic::AtomicBool::new(false);
    drop(take(&dir, "x", Wait::No).unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                LockProbe::look(&dir, "web01").unwrap();
            }
        });
        for _ in 0..2000 {
            let lock = take(&dir, "create web01", Wait::No).expect("a look disturbed the try");
            match LockProbe::look(&dir, "web01").unwrap() {
                LockProbe::Held(Some(holder)) => assert_eq!(holder.operation, "create web01"),
                other => panic!("{other:?}"),
            }
            drop(lock);
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
}

#[test]
fn a_readers_lock_of_a_stranger_does_not_look_like_a_holder() {
    let (_temp, dir) = place();
    drop(take(&dir, "x", Wait::No).unwrap());
    let stranger = File::open(dir.join("web01.lock")).unwrap();
    fcntl(&stranger, FcntlArg::F_OFD_SETLK(&whole_file(libc::F_RDLCK))).unwrap();
    assert_eq!(LockProbe::look(&dir, "web01").unwrap(), LockProbe::Free);
}

#[test]
fn who_may_not_open_the_file_learns_from_the_kernel_whether_the_lock_is_held() {
    let (_temp, dir) = place();
    let path = dir.join("web01.lock");
    let held = take(&dir, "x", Wait::No).unwrap();
    assert_eq!(from_outside(&path).unwrap(), LockProbe::Held(None));
    assert_eq!(from_outside(&dir.join("other.lock")).unwrap(), LockProbe::Free);
    std::fs::write(dir.join("free.lock"), "").unwrap();
    assert_eq!(from_outside(&dir.join("free.lock")).unwrap(), LockProbe::Free);
    drop(held);
    assert_eq!(from_outside(&path).unwrap(), LockProbe::Free);
}

#[test]
fn waiting_gets_the_lock_once_it_is_free() {
    let (_temp, dir) = place();
    let first = take(&dir, "first", Wait::No).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| take(&dir, "second", Wait::Seconds(20)));
        std::thread::sleep(Duration::from_millis(150));
        assert!(!waiting.is_finished());
        drop(first);
        let _second = waiting.join().unwrap().unwrap();
        assert!(matches!(take(&dir, "third", Wait::Seconds(0)), Err(LockError::Busy { .. })));
    });
}

#[test]
fn a_lock_file_removed_by_a_cleaner_does_not_let_two_in() {
    let (_temp, dir) = place();
    let path = dir.join("web01.lock");
    drop(take(&dir, "x", Wait::No).unwrap());
    // Opened by one that is slow, unlinked by the cleaner, and only then locked.
    let slow = open_or_create(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(Lock::take(slow, &path).unwrap(), Attempt::Stale));
    let slow = open_or_create(&path).unwrap();
    std::fs::remove_file(&path).unwrap();
    let lock = take(&dir, "y", Wait::No).unwrap();
    assert!(matches!(Lock::take(slow, &path).unwrap(), Attempt::Stale));
    assert!(is_at(&lock.file, &path).unwrap());
    drop(lock);
    std::fs::remove_dir_all(&dir).unwrap();
    let _after_a_reboot = take(&dir, "z", Wait::No).unwrap();
}

#[test]
fn a_link_planted_as_lock_file_is_not_written_through() {
    let (temp, dir) = place();
    let precious = temp.path().join("precious");
    std::fs::write(&precious, "keep").unwrap();
    std::fs::create_dir_all(&dir).unwrap();
    std::os::unix::fs::symlink(&precious, dir.join("web01.lock")).unwrap();
    assert!(matches!(take(&dir, "x", Wait::No), Err(LockError::File(_))));
    assert_eq!(std::fs::read_to_string(&precious).unwrap(), "keep");
}

#[test]
fn a_killed_holder_holds_no_more() {
    if let Some(dir) = is_helper("a_killed_holder") {
        let _lock = take(Utf8Path::new(&dir), "create web01", Wait::No).unwrap();
        std::thread::sleep(Duration::from_secs(60));
        return;
    }
    let (_temp, dir) = place();
    let name = "system::lock::tests::a_killed_holder_holds_no_more";
    let mut child = helper(name, "a_killed_holder", dir.as_str()).spawn().unwrap();
    let started = Instant::now();
    while LockProbe::look(&dir, "web01").unwrap() == LockProbe::Free {
        assert!(started.elapsed() < Duration::from_secs(20), "the helper takes no lock");
        std::thread::sleep(Duration::from_millis(5));
    }
    let busy = take(&dir, "x", Wait::No).unwrap_err().to_string();
    assert!(busy.contains(&format!("pid {}", child.id())), "{busy}");
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(LockProbe::look(&dir, "web01").unwrap(), LockProbe::Free);
    let _lock = take(&dir, "x", Wait::No).unwrap();
}
