//! All that the tasks print. It is talk for people, in order, on standard output.
#![allow(clippy::print_stdout, reason = "the one place that prints")]

use std::io::Write;
use std::time::Duration;

use crate::failure::Failure;

/// Announces a step.
pub(crate) fn step(what: &str) {
    line(&format!("\n==> {what}"));
}

/// Says something about the step under way.
pub(crate) fn note(what: &str) {
    line(&format!("    {what}"));
}

/// Says how long a step took.
pub(crate) fn took(what: &str, time: Duration) {
    line(&format!("    {what}: {}", seconds(time)));
}

/// Says what went wrong.
pub(crate) fn failure(failure: &Failure) {
    line(&format!("error: {failure}"));
}

/// Prints a line as it is.
pub(crate) fn line(text: &str) {
    println!("{text}");
    // Somebody may be reading a pipe, or nobody any more.
    let _ = std::io::stdout().flush();
}

/// A time for people: `4.2 s`, `3 min 20 s`.
pub(crate) fn seconds(time: Duration) -> String {
    match time.as_secs() {
        0..60 => format!("{:.1} s", time.as_secs_f64()),
        whole => format!("{} min {:02} s", whole / 60, whole % 60),
    }
}
