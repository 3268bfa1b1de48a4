//! What was typed for the parameters of an action.

use super::arguments::off_id;
use crate::{
    cli::{globals::absolute, secret},
    output::Output,
};
use camino::Utf8PathBuf;
use clap::{ArgMatches, parser::ValueSource};
use disklessset_plugin_api::{ParamKind, ParamSpec, Placement, Raw, Result};
use serde_json::Value;
use std::collections::BTreeMap;

/// What was typed for an action's parameters, unchecked; secrets are read from their files.
///
/// # Errors
/// When a secret cannot be read.
pub(crate) fn given(
    params: &[ParamSpec],
    matches: &ArgMatches,
    output: &Output,
) -> Result<BTreeMap<String, Raw>> {
    let typed = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let mut given = BTreeMap::new();
    for param in params.iter().filter(|param| param.placement != Placement::Nowhere) {
        if param.kind == ParamKind::Flag && param.default == Some(Value::Bool(true)) && typed(&off_id(param))
        {
            given.insert(param.name.clone(), Raw::Text("false".to_owned()));
            continue;
        }
        if !typed(&param.name) {
            continue;
        }
        let raw = match &param.kind {
            ParamKind::Flag if param.placement == Placement::Flag => Raw::Text("true".to_owned()),
            kind => {
                let texts: Vec<String> =
                    matches.get_many(&param.name).into_iter().flatten().cloned().collect();
                let texts = match kind {
                    ParamKind::Secret => {
                        texts.iter().map(|file| secret::read(file, output)).collect::<Result<_>>()?
                    }
                    _ => texts,
                };
                match <[String; 1]>::try_from(texts) {
                    Ok([one]) if !param.repeated && *kind != ParamKind::Command => Raw::Text(one),
                    Ok([one]) => Raw::List(vec![one]),
                    Err(several) => Raw::List(several),
                }
            }
        };
        given.insert(param.name.clone(), raw);
    }
    Ok(given)
}

/// The files that secrets are read from. What comes from standard input has none.
///
/// # Errors
/// When the current directory cannot be found.
pub(crate) fn secret_files(
    params: &[ParamSpec],
    matches: &ArgMatches,
) -> Result<BTreeMap<String, Utf8PathBuf>> {
    let mut files = BTreeMap::new();
    for param in params.iter().filter(|param| param.kind == ParamKind::Secret && !param.repeated) {
        if param.placement == Placement::Nowhere {
            continue;
        }
        if let Some(file) = matches.get_one::<String>(&param.name).filter(|file| *file != "-") {
            files.insert(param.name.clone(), absolute(file.as_str().into())?);
        }
    }
    Ok(files)
}
