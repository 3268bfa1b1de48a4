//! A page in Markdown as a man page. A table becomes a list: its first column is what is told of, as a terminal has no room for columns.

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use roff::{Inline, Roff, bold, italic, roman};

/// What stands at the beginning of a page.
pub(super) struct Head<'h> {
    pub(super) name: &'h str,
    pub(super) section: u8,
    pub(super) about: &'h str,
    pub(super) date: &'h str,
}

/// A man page with the text of a page in Markdown, whose first heading is left out: the page has its name there.
pub(super) fn page(head: &Head<'_>, text: &str) -> String {
    let mut page = Page::default();
    let section = head.section.to_string();
    let source = super::source();
    page.roff.control("TH", [head.name, section.as_str(), head.date, source.as_str(), super::MANUAL]);
    page.roff.control("SH", ["NAME"]).text([roman(format!("{} - {}", head.name, lowered(head.about)))]);
    page.roff.control("SH", ["DESCRIPTION"]);
    page.is_after_heading = true;
    for event in Parser::new_ext(text, Options::ENABLE_TABLES) {
        page.take(event);
    }
    page.roff.to_roff()
}

/// A phrase as it stands behind a dash.
fn lowered(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

/// What was written, and what the text at hand is part of.
#[derive(Default)]
struct Page {
    roff: Roff,
    line: Vec<Inline>,
    is_bold: bool,
    in_code: bool,
    /// A paragraph behind a heading needs no space above it.
    is_after_heading: bool,
    /// The lists that the text stands in, with the number of the next item where items have one.
    lists: Vec<Option<u64>>,
    /// The heads of the columns of the table at hand, and the cells of its row.
    heads: Vec<String>,
    cells: Vec<Vec<Inline>>,
}

impl Page {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.begin(&tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.in_code => self.line.push(roman(text.into_string())),
            Event::Text(text) if self.is_bold => self.line.push(bold(text.into_string())),
            Event::Text(text) => self.line.push(roman(text.into_string())),
            Event::Code(code) => self.line.push(bold(code.into_string())),
            Event::SoftBreak | Event::HardBreak => self.line.push(roman(" ")),
            _ => {}
        }
    }

    fn begin(&mut self, tag: &Tag<'_>) {
        match tag {
            Tag::Strong => self.is_bold = true,
            Tag::CodeBlock(_) => {
                self.flush();
                self.in_code = true;
                self.space();
                self.roff.control("in", ["+4n"]).control("nf", []);
            }
            Tag::List(first) => {
                self.flush();
                self.lists.push(*first);
            }
            Tag::Item => {
                self.is_after_heading = false;
                match self.lists.last_mut() {
                    Some(Some(number)) => {
                        self.roff.control("IP", [format!("{number}.").as_str(), "3"]);
                        *number += 1;
                    }
                    _ => drop(self.roff.control("IP", ["\\(bu", "2"])),
                }
            }
            Tag::Paragraph if self.lists.is_empty() => self.space(),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Strong => self.is_bold = false,
            TagEnd::CodeBlock => {
                self.flush();
                self.in_code = false;
                self.roff.control("fi", []).control("in", []);
            }
            TagEnd::List(_) => drop(self.lists.pop()),
            TagEnd::Heading(level) => self.heading(level as usize),
            TagEnd::Paragraph | TagEnd::Item => self.flush(),
            TagEnd::TableCell => self.cells.push(std::mem::take(&mut self.line)),
            TagEnd::TableHead => {
                let cells = std::mem::take(&mut self.cells);
                self.heads = cells.iter().map(|cell| plain(cell)).collect();
            }
            TagEnd::TableRow => self.row(),
            _ => {}
        }
    }

    fn space(&mut self) {
        if !std::mem::take(&mut self.is_after_heading) {
            self.roff.control("PP", []);
        }
    }

    fn heading(&mut self, level: usize) {
        let text = plain(&std::mem::take(&mut self.line));
        match level {
            1 => return,
            2 => drop(self.roff.control("SH", [text.to_uppercase().as_str()])),
            _ => drop(self.roff.control("SS", [text.as_str()])),
        }
        self.is_after_heading = true;
    }

    /// A row as an entry: its first cell, then the others, each behind the head of its column but the last.
    fn row(&mut self) {
        let mut cells = std::mem::take(&mut self.cells).into_iter();
        let first = cells.next().map(|cell| plain(&cell)).unwrap_or_default();
        self.is_after_heading = false;
        self.roff.control("TP", []).text([bold(first)]);
        let last = self.heads.len().saturating_sub(2);
        let mut line = Vec::new();
        for (at, cell) in cells.enumerate().filter(|(_, cell)| !plain(cell).trim().is_empty()) {
            if !line.is_empty() {
                line.push(roman("; "));
            }
            if at != last
                && let Some(head) = self.heads.get(at + 1)
            {
                line.extend([italic(head.to_lowercase()), roman(" ")]);
            }
            line.extend(cell);
        }
        self.roff.text(line);
    }

    fn flush(&mut self) {
        let line = std::mem::take(&mut self.line);
        if !line.is_empty() {
            self.roff.text(line);
        }
    }
}

fn plain(line: &[Inline]) -> String {
    line.iter()
        .map(|part| match part {
            Inline::Roman(text) | Inline::Bold(text) | Inline::Italic(text) => text.as_str(),
            Inline::LineBreak => " ",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_name_and_tables_as_lists() {
        let text = "# Files\n\nOne `file`, two\nlines.\n\n## Keys\n\n| KEY | DEFAULT | MEANING |\n|---|---|---|\n| a.b | none | What |\n\n\
                    - one\n- two\n\n1. first\n2. second\n\n```yaml\n.x: 1\n```\n";
        let head = Head { name: "some-file", section: 5, about: "A file", date: "2026-11-30" };
        let page = page(&head, text);
        assert!(page.contains("some\\-file \\- a file"), "{page}");
        assert!(page.contains(".SH KEYS\n.TP\n\\fBa.b\\fR\n\\fIdefault\\fR none; What\n"), "{page}");
        assert!(page.contains("One \\fBfile\\fR, two lines."), "{page}");
        assert!(page.contains(".IP \\(bu 2\none\n"), "{page}");
        assert!(page.contains(".IP 2. 3\nsecond\n"), "{page}");
        assert!(page.contains("\n\\&.x: 1\n") || page.contains("\\&.x: 1"), "{page}");
    }
}
