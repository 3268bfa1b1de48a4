//! Programs that a class runs.

use super::figures::{Figure, Figures};
use crate::{
    failure,
    operation::Reading,
    system::{
        atomic_file,
        command::{Chroot, CommandError, Ending, Installing, Isolation, NameResolution, Rights, Tool},
    },
};
use disklessset_plugin_api::{Command, Error, Finished, Result};
use std::{
    cell::RefCell,
    fs::File,
    io::{BufRead, BufReader, PipeReader},
    os::fd::OwnedFd,
};

/// How many lines that were looked for are given back.
const MOST_FOUND: usize = 100;

/// How a program that a class names is kept apart: code of a tree has no more rights than its work takes.
fn isolation_of(command: &Command) -> Isolation {
    if let Some(tree) = command.installs_into() {
        let plan = Installing::into_tree(tree).links_of_dev(!command.links_dev());
        return Isolation::Installing(command.writable().iter().fold(plan, Installing::may_write));
    }
    let Some(tree) = command.tree() else { return Isolation::Private };
    Isolation::Chroot(match command.wants_network() {
        true => Chroot::new(tree),
        false => {
            let rights = if command.is_labelling() { Rights::Labels } else { Rights::Tool };
            Chroot::new(tree).name_resolution(NameResolution::OfTheTree).rights(rights)
        }
    })
}

/// Runs a program for a class: in namespaces of its own, its output to the observer and the image's log.
pub(super) fn run(reading: &Reading<'_>, is_on_record: bool, command: &Command) -> Result<Finished> {
    let isolation = isolation_of(command);
    let mut tool = Tool::new(command.program()).args(command.arguments()).isolation(isolation);
    for (name, value) in command.environment() {
        tool = tool.env(name, value);
    }
    if let Some(directory) = command.directory() {
        tool = tool.current_dir(directory);
    }
    if command.is_interactive() {
        let ending = tool.run_interactive().map_err(failure::of_tool)?;
        return Ok(Finished::new(code_of(ending), String::new()));
    }
    if let Some(input) = command.input() {
        tool = tool.stdin_data(input.as_bytes());
    }
    let name = command.program().rsplit('/').next().unwrap_or_default().to_owned();
    let log = match atomic_file::open_log(reading.log()) {
        // Whoever may only look is not kept from it for want of a log.
        Err(_) if !is_on_record => None,
        opened => Some(opened.map_err(failure::of)?),
    };
    let observer = &reading.site().observer;
    let figures = RefCell::new(Figures::of(&name));
    let tell = |figure: Option<Figure>| {
        if let Some((label, done, total)) = figure {
            observer.progress(label, done, total);
        }
    };
    let mut on_display = |shown: &str| tell(figures.borrow().in_display(shown));
    let mut found = Vec::new();
    let mut on_line = |line: &str| {
        tell(figures.borrow_mut().in_line(line));
        if found.len() < MOST_FOUND && command.looked_for().iter().any(|text| line.contains(text)) {
            found.push(line.to_owned());
        }
        match command.is_shown() {
            true => observer.error_output(line),
            false => observer.tool_line(&name, line),
        }
    };
    let mut tool = tool.accept(command.accepted()).on_line(&mut on_line).on_display(&mut on_display);
    if let Some(log) = &log {
        tool = tool.log_to(log);
    }
    if command.is_captured() {
        tool = tool.capture_stdout(4 * 1024 * 1024);
    }
    let finished = if command.is_shown() {
        // What it prints on its standard output is the user's data, and only that.
        let (reader, writer) = std::io::pipe()?;
        std::thread::scope(|scope| {
            let helper = std::thread::Builder::new();
            helper.spawn_scoped(scope, move || pass_on(reader, &|line| observer.output(line)))?;
            Ok::<_, std::io::Error>(tool.stdout_file(File::from(OwnedFd::from(writer))).run())
        })
        .map_err(|cause| Error::failed(format!("cannot start a thread to follow {name}")).because(cause))?
    } else {
        tool.run()
    };
    let finished = match finished {
        // For a command of the user, how it ended is an answer, not a failure: a shell's numbers say it.
        Err(error) if command.is_shown() => return ended(reading, error),
        finished => finished.map_err(failure::of_tool)?,
    };
    reading.took(&name, finished.duration);
    let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
    Ok(Finished::new(finished.code, stdout).with_found(found))
}

/// How a command of the user ended, as a shell has it: 128 and the signal, 127 where there is no such command.
///
/// # Errors
/// What is no end of the command.
fn ended(reading: &Reading<'_>, error: CommandError) -> Result<Finished> {
    let code = match error {
        CommandError::Failed { ending, .. } => code_of(ending),
        CommandError::MissingInTree { .. } => {
            reading.site().observer.error_output(&error.to_string());
            127
        }
        error => return Err(failure::of_tool(error)),
    };
    Ok(Finished::new(code, String::new()))
}

/// Hands over lines as they come, until nobody writes any more.
fn pass_on(reader: PipeReader, to: &dyn Fn(&str)) {
    for line in BufReader::new(reader).split(b'\n') {
        // A pipe of our own does not fail; if it did, its writer is told when it writes on.
        let Ok(line) = line else { return };
        to(&String::from_utf8_lossy(&line));
    }
}

/// How a program ended as a shell would tell it.
fn code_of(ending: Ending) -> i32 {
    match ending {
        Ending::Code(code) => code,
        Ending::Signal(number) => 128 + number,
    }
}
