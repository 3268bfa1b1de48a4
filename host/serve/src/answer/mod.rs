//! What is sent for a request: status, headers, and which pieces of which file.

mod condition;
mod head;
mod range;
#[cfg(test)]
mod tests;
mod validators;

use std::fs::{File, Metadata};
use std::ops::Range;
use std::time::SystemTime;

use crate::desk::{Desk, Said};
use crate::request::{Method, Refusal, Request};
use crate::tree::{OpenError, ServedTree};
use condition::Verdict;
pub(crate) use range::Asked;
#[cfg(feature = "fuzzing")]
pub(crate) use range::asked;
use validators::Validators;

/// What never changes under its name.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// What is asked for again before it is used again.
const ASK_AGAIN: &str = "no-cache";
/// What nobody keeps.
const KEEP_NOT: &str = "no-store";
/// Between the parts of an answer with several.
const BOUNDARY: &str = "disklessset-part";

/// An answer, before it is sent.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<Piece>,
    /// Where the pieces of the file are from.
    pub(crate) file: Option<File>,
    /// What was wrong, for the operator.
    pub(crate) problem: Option<String>,
    /// Whether the connection ends with it, whatever the client likes: a body was not read.
    pub(crate) ends: bool,
}

/// A piece of a body.
#[derive(Debug)]
pub(crate) enum Piece {
    Memory(Vec<u8>),
    File(Range<u64>),
}

impl Piece {
    fn length(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File(range) => range.end - range.start,
        }
    }
}

impl Answer {
    fn new(status: u16, cache: &str) -> Self {
        let headers = vec![("Cache-Control", cache.to_owned())];
        Self { status, headers, body: Vec::new(), file: None, problem: None, ends: false }
    }

    fn failed(status: u16, problem: impl Into<String>) -> Self {
        Self { problem: Some(problem.into()), ..Self::new(status, KEEP_NOT) }
    }

    /// To a request that is not understood.
    pub(crate) fn refusal(refusal: &Refusal) -> Self {
        Self::failed(refusal.status, refusal.why)
    }

    /// To a request whose head did not come in time.
    pub(crate) fn too_slow() -> Self {
        Self::failed(408, "the head did not come in time")
    }

    /// To a request that would change something.
    pub(crate) fn no_such_method() -> Self {
        let answer = Self::failed(405, "only GET and HEAD are answered").with("Allow", "GET, HEAD");
        Self { ends: true, ..answer }
    }

    /// What somebody else answers.
    pub(crate) fn said(said: Said) -> Self {
        let mut answer = Self { problem: said.problem, ..Self::new(said.status, KEEP_NOT) }
            .with("Content-Type", said.content_type)
            .with("X-Content-Type-Options", "nosniff")
            .with(
                "Content-Security-Policy",
                "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'",
            );
        answer.body.push(Piece::Memory(said.text.into_bytes()));
        answer
    }

    fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Bytes of the body.
    pub(crate) fn length(&self) -> u64 {
        self.body.iter().map(Piece::length).sum()
    }

    /// The head as it is sent. The body counts there for a HEAD, too, which gets none.
    pub(crate) fn head(&self, keep_alive: bool) -> Vec<u8> {
        head::written(self, keep_alive, SystemTime::now())
    }
}

/// Finds out what to send.
pub(crate) fn answer(tree: &ServedTree, request: &Request) -> Answer {
    if matches!(request.method, Method::Other(_) | Method::Post) {
        return Answer::no_such_method();
    }
    let path = request.target.path();
    if let Some(content) = tree.in_memory(path) {
        let mut answer = Answer::new(200, KEEP_NOT);
        answer.body.push(Piece::Memory(content.to_vec()));
        return answer;
    }
    if request.target.names_directory() {
        return refused(&OpenError::Missing { path: path.to_owned() });
    }
    match tree.open(path) {
        Ok((file, metadata)) => of_file(tree, request, file, &metadata),
        Err(error) => refused(&error),
    }
}

/// Finds out which page to send.
pub(crate) fn page(desk: &dyn Desk, request: &Request) -> Answer {
    if matches!(request.method, Method::Other(_) | Method::Post) {
        return Answer::no_such_method();
    }
    match desk.page(request.target.path().as_str(), request.target.query()) {
        Some(said) => Answer::said(said),
        None => Answer::failed(404, "there is no such page"),
    }
}

/// The reason names modes and directories: for the operator, not for clients.
fn refused(error: &OpenError) -> Answer {
    let status = match error {
        OpenError::Missing { .. } => 404,
        OpenError::Mode { .. } | OpenError::Outside { .. } | OpenError::Hidden { .. } => 403,
        OpenError::Io { .. } => 500,
    };
    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    Answer::failed(status, format!("{error}{cause}"))
}

fn of_file(tree: &ServedTree, request: &Request, file: File, metadata: &Metadata) -> Answer {
    let blob = tree.blob(request.target.path());
    let validators = Validators::of(metadata, blob.as_ref());
    let cache = if blob.is_some() { IMMUTABLE } else { ASK_AGAIN };
    let described = |status: u16| {
        Answer::new(status, cache)
            .with("ETag", validators.tag.clone())
            .with("Last-Modified", httpdate::fmt_http_date(validators.modified))
            .with("Accept-Ranges", "bytes")
    };
    match condition::verdict(&request.conditions, &validators) {
        Verdict::Unchanged => return described(304),
        Verdict::Failed => {
            return Answer { problem: Some("it changed meanwhile".into()), ..described(412) };
        }
        Verdict::Send => {}
    }
    let length = metadata.len();
    let kind = content_type(request.target.path().extension());
    // HEAD tells of the whole file.
    let asked = match request.method {
        Method::Get if condition::range_holds(&request.conditions, &validators) => {
            range::asked(request.conditions.range.as_deref(), length)
        }
        _ => Asked::Whole,
    };
    let mut answer = match asked {
        Asked::Whole => whole(described(200), kind, length),
        Asked::Parts(parts) => match parts.as_slice() {
            [part] => one_part(described(206), kind, part, length),
            parts => several_parts(described(206), kind, parts, length),
        },
        Asked::Nothing => {
            return Answer { problem: Some("no such range".into()), ..described(416) }
                .with("Content-Range", format!("bytes */{length}"));
        }
    };
    answer.file = Some(file);
    answer
}

fn whole(mut answer: Answer, kind: &str, length: u64) -> Answer {
    answer.body.push(Piece::File(0..length));
    answer.with("Content-Type", kind)
}

fn one_part(mut answer: Answer, kind: &str, part: &Range<u64>, length: u64) -> Answer {
    answer.body.push(Piece::File(part.clone()));
    answer.with("Content-Type", kind).with("Content-Range", content_range(part, length))
}

fn several_parts(mut answer: Answer, kind: &str, parts: &[Range<u64>], length: u64) -> Answer {
    for part in parts {
        let range = content_range(part, length);
        let head = format!("\r\n--{BOUNDARY}\r\nContent-Type: {kind}\r\nContent-Range: {range}\r\n\r\n");
        answer.body.push(Piece::Memory(head.into_bytes()));
        answer.body.push(Piece::File(part.clone()));
    }
    answer.body.push(Piece::Memory(format!("\r\n--{BOUNDARY}--\r\n").into_bytes()));
    answer.with("Content-Type", format!("multipart/byteranges; boundary={BOUNDARY}"))
}

fn content_range(part: &Range<u64>, length: u64) -> String {
    format!("bytes {}-{}/{length}", part.start, part.end - 1)
}

fn content_type(extension: Option<&str>) -> &'static str {
    match extension {
        Some("ipxe") => "text/plain; charset=utf-8",
        Some("json") => "application/json",
        Some("efi") => "application/efi",
        _ => "application/octet-stream",
    }
}
