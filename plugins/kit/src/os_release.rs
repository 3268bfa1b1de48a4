//! The lines about an image in its `etc/os-release`.

use crate::{
    source_date::SourceDate,
    tree_files::{NewFile, TreeFileError, TreeFiles},
};
use disklessset_plugin_api::Result;

/// What an image says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFacts<'a> {
    /// The image's name.
    pub image: &'a str,
    /// The version of the kernel it boots.
    pub kernel: &'a str,
    /// The day it was made, `YYYY-MM-DD`.
    pub date: &'a str,
}

/// The day that an image is said to be of, `YYYY-MM-DD`: today on this server, unless a date is given ([`SourceDate`]).
///
/// # Errors
/// When what is given is no date.
pub fn day_of_image() -> Result<String> {
    Ok(SourceDate::given()?.map_or_else(|| jiff::Zoned::now().date().to_string(), SourceDate::day))
}

/// The time on this server, `YYYY-MM-DD HH:MM`.
pub(crate) fn now() -> String {
    jiff::Zoned::now().strftime("%Y-%m-%d %H:%M").to_string()
}

/// Writes name, kernel and date of the image into `etc/os-release`, as a file of its own: commonly it is a link to one of
/// the distribution's packages. Lines of an earlier image are replaced.
///
/// `IMAGE_ID` and `IMAGE_VERSION` are the fields that os-release(5) has for this; the kernel has a field of ours. Capital
/// letters are not allowed in `IMAGE_ID`, so the exact name stands in a field of ours too.
///
/// # Errors
/// When the file cannot be read or written.
pub fn describe_image(files: &TreeFiles, facts: &ImageFacts<'_>) -> std::result::Result<(), TreeFileError> {
    let file = "etc/os-release";
    files.make_directory("etc", 0o755)?;
    let old = match files.read_text(file)? {
        Some(text) => text,
        None => files.read_text("usr/lib/os-release")?.unwrap_or_default(),
    };
    files.replace(file, with_facts(&old, facts).as_bytes(), NewFile::of_root(0o644))
}

fn with_facts(old: &str, facts: &ImageFacts<'_>) -> String {
    let lines = [
        ("IMAGE_ID", facts.image.to_ascii_lowercase()),
        ("IMAGE_VERSION", facts.date.to_owned()),
        ("DISKLESSSET_IMAGE", facts.image.to_owned()),
        ("DISKLESSSET_KERNEL", facts.kernel.to_owned()),
        ("DISKLESSSET_DATE", facts.date.to_owned()),
    ];
    let ours =
        |line: &&str| !lines.iter().any(|(key, _)| line.split_once('=').is_some_and(|(k, _)| k == *key));
    let mut text: String = old.lines().filter(ours).map(|line| format!("{line}\n")).collect();
    for (key, value) in &lines {
        text.push_str(&format!("{key}=\"{value}\"\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_image_replaces_the_lines_of_the_first() {
        let dir = tempfile::tempdir().unwrap();
        let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let files = TreeFiles::open(&path).unwrap();
        files.make_directory("usr/lib", 0o755).unwrap();
        files.make_directory("etc", 0o755).unwrap();
        files.replace("usr/lib/os-release", b"ID=debian\nIMAGE_ID=base", NewFile::of_root(0o644)).unwrap();
        files.link("etc/os-release", "../usr/lib/os-release").unwrap();
        describe_image(&files, &ImageFacts { image: "Web01", kernel: "6.1.0-1", date: "2026-01-02" })
            .unwrap();
        describe_image(&files, &ImageFacts { image: "db", kernel: "6.1.0-2", date: "2026-01-03" }).unwrap();
        assert_eq!(
            files.read_text("etc/os-release").unwrap().unwrap(),
            "ID=debian\nIMAGE_ID=\"db\"\nIMAGE_VERSION=\"2026-01-03\"\nDISKLESSSET_IMAGE=\"db\"\n\
             DISKLESSSET_KERNEL=\"6.1.0-2\"\nDISKLESSSET_DATE=\"2026-01-03\"\n"
        );
        assert_eq!(files.read_text("usr/lib/os-release").unwrap().unwrap(), "ID=debian\nIMAGE_ID=base");
    }
}
