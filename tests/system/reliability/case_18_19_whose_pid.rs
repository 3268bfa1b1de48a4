//! Given entries of installations.yml whose pid means something else by now: what counts is whether that very creation is
//! under way.

use disklessset_tests::need;
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};
use disklessset_tests::stage::{standing_still, warmed_up};

/// A root in which a creation was killed, and what it was like before.
fn crashed() -> (TestRoot, Snapshot) {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    let _ = root.disklessset(&["demo", "create", "b", "--crash"]).run();
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"));
    (root, before)
}

/// Changes lines of installations.yml by their key.
fn rewrite(root: &TestRoot, key: &str, value: &str) {
    let file = root.installations_file();
    let text = std::fs::read_to_string(&file).unwrap();
    let line = |line: &str| match line.trim_start().starts_with(&format!("{key}:")) {
        true => format!("  {key}: {value}\n"),
        false => format!("{line}\n"),
    };
    let changed: String = text.lines().map(line).collect();
    assert_ne!(changed, text, "no {key} in {text}");
    put(root, &changed);
}

fn put(root: &TestRoot, text: &str) {
    use std::io::Write;
    std::fs::File::create(root.installations_file()).unwrap().write_all(text.as_bytes()).unwrap();
}

/// An entry as 1.x writes it.
fn entry_of_1x(root: &TestRoot, pid: u32) {
    put(root, &format!("b:\n  image_class: DemoImage\n  pid: {pid}\n"));
}

/// A process that lives for some minutes and was started under a name.
fn living(root: &TestRoot, name: &str) -> Running {
    let file = root.beside().join(name);
    let sleep = need::find_tool("sleep").expect("coreutils");
    std::fs::copy(sleep, &file).unwrap();
    let named = Program::new(file, &root.beside(), root.beside().as_str()).args(["300"]);
    let expected = format!("/{name}\0300\0");
    let running = named.start();
    let line = format!("/proc/{}/cmdline", running.pid());
    let named = || std::fs::read_to_string(&line).is_ok_and(|line| line.ends_with(&expected));
    running.wait_until(|| named().then_some(())).0
}

#[test]
fn case_18_a_pid_that_another_process_has_by_now() {
    let (root, before) = crashed();
    for name in ["sleeper", "disklessset"] {
        let other = living(&root, name);
        rewrite(&root, "pid", &other.pid().to_string());
        assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "{name} has its pid");
        other.kill_nine();
    }
    // Even the pid and the start of the very process that cleans.
    rewrite(&root, "pid", "1");
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn case_18_a_reboot() {
    let (root, before) = crashed();
    rewrite(&root, "boot_id", "00000000-0000-0000-0000-000000000000");
    std::fs::remove_dir_all(root.path().join("run")).unwrap();
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"));
    let _ = root.disklessset(&["demo", "create", "b"]).run().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn case_19_a_time_in_the_register_that_is_years_off() {
    disklessset_tests::need!(need::tool("strace"));
    let (root, before) = crashed();
    for since in ["2001-01-01T00:00:00+00:00", "2099-12-31T23:59:59+00:00", "yesterday"] {
        rewrite(&root, "since", &format!("'{since}'"));
        assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "{since}");
    }
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
    let creating = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
    rewrite(&root, "since", "'2001-01-01T00:00:00+00:00'");
    assert_eq!(root.status("b").as_deref(), Some("IN_CREATION"));
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    let _ = creating.wait().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
}

#[test]
fn case_18_a_creation_in_another_pid_namespace() {
    disklessset_tests::need!(need::root(), need::tool("strace"), need::tool("unshare"));
    let root = warmed_up(&["demo"]);
    let apart = ["--pid", "--fork", "--kill-child", "--mount-proc"];
    let creating =
        standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program.behind("unshare", &apart));
    let pid = root.images()[0]["pid"].as_u64().unwrap();
    assert!(pid < 100, "{pid} is no pid of a new namespace");
    assert_eq!(root.status("b").as_deref(), Some("IN_CREATION"));
    let _ = root.disklessset(&["remove", "b", "--yes"]).run().expect_code(4);
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    let _ = creating.wait().expect_done();
    assert_eq!(root.status("b").as_deref(), Some("CREATED"));
}

#[test]
fn case_18_a_listing_in_another_pid_namespace() {
    disklessset_tests::need!(need::root(), need::tool("strace"), need::tool("unshare"));
    let root = warmed_up(&["demo"]);
    let creating = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
    let apart = ["--pid", "--fork", "--mount-proc"];
    let listed =
        root.disklessset(&["list", "--format", "json"]).behind("unshare", &apart).run().expect_done();
    assert_eq!(listed.json()["images"][0]["status"], "IN_CREATION", "{listed}");
    let _ = creating.wait().expect_done();
}

#[test]
fn case_18_an_entry_of_1x() {
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);

    let alive = living(&root, "disklessset");
    entry_of_1x(&root, alive.pid());
    assert_eq!(root.status("b").as_deref(), Some("IN_CREATION"), "its process lives");
    let _ =
        root.disklessset(&["demo", "create", "b"]).run().expect_code(4).expect_said(&alive.pid().to_string());
    let _ = root.disklessset(&["clear", "b", "--yes"]).run().expect_code(4);

    // Dead and not waited for.
    alive.signal(nix::sys::signal::Signal::SIGKILL);
    let stat = format!("/proc/{}/stat", alive.pid());
    while !std::fs::read_to_string(&stat).unwrap().contains(") Z ") {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "a zombie creates nothing");
    alive.kill_nine();
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "nobody has its pid");

    let other = living(&root, "sleeper");
    entry_of_1x(&root, other.pid());
    // Written long before that process began.
    let file = std::fs::File::options().write(true).open(root.installations_file()).unwrap();
    file.set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(600)).unwrap();
    assert_eq!(root.status("b").as_deref(), Some("CORRUPTED"), "another program has its pid");

    // 1.x wrote nothing down: what it left is known by the name.
    other.kill_nine();
    for dir in [root.image_dir("b"), root.path().join("var/tmp/diskless/workdir/b/generated_os")] {
        std::fs::create_dir_all(dir.join("deep")).unwrap();
    }
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

#[test]
fn case_18_a_pid_that_the_kernel_gives_away_again() {
    disklessset_tests::need!(need::root(), need::tool("unshare"));
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    // In a pid namespace the next pid can be chosen without disturbing anybody: the creation's own goes to a process that lives on.
    let script = "\"$0\" \"$@\" demo create b --crash >/dev/null 2>&1 & dead=$!; wait $dead; \
         echo $((dead - 1)) >/proc/sys/kernel/ns_last_pid; sleep 60 & \
         test $! = $dead || exit 77; \"$0\" \"$@\" list --format json; kill $!";
    let none: [&str; 0] = [];
    let apart = ["--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script];
    let listed = root.disklessset(&none).behind("unshare", &apart).run().expect_done().json();
    assert_eq!(listed["images"][0]["status"], "CORRUPTED", "{listed}");
    let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
    before.assert_same_as_now(&root);
}

/// The program on a server whose clock is elsewhere.
fn at(root: &TestRoot, clock: &str, command: &[&str]) -> Program {
    // Times of files stay as they are: it is the clock that is wrong.
    root.disklessset(command).env("NO_FAKE_STAT", "1").behind("faketime", &["-f", clock])
}

#[test]
fn case_19_a_clock_a_year_forward_or_back() {
    disklessset_tests::need!(need::tool("strace"), need::tool("faketime"));
    let root = warmed_up(&["demo"]);
    let before = Snapshot::of(&root);
    for clock in ["+1y", "-1y"] {
        let shifted =
            root.tool("date", &["+%Y"]).behind("faketime", &["-f", clock]).run().expect_done().stdout;
        assert_ne!(
            shifted,
            root.tool("date", &["+%Y"]).run().expect_done().stdout,
            "the clock is not elsewhere"
        );
        let statuses = || -> Vec<String> {
            let listed = at(&root, clock, &["list", "--format", "json"]).run().expect_done().json();
            let images = listed["images"].as_array().unwrap().clone();
            images.iter().map(|image| format!("{} {}", image["name"], image["status"])).collect()
        };
        let _ = root.disklessset(&["demo", "create", "a"]).run().expect_done();
        let creating = standing_still(&root, &["demo", "create", "b"], "mkdir", |program| program);
        assert_eq!(statuses(), ["\"a\" \"CREATED\"", "\"b\" \"IN_CREATION\""], "{clock}");
        let _ = at(&root, clock, &["clean", "--yes"]).run().expect_done();
        let _ = at(&root, clock, &["remove", "b", "--yes"]).run().expect_code(4);
        let _ = creating.wait().expect_done();
        assert_eq!(root.status("b").as_deref(), Some("CREATED"), "{clock}");
        // Made there, seen here; and the other way round.
        let _ = at(&root, clock, &["demo", "create", "c", "--crash"]).run();
        assert_eq!(root.status("c").as_deref(), Some("CORRUPTED"), "{clock}");
        assert_eq!(statuses().last().unwrap(), "\"c\" \"CORRUPTED\"", "{clock}");
        let _ = root.disklessset(&["clean", "--yes"]).run().expect_done();
        let _ = root.disklessset(&["demo", "create", "c", "--crash"]).run();
        assert_eq!(statuses().last().unwrap(), "\"c\" \"CORRUPTED\"", "{clock}");
        let _ = at(&root, clock, &["clean", "--yes"]).run().expect_done();
        let _ = at(&root, clock, &["remove", "a", "b", "--yes"]).run().expect_done();
        before.assert_same_as_now(&root);
    }
}
