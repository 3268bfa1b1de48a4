//! Heads of requests, read strictly: what two programs could understand in two ways is refused.

mod body;
mod target;
#[cfg(test)]
mod tests;

pub(crate) use target::{Target, path_below};

/// The most bytes of a head.
pub(crate) const MOST_BYTES: usize = 16 * 1024;
/// The most headers.
const MOST_HEADERS: usize = 100;
/// The most of a method that is told.
const MOST_METHOD: usize = 32;

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Method {
    Get,
    Head,
    Post,
    /// One that nobody may use here.
    Other(String),
}

impl Method {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Other(name) => name,
        }
    }
}

/// A request, before its body was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: Method,
    pub(crate) target: Target,
    /// Bytes of the body.
    pub(crate) body: usize,
    /// Whether another request may follow on the connection.
    pub(crate) keep_alive: bool,
    pub(crate) agent: String,
    pub(crate) host: String,
    /// Whom a proxy asks for, by its word (`X-Forwarded-For`).
    pub(crate) forwarded: Option<String>,
    pub(crate) conditions: Conditions,
}

/// The headers that decide what of a file is sent, as they came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Conditions {
    pub(crate) range: Option<String>,
    pub(crate) if_range: Option<String>,
    pub(crate) if_match: Option<String>,
    pub(crate) if_none_match: Option<String>,
    pub(crate) if_modified_since: Option<String>,
    pub(crate) if_unmodified_since: Option<String>,
}

/// Why a request is not answered, but its connection closed after a status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    pub(crate) why: &'static str,
}

impl Refusal {
    pub(super) const fn new(status: u16, why: &'static str) -> Self {
        Self { status, why }
    }

    /// A head beyond its bounds.
    pub(crate) fn too_long(head: &[u8]) -> Self {
        match head.iter().take(MOST_BYTES).any(|byte| *byte == b'\n') {
            true => Self::new(431, "the head is too long"),
            false => Self::new(414, "the first line is too long"),
        }
    }
}

/// Where the first head ends in what came. `from` is where nobody looked yet.
pub(crate) fn end_of_head(came: &[u8], from: usize) -> Option<usize> {
    // Clients may send empty lines before a request.
    let begin = came.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let from = from.saturating_sub(3).max(begin);
    let ends = |at: usize| came[at..].starts_with(b"\n\r\n") || came[at..].starts_with(b"\n\n");
    let at = (from..came.len()).find(|at| ends(*at))?;
    Some(at + if came[at + 1] == b'\n' { 2 } else { 3 })
}

/// Reads a whole head.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn parse(head: &[u8]) -> Result<Request, Refusal> {
    must_have_whole_line_ends(head)?;
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Ok(_) => return Err(Refusal::new(400, "the head is not one head")),
        Err(httparse::Error::TooManyHeaders) => return Err(Refusal::new(431, "there are too many headers")),
        Err(httparse::Error::Version) => return Err(Refusal::new(505, "this is not HTTP/1")),
        Err(_) => return Err(Refusal::new(400, "the head cannot be understood")),
    }
    let modern = parsed.version == Some(1);
    let headers = Headers(parsed.headers);
    let host = headers.only("host")?;
    if modern && host.is_none() {
        return Err(Refusal::new(400, "there is no Host"));
    }
    let method = method(parsed.method.unwrap_or_default());
    let body = body::length(&headers, &method, modern)?;
    let keep_alive = match modern {
        true => !headers.has_word("connection", "close"),
        false => headers.has_word("connection", "keep-alive"),
    };
    Ok(Request {
        method,
        body,
        target: Target::parse(parsed.path.unwrap_or_default())?,
        keep_alive,
        agent: headers.text("user-agent").unwrap_or_default(),
        host: host.unwrap_or_default(),
        forwarded: headers.text("x-forwarded-for"),
        conditions: conditions(&headers)?,
    })
}

/// A line ends with both: a lone one is an end for some programs, and a part of the line for others.
fn must_have_whole_line_ends(head: &[u8]) -> Result<(), Refusal> {
    let mut before = 0;
    for byte in head {
        if (*byte == b'\n') != (before == b'\r') {
            return Err(Refusal::new(400, "a line does not end with CR and LF"));
        }
        before = *byte;
    }
    Ok(())
}

fn method(name: &str) -> Method {
    match name {
        "GET" => Method::Get,
        "HEAD" => Method::Head,
        "POST" => Method::Post,
        other => Method::Other(other.chars().take(MOST_METHOD).collect()),
    }
}

fn conditions(headers: &Headers<'_>) -> Result<Conditions, Refusal> {
    Ok(Conditions {
        range: headers.only("range")?,
        if_range: headers.only("if-range")?,
        if_match: headers.text("if-match"),
        if_none_match: headers.text("if-none-match"),
        if_modified_since: headers.only("if-modified-since")?,
        if_unmodified_since: headers.only("if-unmodified-since")?,
    })
}

/// The headers of a request.
struct Headers<'h>(&'h [httparse::Header<'h>]);

impl Headers<'_> {
    /// The values of a header, however often it came.
    fn all(&self, name: &str) -> impl Iterator<Item = String> {
        let of_name = self.0.iter().filter(move |header| header.name.eq_ignore_ascii_case(name));
        of_name.map(|header| String::from_utf8_lossy(header.value).trim().to_owned())
    }

    /// The values of a header that is a list.
    fn text(&self, name: &str) -> Option<String> {
        let values: Vec<String> = self.all(name).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    /// The value of a header that may come once.
    fn only(&self, name: &str) -> Result<Option<String>, Refusal> {
        let mut values = self.all(name);
        match (values.next(), values.next()) {
            (first, None) => Ok(first),
            _ => Err(Refusal::new(400, "a header that may come once came twice")),
        }
    }

    fn has_word(&self, name: &str, word: &str) -> bool {
        self.all(name).any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(word)))
    }
}
