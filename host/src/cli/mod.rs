//! The command line: a clap tree whose module parts come from the modules' declarations, and the requests behind it.
//!
//! Of the modules only the one that the first word names is loaded; everything else about modules comes from their notes.

pub(crate) mod commands;
mod completion;
mod declared;
pub(crate) mod defaults;
pub(crate) mod globals;
mod manual;
pub(crate) mod request;
pub(crate) mod secret;

use crate::registry::{Connection, FromRegistries};
use crate::{
    failure,
    modules::{HOST_COMMANDS, ModuleEntry, ModuleState, OfferedAction},
    observer::Observer,
    output::{Address, Output},
    reference::Topic,
    site::Site,
    system::{exit_guard, interrupt, limits},
};
use clap::{Command, error::ErrorKind as ClapKind};
use commands::action;
use disklessset_plugin_api::{Error, ErrorKind, Level, Result};
use globals::{Globals, Peeked};
use request::{Request, Session};
use std::cell::Cell;
use std::ffi::OsString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

/// What is run where no command was given; gives back the exit code.
pub(crate) type Menu = fn(Session) -> Result<u8>;

/// Does what the process's arguments ask for and tells how it ended: 0 done, 1 failed, 2 wrong usage, 3 not found,
/// 4 busy, 5 refused, 130 or 143 interrupted.
pub(crate) fn run(menu: Menu) -> ExitCode {
    #[cfg(feature = "failpoints")]
    crate::system::failpoint::take_steps_of_the_ground();
    // What nodes fetch is for everybody to read, however private the caller's own files are; what is not, says so itself.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o022));
    exit_guard::watch();
    let output = Arc::new(Output::of_process());
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    let outcome = limits::survive_file_size()
        .map_err(crate::failure::of)
        .and_then(|()| without_panic(|| run_with(&arguments, &output, menu)))
        .and_then(|code| output.finish().map(|()| code));
    let code = outcome.unwrap_or_else(|error| {
        output.end_progress();
        let error = limits::explained(error);
        output.error(&error);
        code_of(&error)
    });
    exit_guard::announce();
    ExitCode::from(code)
}

/// A panic is a fault of ours, and one line like any other error: where it was, and what for.
fn without_panic(run: impl FnOnce() -> Result<u8>) -> Result<u8> {
    static LAST: Mutex<String> = Mutex::new(String::new());
    std::panic::set_hook(Box::new(|info| {
        if let Ok(mut last) = LAST.lock() {
            *last = info.to_string().replace('\n', " ");
        }
    }));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|payload| {
        // Dropping the payload may panic again.
        std::mem::forget(payload);
        let last = LAST.lock().map(|last| last.clone()).unwrap_or_default();
        Err(Error::new(ErrorKind::PANICKED, "this is a fault of disklessset itself, please report it")
            .because(last))
    })
}

/// An exit code says which signal it was, where the kind of an error does not.
fn code_of(error: &Error) -> u8 {
    match (error.kind, interrupt::check()) {
        (ErrorKind::INTERRUPTED, Err(signal)) => signal.exit_code(),
        (kind, _) => failure::exit_code(kind),
    }
}

fn run_with(arguments: &[OsString], output: &Arc<Output>, menu: Menu) -> Result<u8> {
    if let Some(done) = commands::module::as_child(arguments, output) {
        return done.map(|()| 0);
    }
    if let Some(words) = completion::words(arguments) {
        output.data(&completion::answer(words));
        return Ok(0);
    }
    let peeked = Peeked::at(arguments);
    if let Some(topic) = peeked.topic {
        let site = || Site::open(&peeked.site()?, Arc::clone(output) as Arc<dyn Observer>);
        output.data(&topic.page(site)?);
        return Ok(0);
    }
    let first = peeked.first.as_deref();
    let named = first.filter(|first| !HOST_COMMANDS.contains(first));
    // Only where modules are part of the tree: a broken configuration must not stand in the way of `list --help`.
    let wanted = named.is_some() || wants_help(arguments);
    let site = wanted.then(|| Site::open(&peeked.site()?, Arc::clone(output) as Arc<dyn Observer>));
    let mut tree = tree(site.as_ref().and_then(|site| site.as_ref().ok()), named);
    let mut offered = Vec::new();
    if let (Some(name), Some(site)) = (named, &site)
        // Where it is no module either, clap says so, with the names that come near.
        && let Some((command, actions)) = module(site.as_ref().map_err(Clone::clone)?, name)?
    {
        tree = tree.mut_subcommand(name, |_| command);
        offered = actions;
    }
    let for_a_command = offered.iter().any(|offered| {
        let spec = &offered.action.spec;
        action::runs_a_command(spec) && peeked.begins_action(&spec.words)
    });
    let command_line = std::iter::once(OsString::from("disklessset")).chain(arguments.iter().cloned());
    let matches = match tree.try_get_matches_from(command_line) {
        Ok(matches) => matches,
        Err(answer) => {
            return Ok(match told_by_clap(&answer, output) {
                0 => 0,
                _ if for_a_command => FAILED_BESIDE_A_COMMAND,
                code => code,
            });
        }
    };
    let globals = Globals::of(&matches)?;
    output.configure(globals.settings);
    let mut site = match site {
        Some(Ok(mut site)) => {
            site.set_wait(globals.site.wait);
            site
        }
        _ => Site::open(&globals.site, Arc::clone(output) as Arc<dyn Observer>)?,
    };
    let registries = &site.configuration().registries;
    let from_registries = FromRegistries::over(Connection::default().and_of_site(registries));
    site.set_os_images(Arc::new(from_registries));
    if globals.hold {
        site.hold_versions();
    }
    output.address(Address::new(peeked.addresses(), words_of(&site)));
    tell_site(&site, output);
    let session = Session { site, output: Arc::clone(output), run: globals.run, exit_code: Cell::new(0) };
    let request: Box<dyn Request> = match matches.subcommand() {
        None => return menu(session),
        Some((word, inner)) => match commands::request(word, inner) {
            Some(request) => request?,
            None => match action::request(word, &offered, inner, output) {
                Err(error) if for_a_command => return Ok(failed_beside_a_command(&error, output)),
                request => request?,
            },
        },
    };
    match session.perform(request.as_ref()) {
        Ok(()) => Ok(session.exit_code.get()),
        Err(error) if request.runs_a_command() => Ok(failed_beside_a_command(&error, output)),
        Err(error) => Err(error),
    }
}

/// A command's exit code is the program's own; a failure of the program must not look like one of the command.
const FAILED_BESIDE_A_COMMAND: u8 = 125;

/// Tells of a failure that kept a command from being run; who stopped it knows why it ended.
fn failed_beside_a_command(error: &Error, output: &Output) -> u8 {
    output.end_progress();
    output.error(error);
    match error.kind {
        ErrorKind::INTERRUPTED => code_of(error),
        _ => FAILED_BESIDE_A_COMMAND,
    }
}

/// The words that a command can begin with here.
fn words_of(site: &Site) -> Vec<String> {
    let modules = site.classes().registry().entries().iter().map(|module| module.name.clone());
    HOST_COMMANDS.iter().map(|command| (*command).to_owned()).chain(modules).collect()
}

/// Says, to who wants to know, which site this is and what was found of it.
fn tell_site(site: &Site, output: &Output) {
    let layout = site.layout();
    let registry = site.classes().registry();
    let ready = registry.ready().count();
    output.line(
        Level::Info,
        &format!("images: {}; modules: {ready} in {}", layout.images_dir(), registry.directory()),
    );
    output.line(Level::Debug, &format!("configuration: {}", site.configuration_file()));
    output.line(Level::Debug, &format!("state: {}; work area: {}", layout.state_dir(), layout.workdir()));
    for module in registry.entries() {
        let reason = module.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        output.line(
            Level::Debug,
            &format!("module {} ({}): {}{reason}", module.name, module.file, module.state),
        );
    }
}

/// Whether the help of the whole program may be asked for, which names the modules.
fn wants_help(arguments: &[OsString]) -> bool {
    arguments.iter().any(|argument| argument == "--help" || argument == "-h" || argument == "help")
}

/// The whole tree; modules are in it by their notes. Of a thousand modules only the one that was named: clap builds every subcommand
/// with all global options. Where none has the name all are there, for clap to find those that come near.
fn tree(site: Option<&Site>, named: Option<&str>) -> Command {
    let mut tree = Command::new("disklessset")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Make and manage diskless operating system images")
        .override_usage("disklessset [OPTIONS]                      (the menu)\n       disklessset [OPTIONS] COMMAND ...\n       disklessset [OPTIONS] MODULE ACTION ...")
        .subcommand_help_heading("Commands")
        .infer_subcommands(false)
        .max_term_width(100)
        .args(globals::options())
        .subcommands(commands::all());
    let Some(site) = site else { return tree };
    let mut help = String::from("Modules (disklessset MODULE --help shows their actions):\n");
    let mut ready: Vec<_> = site.classes().registry().ready().collect();
    ready.sort_by(|a, b| a.name.cmp(&b.name));
    let known = ready.iter().any(|module| Some(module.name.as_str()) == named);
    for module in &ready {
        help.push_str(&format!("  {:<10}  {}\n", module.name, module.title));
        if !known || Some(module.name.as_str()) == named {
            tree = tree.subcommand(Command::new(module.name.clone()).about(module.title.clone()).hide(true));
        }
    }
    if ready.is_empty() {
        help.push_str(&format!("  none in {}\n", site.classes().registry().directory()));
    }
    help.push_str("\nTopics (disklessset help TOPIC):\n");
    for topic in Topic::ALL {
        help.push_str(&format!("  {:<13}  {}\n", topic.name(), topic.about()));
    }
    help.push_str("\nExit codes: 0 done, 1 failed, 2 wrong usage, 3 not found, 4 busy, 5 refused, 130 or 143 interrupted");
    tree.after_help(help)
}

/// The command of a module that can be used; `None` when there is no module of that name.
///
/// # Errors
/// When the module is there and cannot be used.
fn module(site: &Site, name: &str) -> Result<Option<(Command, Vec<OfferedAction>)>> {
    let Some(entry) = site.classes().registry().module(name) else { return Ok(None) };
    if entry.state != ModuleState::Ready {
        let reason = entry.reason.clone().unwrap_or_default();
        let error = Error::usage(format!("module {name} cannot be used")).because(reason);
        return Err(match &entry.hint {
            Some(hint) => error.hint(hint),
            None => error,
        });
    }
    let offered = site.classes().actions(name)?;
    if entry.classes.is_empty() {
        return Err(sources_alone(entry));
    }
    Ok(Some((declared::module_command(name, &entry.title, &offered), offered)))
}

/// A module that brings sources alone has no commands.
fn sources_alone(entry: &ModuleEntry) -> Error {
    let names: Vec<&str> = entry.sources.iter().map(|source| source.as_str()).collect();
    Error::usage(format!("module {} has no commands: it brings sources of trees", entry.name))
        .hint(format!("use --source {} where an image is created", names.join(" or --source ")))
}

/// Prints what clap has to say: help and version as data, mistakes beside it.
fn told_by_clap(answer: &clap::Error, output: &Output) -> u8 {
    let (stdout, stderr) = output.colours();
    let text = |colour| match colour {
        crate::output::Colour::Yes => answer.render().ansi().to_string(),
        crate::output::Colour::No => answer.render().to_string(),
    };
    match answer.kind() {
        ClapKind::DisplayHelp | ClapKind::DisplayVersion => {
            output.data(&text(stdout));
            0
        }
        _ => {
            output.composed_for_stderr(&text(stderr));
            2
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_is_sound_and_its_help_is_as_it_was() {
        let tree = tree(None, None);
        tree.clone().debug_assert();
        let mut wide = tree.term_width(100);
        insta::assert_snapshot!("help", wide.render_help().to_string());
    }

    #[test]
    fn every_command_is_reserved() {
        // A module of the same name could never be reached.
        for command in commands::all() {
            assert!(HOST_COMMANDS.contains(&command.get_name()), "{}", command.get_name());
        }
    }

    #[test]
    fn help_of_every_command() {
        let mut tree = tree(None, None).term_width(100);
        tree.build();
        let mut text = String::new();
        for command in tree.get_subcommands_mut().filter(|command| command.get_name() != "help") {
            text.push_str(&format!("== {}\n", command.get_name()));
            for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
                text.push_str(&format!("-- {}\n", sub.clone().render_usage()));
            }
            text.push_str(&without_globals(&command.render_help().to_string()));
        }
        insta::assert_snapshot!("commands", text);
    }

    fn without_globals(help: &str) -> String {
        help.split("\nGlobal options:").next().unwrap_or(help).to_owned() + "\n"
    }
}
