//! What the help says of a parameter.

use disklessset_plugin_api::{ParamKind, ParamSpec, Placement};
use serde_json::Value;

pub(super) fn of(param: &ParamSpec) -> String {
    let mut help = param.help.clone();
    if param.kind == ParamKind::Secret {
        help.push_str(" (the first line of FILE, - for standard input)");
    }
    if param.repeated && param.placement == Placement::Flag {
        help.push_str(" (may be given several times)");
    }
    match &param.default {
        None | Some(Value::Null | Value::Bool(_)) => {}
        Some(Value::Array(items)) if items.is_empty() => {}
        Some(Value::Array(items)) => {
            let items: Vec<String> = items.iter().map(plain).collect();
            help.push_str(&format!(" [default: {}]", items.join(", ")));
        }
        Some(default) => help.push_str(&format!(" [default: {}]", shown_default(param, default))),
    }
    help
}

fn shown_default(param: &ParamSpec, default: &Value) -> String {
    match param.kind {
        ParamKind::Choice { .. } => plain(default).to_ascii_lowercase(),
        _ => plain(default),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}
