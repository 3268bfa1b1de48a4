//! Secrets on the command line: never as an argument, always out of a file or standard input.

use crate::images::read_secret;
use crate::output::Output;
use crate::system::core_dumps;
use camino::Utf8Path;
use disklessset_plugin_api::{Error, Result};
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// Reads a secret: the whole first line of a file, or of standard input for `-`.
///
/// # Errors
/// When the file cannot be read, or its first line is no text or endless. Messages never show what is in it.
pub(crate) fn read(file: &str, output: &Output) -> Result<String> {
    core_dumps::forbid();
    if file == "-" {
        let line =
            if output.input().is_terminal() { output.ask_secret("Secret: ") } else { output.input().line() };
        return line.map_err(|cause| Error::usage("cannot read a secret from standard input").because(cause));
    }
    read_secret(Utf8Path::new(file), output)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::testing;
    use std::os::unix::fs::PermissionsExt;

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
