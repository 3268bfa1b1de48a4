//! From a module's declaration of an action to its subcommand, and from what was typed to raw parameters.

mod arguments;
mod given;
mod help;
#[cfg(test)]
mod tests;
mod unchecked;

pub(crate) use given::{given, secret_files};

use super::completion::Names;
use crate::modules::OfferedAction;
use arguments::arguments;
use clap::{Arg, Command};
use disklessset_plugin_api::Role;

/// The argument that the host adds to every action.
pub(crate) const NAME: &str = "name";

/// The command of a module: a subcommand for each action, nested where the words are several.
pub(crate) fn module_command(module: &str, title: &str, offered: &[OfferedAction]) -> Command {
    let mut command = Command::new(module.to_owned())
        .about(title.to_owned())
        .subcommand_required(true)
        .arg_required_else_help(true);
    for action in offered {
        let words: Vec<&str> = action.action.spec.words.split(' ').collect();
        command = with_action(command, &words, action);
    }
    command
}

fn with_action(command: Command, words: &[&str], action: &OfferedAction) -> Command {
    match words {
        [] => command,
        [word] => command.subcommand(action_command(word, action)),
        [group, rest @ ..] => {
            if command.find_subcommand(group).is_some() {
                return command.mut_subcommand(group, |group| with_action(group, rest, action));
            }
            let new = Command::new((*group).to_owned())
                .about(format!("Manage {group}"))
                .subcommand_required(true)
                .arg_required_else_help(true);
            command.subcommand(with_action(new, rest, action))
        }
    }
}

fn action_command(word: &str, offered: &OfferedAction) -> Command {
    let spec = &offered.action.spec;
    let command = Command::new(word.to_owned());
    if let Some(reason) = &offered.action.disabled {
        // It stays visible, and running it says why it cannot be run.
        let anything =
            Arg::new("anything").num_args(0..).allow_hyphen_values(true).trailing_var_arg(true).hide(true);
        return command.about(format!("(cannot be used: {reason})")).arg(anything);
    }
    let name_help = match spec.role {
        Role::Create => "The name of the new image",
        _ => "The image",
    };
    let name = Arg::new(NAME).value_name("NAME").required(true).help(name_help);
    let name = match spec.role {
        Role::Create => name.add(Names::New),
        _ => name.add(Names::Images(offered.classes.clone())),
    };
    let name = (spec.role != Role::Overview).then_some(name);
    let params = spec.params.iter().flat_map(|param| {
        let names = Names::of_parameter(param, spec);
        arguments(param).into_iter().map(move |arg| match &names {
            Some(names) => arg.add(names.clone()),
            None => arg,
        })
    });
    command.about(spec.help.clone()).args(name).args(params)
}
