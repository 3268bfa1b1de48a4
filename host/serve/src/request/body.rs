//! Requests here have no body, but for the reports of nodes, which are small. One that announces another body is refused before anybody can
//! disagree where it ends.

use super::{Headers, Method, Refusal};
use crate::desk::MOST_BODY;

/// The bytes of the body, which only a POST may have.
pub(super) fn length(headers: &Headers<'_>, method: &Method, modern: bool) -> Result<usize, Refusal> {
    let most = if *method == Method::Post { MOST_BODY } else { 0 };
    let lengths: Vec<String> = headers.all("content-length").collect();
    if headers.text("transfer-encoding").is_some() {
        return Err(match lengths.is_empty() && modern {
            true => Refusal::new(501, "requests have no body here"),
            false => Refusal::new(400, "the end of the body is told in two ways"),
        });
    }
    match lengths.as_slice() {
        [] => Ok(0),
        [one] if !one.is_empty() && one.bytes().all(|byte| byte.is_ascii_digit()) => {
            let length = one.parse().ok().filter(|length| *length <= most);
            length.ok_or(Refusal::new(413, "the body is too large"))
        }
        _ => Err(Refusal::new(400, "the length of the body cannot be understood")),
    }
}
