//! Secrets on the command line: never as an argument, always out of a file or standard input.

use crate::output::Output;
use crate::system::core_dumps;
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::fs::Metadata;
use std::io::Read;
use std::os::unix::fs::MetadataExt;

/// The longest secret, in bytes.
const LONGEST: u64 = 4096;

/// Reads a secret: the whole first line of a file, or of standard input for `-`.
///
/// # Errors
/// When the file cannot be read, or its first line is no text or endless. Messages never show what is in it.
pub(crate) fn read(file: &str, output: &Output) -> Result<String> {
    core_dumps::forbid();
    let mut bytes = Vec::new();
    if file == "-" {
        let line =
            if output.input().is_terminal() { output.ask_secret("Secret: ") } else { output.input().line() };
        return line.map_err(|cause| Error::usage("cannot read a secret from standard input").because(cause));
    }
    let path = Utf8Path::new(file);
    let failed =
        |cause: std::io::Error| Error::usage(format!("cannot read the secret in {path}")).because(cause);
    let opened = std::fs::File::open(path).map_err(failed)?;
    let metadata = opened.metadata().map_err(failed)?;
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        output.warn(&format!(
            "others than its owner may read the secret in {path} (mode {mode:04o}): chmod 600 {path}"
        ));
    }
    opened.take(LONGEST + 2).read_to_end(&mut bytes).map_err(failed)?;
    first_line(&bytes).map_err(|reason| Error::usage(format!("cannot use the secret in {path}: {reason}")))
}

/// Warns when others than the owner of a file may read the secret in it.
pub(crate) fn warn_of_readers(path: &Utf8Path, metadata: &Metadata, output: &Output) {
    if metadata.is_file() && metadata.mode() & 0o077 != 0 {
        let mode = metadata.mode() & 0o777;
        output.warn(&format!(
            "others than its owner may read the secret in {path} (mode {mode:04o}): chmod 600 {path}"
        ));
    }
}

fn first_line(bytes: &[u8]) -> std::result::Result<String, &'static str> {
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    if line.len() as u64 > LONGEST {
        return Err("its first line is longer than 4096 bytes");
    }
    std::str::from_utf8(line).map(ToOwned::to_owned).map_err(|_| "its first line is not UTF-8 text")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_whole_first_line_counts_and_nothing_else() {
        assert_eq!(first_line(b" s3 cret: #\n").unwrap(), " s3 cret: #");
        assert_eq!(first_line(b"s3cret").unwrap(), "s3cret");
        assert_eq!(first_line(b"s3cret\r\nsecond\n").unwrap(), "s3cret");
        assert!(first_line(b"\xff\n").is_err());
        assert!(first_line(&[b'x'; 5000]).is_err());
    }

    #[test]
    fn a_file_that_others_may_read_is_told_of_and_never_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file.as_file(), b"s3cret\n").unwrap();
        let path = file.path().to_str().unwrap();
        for (mode, told) in [(0o600, false), (0o644, true), (0o640, true)] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).unwrap();
            let console = testing::console("");
            assert_eq!(read(path, &console.output).unwrap(), "s3cret");
            let said = console.stderr();
            assert_eq!(said.contains("others than its owner"), told, "{mode:o}: {said}");
            assert!(!said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn standard_input_gives_one_line() {
        let console = testing::console("s3cret\nrest\n");
        assert_eq!(read("-", &console.output).unwrap(), "s3cret");
        let error = read("/no/such/file", &console.output).unwrap_err();
        assert!(error.message.contains("/no/such/file"), "{error}");
    }
}
