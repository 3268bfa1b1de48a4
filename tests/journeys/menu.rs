//! Given the menu in a real terminal.

use std::time::Duration;

use disklessset_tests::picture::{self, Alike};
use disklessset_tests::residue::Snapshot;
use disklessset_tests::root::TestRoot;
use disklessset_tests::terminal::Terminal;

const PATIENCE: Duration = Duration::from_secs(15);
/// The last entry of the main menu: when it is shown, the whole menu is.
const LAST_ENTRY: &str = "Exit";

fn menu_of(root: &TestRoot) -> Terminal {
    let mut terminal = Terminal::open(root.disklessset(&[] as &[&str]), PATIENCE);
    terminal.see("Manage and create diskless images (need modules)");
    terminal.see(LAST_ENTRY);
    terminal
}

#[test]
fn the_last_entry_leaves_and_nothing_has_happened() {
    let root = TestRoot::bare();
    let before = Snapshot::of(&root);
    let mut terminal = menu_of(&root);
    terminal.answer("10");
    assert_eq!(terminal.end().1, 0);
    before.assert_same_as_now(&root);
}

#[test]
fn a_wrong_answer_asks_again() {
    let root = TestRoot::bare();
    let mut terminal = menu_of(&root);
    for wrong in ["99", "x", ""] {
        terminal.answer(wrong);
        std::thread::sleep(Duration::from_millis(200));
    }
    terminal.answer("10");
    assert_eq!(terminal.end().1, 0);
}

#[test]
fn a_module_dropped_in_appears_under_entry_one_and_is_gone_when_deleted() {
    let root = TestRoot::bare();
    let mut terminal = menu_of(&root);

    let file = root.drop_in("demo");
    terminal.answer("1");
    terminal.see("demo");
    terminal.interrupt(); // a sub menu: back to the main menu
    terminal.see(LAST_ENTRY);

    std::fs::remove_file(file).unwrap();
    terminal.answer("1");
    // With nothing to choose from the main menu may come back at once; else CTRL+C brings it.
    std::thread::sleep(Duration::from_secs(1));
    terminal.answer("");
    terminal.interrupt();
    let (shown, _) = terminal.end_after(|terminal| terminal.answer("10"));
    assert!(!shown.contains("demo"), "the deleted module is still offered: {shown}");
}

#[test]
fn control_c_in_the_main_menu_leaves() {
    let root = TestRoot::bare();
    let mut terminal = menu_of(&root);
    terminal.interrupt();
    let (_, code) = terminal.end();
    assert!([0, 130].contains(&code), "exit code {code}");
}

#[test]
fn the_menu_of_the_guide_is_the_one_that_is_shown() {
    let root = TestRoot::with_modules(&["livenet", "nfs"]);
    let mut terminal = Terminal::open(root.disklessset(&[] as &[&str]), PATIENCE);
    let mut shown = terminal.see(LAST_ENTRY) + LAST_ENTRY;
    shown += &(terminal.see("(1-10): ") + "(1-10): ");
    terminal.answer("1");
    shown += &(terminal.see("4 Nodes and pools") + "4 Nodes and pools");
    terminal.interrupt();
    terminal.see(LAST_ENTRY);
    let (_, code) = terminal.end_after(|terminal| terminal.answer("10"));
    assert_eq!(code, 0);
    picture::keep("menu.svg", picture::of_terminal(&shown).as_bytes(), Alike::Always);
}
