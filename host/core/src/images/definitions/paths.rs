//! Paths in definitions, which are relative to the directory of the file.

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{ParamKind, ParamSpec, Raw};

/// The sources whose word is followed by a path.
const WITH_A_PATH: [&str; 3] = ["tree", "tar", "oci"];

/// What was given for a parameter, its paths relative to a directory.
pub(super) fn based(param: &ParamSpec, raw: Raw, base: &Utf8Path) -> Raw {
    let each: fn(&str, &Utf8Path) -> String = match param.kind {
        ParamKind::Path => path_at,
        ParamKind::Source => source_at,
        _ => return raw,
    };
    match raw {
        Raw::Text(text) => Raw::Text(each(&text, base)),
        Raw::List(texts) => Raw::List(texts.iter().map(|text| each(text, base)).collect()),
    }
}

/// A path at a directory. An empty one stays for the check to refuse.
pub(super) fn path_at(text: &str, base: &Utf8Path) -> String {
    let path = base.join(text);
    match text.is_empty() {
        true => String::new(),
        false => camino::absolute_utf8(&path).unwrap_or(path).into_string(),
    }
}

/// A source whose path is at a directory.
pub(super) fn source_at(text: &str, base: &Utf8Path) -> String {
    match text.split_once(':') {
        Some((word, path)) if WITH_A_PATH.contains(&word) => format!("{word}:{}", path_at(path, base)),
        _ => text.to_owned(),
    }
}

/// The file whose content a source is: an archive, or the index of an OCI layout. What is in a tree nobody reads for this.
pub(super) fn file_of_source(text: &str) -> Option<Utf8PathBuf> {
    let (word, path) = text.split_once(':')?;
    match word {
        "tar" => Some(path.into()),
        "oci" => {
            let index =
                |path: &str| Some(Utf8Path::new(path).join("index.json")).filter(|path| path.is_file());
            // A reference may follow, and a path may have a colon.
            index(path).or_else(|| index(path.rsplit_once(':')?.0))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_at_the_directory_of_the_file_and_words_stay() {
        let base = Utf8Path::new("/git/images");
        for (kind, given, wanted) in [
            (ParamKind::Path, "scripts/run.sh", "/git/images/scripts/run.sh"),
            (ParamKind::Path, "/etc/keys", "/etc/keys"),
            (ParamKind::Path, "", ""),
            (ParamKind::Source, "tar:base.tar", "tar:/git/images/base.tar"),
            (ParamKind::Source, "tree:./root", "tree:/git/images/root"),
            (ParamKind::Source, "oci:layout:v1", "oci:/git/images/layout:v1"),
            (ParamKind::Source, "apt", "apt"),
            (ParamKind::Source, "registry:host/a:b", "registry:host/a:b"),
            (ParamKind::Text, "scripts/run.sh", "scripts/run.sh"),
        ] {
            let param = ParamSpec::flag("p", kind, "");
            assert_eq!(based(&param, Raw::Text(given.into()), base), Raw::Text(wanted.into()), "{given}");
        }
        let list = ParamSpec::flag("p", ParamKind::Path, "").repeated();
        let given = Raw::List(vec!["a".into(), "/b".into()]);
        assert_eq!(based(&list, given, base), Raw::List(vec!["/git/images/a".into(), "/b".into()]));
    }

    #[test]
    fn archives_and_layouts_are_files_and_trees_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let layout = Utf8Path::from_path(dir.path()).unwrap();
        tempfile::Builder::new()
            .prefix("index.json")
            .rand_bytes(0)
            .tempfile_in(layout)
            .unwrap()
            .keep()
            .unwrap();
        assert_eq!(file_of_source("tar:/a:b.tar"), Some("/a:b.tar".into()));
        assert_eq!(file_of_source(&format!("oci:{layout}:v1")), Some(layout.join("index.json")));
        assert_eq!(file_of_source(&format!("oci:{layout}")), Some(layout.join("index.json")));
        assert_eq!(file_of_source("tree:/"), None);
        assert_eq!(file_of_source("apt"), None);
    }
}
