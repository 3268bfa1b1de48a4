//! A log as a value: the operations in it, read while they are printed, since a log may be longer than memory should hold.

use super::{
    heading::{Heading, Turn},
    line::Line,
    lines::Lines,
};
use jiff::Timestamp;
use serde::{Serialize, Serializer, ser::Error as _, ser::SerializeMap, ser::SerializeSeq};
use std::{fs::File, io};

/// The log of an image, from its first operation or its last.
///
/// As a value it is a list of maps: `action` and `began` (absent for what was printed outside of an operation), `tools` with `command`,
/// `printed` and `ended` of each, then `ended`, `seconds` and `result`: `done`, `failed` with an `error`, `interrupted`, or `at work`. It
/// is read to its end by the first who asks.
#[derive(Debug)]
pub struct Logged {
    lines: Lines,
    /// Whether somebody is at the last operation now.
    at_work: bool,
}

impl Logged {
    /// Takes a log that was opened, and whether somebody is at an operation that writes it.
    pub fn new(file: File, at_work: bool) -> Self {
        Self { lines: Lines::of(file), at_work }
    }

    /// Leaves out all but the last operation; a log without operations stays whole.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_only(self) -> io::Result<Self> {
        self.lines.go_to_last(begins)?;
        Ok(self)
    }

    /// Gives every line with its end, or piece of a very long one, to who prints it.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn each_line(&self, mut print: impl FnMut(&str)) -> io::Result<()> {
        while let Some(text) = self.lines.take_text()? {
            print(&text);
        }
        Ok(())
    }
}

/// Whether an operation begins at a line.
fn begins(line: &Line) -> bool {
    matches!(line, Line::Heading(Heading { turn: Turn::Begins, .. }))
}

impl Serialize for Logged {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        while self.lines.peek().map_err(S::Error::custom)?.is_some() {
            list.serialize_element(&Operation { lines: &self.lines, at_work: self.at_work })?;
        }
        list.end()
    }
}

/// The next operation of the lines, or what lies before it.
struct Operation<'l> {
    lines: &'l Lines,
    at_work: bool,
}

impl Serialize for Operation<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let began = self.lines.take_if(begins).map_err(S::Error::custom)?.and_then(heading_of);
        if let Some(Heading { at, action, .. }) = &began {
            map.serialize_entry("action", action)?;
            map.serialize_entry("began", at)?;
        }
        map.serialize_entry("tools", &Tools(self.lines))?;
        let ended = self.lines.take_if(|line| matches!(line, Line::Heading(_)) && !begins(line));
        match (began, ended.map_err(S::Error::custom)?.and_then(heading_of)) {
            (began, Some(ended)) => end(&mut map, began.map(|began| began.at), &ended)?,
            (Some(_), None) => {
                let is_last = self.lines.peek().map_err(S::Error::custom)?.is_none();
                let result = if is_last && self.at_work { "at work" } else { "interrupted" };
                map.serialize_entry("result", result)?;
            }
            (None, None) => {}
        }
        map.end()
    }
}

fn heading_of(line: Line) -> Option<Heading> {
    match line {
        Line::Heading(heading) => Some(heading),
        _ => None,
    }
}

fn end<M: SerializeMap>(map: &mut M, began: Option<Timestamp>, ended: &Heading) -> Result<(), M::Error> {
    map.serialize_entry("ended", &ended.at)?;
    if let Some(began) = began {
        map.serialize_entry("seconds", &ended.at.duration_since(began).as_secs())?;
    }
    match &ended.turn {
        Turn::Failed(error) => {
            map.serialize_entry("result", "failed")?;
            map.serialize_entry("error", error)
        }
        Turn::Begins | Turn::Done => map.serialize_entry("result", "done"),
    }
}

/// The tools until the next heading.
struct Tools<'l>(&'l Lines);

impl Serialize for Tools<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        while !matches!(self.0.peek().map_err(S::Error::custom)?, None | Some(Line::Heading(_))) {
            list.serialize_element(&Tool(self.0))?;
        }
        list.end()
    }
}

/// The next tool. What was printed without one, as older versions did, has no command.
struct Tool<'l>(&'l Lines);

impl Serialize for Tool<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        if let Some(Line::Runs(command)) =
            self.0.take_if(|line| matches!(line, Line::Runs(_))).map_err(S::Error::custom)?
        {
            map.serialize_entry("command", &command)?;
        }
        map.serialize_entry("printed", &Printed(self.0))?;
        if let Some(Line::Ended(how)) =
            self.0.take_if(|line| matches!(line, Line::Ended(_))).map_err(S::Error::custom)?
        {
            map.serialize_entry("ended", &how)?;
        }
        map.end()
    }
}

/// What the tool printed.
struct Printed<'l>(&'l Lines);

impl Serialize for Printed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        while let Some(Line::Printed(text)) =
            self.0.take_if(|line| matches!(line, Line::Printed(_))).map_err(S::Error::custom)?
        {
            list.serialize_element(&text)?;
        }
        list.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Seek, Write};

    fn log(text: &str) -> File {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file.rewind().unwrap();
        file
    }

    const LOG: &str = "+ dracut\nold\n= exit status 0, 1.0 s\n\
        # 2026-11-30T10:00:00Z create: begins\n+ mmdebstrap web\n  I: done\n  # 2026-11-30T10:00:01Z create: done\n= exit status 0, 9.0 s\n\
        # 2026-11-30T10:00:10Z create: done\n\
        # 2026-11-30T11:00:00Z unmount: begins\n# 2026-11-30T11:00:02Z unmount: failed: no room\n\
        # 2026-11-30T12:00:00Z mount: begins\n+ tool\n";

    #[test]
    fn a_log_is_a_list_of_operations_with_their_tools_and_what_older_versions_wrote_is_kept() {
        let value = serde_json::to_value(Logged::new(log(LOG), false)).unwrap();
        let expected = serde_json::json!([
            {"tools": [{"command": "dracut", "printed": ["old"], "ended": "exit status 0, 1.0 s"}]},
            {"action": "create", "began": "2026-11-30T10:00:00Z",
             "tools": [{"command": "mmdebstrap web", "printed": ["I: done", "# 2026-11-30T10:00:01Z create: done"],
                        "ended": "exit status 0, 9.0 s"}],
             "ended": "2026-11-30T10:00:10Z", "seconds": 10, "result": "done"},
            {"action": "unmount", "began": "2026-11-30T11:00:00Z", "tools": [],
             "ended": "2026-11-30T11:00:02Z", "seconds": 2, "result": "failed", "error": "no room"},
            {"action": "mount", "began": "2026-11-30T12:00:00Z", "tools": [{"command": "tool", "printed": []}],
             "result": "interrupted"},
        ]);
        assert_eq!(value, expected);
    }

    #[test]
    fn the_last_operation_is_at_work_while_somebody_is_and_can_be_had_alone() {
        let value = serde_json::to_value(Logged::new(log(LOG), true).last_only().unwrap()).unwrap();
        assert_eq!(value[0]["result"], "at work");
        assert_eq!(value.as_array().unwrap().len(), 1);
        let mut lines = String::new();
        Logged::new(log(LOG), true).last_only().unwrap().each_line(|line| lines.push_str(line)).unwrap();
        assert_eq!(lines, "# 2026-11-30T12:00:00Z mount: begins\n+ tool\n");
    }
}
