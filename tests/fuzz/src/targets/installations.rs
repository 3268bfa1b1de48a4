//! `installations.yml`: no entry is lost, not even one that cannot be understood.

use crate::{one_line, text};
use disklessset::fuzzing::Installations;

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match Installations::parse(text) {
        Err(reason) => one_line(&reason),
        Ok(entries) => {
            let there = serde_yaml::from_str::<serde_yaml::Value>(text);
            let there = there.ok().and_then(|value| value.as_mapping().map(serde_yaml::Mapping::len));
            assert_eq!(entries.count(), there.unwrap_or_default());
            let plain = entries.is_plain();
            match entries.kept_text() {
                Ok(written) => assert_eq!(Installations::parse(&written).as_ref(), Ok(&entries), "{written}"),
                Err(reason) if plain => panic!("{reason}"),
                Err(reason) => one_line(&reason),
            }
            entries.reasons().into_iter().for_each(one_line);
        }
    }
}
