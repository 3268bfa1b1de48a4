//! Identity notes of modules.

use crate::one_line;
use disklessset::{
    fuzzing::identity,
    modules::{ClassName, Identity, ModuleName, SourceName, host_api},
};

pub(super) fn run(data: &[u8]) {
    match identity(data) {
        Ok(found) => check(&found),
        Err(refusal) => one_line(&refusal.to_string()),
    }
}

/// What the rest of the host relies on.
pub(super) fn check(found: &Identity) {
    assert!(ModuleName::parse(found.name.as_str()).is_ok());
    assert!(!found.title.contains(char::is_control), "{:?}", found.title);
    assert_eq!(found.api.major, host_api().major);
    assert!(!found.classes.is_empty() || !found.sources.is_empty());
    for (at, class) in found.classes.iter().enumerate() {
        assert!(ClassName::parse(class.name.as_str()).is_ok());
        assert!(found.classes[..at].iter().all(|other| other.name != class.name), "twice");
        assert!(class.base.as_ref().is_none_or(|base| ClassName::parse(&base.class).is_ok()));
    }
    for (at, source) in found.sources.iter().enumerate() {
        assert!(SourceName::parse(source.as_str()).is_ok());
        assert!(!found.sources[..at].contains(source), "twice");
    }
}
