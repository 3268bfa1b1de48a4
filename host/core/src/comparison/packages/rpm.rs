//! The database of rpm, read by rpm itself: it has several forms, and a tree's own rpm reads the tree's. That
//! runs confined in the tree,
//! which it cannot change; where it cannot read it, the server's rpm does.

use super::{
    compared::{Key, Packages},
    database::{Read, Tree, Unreadable, add},
    rpm_copy,
};
use crate::{
    comparison::{files::Which, found::Trees},
    failure,
    system::{
        atomic_file,
        command::{Access, Chroot, CommandError, Isolation, NameResolution, Public, Rights, Tool, find},
        interrupt,
    },
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, ErrorKind, Result};
use std::time::Duration;

/// Where the copy of the database is shown inside a tree: `/run` is private to each run.
const INSIDE: &str = "/run/disklessset-rpm";
/// What must be there for a program to run in a tree that is not changed.
const NEEDED: [&str; 4] = ["dev", "proc", "run", "sys"];
const LONGEST: Duration = Duration::from_secs(300);
/// A line for each package, words behind a mark that no message begins with.
const PACKAGE: &str = "@package %{NAME} %{ARCH} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE}\\n";
const FILES: &str = "[@file %{FILENAMES}\\n]";

/// What was read of it.
pub(super) struct Database {
    pub(super) packages: Packages,
    copy: Utf8PathBuf,
    program: Program,
}

/// Which rpm reads a database.
#[derive(Debug, Clone)]
enum Program {
    OfTree(Utf8PathBuf),
    OfServer,
}

/// Reads it; nothing where the tree has none.
pub(super) fn read(tree: Tree, trees: &Trees<'_>, which: Which) -> Read<Option<Database>> {
    let copy = trees.scratch.join(match which {
        Which::Old => "rpm-of-first",
        Which::New => "rpm-of-second",
    });
    atomic_file::create_dir(&copy, 0o700).map_err(failure::of)?;
    match rpm_copy::copy(&tree, &copy)? {
        Ok(Some(())) => {}
        Ok(None) => return Ok(Ok(None)),
        Err(cause) => return Ok(Err(Unreadable::of("the database of rpm")(cause))),
    }
    let own = Program::OfTree(trees.of(which).to_owned());
    let runs = tree.has_file("usr/bin/rpm") && NEEDED.into_iter().all(|name| tree.has_directory(name));
    let server = find("rpm").map(|_| Program::OfServer);
    let mut reasons = Vec::new();
    for program in runs.then_some(own).into_iter().chain(server) {
        match packages(&program, &copy)? {
            Ok(packages) => return Ok(Ok(Some(Database { packages, copy, program }))),
            Err(Unreadable(reason)) => reasons.push(format!("{}: {reason}", program.word())),
        }
    }
    if reasons.is_empty() {
        reasons.push("there is no rpm to read them, in the tree or on the server (package rpm)".to_owned());
    }
    Ok(Err(Unreadable(reasons.join("; "))))
}

/// All packages of a database. One that has none, and one that rpm complains of, is not read: what is missing
/// is not removed.
fn packages(program: &Program, copy: &Utf8Path) -> Read<Packages> {
    let mut found = Packages::new();
    let mut complaint = None;
    let ran = program.query(copy, PACKAGE, &mut |line| {
        let added = match line.strip_prefix("@package ") {
            Some(rest) => match key_of(rest) {
                Some((key, version)) => add(&mut found, key, version),
                None => Err(std::io::Error::other(format!("it says {line:?}"))),
            },
            None if line.starts_with("error:") => Err(std::io::Error::other(line.to_owned())),
            None => Ok(()),
        };
        if let (Err(cause), None) = (added, &complaint) {
            complaint = Some(cause.to_string());
        }
    })?;
    Ok(match (ran, complaint) {
        (Err(reason), None) | (_, Some(reason)) => Err(Unreadable(reason)),
        (Ok(()), None) if found.is_empty() => Err(Unreadable("it finds no package".to_owned())),
        (Ok(()), None) => Ok(found),
    })
}

/// Name, architecture and version in a line of ours.
fn key_of(text: &str) -> Option<(Key, String)> {
    let mut words = text.split(' ').map(str::to_owned);
    let (name, architecture, version) = (words.next()?, words.next()?, words.next()?);
    let architecture = if architecture == "(none)" { String::new() } else { architecture };
    (words.next().is_none() && !name.is_empty()).then_some((Key { name, architecture }, version))
}

impl Database {
    pub(super) fn files(
        &self,
        wanted: &dyn Fn(&Key) -> Option<u32>,
        file: &mut dyn FnMut(&[u8], u32) -> bool,
    ) -> Result<()> {
        let (mut number, mut enough) = (None, false);
        let both = format!("{PACKAGE}{FILES}");
        // It only groups: what is not told now stands for itself.
        let _ = self.program.query(&self.copy, &both, &mut |line| {
            if let Some(rest) = line.strip_prefix("@package ") {
                number = key_of(rest).and_then(|(key, _)| wanted(&key));
            } else if let (Some(path), Some(number), false) = (line.strip_prefix("@file "), number, enough) {
                enough = !file(path.as_bytes(), number);
            }
        })?;
        Ok(())
    }
}

impl Program {
    fn word(&self) -> &'static str {
        match self {
            Self::OfTree(_) => "the rpm of the tree",
            Self::OfServer => "the rpm of the server",
        }
    }

    /// Has it print each package in a form, line by line.
    fn query(
        &self,
        copy: &Utf8Path,
        form: &str,
        line: &mut dyn FnMut(&str),
    ) -> Result<std::result::Result<(), String>> {
        let (isolation, database) = match self {
            Self::OfTree(tree) => {
                let chroot = Chroot::new(tree.clone())
                    .name_resolution(NameResolution::OfTheTree)
                    .rights(Rights::Tool)
                    .read_only()
                    .bind(copy, INSIDE, Access::ReadWrite);
                (Isolation::Chroot(chroot), INSIDE)
            }
            Self::OfServer => (Isolation::Public(Public::default().show(copy)), copy.as_str()),
        };
        let ran = Tool::new("rpm")
            .args(["--dbpath", database, "--query", "--all", "--queryformat", form])
            .isolation(isolation)
            .time_limit(LONGEST)
            .on_line(line)
            .run();
        interrupt::check().map_err(failure::interrupted)?;
        match ran {
            Ok(_) => Ok(Ok(())),
            Err(CommandError::Interrupted { interrupted, .. }) => Err(failure::interrupted(interrupted)),
            Err(cause) => {
                let error: Error = failure::of_tool(cause);
                match error.kind {
                    ErrorKind::INTERRUPTED => Err(error),
                    _ => Ok(Err(failure::one_line(&error))),
                }
            }
        }
    }
}
