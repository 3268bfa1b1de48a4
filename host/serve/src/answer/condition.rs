//! The conditions of a request, in the order of RFC 9110, section 13.2.2.

use std::time::SystemTime;

use super::validators::Validators;
use crate::request::Conditions;

/// Whether the file is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Send,
    /// 304: the client has it.
    Unchanged,
    /// 412: it is not what the client wants.
    Failed,
}

pub(super) fn verdict(asked: &Conditions, file: &Validators) -> Verdict {
    let unchanged_since = |date: &Option<String>| {
        let date = date.as_deref().and_then(|text| httpdate::parse_http_date(text).ok());
        date.map(|date: SystemTime| file.modified <= date)
    };
    let wanted = match &asked.if_match {
        Some(tags) => names(tags, &file.tag, Comparison::Strong),
        None => unchanged_since(&asked.if_unmodified_since).unwrap_or(true),
    };
    let known = match &asked.if_none_match {
        Some(tags) => names(tags, &file.tag, Comparison::Weak),
        None => unchanged_since(&asked.if_modified_since).unwrap_or(false),
    };
    match (wanted, known) {
        (false, _) => Verdict::Failed,
        (true, true) => Verdict::Unchanged,
        (true, false) => Verdict::Send,
    }
}

/// Whether a range may be sent: the client has the beginning of this very content, or does not care.
pub(super) fn range_holds(asked: &Conditions, file: &Validators) -> bool {
    match asked.if_range.as_deref() {
        None => true,
        Some(tag) if tag.starts_with(['"', 'W']) && !tag.starts_with("Wed") => tag == file.tag,
        Some(date) => httpdate::parse_http_date(date).is_ok_and(|date| date == file.modified),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Strong,
    Weak,
}

/// Whether a list of tags names this one.
fn names(list: &str, tag: &str, comparison: Comparison) -> bool {
    let tags = list.split(',').map(str::trim);
    list.trim() == "*"
        || tags.into_iter().any(|named| match named.strip_prefix("W/") {
            Some(weak) => comparison == Comparison::Weak && weak == tag,
            None => named == tag,
        })
}
