//! Programs of the system.

use camino::Utf8PathBuf;

/// Where programs are looked for, on the server and in trees, whatever PATH the caller has.
pub const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Where a program lies that runs when it is named so; none where it is not installed.
pub fn find(program: &str) -> Option<Utf8PathBuf> {
    PATH.split(':').map(|dir| Utf8PathBuf::from(dir).join(program)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_are_found_by_name() {
        assert!(find("sh").is_some_and(|path| path.ends_with("bin/sh")));
        assert_eq!(find("no-such-program"), None);
    }
}
