//! The command line of the tasks.

use std::process::ExitCode;

use camino::Utf8PathBuf;
use clap::{Arg, ArgAction, ArgMatches, Command, builder::PossibleValuesParser, value_parser};

use crate::bench::Subject;
use crate::failure::Failure;
use crate::packages::Extent;
use crate::test::tier::Tier;
use crate::{bench, dist, docs, fuzz, package, quickstart, setup, test};

fn tree() -> Command {
    let dest = Arg::new("dest").long("dest").value_name("DIR").required(true);
    let dest = dest
        .value_parser(value_parser!(Utf8PathBuf))
        .help("Install below this directory (/ for the system itself)");
    let packages = Arg::new("dest").long("dest").value_name("DIR").required(true);
    let packages =
        packages.value_parser(value_parser!(Utf8PathBuf)).help("Write the packages to this directory");
    let full = Arg::new("full").long("full").action(ArgAction::SetTrue).help("Run the long tests too");
    let tiers = Arg::new("tier").value_name("TIER").action(ArgAction::Append);
    let tiers =
        tiers.value_parser(PossibleValuesParser::new(Tier::ALL.map(Tier::name))).help("Run only these tiers");
    let subjects = Arg::new("subject").value_name("SUBJECT").action(ArgAction::Append);
    let subjects = subjects
        .value_parser(PossibleValuesParser::new(Subject::ALL.map(Subject::name)))
        .help("Measure only these");
    let for_ = Arg::new("for").long("for").value_name("WHAT").default_value("program");
    let for_ = for_
        .value_parser(PossibleValuesParser::new(EXTENTS.map(|(word, _)| word)))
        .help("Install what this needs, and no more");
    Command::new("xtask")
        .bin_name("cargo xtask")
        .about("Tasks of the source tree")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .subcommand(
            Command::new("setup").about("Install the system packages that building and using the program need").arg(for_),
        )
        .subcommand(Command::new("dist").about("Build and install the program and its modules").arg(dest))
        .subcommand(Command::new("package").about("Build packages for Debian and Enterprise Linux").arg(packages))
        .subcommand(Command::new("docs").about("Write the pages of docs/ that the program prints"))
        .subcommand(Command::new("quickstart").about("Make a first image below quickstart-root/ and boot it"))
        .subcommand(
            Command::new("bench")
                .about("Measure what things cost, beside the tools that do the same; tables and plots are in target/bench/")
                .arg(subjects),
        )
        .subcommand(
            Command::new("peak").hide(true).arg(Arg::new("words").action(ArgAction::Append).last(true)),
        )
        .subcommand(fuzzing())
        .subcommand(Command::new("test").about("Check and test everything").arg(full).arg(tiers))
}

/// What packages can be set up for.
const EXTENTS: [(&str, Extent); 4] = [
    ("quickstart", Extent::Quickstart),
    ("program", Extent::Program),
    ("tests", Extent::Tests),
    ("full", Extent::LongTests),
];

fn extent(args: &ArgMatches) -> Extent {
    let word = args.get_one::<String>("for").expect("it has a default");
    EXTENTS.iter().find(|(known, _)| known == word).map_or(Extent::Program, |(_, extent)| *extent)
}

fn fuzzing() -> Command {
    let seconds = Arg::new("seconds").value_name("SECONDS").default_value("60");
    let seconds = seconds.value_parser(value_parser!(u64).range(1..)).help("How long for each target");
    let targets = Arg::new("target").value_name("TARGET").action(ArgAction::Append);
    let targets = targets.help("Fuzz only these, the folders of tests/fuzz/corpus");
    let keep = Arg::new("keep").long("keep").action(ArgAction::SetTrue);
    let keep = keep.help("Add inputs that reach something new to the corpus, as few as do");
    Command::new("fuzz")
        .about("Fuzz everything that is parsed; what breaks a parser stays in tests/fuzz/corpus")
        .args([keep, seconds, targets])
}

/// Does what the command line says.
pub(crate) fn run() -> Result<ExitCode, Failure> {
    match tree().get_matches().subcommand() {
        Some(("setup", args)) => setup::task(extent(args)),
        Some(("dist", args)) => dist::task(args.get_one::<Utf8PathBuf>("dest").expect("clap requires it")),
        Some(("package", args)) => {
            package::task(args.get_one::<Utf8PathBuf>("dest").expect("clap requires it"))
        }
        Some(("bench", args)) => bench::task(&subjects(args), bench::Strictness::Fails),
        Some(("peak", args)) => {
            let words: Vec<String> = args.get_many("words").into_iter().flatten().cloned().collect();
            bench::peak(&words)
        }
        Some(("fuzz", args)) => fuzz::task(&fuzz::FuzzRequest {
            seconds: *args.get_one("seconds").expect("it has a default"),
            targets: args.get_many("target").into_iter().flatten().cloned().collect(),
            keep: args.get_flag("keep"),
        }),
        Some(("quickstart", _)) => quickstart::task(),
        Some(("docs", _)) => docs::task(),
        Some(("test", args)) => return test::task(args.get_flag("full"), &tiers(args)),
        other => unreachable!("clap knows no {other:?}"),
    }
    .map(|()| ExitCode::SUCCESS)
}

fn subjects(args: &ArgMatches) -> Vec<Subject> {
    let named = args.get_many::<String>("subject").into_iter().flatten();
    named.filter_map(|name| Subject::ALL.into_iter().find(|subject| subject.name() == name)).collect()
}

fn tiers(args: &ArgMatches) -> Vec<Tier> {
    let named = args.get_many::<String>("tier").into_iter().flatten();
    named.filter_map(|name| Tier::ALL.into_iter().find(|tier| tier.name() == name)).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_tree_is_sound() {
        super::tree().debug_assert();
    }
}
