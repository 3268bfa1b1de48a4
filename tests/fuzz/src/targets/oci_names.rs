//! Names of OCI, and what a registry sends us by way of headers.

use crate::{one_line, text};
use disklessset_oci::{
    fuzzing,
    names::{Digest, RegistryReference, RegistryTag, Tag, VersionName, from_ref_name, to_ref_name},
};
use std::{fmt::Display, str::FromStr};

/// A name is written as it was read, but for upper case in a host.
fn written_as_read<T: FromStr<Err: Display> + Display>(text: &str) {
    match text.parse::<T>() {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(name) => assert!(name.to_string().eq_ignore_ascii_case(text)),
    }
}

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    written_as_read::<Digest>(text);
    written_as_read::<Tag>(text);
    written_as_read::<RegistryTag>(text);
    written_as_read::<RegistryReference>(text);
    written_as_read::<VersionName>(text);
    if let Ok(name) = text.parse::<VersionName>() {
        assert_eq!(VersionName::from_ref_name(&name.ref_name()), Ok(name));
    }
    let escaped = to_ref_name(text);
    assert!(
        escaped.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._:+".contains(&byte)),
        "{escaped}"
    );
    assert_eq!(from_ref_name(&escaped).as_deref(), Ok(text));
    fuzzing::challenges(text);
    if let Err(refusal) = fuzzing::redirect(text) {
        one_line(&refusal);
    }
}
