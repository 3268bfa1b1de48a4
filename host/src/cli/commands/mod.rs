//! The commands of the host, one a file: each has its part of the clap tree and its request, which the menu makes too.

pub(crate) mod action;
pub(crate) mod apply;
pub(crate) mod assign;
pub(crate) mod boot;
pub(crate) mod clean;
pub(crate) mod clear;
pub(crate) mod clone;
pub(crate) mod completion;
pub(crate) mod create;
pub(crate) mod diff;
pub(crate) mod doctor;
mod inventory_change;
pub(crate) mod kernel;
pub(crate) mod list;
pub(crate) mod log;
pub(crate) mod manual;
pub(crate) mod mirror;
pub(crate) mod module;
pub(crate) mod node;
mod node_import;
mod node_status;
mod node_trees;
pub(crate) mod overview;
pub(crate) mod pool;
pub(crate) mod prove;
pub(crate) mod prune;
pub(crate) mod pull;
pub(crate) mod push;
pub(crate) mod rebuild;
mod registry_options;
pub(crate) mod release;
pub(crate) mod remove;
pub(crate) mod serve;
mod serve_config;
mod serve_loaders;
pub(crate) mod show;
pub(crate) mod tag;
pub(crate) mod verify;
pub(crate) mod versions;

use super::request::Request;
use crate::versions::VersionReference;
use camino::Utf8PathBuf;
use clap::{Arg, ArgMatches, Command, value_parser};
use disklessset_plugin_api::{ImageName, KernelVersion, Result};

/// All commands of the host, in the order of the help.
pub(crate) fn all() -> Vec<Command> {
    vec![
        list::command(),
        show::command(),
        diff::command(),
        log::command(),
        verify::command(),
        prove::command(),
        create::command(),
        rebuild::command(),
        apply::command(),
        remove::command(),
        clone::command(),
        versions::command(),
        release::release_command(),
        release::rollback_command(),
        tag::command(),
        prune::command(),
        push::command(),
        pull::command(),
        mirror::command(),
        serve::command(),
        clean::command(),
        clear::command(),
        kernel::command(),
        node::command(),
        pool::command(),
        assign::command(),
        boot::command(),
        module::command(),
        doctor::command(),
        completion::command(),
        manual::command(),
    ]
}

/// The request behind a command of the host; `None` for a word that is none.
///
/// # Errors
/// When a name breaks the rules of names.
pub(crate) fn request(word: &str, matches: &ArgMatches) -> Option<Result<Box<dyn Request>>> {
    Some(match word {
        "list" => boxed(Ok(list::request(matches))),
        "show" => show::request(matches),
        "diff" => boxed(diff::request(matches)),
        "log" => boxed(log::request(matches)),
        "verify" => boxed(verify::request(matches)),
        "prove" => boxed(prove::request(matches)),
        "create" => boxed(create::request(matches)),
        "rebuild" => boxed(rebuild::request(matches)),
        "apply" => boxed(apply::request(matches)),
        "remove" => remove::request(matches),
        "clone" => boxed(clone::request(matches)),
        "versions" => boxed(versions::request(matches)),
        "release" => boxed(release::request(release::Way::Release, matches)),
        "rollback" => boxed(release::request(release::Way::Rollback, matches)),
        "tag" => boxed(tag::request(matches)),
        "prune" => boxed(prune::request(matches)),
        "mirror" => boxed(mirror::request(matches)),
        "serve" => serve::request(matches),
        "push" => push::request(matches),
        "pull" => boxed(pull::request(matches)),
        "clean" => boxed(clean::request(matches)),
        "clear" => boxed(clear::request(matches)),
        "kernel" => kernel::request(matches),
        "node" => node::request(matches),
        "pool" => pool::request(matches),
        "assign" => boxed(assign::request(matches)),
        "boot" => boot::request(matches),
        "module" => module::request(matches),
        "doctor" => boxed(Ok(doctor::request(matches))),
        "completion" => completion::request(matches)?,
        manual::NAME => boxed(Ok(manual::request(matches))),
        _ => return None,
    })
}

/// A request of any command.
pub(super) fn boxed<R: Request + 'static>(request: Result<R>) -> Result<Box<dyn Request>> {
    request.map(|request| Box::new(request) as Box<dyn Request>)
}

/// A bare word that must be given.
fn word(id: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(value).required(true).help(help)
}

/// Bare words, perhaps none.
fn words(id: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(id).value_name(value).num_args(0..).help(help)
}

/// An option with a path.
fn path_option(id: &'static str, value: &'static str, help: &'static str) -> Arg {
    Arg::new(id).long(id).value_name(value).value_parser(value_parser!(Utf8PathBuf)).help(help)
}

fn text<'m>(matches: &'m ArgMatches, id: &str) -> &'m str {
    matches.get_one::<String>(id).map(String::as_str).unwrap_or_default()
}

fn image_name(matches: &ArgMatches, id: &str) -> Result<ImageName> {
    parse_image_name(text(matches, id))
}

fn image_names(matches: &ArgMatches, id: &str) -> Result<Vec<ImageName>> {
    matches.get_many::<String>(id).into_iter().flatten().map(|name| parse_image_name(name)).collect()
}

/// An image, and perhaps one of its versions.
fn reference(matches: &ArgMatches, id: &str) -> Result<VersionReference> {
    text(matches, id).parse()
}

/// A name, or an error that says which rule it breaks.
///
/// # Errors
/// The rule.
pub(crate) fn parse_image_name(name: &str) -> Result<ImageName> {
    ImageName::parse(name).map_err(crate::failure::usage)
}

fn kernel_version(matches: &ArgMatches, id: &str) -> Result<KernelVersion> {
    let given = text(matches, id);
    // Listings and records show the file name: whoever copies it means the version in it.
    KernelVersion::parse(given.strip_prefix("vmlinuz-").unwrap_or(given)).map_err(crate::failure::usage)
}
