//! The options that every command takes.

use crate::{
    output::{Answers, Format, Settings},
    reference::Topic,
    site::SiteOptions,
    system::lock::Wait,
};
use camino::{Utf8Path, Utf8PathBuf};
use clap::{Arg, ArgAction, ArgMatches, builder::PossibleValuesParser, value_parser};
use disklessset_plugin_api::{Error, Level, Result};
use std::ffi::OsString;

const HEADING: &str = "Global options";
/// Those of the options that take a value: the word behind one is no command.
const WITH_VALUE: [&str; 5] = ["--root", "--config", "--modules-dir", "--format", "--wait"];

/// The options as clap has them.
pub(crate) fn options() -> Vec<Arg> {
    let path = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).value_parser(value_parser!(Utf8PathBuf)).help(help)
    };
    let switch = |name: &'static str, help: &'static str| {
        Arg::new(name).long(name).action(ArgAction::SetTrue).help(help)
    };
    let options = [
        path("root", "DIR", "Work below DIR, as in a chroot").value_hint(clap::ValueHint::DirPath),
        path("config", "FILE", "Read the configuration from FILE").value_hint(clap::ValueHint::FilePath),
        path("modules-dir", "DIR", "Look for modules in DIR").value_hint(clap::ValueHint::DirPath),
        Arg::new("format")
            .long("format")
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(["table", "json", "yaml"]))
            .hide_possible_values(true)
            .help("Print data as table, json or yaml [default: table]"),
        switch("yes", "Confirm without being asked"),
        switch("dry-run", "Print what would be done and change nothing"),
        Arg::new("wait")
            .long("wait")
            .value_name("SECONDS")
            .value_parser(value_parser!(u64))
            .help("Wait up to SECONDS for an image that is in use"),
        switch("hold", "Have a new version wait for `release`: nodes get the same as before"),
        switch("info", "Print what is being done").short('i'),
        switch("debug", "Print everything, with the output of tools").short('d'),
    ];
    options.into_iter().map(|option| option.global(true).help_heading(HEADING)).collect()
}

/// What the options say.
#[derive(Debug, Clone)]
pub(crate) struct Globals {
    pub(crate) site: SiteOptions,
    pub(crate) settings: Settings,
    pub(crate) run: Run,
    pub(crate) hold: bool,
}

/// Whether things are done or only told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Run {
    Really,
    Dry,
}

impl Globals {
    /// Reads them from the match of any command.
    ///
    /// # Errors
    /// When a path cannot be made absolute.
    pub(crate) fn of(matches: &ArgMatches) -> Result<Self> {
        let path = |name| matches.get_one::<Utf8PathBuf>(name).map(|path| absolute(path)).transpose();
        let format = match matches.get_one::<String>("format").map(String::as_str) {
            Some("json") => Format::Json,
            Some("yaml") => Format::Yaml,
            _ => Format::Table,
        };
        let detail = match (matches.get_flag("debug"), matches.get_flag("info")) {
            (true, _) => Level::Debug,
            (false, true) => Level::Info,
            (false, false) => Level::Warning,
        };
        let answers = if matches.get_flag("yes") { Answers::Yes } else { Answers::Terminal };
        let wait = matches.get_one::<u64>("wait").map_or(Wait::No, |seconds| Wait::Seconds(*seconds));
        Ok(Self {
            site: SiteOptions {
                root: path("root")?,
                config: path("config")?,
                modules_dir: path("modules-dir")?,
                wait,
            },
            settings: Settings { format, detail, answers },
            run: if matches.get_flag("dry-run") { Run::Dry } else { Run::Really },
            hold: matches.get_flag("hold"),
        })
    }
}

/// A path as it is from the root.
///
/// # Errors
/// When the path is empty or the current directory is gone.
pub(crate) fn absolute(path: &Utf8Path) -> Result<Utf8PathBuf> {
    camino::absolute_utf8(path)
        .map_err(|cause| Error::usage(format!("cannot use the path {path:?}")).because(cause))
}

/// What has to be known of a command line before it can be parsed: which modules there are depends on the options, and
/// which subcommands there are depends on the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Peeked {
    pub(crate) root: Option<Utf8PathBuf>,
    pub(crate) config: Option<Utf8PathBuf>,
    pub(crate) modules_dir: Option<Utf8PathBuf>,
    /// The command's first word; for `help` the word behind it.
    pub(crate) first: Option<String>,
    /// The page that `help` is asked for.
    pub(crate) topic: Option<Topic>,
    /// The words behind that one, before `--`.
    pub(crate) words: Vec<String>,
}

impl Peeked {
    /// Looks through the arguments, the program's own name left out. What is wrong with them is for the parser to say.
    pub(crate) fn at(arguments: &[OsString]) -> Self {
        let mut peeked = Self::default();
        let mut arguments = arguments.iter().map(|argument| argument.to_string_lossy());
        while let Some(argument) = arguments.next() {
            if argument == "--" {
                break;
            }
            let (name, value) = match argument.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (argument.as_ref(), None),
            };
            if WITH_VALUE.contains(&name) {
                let value = value.or_else(|| arguments.next().map(Into::into)).map(Utf8PathBuf::from);
                match name {
                    "--root" => peeked.root = value,
                    "--config" => peeked.config = value,
                    "--modules-dir" => peeked.modules_dir = value,
                    _ => {}
                }
            } else if !name.starts_with('-') {
                match peeked.first.as_deref() {
                    Some("help") if Topic::named(name).is_some() => peeked.topic = Topic::named(name),
                    None | Some("help") => peeked.first = Some(name.to_owned()),
                    Some(_) => peeked.words.push(name.to_owned()),
                }
            }
        }
        peeked
    }

    /// The options that say which site it is, as they were given.
    pub(crate) fn addresses(&self) -> Vec<(&'static str, &str)> {
        [("--root", &self.root), ("--config", &self.config), ("--modules-dir", &self.modules_dir)]
            .into_iter()
            .filter_map(|(name, path)| path.as_deref().map(|path| (name, path.as_str())))
            .collect()
    }

    /// Whether the words behind the first one begin with those of an action.
    pub(crate) fn begins_action(&self, action: &str) -> bool {
        let action: Vec<&str> = action.split(' ').collect();
        self.words.len() >= action.len() && self.words.iter().zip(action).all(|(given, word)| given == word)
    }

    /// The site they name, as far as finding modules goes.
    ///
    /// # Errors
    /// When a path cannot be made absolute.
    pub(crate) fn site(&self) -> Result<SiteOptions> {
        let path = |path: &Option<Utf8PathBuf>| path.as_deref().map(absolute).transpose();
        Ok(SiteOptions {
            root: path(&self.root)?,
            config: path(&self.config)?,
            modules_dir: path(&self.modules_dir)?,
            wait: Wait::No,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peek(line: &str) -> Peeked {
        Peeked::at(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn no_module_may_have_a_flag_that_every_command_has() {
        let options = options();
        let mut own: Vec<&str> =
            options.iter().filter_map(Arg::get_long).chain(["help", "version"]).collect();
        let mut reserved = crate::modules::action_rules::GLOBAL_FLAGS;
        own.sort_unstable();
        reserved.sort_unstable();
        assert_eq!(own, reserved);
    }

    #[test]
    fn the_first_word_is_found_among_options() {
        assert_eq!(peek("list").first.as_deref(), Some("list"));
        assert_eq!(peek("--root /x -i demo create a").first.as_deref(), Some("demo"));
        assert_eq!(peek("--format json --wait=3 demo").first.as_deref(), Some("demo"));
        assert_eq!(peek("help demo create").first.as_deref(), Some("demo"));
        assert_eq!(peek("help --root /x configuration").topic, Some(Topic::Configuration));
        assert_eq!(peek("demo help configuration").topic, None);
        assert_eq!(peek("-i -d").first, None);
        assert_eq!(peek("-- demo").first, None);
    }

    #[test]
    fn options_count_wherever_they_stand_but_not_in_a_command_for_the_image() {
        let peeked = peek("livenet exec web01 --modules-dir=/m --root /r -- tool --config /c");
        assert_eq!(peeked.root.as_deref(), Some(Utf8Path::new("/r")));
        assert_eq!(peeked.modules_dir.as_deref(), Some(Utf8Path::new("/m")));
        assert_eq!(peeked.config, None);
    }
}
