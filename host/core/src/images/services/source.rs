//! Sources of OS trees that modules bring, asked by a class. A source gets few services, and its programs are kept apart as those of the
//! kit's own sources are, whatever it asks for.

use super::{Host, answer, read};
use crate::modules::HostService;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{
    Command, Error, ErrorKind, Result,
    messages::{SourceCall, services, steps},
};
use serde_json::Value;

/// What a source may ask for as a class does.
const AS_CLASSES: [&str; 4] = [services::LOG, services::PROGRESS, services::CHECKPOINT, services::PATHS];

/// Runs a step of a source.
///
/// # Errors
/// The step's own; when no module in use brings the source.
pub(super) fn step(host: Host<'_, '_>, call: SourceCall) -> Result<Value> {
    let classes = &host.site().classes;
    let place = |name: &str| -> Result<Utf8PathBuf> {
        let path = call.attrs.get(name).and_then(Value::as_str).unwrap_or_default();
        let is_place =
            path.starts_with('/') && !Utf8Path::new(path).components().any(|part| part.as_str() == "..");
        if is_place {
            return Ok(path.into());
        }
        Err(Error::usage(format!("a source cannot make a tree without the directory {name}")))
    };
    let places = match call.step.as_str() {
        steps::BUILD => Some(Places { tree: place("tree")?, scratch: place("scratch")? }),
        _ => None,
    };
    let module = classes.module_with(&call.source)?.name.clone();
    classes.run_source(call, &SourceHost { host, module, places })
}

/// Where a source may write.
struct Places {
    tree: Utf8PathBuf,
    scratch: Utf8PathBuf,
}

/// The host as a source sees it.
struct SourceHost<'a, 's> {
    host: Host<'a, 's>,
    /// The module that brings it.
    module: String,
    /// None while it only looks at its arguments.
    places: Option<Places>,
}

impl HostService for SourceHost<'_, '_> {
    fn call(&self, service: &str, request: &str) -> Result<String> {
        match service {
            services::RUN => {
                let places = self.places.as_ref();
                let places = places.ok_or_else(|| {
                    Error::refused("a source runs no programs while it looks at its arguments")
                })?;
                let command = places.keep_apart(read(request)?)?;
                self.host.call(services::RUN, &serde_json::to_string(&command)?)
            }
            services::CONFIG => answer(Ok(self.host.site().configuration.of_module(&self.module))),
            known if AS_CLASSES.contains(&known) => self.host.call(service, request),
            other => {
                Err(Error::new(ErrorKind::UNSUPPORTED, format!("a source of trees has no service {other}")))
            }
        }
    }
}

impl Places {
    /// A program of the server writes to the tree and the scratch directory alone, and reaches no device; one of the tree runs in this tree.
    fn keep_apart(&self, command: Command) -> Result<Command> {
        let refuse = |what: String| Err(Error::refused(format!("a source may not {what}")));
        if command.is_interactive() || command.is_shown() {
            return refuse("hand the terminal to a program".to_owned());
        }
        if command.is_labelling() {
            return refuse("have a program set labels: the class does so".to_owned());
        }
        if let Some(other) =
            [command.tree(), command.installs_into()].into_iter().flatten().find(|t| *t != self.tree)
        {
            return refuse(format!("run a program for the tree {other}: its own is {}", self.tree));
        }
        let is_ours = |path: &Utf8Path| {
            let climbs = path.components().any(|part| part.as_str() == "..");
            !climbs && (path.starts_with(&self.scratch) || path.starts_with(&self.tree))
        };
        if let Some(other) = command.writable().iter().find(|path| !is_ours(Utf8Path::new(path))) {
            return refuse(format!("have a program write to {other}"));
        }
        if command.tree().is_some() {
            return Ok(command);
        }
        Ok(command.installing_into(self.tree.as_str()).may_write(self.scratch.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places() -> Places {
        Places { tree: "/work/web/tree".into(), scratch: "/work/web/scratch".into() }
    }

    #[test]
    fn a_program_of_the_server_is_kept_apart_as_those_of_the_kit_s_sources_are() {
        let kept = places().keep_apart(Command::new("zypper")).unwrap();
        assert_eq!(kept.installs_into(), Some("/work/web/tree"));
        assert_eq!(kept.writable(), ["/work/web/scratch"]);
        let inside = places().keep_apart(Command::new("ldconfig").inside("/work/web/tree")).unwrap();
        assert_eq!((inside.tree(), inside.installs_into()), (Some("/work/web/tree"), None));
    }

    #[test]
    fn what_leads_out_of_its_places_is_refused() {
        for (command, said) in [
            (Command::new("sh").inside("/"), "run a program for the tree /"),
            (Command::new("sh").installing_into("/srv"), "run a program for the tree /srv"),
            (Command::new("sh").may_write("/etc"), "write to /etc"),
            (Command::new("sh").may_write("/work/web/tree/../../other"), "write to /work/web/tree/.."),
            (Command::new("sh").interactive(), "hand the terminal"),
            (Command::new("sh").show_output(), "hand the terminal"),
            (Command::new("sh").sets_labels(), "set labels"),
        ] {
            let error = places().keep_apart(command).unwrap_err();
            assert!(error.message.contains(said), "{said}: {error}");
            assert_eq!(error.kind, ErrorKind::REFUSED);
        }
    }
}
