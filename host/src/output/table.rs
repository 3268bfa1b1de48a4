//! Listings: aligned columns without lines, so that both people and `awk` can read them.

use super::{Colour, escape};
use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

/// One cell of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    text: String,
    style: CellStyle,
}

/// What a cell tells by its colour, where there are colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CellStyle {
    Plain,
    Good,
    Busy,
    Bad,
}

impl Field {
    /// A cell in a colour.
    pub(crate) fn with_style(text: &str, style: CellStyle) -> Self {
        Self { text: escape::line(text).into_owned(), style }
    }
}

impl<T: AsRef<str>> From<T> for Field {
    fn from(text: T) -> Self {
        Self::with_style(text.as_ref(), CellStyle::Plain)
    }
}

/// Lays out rows below a heading; with a width, long cells are wrapped to fit it.
pub(crate) fn render(heading: &[&str], rows: Vec<Vec<Field>>, width: Option<u16>, colour: Colour) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    match width {
        Some(width) => {
            table.set_content_arrangement(ContentArrangement::Dynamic);
            table.set_width(width);
        }
        None => {
            table.set_content_arrangement(ContentArrangement::Disabled);
        }
    }
    match colour {
        Colour::Yes => table.enforce_styling(),
        Colour::No => table.force_no_tty(),
    };
    table.style_text_only();
    table.set_header(heading.iter().map(|text| Cell::new(text).add_attribute(comfy_table::Attribute::Bold)));
    for row in rows {
        table.add_row(row.into_iter().map(|field| {
            let cell = Cell::new(field.text);
            match field.style {
                CellStyle::Plain => cell,
                CellStyle::Good => cell.fg(Color::DarkGreen),
                CellStyle::Busy => cell.fg(Color::DarkYellow),
                CellStyle::Bad => cell.fg(Color::DarkRed),
            }
        }));
    }
    let columns = table.column_count();
    for (index, column) in table.column_iter_mut().enumerate() {
        // Two blanks between columns, none at the edges.
        column.set_padding((0, if index + 1 == columns { 0 } else { 2 }));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Vec<Vec<Field>> {
        vec![
            vec![
                "web01".into(),
                Field::with_style("CREATED", CellStyle::Good),
                "a long reason that has to be wrapped".into(),
            ],
            vec!["a\u{1b}[2J".into(), "CORRUPTED".into(), "".into()],
        ]
    }

    #[test]
    fn columns_are_aligned_and_nothing_foreign_gets_through() {
        let text = render(&["NAME", "STATUS", "PROBLEM"], rows(), None, Colour::No);
        insta::assert_snapshot!(text, @r"
        NAME        STATUS     PROBLEM
        web01       CREATED    a long reason that has to be wrapped
        a\u{1b}[2J  CORRUPTED
        ");
    }

    #[test]
    fn a_narrow_terminal_wraps() {
        let text = render(&["NAME", "STATUS", "PROBLEM"], rows(), Some(40), Colour::No);
        assert!(text.lines().all(|line| line.chars().count() <= 40), "{text}");
        assert!(text.lines().count() > 3, "{text}");
    }

    #[test]
    fn colours_only_where_asked_for() {
        assert!(render(&["A"], rows(), None, Colour::Yes).contains("\u{1b}["));
        assert!(!render(&["A"], rows(), None, Colour::No).contains('\u{1b}'));
    }
}
