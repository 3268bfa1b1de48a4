//! The menu: questions that end in the same requests as the command line's.
//!
//! CTRL+C in a sub menu leads back to the main menu, where it leaves. Answers may come from a pipe; when they end, the
//! menu does too. What fails is told, and the menu goes on.

mod entries;
mod nodes;
mod page;
mod questions;
mod registries;
mod stop;
mod versions;

use crate::{
    cli::request::Session,
    output::{Answers, Output},
    system::interrupt,
};
use disklessset_plugin_api::{Error, Result};
use page::Page;
use stop::{Step, Stop};

const BANNER: &str = "
     _ _     _    _
  __| (_)___| | _| | ___  ___ ___
 / _` | / __| |/ / |/ _ \\/ __/ __|   disklessset
| (_| | \\__ \\   <| |  __/\\__ \\__ \\   images for nodes
 \\__,_|_|___/_|\\_\\_|\\___||___/___/   without disks

";

/// The entries of the main menu, in their order.
const ENTRIES: [&str; 10] = [
    "Manage and create diskless images (need modules)",
    "List available diskless images",
    "Remove a diskless image",
    "Clone a diskless image",
    "Create an image from a parameters file",
    "Manage kernel of a diskless image",
    "List available kernels",
    "Generate a new initramfs",
    "Clear a corrupted image (Use only as a last resort)",
    "Exit",
];

/// The last entry, counted from 0.
const EXIT: usize = ENTRIES.len() - 1;

/// A site and the person at its menu.
struct Menu {
    session: Session,
}

/// Runs the menu where somebody can answer; gives back the exit code.
///
/// # Errors
/// When nobody can, or as [`run`].
pub(crate) fn begin(session: Session) -> Result<u8> {
    must_be_answerable(&session.output)?;
    run(session)
}

/// Refuses to begin where nobody can answer. A pipe and a file with answers can; `/dev/null` and an empty file cannot.
///
/// # Errors
/// A wrong usage: a command was forgotten.
fn must_be_answerable(output: &Output) -> Result<()> {
    match output.input().may_answer() {
        true => Ok(()),
        false => Err(Error::usage("no command was given, and the menu needs a terminal")
            .hint("`disklessset --help` lists the commands")),
    }
}

/// Runs the menu until it is left; gives back the exit code.
///
/// # Errors
/// When signals cannot be heard.
fn run(session: Session) -> Result<u8> {
    interrupt::install()?;
    session.output.answers_from(Answers::Anyone);
    session.output.data(BANNER);
    let mut menu = Menu { session };
    loop {
        match menu.main_page() {
            Ok(()) | Err(Stop::Back) => {}
            Err(Stop::Leave(code)) => return Ok(code),
            Err(Stop::Failed(error)) => menu.session.output.error(&error),
        }
        menu.session.output.end_progress();
        menu.session.output.data("\n");
        // CTRL+C was meant for what is over now; the other signals are meant for the program.
        if let Err(signal) = interrupt::check() {
            if signal.signal != interrupt::StopSignal::Interrupt {
                return Ok(signal.exit_code());
            }
            interrupt::reset();
        }
    }
}

impl Menu {
    /// Shows the main page once and does what is chosen.
    fn main_page(&mut self) -> Step<()> {
        let entries = ENTRIES.map(str::to_owned);
        let chosen = match Page::new("", &entries).choose(&self.session.output, "Your choice") {
            // Nothing is left to go back to.
            Err(Stop::Back) => return Err(Stop::Leave(130)),
            other => other?,
        };
        self.session.output.data("\n");
        if chosen == EXIT {
            return Err(Stop::Leave(0));
        }
        self.entry(chosen)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cli::globals::Run,
        output::testing::{self, Console},
        site::{Site, SiteOptions},
        system::lock::Wait,
    };
    use camino::Utf8PathBuf;
    use std::process::{Command, Stdio};

    /// The menu of an empty root, with these answers typed; gives back its exit code and what it showed.
    fn menu(answers: &str) -> (u8, Console) {
        let root = tempfile::tempdir().unwrap();
        let console = testing::console(answers);
        (run(session(&root, &console)).unwrap(), console)
    }

    pub(super) fn session(root: &tempfile::TempDir, console: &Console) -> Session {
        let options = SiteOptions {
            root: Some(Utf8PathBuf::from_path_buf(root.path().to_owned()).unwrap()),
            config: None,
            modules_dir: None,
            wait: Wait::No,
        };
        let site = Site::open(&options, console.output.clone()).unwrap();
        Session { site, output: console.output.clone(), run: Run::Really, exit_code: std::cell::Cell::new(0) }
    }

    #[test]
    fn the_last_entry_leaves() {
        let (code, console) = menu("10\n");
        assert_eq!(code, 0);
        let shown = console.stdout();
        for (index, entry) in ENTRIES.iter().enumerate() {
            assert!(shown.contains(&format!("{} {entry}\n", index + 1)), "{entry}: {shown}");
        }
        assert_eq!(console.stderr(), "");
    }

    #[test]
    fn the_end_of_the_input_leaves() {
        assert_eq!(menu("").0, 0);
        assert_eq!(menu("5\n").0, 0);
    }

    #[test]
    fn a_wrong_answer_asks_again_with_the_reason() {
        let (code, console) = menu("0\n11\nx\n\n10\n");
        assert_eq!(code, 0);
        assert_eq!(console.stdout().matches("Please answer with a number from 1 to 10").count(), 4);
    }

    #[test]
    fn what_fails_is_told_and_the_menu_goes_on() {
        let (code, console) = menu("5\n/no/such/file\n/nor/this\n");
        assert_eq!(code, 0);
        assert!(console.stderr().contains("/no/such/file") && console.stderr().contains("/nor/this"));
        let (code, console) = menu("3\n2\n7\n8\n6\n1\n10\n");
        assert_eq!(code, 0);
        let shown = console.stdout() + &console.stderr();
        for words in ["There are no images", "There are no kernels", "There are no modules"] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }

    /// Presses CTRL+C when the menu has printed these words so often.
    fn press_at(console: &Console, words: &'static str, times: usize) -> std::thread::JoinHandle<()> {
        let shown = console.reader();
        std::thread::spawn(move || {
            let since = std::time::Instant::now();
            while shown().matches(words).count() < times {
                assert!(since.elapsed().as_secs() < 10, "{words:?} was not shown {times} times: {}", shown());
                std::thread::sleep(std::time::Duration::from_millis(10));
            }
            signal_hook::low_level::raise(signal_hook::consts::SIGINT).unwrap();
        })
    }

    /// Set in the process that the next test starts for itself.
    const OF_ITS_OWN: &str = "DISKLESSSET_TEST_MENU";

    #[test]
    #[allow(clippy::disallowed_methods, reason = "a test starts a process of its own")]
    fn control_c_leads_back_to_the_main_menu_and_there_it_leaves() {
        // Signals are the whole process': in this one other tests would be interrupted.
        if std::env::var_os(OF_ITS_OWN).is_none() {
            let name = "menu::tests::control_c_leads_back_to_the_main_menu_and_there_it_leaves";
            let mut test = Command::new(std::env::current_exe().unwrap());
            test.args(["--exact", name, "--nocapture", "--test-threads=1"]).env(OF_ITS_OWN, "");
            assert!(test.stdin(Stdio::null()).status().unwrap().success());
            return;
        }
        let root = tempfile::tempdir().unwrap();
        // The input stays open: nothing but the signal ends a question.
        let (console, typing) = testing::open_console("5\n");
        let first = press_at(&console, "Path of the parameters file", 1);
        let second = press_at(&console, "Your choice (1-10)", 2);
        assert_eq!(run(session(&root, &console)).unwrap(), 130);
        first.join().unwrap();
        second.join().unwrap();
        drop(typing);
        let shown = console.stdout();
        assert_eq!(shown.matches("10 Exit").count(), 2, "{shown}");
    }
}
