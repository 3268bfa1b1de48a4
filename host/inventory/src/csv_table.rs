//! A table with a header row: one node a row.

use crate::{
    entry::{Entry, Found},
    error::ReadError,
    text::{quoted, words},
};
use csv::{Position, ReaderBuilder, StringRecord};

/// What a column says.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Column {
    Name,
    Mac,
    Address,
    Alias,
    Pool,
    Group,
    KernelParameters,
    Variable(String),
    Other,
}

/// The most columns of a table.
const MOST_COLUMNS: usize = 1000;

pub(crate) fn read(text: &str) -> Result<Found, ReadError> {
    let text = text.trim_start_matches('\u{feff}');
    let mut reader =
        ReaderBuilder::new().delimiter(delimiter(text)).trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|cause| fault(&cause, text))?.clone();
    let mut found = Found::default();
    let columns = columns(&header, &mut found)?;
    for record in reader.records() {
        let record = record.map_err(|cause| fault(&cause, text))?;
        if record.iter().any(|cell| !cell.is_empty()) {
            found.entries.push(row(&record, &columns, line_of(record.position(), text))?);
        }
    }
    Ok(found)
}

/// The sign between the columns: the one that the header has most of.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |sign: &u8| header.bytes().filter(|byte| byte == sign).count();
    // The last of several with as many is taken.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
}

/// Whether a text begins like a table with a column for names, for who has to tell kinds apart.
pub(crate) fn has_header(text: &str) -> bool {
    let header = text.trim_start_matches('\u{feff}').lines().next().unwrap_or_default();
    let sign = char::from(delimiter(header));
    header.contains(sign)
        && header.split(sign).any(|word| column(word.trim().trim_matches('"')) == Column::Name)
}

fn column(word: &str) -> Column {
    let key: String =
        word.chars().map(|c| if matches!(c, ' ' | '-') { '_' } else { c.to_ascii_lowercase() }).collect();
    match key.as_str() {
        "name" | "node" | "host" | "hostname" => Column::Name,
        "mac" | "macs" | "mac_address" | "hwaddr" => Column::Mac,
        "address" | "ip" | "ip_address" | "ipaddr" => Column::Address,
        "alias" | "aliases" => Column::Alias,
        "pool" => Column::Pool,
        "group" | "groups" => Column::Group,
        "kernel_parameters" => Column::KernelParameters,
        _ => match word.split_once(':') {
            Some((kind, name)) if kind.eq_ignore_ascii_case("var") => {
                Column::Variable(name.trim().to_owned())
            }
            _ => Column::Other,
        },
    }
}

fn columns(header: &StringRecord, found: &mut Found) -> Result<Vec<Column>, ReadError> {
    if header.len() > MOST_COLUMNS {
        return Err(ReadError::at(1, format!("the table has more than {MOST_COLUMNS} columns")));
    }
    let columns: Vec<Column> = header.iter().map(column).collect();
    for (at, word) in header.iter().enumerate() {
        match &columns[at] {
            Column::Other => {
                found.pass_over(1, &format!("the column {} says nothing of nodes here", quoted(word)))
            }
            known if columns[..at].contains(known) => {
                return Err(ReadError::at(
                    1,
                    format!("the column {} says the same as another", quoted(word)),
                ));
            }
            _ => {}
        }
    }
    if !columns.contains(&Column::Name) {
        let reason = "no column is called `name`; others are mac, address, alias, pool, group, kernel_parameters and var:KEY";
        return Err(ReadError::at(1, reason));
    }
    Ok(columns)
}

fn row(record: &StringRecord, columns: &[Column], line: Option<usize>) -> Result<Entry, ReadError> {
    let mut entry = Entry::named("", line);
    for (cell, column) in record.iter().zip(columns).filter(|(cell, _)| !cell.is_empty()) {
        match column {
            Column::Name => entry.name = cell.to_owned(),
            Column::Mac => entry.macs = words(cell),
            Column::Address => entry.address = Some(cell.to_owned()),
            Column::Alias => entry.aliases = words(cell),
            Column::Pool => entry.pool = Some(cell.to_owned()),
            Column::Group => entry.groups = words(cell),
            Column::KernelParameters => entry.kernel_parameters = Some(cell.to_owned()),
            Column::Variable(name) => entry.variables.push((name.clone(), cell.to_owned())),
            Column::Other => {}
        }
    }
    if entry.name.is_empty() { Err(ReadError::near(line, "the row has no name")) } else { Ok(entry) }
}

/// A record begins where the one before it ended, and there may be empty lines between.
fn line_of(position: Option<&Position>, text: &str) -> Option<usize> {
    let position = position?;
    let rest = text.get(usize::try_from(position.byte()).ok()?..)?;
    let empty = rest.len() - rest.trim_start_matches(['\r', '\n']).len();
    let lines = rest[..empty].matches('\n').count();
    Some(usize::try_from(position.line()).ok()? + lines)
}

fn fault(cause: &csv::Error, text: &str) -> ReadError {
    let reason = match cause.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the row has {len} columns, and the header {expected_len}")
        }
        _ => "it is not a row of a table".to_owned(),
    };
    ReadError::near(line_of(cause.position(), text), reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_one_node_a_row() {
        let text = "\u{feff}Name,MAC Address,IP,rack,var:row,pool\nc1,52:54:00:00:00:01 52:54:00:00:00:02,10.0.0.1,r1,7,compute\n\n\"c2\",,,,,\n";
        let found = read(text).unwrap();
        let [one, two] = &found.entries[..] else { panic!("{found:?}") };
        assert_eq!((one.name.as_str(), one.line, one.macs.len()), ("c1", Some(2), 2));
        assert_eq!((one.address.as_deref(), one.pool.as_deref()), (Some("10.0.0.1"), Some("compute")));
        assert_eq!(one.variables, [("row".to_owned(), "7".to_owned())]);
        assert_eq!((two.name.as_str(), two.line), ("c2", Some(4)));
        assert_eq!(found.passed_over, ["line 1: the column \"rack\" says nothing of nodes here"]);
    }

    #[test]
    fn columns_may_stand_between_other_signs() {
        for text in [
            "name;mac\nc1;52:54:00:00:00:01,52:54:00:00:00:02\n",
            "mac\tnode\n52:54:00:00:00:01\tc1\n",
            "host\nc1\n",
        ] {
            assert_eq!(read(text).unwrap().entries[0].name, "c1", "{text}");
        }
        assert!(has_header("Node;mac\n") && !has_header("c1;c2\n") && !has_header("name\n"));
    }

    #[test]
    fn what_is_no_table_of_nodes_is_named_with_its_line() {
        for (text, line) in [
            ("mac,ip\n", 1),
            ("name,node\n", 1),
            ("name,var:a,VAR:a\n", 1),
            ("name,ip\nc1,10.0.0.1\n,10.0.0.2\n", 3),
            ("name,ip\nc1\n", 2),
        ] {
            assert!(read(text).unwrap_err().to_string().starts_with(&format!("line {line}: ")), "{text}");
        }
    }
}
