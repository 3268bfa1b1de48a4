//! What may follow on a command line, for the completion of shells. Reading only: no lock is taken, nothing is said of what is
//! wrong, and whatever cannot be read here is left out.

mod found;
mod names;

use super::{commands, declared, globals::Peeked, tree};
use crate::{
    modules::{HOST_COMMANDS, OfferedAction},
    observer::Observer,
    site::Site,
};
use clap::{Arg, Command, ValueHint};
use clap_complete::engine::{ArgValueCompleter, CompletionCandidate, SubcommandCandidates, complete};
use disklessset_core::Silent;
use found::Asked;
pub(crate) use names::Names;
use std::ffi::OsString;
use std::sync::Arc;

/// The words of a command line up to the cursor where the program is asked what may follow: `completion answer -- WORDS`.
pub(super) fn words(arguments: &[OsString]) -> Option<&[OsString]> {
    match arguments {
        [completion, answer, dashes, words @ ..]
            if completion == "completion" && answer == "answer" && dashes == "--" =>
        {
            Some(words)
        }
        _ => None,
    }
}

/// What the last of these words may become, a line each, with what it is about behind a tab.
pub(super) fn answer(words: &[OsString]) -> String {
    let before = &words[..words.len().saturating_sub(1)];
    let mut command = command(before);
    let mut line = vec![OsString::from("disklessset")];
    line.extend(words.iter().cloned());
    if words.is_empty() {
        line.push(OsString::new());
    }
    let (last, here) = (line.len() - 1, std::env::current_dir().ok());
    let mut found = complete(&mut command, line, last, here.as_deref()).unwrap_or_default();
    // Options are told of to who has typed a dash, or where nothing else may follow.
    let is_option = |one: &CompletionCandidate| one.get_value().to_string_lossy().starts_with('-');
    if words.last().is_none_or(|word| word.is_empty()) && !found.iter().all(is_option) {
        found.retain(|one| !is_option(one));
    }
    found.iter().map(line_of).collect()
}

/// A candidate as a shell reads it: what would be lines or columns of their own is blanks.
fn line_of(candidate: &CompletionCandidate) -> String {
    let plain = |text: &str| text.replace(|c: char| c.is_control(), " ");
    let value = plain(&candidate.get_value().to_string_lossy());
    match candidate.get_help().map(ToString::to_string).as_deref().and_then(|help| help.lines().next()) {
        Some(help) => format!("{value}\t{}\n", plain(help)),
        None => format!("{value}\n"),
    }
}

/// The tree of commands as far as the words lead, with what arguments may be.
fn command(before: &[OsString]) -> Command {
    let peeked = Peeked::at(before);
    let options = peeked.site().ok();
    let site = options.and_then(|options| Site::open(&options, Arc::new(Silent) as Arc<dyn Observer>).ok());
    let first = peeked.first.as_deref().filter(|first| !HOST_COMMANDS.contains(first));
    let mut tree = tree(None, None).disable_help_subcommand(true).subcommand(help());
    if let (Some(name), Some(site)) = (first, &site)
        && let Some(module) = module(site, name)
    {
        tree = tree.subcommand(module);
    }
    let asked = Arc::new(Asked::of(site, &tree, before));
    if first.is_none() {
        let modules = Arc::clone(&asked);
        tree =
            tree.allow_external_subcommands(true).add(SubcommandCandidates::new(move || modules.modules()));
    }
    with_candidates(tree, &asked)
}

/// The command of a module that can be used.
fn module(site: &Site, name: &str) -> Option<Command> {
    let title = site.classes().registry().module(name)?.title.clone();
    let offered: Vec<OfferedAction> = site.classes().actions(name).ok()?;
    Some(declared::module_command(name, &title, &offered))
}

/// `help`, which has topics beside commands.
fn help() -> Command {
    Command::new("help")
        .about("Print the help of a command, or a topic")
        .arg(Arg::new("command").value_name("COMMAND").num_args(0..))
}

fn with_candidates(command: Command, asked: &Arc<Asked>) -> Command {
    command.mut_args(|arg| with_values(arg, asked)).mut_subcommands(|command| with_candidates(command, asked))
}

fn with_values(arg: Arg, asked: &Arc<Asked>) -> Arg {
    if let Some(names) = Names::of(&arg) {
        let asked = Arc::clone(asked);
        return arg.add(ArgValueCompleter::new(move |current: &std::ffi::OsStr| {
            current.to_str().map(|current| asked.candidates(&names, current)).unwrap_or_default()
        }));
    }
    let placeholder = arg.get_value_names().and_then(|names| names.first()).map(|name| name.as_str());
    let hint = match placeholder {
        Some("FILE") => ValueHint::FilePath,
        Some("DIR") => ValueHint::DirPath,
        Some("FILE|DIR" | "PATH") => ValueHint::AnyPath,
        _ => return arg,
    };
    arg.value_hint(hint)
}

/// The words that help can be asked for about.
fn commands_and_topics() -> Vec<CompletionCandidate> {
    let commands = commands::all().into_iter().map(|command| {
        CompletionCandidate::new(command.get_name().to_owned()).help(command.get_about().cloned())
    });
    let topics = crate::reference::Topic::ALL
        .into_iter()
        .map(|topic| CompletionCandidate::new(topic.name()).help(Some(topic.about().into())));
    commands.chain(topics).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(line: &str) -> String {
        answer(&line.split(' ').map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn commands_options_and_their_values_follow() {
        let first = asked("--root /no/such ");
        assert!(
            first.contains("release\tHave nodes get a version") && first.contains("completion\t"),
            "{first}"
        );
        assert!(!first.contains("--dry-run"), "{first}");
        assert!(asked("--root /no/such -").contains("--dry-run\tPrint what would be done"));
        assert_eq!(
            asked("--root /no/such rel"),
            "release\tHave nodes get a version of an image from now on\n"
        );
        assert_eq!(asked("--root /no/such list --format j"), "json\n");
        assert_eq!(asked("--root /no/such list --format=j"), "--format=json\n");
        assert!(asked("--root /no/such pool set p --boot ").starts_with("image\nlocal\n"));
        assert!(asked("--root /no/such help conf").starts_with("configuration\t"));
    }

    #[test]
    fn a_line_is_one_line() {
        let candidate = CompletionCandidate::new("a\nb").help(Some("c\td\ne".into()));
        assert_eq!(line_of(&candidate), "a b\tc d\n");
    }

    #[test]
    fn every_placeholder_is_of_something_known() {
        // What names nothing on record: who invents another word decides whether it does.
        const OTHERS: &[&str] = &[
            "ACTION",
            "ADDR:PORT",
            "ALIAS",
            "DIR",
            "FILE",
            "FILE|DIR",
            "FIRMWARE",
            "FORMAT",
            "HOST[:PORT]",
            "IP",
            "KEY=VALUE",
            "KIND",
            "MAC",
            "NAME=VALUE",
            "REGISTRY/REPOSITORY",
            "REGISTRY/REPOSITORY:TAG|@DIGEST",
            "REGISTRY/REPOSITORY[:TAG]",
            "SECONDS",
            "SERVER",
            "DATE",
            "SHELL",
            "SIZE",
            "TEXT",
            "WHERE",
            "yes|no",
            "PATH",
        ];
        fn look(command: &Command, unknown: &mut Vec<String>) {
            for arg in command.get_arguments().filter(|arg| arg.get_action().takes_values()) {
                let placeholder = arg.get_value_names().map(|names| names[0].to_string()).unwrap_or_default();
                if Names::of(arg).is_none() && !OTHERS.contains(&placeholder.as_str()) {
                    unknown.push(format!("{} {placeholder}", command.get_name()));
                }
            }
            command.get_subcommands().for_each(|command| look(command, unknown));
        }
        let mut unknown = Vec::new();
        look(&tree(None, None), &mut unknown);
        assert_eq!(unknown, [] as [String; 0]);
    }
}
