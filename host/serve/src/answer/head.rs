//! The head of an answer as bytes.

use std::fmt::Write;
use std::time::SystemTime;

use super::Answer;

pub(super) fn written(answer: &Answer, keep_alive: bool, now: SystemTime) -> Vec<u8> {
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason(answer.status));
    let mut line = |name: &str, value: &str| {
        // Writing to a text does not fail.
        let _ = write!(text, "{name}: {value}\r\n");
    };
    line("Server", "disklessset");
    line("Date", &httpdate::fmt_http_date(now));
    for (name, value) in &answer.headers {
        line(name, value);
    }
    if answer.status != 304 {
        line("Content-Length", &answer.length().to_string());
    }
    line("Connection", if keep_alive { "keep-alive" } else { "close" });
    text.push_str("\r\n");
    text.into_bytes()
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        414 => "URI Too Long",
        416 => "Range Not Satisfiable",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        505 => "HTTP Version Not Supported",
        _ => "Internal Server Error",
    }
}
