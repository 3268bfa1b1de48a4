//! Requests here have no body. One that announces a body is refused before anybody can disagree where it ends.

use super::{Headers, Refusal};

/// Refuses what announces a body.
pub(super) fn must_be_none(headers: &Headers<'_>, modern: bool) -> Result<(), Refusal> {
    let lengths: Vec<String> = headers.all("content-length").collect();
    if headers.text("transfer-encoding").is_some() {
        return Err(match lengths.is_empty() && modern {
            true => Refusal::new(501, "requests have no body here"),
            false => Refusal::new(400, "the end of the body is told in two ways"),
        });
    }
    match lengths.as_slice() {
        [] => Ok(()),
        [one] if one == "0" => Ok(()),
        [one] if !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(Refusal::new(413, "requests have no body here"))
        }
        _ => Err(Refusal::new(400, "the length of the body cannot be understood")),
    }
}
