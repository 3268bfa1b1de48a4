//! What to do when a tool refused packages.

use super::{Repositories, Trust};
use camino::Utf8Path;
use disklessset_plugin_api::Error;

/// What a tool says of packages and indexes that nobody has signed, in its own words. apt says so, too, when it could not check a signature
/// for whatever reason ([`NOT_CHECKED`]).
const UNSIGNED: [&str; 2] = ["is not signed", "isn't signed"];

/// What apt says then.
const NOT_CHECKED: [&str; 1] = ["GPG error"];

/// What it says when somebody has, and the key is not at hand or not the right one. That is no reason to give up signatures.
const OTHER_KEY: [&str; 7] = [
    "NO_PUBKEY",
    "GPG check FAILED",
    "public key is not available",
    "Public key for",
    "are not correct for this package",
    "signatures couldn't be verified",
    "signatures were invalid",
];

/// What apt says when an address has no release, or nothing at all.
const NO_RELEASE: [&str; 3] = ["does not have a Release file", "no longer has a Release file", "404 "];

/// Adds what to do when a tool refused packages: unsigned ones are offered only where it said exactly that they are not signed.
pub(in crate::source) fn with_hint(error: Error, repositories: &Repositories) -> Error {
    let says = |words: &[&str]| error.causes.iter().any(|line| words.iter().any(|word| line.contains(word)));
    let signed = repositories.trust == Trust::Signed;
    if repositories.are_the_servers() {
        return match says(&NO_RELEASE) {
            true => {
                error.hint("see whether --release names a release that the server's own package sources have")
            }
            false => error,
        };
    }
    let unsigned = says(&UNSIGNED) && !says(&NOT_CHECKED);
    if signed && (unsigned || index_is_unsigned(repositories, &error)) {
        error.hint("name the key that signs the packages with --signing-key FILE, or accept unsigned ones with --unsigned")
    } else if signed && says(&OTHER_KEY) {
        error.hint("name the key that signs the packages with --signing-key FILE")
    } else if says(&NO_RELEASE) {
        error.hint("see whether the addresses of --repo and --mirror are right, and have the release that --release names")
    } else {
        error
    }
}

/// Whether apt refused a repository on this server's disk that has an index of packages, and nothing that could be signed: elsewhere a
/// missing index looks the same.
fn index_is_unsigned(repositories: &Repositories, error: &Error) -> bool {
    let refused = |place: &Utf8Path| {
        let says =
            |line: &String| line.contains("does not have a Release file") && line.contains(place.as_str());
        error.causes.iter().any(says)
    };
    repositories
        .repos
        .iter()
        .filter(|repo| repo.suite.first().is_some_and(|suite| suite.starts_with('.')))
        .any(|repo| {
            let address = repo.address.to_string();
            let Some(place) = address.strip_prefix("file://") else { return false };
            let place = Utf8Path::new(place.trim_end_matches('/'));
            let has = |name: &str| place.join(name).is_file();
            let index = ["Packages", "Packages.gz", "Packages.xz", "Packages.bz2"].into_iter().any(has);
            index && !has("Release") && !has("InRelease") && refused(place)
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use disklessset_plugin_api::Result;
    use serde_json::json;

    fn read(value: serde_json::Value) -> Result<Repositories> {
        Repositories::from_arguments(&serde_json::from_value(value).unwrap())
    }

    /// A hint is followed: it must not give up signatures for what has another cause.
    #[test]
    fn unsigned_packages_are_offered_only_where_nobody_signed() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().to_str().unwrap();
        std::fs::File::create(dir.path().join("Packages")).unwrap();
        let flat = format!("file://{place} ./");
        let missing = format!("E: The repository 'file:{place} ./ Release' does not have a Release file.");
        let nowhere = "E: The repository 'http://a nosuch Release' does not have a Release file.";
        let key = "name the key that signs the packages with --signing-key FILE";
        for (given, said, hint) in [
            (json!({"repositories": ["http://a/ nosuch main"]}), nowhere, Some("addresses of --repo")),
            (
                json!({"mirror": "http://a/"}),
                "404  Not Found [IP: 127.0.0.1 80]",
                Some("addresses of --repo"),
            ),
            (json!({}), nowhere, Some("whether --release")),
            (json!({"repositories": [flat]}), missing.as_str(), Some("accept unsigned ones with --unsigned")),
            (json!({"repositories": ["http://a/"]}), "Package x.rpm is not signed", Some("--unsigned")),
            (json!({"repositories": ["http://a/ x"]}), "InRelease: NO_PUBKEY 0123", Some(key)),
            (
                json!({"repositories": ["http://a/ x"]}),
                "The following signatures were invalid: BADSIG 01",
                Some(key),
            ),
            (
                json!({"mirror": "http://a/"}),
                "E: The repository 'x' is not signed: W: GPG error: cannot create a file",
                None,
            ),
            (json!({"repositories": ["http://a/"]}), "Curl error: signature of the universe", None),
            (json!({"repositories": ["http://a/"], "unsigned": true}), "Package x.rpm is not signed", None),
        ] {
            let error = with_hint(Error::failed("dnf failed").because(said), &read(given.clone()).unwrap());
            match hint {
                None => assert_eq!(error.hint, None, "{said}"),
                Some(hint) => assert!(error.hint.clone().unwrap().contains(hint), "{said}: {error:?}"),
            }
            let loosens = error.hint.is_some_and(|hint| hint.contains("--unsigned"));
            assert_eq!(loosens, hint.is_some_and(|hint| hint.contains("--unsigned")), "{given}: {said}");
        }
    }
}
