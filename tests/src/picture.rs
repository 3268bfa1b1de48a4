//! Pictures of the guides. A test makes each, from what it saw.
//!
//! With `DISKLESSSET_PICTURES=1` the picture in `docs/pictures` is written anew. Without it a test run changes no file
//! of the checkout, and the picture has to be there.

use std::fmt::Write;

use camino::Utf8PathBuf;

/// The environment variable that, set to `1`, writes the pictures anew.
pub const PICTURES: &str = "DISKLESSSET_PICTURES";

/// Whether a picture can be held to the bytes that a test made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alike {
    /// The same program makes the same picture.
    Always,
    /// Times, fonts or the speed of the machine are in it.
    AtFirstSight,
}

/// Writes a picture of the guides anew when that is asked for, and holds the one that is there to it otherwise.
#[track_caller]
pub fn keep(name: &str, made: &[u8], alike: Alike) {
    let file = directory().join(name);
    if std::env::var(PICTURES).is_ok_and(|value| value == "1") {
        #[allow(clippy::disallowed_methods, reason = "a file of the checkout, on demand")]
        std::fs::write(&file, made).unwrap_or_else(|cause| panic!("{file}: {cause}"));
        return;
    }
    let hint = format!("{PICTURES}=1 and the same test make it anew");
    let kept = std::fs::read(&file).unwrap_or_else(|cause| panic!("{file}: {cause}; {hint}"));
    assert!(!kept.is_empty(), "{file} is empty; {hint}");
    assert!(alike == Alike::AtFirstSight || kept == made, "{file} is an old one; {hint}");
}

fn directory() -> Utf8PathBuf {
    Utf8PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/pictures")
}

const COLUMN: f32 = 8.43;
const LINE: usize = 18;
const EDGE: usize = 14;

/// Lines of a terminal as an SVG picture, light on dark.
#[must_use]
pub fn of_terminal(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    let columns = lines.iter().map(|line| line.chars().count()).max().unwrap_or_default();
    let (width, height) = ((columns as f32 * COLUMN) as usize + 2 * EDGE, lines.len() * LINE + 2 * EDGE);
    let mut picture = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\">\n\
         <rect width=\"100%\" height=\"100%\" rx=\"6\" fill=\"#1c1f24\"/>\n\
         <g font-family=\"DejaVu Sans Mono, monospace\" font-size=\"14\" fill=\"#e4e6ea\" xml:space=\"preserve\">\n"
    );
    for (number, line) in lines.iter().enumerate().filter(|(_, line)| !line.is_empty()) {
        let y = EDGE + number * LINE + LINE - 5;
        let _ = writeln!(picture, "<text x=\"{EDGE}\" y=\"{y}\">{}</text>", escaped(line));
    }
    picture + "</g>\n</svg>\n"
}

fn escaped(line: &str) -> String {
    line.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_of_a_terminal_has_its_lines_and_no_markup_of_them() {
        let picture = of_terminal("  1. <one> & two\n\nend  ");
        assert!(picture.contains(">  1. &lt;one&gt; &amp; two</text>"), "{picture}");
        assert_eq!(picture.matches("<text ").count(), 2, "{picture}");
        assert!(picture.contains("height=\"82\""), "three lines: {picture}");
    }
}
