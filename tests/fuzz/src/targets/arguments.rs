//! Values of parameters, of every kind: what a module gets is what its kind promises.

use crate::{one_line, text};
use disklessset_plugin_api::{
    ImageName, KernelVersion, Lookup, PackageName, ParamKind, ParamSpec, Size,
    node_set::{NodeName, NodeSet},
    parse_value,
};

/// A server that has everything.
struct Everything;

impl Lookup for Everything {
    fn kernel(&self, _: &KernelVersion) -> Result<(), String> {
        Ok(())
    }
    fn image(&self, _: &ImageName, _: &str) -> Result<(), String> {
        Ok(())
    }
}

pub(super) fn run(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Some(text) = text(rest) else { return };
    let choices = vec!["STANDARD".to_owned(), "CORE".to_owned()];
    let kinds = [
        ParamKind::Text,
        ParamKind::Secret,
        ParamKind::Integer { min: -5, max: 1000 },
        ParamKind::Size { min: 100, max: 50_000, auto: true },
        ParamKind::Flag,
        ParamKind::Choice { choices: choices.clone() },
        ParamKind::Kernel { from_image: true },
        ParamKind::Image { class: String::new() },
        ParamKind::Path,
        ParamKind::Package,
        ParamKind::Command,
        ParamKind::Unknown,
        ParamKind::NodeSet,
        ParamKind::Node,
        ParamKind::matching("[a-z]{1,9}", "a word"),
        ParamKind::Source,
    ];
    let kind = kinds[usize::from(*kind) % kinds.len()].clone();
    let value = match parse_value(&ParamSpec::flag("p", kind.clone(), ""), text, &Everything) {
        Ok(value) => value,
        Err(reason) => return one_line(&reason),
    };
    let word = value.as_str().unwrap_or_default();
    let bad = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    assert!(!word.contains(bad), "{word:?}");
    match kind {
        ParamKind::Text | ParamKind::Command => assert_eq!(word, text),
        ParamKind::Secret | ParamKind::Source => assert!(!word.is_empty()),
        ParamKind::Integer { min, max } => {
            assert!(value.as_i64().is_some_and(|number| (min..=max).contains(&number)));
        }
        ParamKind::Size { .. } if word == "auto" => {}
        ParamKind::Size { min, max, .. } => {
            let size: Size = word.parse().expect("a size reads as one");
            assert!((min..=max).contains(&size.as_mebibytes()));
        }
        ParamKind::Flag => assert!(value.is_boolean()),
        ParamKind::Choice { .. } => assert!(choices.iter().any(|choice| choice == word)),
        ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => {
            assert!(KernelVersion::parse(word).is_ok())
        }
        ParamKind::Image { .. } => assert!(ImageName::parse(word).is_ok()),
        // What is written of a set reads as the same set.
        ParamKind::NodeSet => assert_eq!(word.parse::<NodeSet>().expect("a set").to_string(), word),
        ParamKind::Node => assert!(word.parse::<NodeName>().is_ok()),
        ParamKind::Matching { .. } => assert!(word.bytes().all(|byte| byte.is_ascii_lowercase())),
        ParamKind::Path => assert!(word.starts_with('/')),
        ParamKind::Package => assert!(PackageName::parse(word.trim_start_matches('@')).is_ok()),
        _ => panic!("a kind that is not known has no values"),
    }
}
