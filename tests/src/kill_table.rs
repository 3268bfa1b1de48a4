//! The kill table: which operation was killed at how many of its points, by which means, and how each of them ended.
//!
//! A test that kills adds its line when it has passed; `cargo xtask test` prints all of them at its end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::Write as _;

use camino::Utf8Path;

/// The environment variable with the file that collects the lines. Without it a line is printed, for whoever runs one test.
pub const FILE: &str = "DISKLESSSET_KILL_TABLE";

const COLUMNS: [&str; 6] = ["operation", "killed at", "points", "killed", "as before", "as after"];

/// One line: an operation, killed again and again by one means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    operation: String,
    way: String,
    /// Points there are, of which so many were tried; and what the world was like when all was mended.
    counts: [usize; 4],
}

/// Adds a line: an operation, what it was killed at (`failpoints`, `system calls`, `random moments`), the points it has, the kills
/// that were made, and how many of them ended with the world as it was before and as it is after the operation. A kill that
/// ended in neither is a test that failed, unless the operation has many parts of which each goes its own way.
///
/// # Panics
/// When the file that was asked for cannot be written.
#[track_caller]
#[allow(
    clippy::print_stderr,
    reason = "libtest keeps it with the test; without a table there is no other place"
)]
pub fn add(operation: &str, way: &str, points: usize, killed: usize, before: usize, after: usize) {
    let row =
        Row { operation: operation.to_owned(), way: way.to_owned(), counts: [points, killed, before, after] };
    match std::env::var(FILE) {
        Ok(file) => append(Utf8Path::new(&file), &row),
        Err(_) => eprintln!("kill table: {}", row.to_line().replace('\t', ", ")),
    }
}

/// Several tests add at once: one write each, which the system keeps in one piece.
#[track_caller]
fn append(file: &Utf8Path, row: &Row) {
    let line = format!("{}\n", row.to_line());
    let opened = File::options().append(true).create(true).open(file);
    let written = opened.and_then(|mut opened| {
        opened.write_all(line.as_bytes())?;
        opened.sync_all()
    });
    written.unwrap_or_else(|cause| panic!("cannot add to the kill table {file}: {cause}"));
}

/// The table for people, with its sums; nothing when nothing was killed.
///
/// # Errors
/// When the file cannot be read, or has a line that is none.
pub fn table(file: &Utf8Path) -> std::io::Result<Option<String>> {
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(none) if none.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause),
    };
    let strange = |line: &str| std::io::Error::other(format!("this is no line of a kill table: {line:?}"));
    let mut rows =
        text.lines().map(|line| Row::of(line).ok_or_else(|| strange(line))).collect::<Result<Vec<_>, _>>()?;
    rows.sort();
    Ok((!rows.is_empty()).then(|| in_columns(&rows)))
}

impl Row {
    fn to_line(&self) -> String {
        let plain = |text: &str| text.replace(['\t', '\n'], " ");
        let counts = self.counts.map(|count| count.to_string()).join("\t");
        format!("{}\t{}\t{counts}", plain(&self.operation), plain(&self.way))
    }

    fn of(line: &str) -> Option<Self> {
        let mut fields = line.split('\t');
        let (operation, way) = (fields.next()?.to_owned(), fields.next()?.to_owned());
        let counts = fields.map(|field| field.parse().ok()).collect::<Option<Vec<_>>>()?;
        Some(Self { operation, way, counts: counts.try_into().ok()? })
    }
}

fn in_columns(rows: &[Row]) -> String {
    let mut sums = [0; 4];
    let mut lines = vec![COLUMNS.map(str::to_owned)];
    for row in rows {
        let [points, killed, before, after] = row.counts.map(|count| count.to_string());
        lines.push([row.operation.clone(), row.way.clone(), points, killed, before, after]);
        sums.iter_mut().zip(row.counts).for_each(|(sum, count)| *sum += count);
    }
    let [points, killed, before, after] = sums.map(|sum| sum.to_string());
    lines.push([format!("{} lines", rows.len()), "all".to_owned(), points, killed, before, after]);
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    let mut table = String::new();
    for line in &lines {
        for (column, (cell, width)) in line.iter().zip(widths).enumerate() {
            // Words begin at the left, numbers end at the right.
            let _ = if column < 2 {
                write!(table, "{cell:<width$}  ")
            } else {
                write!(table, "{cell:>width$}  ")
            };
        }
        table.truncate(table.trim_end().len());
        table.push('\n');
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_become_a_table_with_sums() {
        let temp = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(temp.path()).unwrap().join("kills");
        assert_eq!(table(&file).unwrap(), None);
        let row = |operation: &str, counts| Row {
            operation: operation.to_owned(),
            way: "failpoints".to_owned(),
            counts,
        };
        append(&file, &row("livenet\tmount", [20, 20, 12, 8]));
        append(&file, &row("clone", [7, 5, 3, 2]));
        let expected = [
            "operation      killed at   points  killed  as before  as after",
            "clone          failpoints       7       5          3         2",
            "livenet mount  failpoints      20      20         12         8",
            "2 lines        all             27      25         15        10",
        ];
        assert_eq!(table(&file).unwrap().unwrap().lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn a_strange_line_is_not_left_out_silently() {
        let temp = tempfile::tempdir().unwrap();
        let file = Utf8Path::from_path(temp.path()).unwrap().join("kills");
        std::fs::copy("/proc/self/cmdline", &file).unwrap();
        assert!(table(&file).unwrap_err().to_string().contains("no line of a kill table"));
    }
}
