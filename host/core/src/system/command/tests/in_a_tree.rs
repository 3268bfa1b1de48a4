//! Tools whose root is a tree, and the shell that a user has in one.

use super::*;

/// The least that programs of this machine run in when its `/usr` is shown inside.
pub(super) fn make_tree(place: &str) -> Utf8PathBuf {
    let tree = Utf8Path::new(place).join("tree");
    for name in ["usr", "etc", "mnt", "tmp"] {
        std::fs::create_dir_all(tree.join(name)).unwrap();
    }
    for name in ["bin", "sbin", "lib", "lib64"] {
        std::os::unix::fs::symlink(format!("usr/{name}"), tree.join(name)).unwrap();
    }
    tree
}

fn in_tree(tree: &Utf8Path, script: &str) -> Result<Finished, CommandError> {
    let chroot = Chroot::new(tree).bind("/usr", "/usr", Access::ReadOnly);
    sh(script).isolation(Isolation::Chroot(chroot)).capture_stdout(10000).run()
}

#[test]
fn a_tree_is_a_small_system_of_its_own() {
    if !is_root("a_tree_is_a_small_system_of_its_own") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = make_tree(temp.path().to_str().unwrap());
    let host_dev = std::fs::read_dir("/dev").unwrap().count();
    let host_null = std::fs::metadata("/dev/null").unwrap();
    let script = "set -e
        : >/dev/null; head -c 4 /dev/zero >/dev/null; head -c 4 /dev/urandom >/dev/null; test -c /dev/tty
        test -d /dev/shm; test -e /dev/pts/ptmx; test -e /dev/ptmx; test \"$(stat -c %a /dev/null /dev/shm | xargs)\" = '666 1777'
        test -e /proc/self/stat; test \"$(ls -d /proc/[0-9]* | wc -l)\" -lt 20
        test -d /sys/class; ! mkdir /sys/x 2>/dev/null; ! touch /usr/x 2>/dev/null
        touch /run/x; echo changed >/tmp/kept
        cat /etc/resolv.conf >/dev/null
        findmnt -rno TARGET | grep -v -e ^/proc/ -e '^/dev/[a-z]*$' | sort | xargs; pwd
        chmod 000 /dev/null; rm -rf /dev/* || true";
    let done = in_tree(&tree, script).unwrap();
    assert_eq!(text(&done.stdout), "/ /dev /etc/resolv.conf /proc /run /sys /usr\n/");
    assert_eq!(std::fs::read_to_string(tree.join("tmp/kept")).unwrap(), "changed\n");
    for name in ["proc", "sys", "dev", "run"] {
        assert_eq!(std::fs::read_dir(tree.join(name)).unwrap().count(), 0, "{name} is not empty");
    }
    assert_eq!(std::fs::read_dir("/dev").unwrap().count(), host_dev);
    use std::os::unix::fs::MetadataExt;
    assert_eq!(std::fs::metadata("/dev/null").unwrap().mode(), host_null.mode());
    let name = Tool::new("hostname").capture_stdout(100).run().unwrap();
    assert_ne!(text(&name.stdout), "renamed-by-a-script");

    let chroot = Chroot::new(&tree).bind("/usr", "/usr", Access::ReadOnly);
    let missing = Tool::new("dracut-that-is-not").isolation(Isolation::Chroot(chroot)).run().unwrap_err();
    assert_eq!(
        missing.to_string(),
        format!("cannot run dracut-that-is-not in {tree}: it is not installed in that tree")
    );
}

#[test]
fn name_resolution_follows_the_trees_link_into_run_and_binds_reach_run() {
    if !is_root("name_resolution_follows_the_trees_link_into_run_and_binds_reach_run") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = make_tree(temp.path().to_str().unwrap());
    std::os::unix::fs::symlink("../run/systemd/resolve/stub-resolv.conf", tree.join("etc/resolv.conf"))
        .unwrap();
    let script = temp.path().join("script");
    std::fs::File::create(&script).unwrap().write_all(b"cat /etc/resolv.conf").unwrap();
    let chroot = Chroot::new(&tree).bind("/usr", "/usr", Access::ReadOnly).bind(
        script.to_str().unwrap(),
        "/run/disklessset/script",
        Access::ReadOnly,
    );
    let done = Tool::new("sh")
        .arg("/run/disklessset/script")
        .isolation(Isolation::Chroot(chroot))
        .capture_stdout(10000)
        .run()
        .unwrap();
    assert_eq!(done.stdout, std::fs::read("/etc/resolv.conf").unwrap());
    assert!(tree.join("etc/resolv.conf").is_symlink());
}

#[test]
fn a_tree_with_links_as_mount_points_is_refused() {
    if !is_root("a_tree_with_links_as_mount_points_is_refused") {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    for name in ["proc", "sys", "dev", "run"] {
        let tree = make_tree(temp.path().join(name).to_str().unwrap());
        let precious = temp.path().join(format!("precious-{name}"));
        std::fs::create_dir(&precious).unwrap();
        std::os::unix::fs::symlink(&precious, tree.join(name)).unwrap();
        let error = in_tree(&tree, "true").unwrap_err().to_string();
        assert!(
            error.contains(&format!("{tree}/{name} is not a directory (a link there could lead anywhere)")),
            "{error}"
        );
        assert_eq!(std::fs::read_dir(&precious).unwrap().count(), 0);
    }
    let linked = temp.path().join("linked");
    std::os::unix::fs::symlink("/", &linked).unwrap();
    assert!(matches!(in_tree(linked.to_str().unwrap().into(), "true"), Err(CommandError::Isolation { .. })));
}

/// A shell on a terminal of its own, made by `script`, typed into as a user would.
#[test]
fn a_shell_inside_a_tree_has_the_terminal_and_gives_it_back() {
    let name = "system::command::tests::in_a_tree::a_shell_inside_a_tree_has_the_terminal_and_gives_it_back";
    if let Some(tree) = is_helper("shell") {
        crate::system::interrupt::install().unwrap();
        let chroot = Chroot::new(tree).bind("/usr", "/usr", Access::ReadOnly);
        let shell = Tool::new("bash").args(["--norc", "-i"]).env("PS1", "inside# ");
        let ending = shell.isolation(Isolation::Chroot(chroot)).run_interactive().unwrap();
        eprintln!("ENDED {ending}; {:?}", crate::system::interrupt::check());
        let terminal = std::fs::File::open("/dev/tty").unwrap();
        let foreground = nix::unistd::tcgetpgrp(&terminal).unwrap() == nix::unistd::getpgrp();
        eprintln!("FOREGROUND {foreground}");
        return;
    }
    if !is_root(name) {
        return;
    }
    let temp = tempfile::tempdir().unwrap();
    let tree = make_tree(temp.path().to_str().unwrap());
    let us = std::env::current_exe().unwrap();
    let command = format!("{} --exact {name} --nocapture --test-threads=1", us.display());
    #[allow(clippy::disallowed_methods, reason = "tests start processes of their own")]
    let mut script = std::process::Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .env("DISKLESSSET_TEST_ROLE", "shell")
        .env("DISKLESSSET_TEST_ARGUMENT", &tree)
        .env("TERM", "dumb")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut keys = script.stdin.take().unwrap();
    let mut screen = script.stdout.take().unwrap();
    // What never comes must fail the test, not hang it: without its terminal everything ends, and the screen with it.
    let (done, over) = std::sync::mpsc::channel::<()>();
    let terminal = nix::unistd::Pid::from_raw(i32::try_from(script.id()).unwrap());
    std::thread::spawn(move || {
        if over.recv_timeout(Duration::from_secs(60)) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            let _ = nix::sys::signal::kill(terminal, nix::sys::signal::Signal::SIGKILL);
        }
    });
    let mut shown = String::new();
    let mut wait_for = |text: &str| {
        let mut buffer = [0; 4096];
        while !shown.contains(text) {
            let count = screen.read(&mut buffer).unwrap();
            assert!(count > 0, "no {text:?} in: {shown}");
            shown.push_str(&String::from_utf8_lossy(&buffer[..count]));
        }
    };
    wait_for("inside# ");
    // A key pressed before its program runs goes to the prompt, so each program says first that it is its turn.
    keys.write_all(b"echo one-$((1+1)); sleep 1000; echo after-$((40+2))\n").unwrap();
    wait_for("one-2");
    std::thread::sleep(Duration::from_millis(500));
    keys.write_all(b"\x03").unwrap();
    std::thread::sleep(Duration::from_millis(500));
    keys.write_all(b"echo two-$((3+3)); sleep 1000\n").unwrap();
    wait_for("two-6");
    std::thread::sleep(Duration::from_millis(500));
    keys.write_all(b"\x1a").unwrap();
    wait_for("Stopped");
    keys.write_all(b"kill -9 %1; wait -f %1; read x </dev/tty; echo read-$x-$((2+2))\ntyped\n").unwrap();
    wait_for("read-typed-4");
    keys.write_all(b"exit 7\n").unwrap();
    wait_for("ENDED exit status 7; Ok(())");
    wait_for("FOREGROUND true");
    drop(keys);
    script.wait().unwrap();
    drop(done);
    assert!(!shown.contains("job control"), "{shown}");
}

#[test]
fn sigterm_ends_a_shell_that_ignores_it() {
    let name = "system::command::tests::in_a_tree::sigterm_ends_a_shell_that_ignores_it";
    let Some(_) = is_helper("terminated") else {
        // Without a namespace the shell alone is killed: its group is ours.
        if !is_root(name) {
            return;
        }
        assert!(helper(name, "terminated", "").status().unwrap().success());
        return;
    };
    crate::system::interrupt::install().unwrap();
    std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(300));
        // CTRL+C is the shell's own affair, SIGTERM is not.
        signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
        std::thread::sleep(Duration::from_millis(300));
        signal_hook::low_level::raise(signal_hook::consts::SIGTERM).unwrap();
    });
    let marker = marker(4);
    let error = sh(&format!("trap '' TERM; sleep {marker}; sleep {marker}")).run_interactive().unwrap_err();
    assert_eq!(error.interrupted().unwrap().exit_code(), 143);
    assert_eq!(processes_with(&format!("sleep {marker}")), Vec::<String>::new());
}
