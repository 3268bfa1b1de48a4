//! Tests of the journal.

use super::super::home::Home;
use super::*;
use disklessset_plugin_api::Mount;

fn directory(path: &str) -> Effect {
    Effect::Directory { path: path.into() }
}

fn journal() -> (tempfile::TempDir, JournalPath) {
    let dir = tempfile::tempdir().unwrap();
    let file = Utf8PathBuf::from_path_buf(dir.path().join("j/web.jsonl")).unwrap();
    (dir, JournalPath { file, home: Home::default() })
}

fn begin(path: &JournalPath, action: &str, class: &str) -> Result<Journal, FileError> {
    Journal::begin(path, read(path)?, action, class)
}

#[test]
fn what_a_crash_leaves_is_known_in_order() {
    let (_dir, path) = journal();
    let mut journal = begin(&path, "create", "DemoImage").unwrap();
    journal.intend(directory("/a"), Hold::Action).unwrap();
    let b = journal.intend(directory("/b"), Hold::Action).unwrap();
    journal.intend(directory("/c"), Hold::Image).unwrap();
    journal.undone(b);
    drop(journal);
    let state = read(&path).unwrap();
    assert_eq!(state.unfinished.as_deref(), Some("create"));
    let open: Vec<_> = state.open.iter().map(|open| open.effect.clone()).collect();
    assert_eq!(open, [directory("/a"), directory("/c")]);
}

#[test]
fn a_torn_line_is_one_whose_effect_never_happened() {
    let (_dir, path) = journal();
    let mut journal = begin(&path, "create", "DemoImage").unwrap();
    journal.intend(directory("/a"), Hold::Action).unwrap();
    journal.file.write_all(br#"{"fact":"intent","number":1,"eff"#).unwrap();
    drop(journal);
    assert_eq!(read(&path).unwrap().open.len(), 1);
    let mut again = Journal::reopen(&path).unwrap();
    again.intend(directory("/b"), Hold::Action).unwrap();
    assert_eq!(read(&path).unwrap().open.len(), 2, "the next line is not swallowed by the torn one");
}

#[test]
fn a_committed_action_says_so_until_the_next_begins_and_what_it_published_stays() {
    let (_dir, path) = journal();
    let published = Effect::Published { path: "/p".into(), device: 1, inode: 2, kernel: None };
    let mut first = begin(&path, "mount", "DemoImage").unwrap();
    first.intend(published, Hold::Action).unwrap();
    first.intend(directory("/held"), Hold::Image).unwrap();
    first.commit().unwrap();
    assert!(read(&path).unwrap().committed && read(&path).unwrap().needs_recovery());
    first.end().unwrap();
    let left = read(&path).unwrap();
    assert_eq!((left.open.len(), left.committed), (1, false), "only what is held");
    let second = begin(&path, "unmount", "DemoImage").unwrap();
    assert!(!second.state().committed);
}

#[test]
fn a_mount_taken_away_and_made_again_is_as_settled_as_it_was() {
    let (_dir, path) = journal();
    let mount = |target: &str| Effect::Mount { mount: Mount::System { target: target.into() } };
    let mut first = begin(&path, "mount", "DemoImage").unwrap();
    first.intend(mount("/a"), Hold::Image).unwrap();
    first.end().unwrap();
    let mut second = begin(&path, "unmount", "DemoImage").unwrap();
    second.undone(second.state().open[0].number);
    second.intend(mount("/a"), Hold::Image).unwrap();
    second.intend(mount("/b"), Hold::Image).unwrap();
    drop(second);
    let from_earlier_action: Vec<_> =
        read(&path).unwrap().open.iter().map(|open| open.from_earlier_action).collect();
    assert_eq!(from_earlier_action, [true, false], "one that the action itself brought is its own to undo");
}

#[test]
fn an_action_that_ends_well_leaves_what_is_held_for_the_image() {
    let (_dir, path) = journal();
    let mut first = begin(&path, "mount", "DemoImage").unwrap();
    first.intend(directory("/held"), Hold::Image).unwrap();
    first.end().unwrap();
    let state = read(&path).unwrap();
    assert!(!state.needs_recovery() && state.open[0].from_earlier_action);

    let mut second = begin(&path, "unmount", "DemoImage").unwrap();
    let number = second.state().open[0].number;
    second.undone(number);
    second.end().unwrap();
    assert!(!path.exists(), "nothing held, no journal");
}

#[test]
fn a_journal_does_not_grow_with_what_is_done_to_an_image() {
    let (_dir, path) = journal();
    let mut first = begin(&path, "create", "DemoImage").unwrap();
    first.intend(directory("/held"), Hold::Image).unwrap();
    first.end().unwrap();
    let size = path.metadata().unwrap().len();
    for _ in 0..20 {
        let mut next = begin(&path, "change", "DemoImage").unwrap();
        next.intend(directory("/aside"), Hold::Action).unwrap();
        next.undone(next.state().next - 1);
        next.end().unwrap();
    }
    assert!(path.metadata().unwrap().len() <= size + 20);
    let left = read(&path).unwrap();
    assert!(!left.needs_recovery() && left.open.len() == 1 && left.open[0].from_earlier_action, "{left:?}");
}

#[test]
fn an_export_that_is_settled_is_undone_for_good_and_another_gives_back_what_was_before() {
    let (_dir, path) = journal();
    let export = || Effect::Export { path: "/d".into(), previous: Some("/d *(ro)".to_owned()) };
    let mut first = begin(&path, "export", "DemoImage").unwrap();
    first.intend(export(), Hold::Image).unwrap();
    assert_eq!(first.state().open[0].to_undo(), export());
    first.end().unwrap();
    let from_earlier_action = &read(&path).unwrap().open[0];
    assert_eq!(from_earlier_action.to_undo(), Effect::Export { path: "/d".into(), previous: None });
}

#[test]
fn an_end_of_exports_that_is_torn_anywhere_is_still_asked_for_while_one_is_on_record() {
    let (_dir, path) = journal();
    let mut first = begin(&path, "unexport", "DemoImage").unwrap();
    let export = |place: &str| (Effect::Export { path: place.into(), previous: None }, Hold::Image);
    first.intend_all(vec![export("/a"), export("/b")]).unwrap();
    let asked = |place: &str| (Effect::UnexportOnCommit { path: place.into() }, Hold::Action);
    let asked = first.intend_all(vec![asked("/a"), asked("/b")]).unwrap();
    let before = std::fs::read(&*path).unwrap().len();
    first.exports_undone([Utf8Path::new("/a"), Utf8Path::new("/b")], &asked);
    drop(first);
    let whole = std::fs::read(&*path).unwrap();
    for torn in before..whole.len() {
        std::fs::File::create(&*path).unwrap().write_all(&whole[..torn]).unwrap();
        let open = read(&path).unwrap().open;
        let exports = open.iter().filter(|open| matches!(open.effect, Effect::Export { .. })).count();
        assert!(exports == 0 || open.len() == exports + 2, "torn after {torn} bytes: {open:?}");
    }
}

#[test]
fn a_journal_is_tidy_whatever_was_done_and_undone_before() {
    let (_dir, path) = journal();
    let mut first = begin(&path, "create", "DemoImage").unwrap();
    first.intend(directory("/gone"), Hold::Action).unwrap();
    first.intend(directory("/held"), Hold::Image).unwrap();
    first.end().unwrap();
    let tidy = std::fs::read(&*path).unwrap();
    assert!(!is_untidy(&path).unwrap());
    for left in [&b"{\"fact\":\"beg"[..], b"\n", b"{\"fact\":\"end\"}\n"] {
        let mut file = files::open_append(&path, 0o600).unwrap();
        file.write_all(left).unwrap();
        assert!(is_untidy(&path).unwrap(), "{left:?}");
        Journal::reopen(&path).and_then(Journal::end).unwrap();
        assert_eq!(std::fs::read(&*path).unwrap(), tidy);
    }
    drop(begin(&path, "change", "DemoImage").unwrap());
    assert!(!is_untidy(&path).unwrap(), "an unfinished action is the cleaning's");
    let mut second = Journal::reopen(&path).unwrap();
    second.undone(0);
    second.intend(directory("/held"), Hold::Image).unwrap();
    second.end().unwrap();
    assert_eq!(std::fs::read(&*path).unwrap(), tidy);
}

#[test]
fn what_a_class_has_to_settle_stays_on_record_until_it_had_its_turn() {
    let (_dir, path) = journal();
    drop(begin(&path, "nodes add", "NfsGoldenImage").unwrap());
    let mut cleaning = Journal::reopen(&path).unwrap();
    cleaning.leave_pending_recovery("nodes add").unwrap();
    assert_eq!(
        read(&path).unwrap().unfinished.as_deref(),
        Some("nodes add"),
        "killed here it is cleaned again"
    );
    cleaning.end().unwrap();
    let waits = || {
        let state = read(&path).unwrap();
        assert!(!state.needs_recovery() && !state.is_blank() && !is_untidy(&path).unwrap());
        assert_eq!(state.pending_recovery.as_deref(), Some("nodes add"));
    };
    waits();
    // What the host does by itself meanwhile settles nothing.
    begin(&path, "verify --record", "NfsGoldenImage").unwrap().end().unwrap();
    waits();
    let mut recovery = begin(&path, "recover", "NfsGoldenImage").unwrap();
    recovery.recovered().unwrap();
    recovery.end().unwrap();
    assert!(!path.exists());
}

#[test]
fn words_on_disk_are_those_of_every_version() {
    let overlay = disklessset_plugin_api::PersistentOverlay {
        lower: "/l".into(),
        upper: "/u".into(),
        work: "/w".into(),
        target: "/t".into(),
    };
    let path: Utf8PathBuf = "/p".into();
    for (effect, word) in [
        (Effect::DeleteOnCommit { path: path.clone() }, "doomed"),
        (Effect::SwapOnCommit { path: path.clone(), staging: path.clone(), inode: 1 }, "next"),
        (Effect::UnexportOnCommit { path: path.clone() }, "withdrawn"),
        (Effect::PersistentOverlay { overlay }, "standing_overlay"),
        (Effect::ModuleCopy { path: path.clone() }, "module_aside"),
        (Effect::Trash { path }, "trash"),
    ] {
        let value = serde_json::to_value(&effect).unwrap();
        assert_eq!(value["kind"], word);
        assert_eq!(serde_json::from_value::<Effect>(value).unwrap(), effect);
    }
    let text = |entry| String::from_utf8(lines(&[entry])).unwrap();
    let action = "resize".to_owned();
    assert_eq!(
        text(JournalEntry::PendingRecovery { action }),
        "{\"fact\":\"unsettled\",\"action\":\"resize\"}\n"
    );
    assert_eq!(text(JournalEntry::Recovered), "{\"fact\":\"settled\"}\n");
    assert_eq!(text(JournalEntry::Committed), "{\"fact\":\"committed\"}\n");
}

#[test]
fn what_an_earlier_action_left_for_the_class_is_not_forgotten_for_a_later_one() {
    let (_dir, path) = journal();
    let mut journal = begin(&path, "nodes add", "DemoImage").unwrap();
    journal.leave_pending_recovery("nodes add").unwrap();
    journal.leave_pending_recovery("export").unwrap();
    assert_eq!(journal.state().pending_recovery.as_deref(), Some("nodes add"));
    drop(journal);
    assert_eq!(read(&path).unwrap().pending_recovery.as_deref(), Some("nodes add"));
}
