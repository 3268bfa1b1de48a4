//! Turns the bytes of a serial console into lines a person would read.

/// Width of the firmware's screen, which SeaBIOS breaks lines at when it shows them on the serial line.
const FIRMWARE_COLUMNS: usize = 80;
/// A line nobody ends is broken here, so that a console gone mad takes no memory.
const LONGEST_LINE: usize = 16 * 1024;

/// Collects console output into lines without control sequences.
#[derive(Debug, Default)]
pub(super) struct Console {
    pending: Vec<u8>,
    joined: String,
    wrapping: Wrapping,
}

/// Whether a full screen line continues on the next one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Wrapping {
    /// The firmware speaks, on a screen of 80 columns.
    #[default]
    Firmware,
    /// The kernel speaks, on a line without width.
    None,
}

impl Console {
    /// Takes bytes as they came, gives the lines that became complete.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.pending.extend_from_slice(piece);
            if piece.ends_with(b"\n") || self.pending.len() >= LONGEST_LINE {
                let line = readable(&self.pending);
                self.pending.clear();
                self.end_line(line, &mut lines);
            }
        }
        lines
    }

    fn end_line(&mut self, line: String, lines: &mut Vec<String>) {
        if self.wrapping == Wrapping::Firmware {
            if line.contains("Linux version ") {
                self.wrapping = Wrapping::None;
            } else if line.chars().count() == FIRMWARE_COLUMNS {
                self.joined.push_str(&line);
                return;
            }
        }
        let whole = std::mem::take(&mut self.joined) + &line;
        if !whole.trim().is_empty() {
            lines.push(whole.trim_end().to_owned());
        }
    }

    /// The line that is not ended yet: where a prompt waits.
    pub(super) fn unfinished(&self) -> String {
        readable(&self.pending)
    }
}

/// Drops control sequences and what a carriage return overwrote.
fn readable(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    let plain = anstream::adapter::strip_str(&text).to_string();
    // systemd shortens a line without minding the sequences in it: half of one may be left.
    let plain = plain.replace("…[0m", "…");
    let line = plain.trim_end_matches(['\r', '\n']);
    let shown = line.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or_default();
    shown.chars().filter(|c| !c.is_control() || *c == '\t').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &str) -> Vec<String> {
        Console::default().feed(text.as_bytes())
    }

    #[test]
    fn colours_and_cut_sequences_are_gone() {
        assert_eq!(
            all("[\x1b[0;32m  OK  \x1b[0m] Started \x1b[0;1;39mssh.servic…[0m - OpenBSD.\r\r\n"),
            ["[  OK  ] Started ssh.servic… - OpenBSD."]
        );
        assert_eq!(all("\x1bc\x1b[?7l\x1b[2J\x1b[0mSeaBIOS (version 1)\r\n"), ["SeaBIOS (version 1)"]);
    }

    #[test]
    fn a_firmware_line_broken_at_the_screen_edge_is_one_line() {
        let url = "http://10.0.2.2/preboot_execution_environment/diskless/kernels/vmlinuz-5.1.0-56-";
        assert_eq!(url.len(), 80);
        assert_eq!(
            all(&format!("{url}\r\ncloud-amd64... No such file or directory (http://ipxe.org/2d0c613b)\r\n")),
            [format!("{url}cloud-amd64... No such file or directory (http://ipxe.org/2d0c613b)")]
        );
    }

    #[test]
    fn the_kernels_lines_may_have_80_characters() {
        let eighty = "x".repeat(80);
        let lines = all(&format!("[ 0.0] Linux version 6\n{eighty}\nnext\n"));
        assert_eq!(lines, ["[ 0.0] Linux version 6", &eighty, "next"]);
    }

    #[test]
    fn a_prompt_is_seen_before_its_line_ends_and_however_it_is_cut() {
        let mut console = Console::default();
        for byte in b"\r\n\x1b[0mprove login: " {
            assert!(console.feed(&[*byte]).is_empty());
        }
        assert_eq!(console.unfinished(), "prove login: ");
    }

    #[test]
    fn progress_shows_its_last_state_and_endless_lines_are_broken() {
        assert_eq!(all("  0%\r 50%\r100%\n"), ["100%"]);
        assert_eq!(all(&"y".repeat(40_000)).len(), 1);
        let mut console = Console::default();
        let lines: usize = (0..10).map(|_| console.feed(&[b'y'; 10_000]).len()).sum();
        assert!(lines >= 4);
    }
}
