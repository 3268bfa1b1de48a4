//! What a registry sends and nobody but this room reads, for [`crate::fuzzing`].

use super::{
    challenge::Challenge,
    place::{Origin, OriginPath},
};

pub(crate) fn challenges(header: &str) -> usize {
    Challenge::all(header).len()
}

pub(crate) fn redirect(to: &str) -> Result<String, String> {
    let host = "registry.example".parse().map_err(|refusal| format!("{refusal}"))?;
    let here = OriginPath::new(&Origin::new(false, host), "/v2/".to_owned());
    here.follow(to).map(|there| there.uri()).map_err(|refusal| refusal.to_string())
}
