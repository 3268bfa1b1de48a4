//! The `.repo` files that dnf gets: private, since logins stand in them.

use super::{
    super::{
        address::Address,
        private_file::write_private,
        repositories::{Repositories, Trust},
    },
    release::{Family, Release},
};
use camino::{Utf8Path, Utf8PathBuf};
use configparser::ini::Ini;
use disklessset_plugin_api::{Error, Result};
use std::fmt::Write as _;

/// Refuses repositories whose packages nobody could check, unless the user said that they need not be.
pub(in super::super) fn check_trust(repositories: &Repositories) -> Result<()> {
    if repositories.trust == Trust::Unsigned {
        return Ok(());
    }
    let advice = "name it with --signing-key FILE, or accept unsigned packages with --unsigned";
    if let (true, Some(address)) = (
        repositories.keys.is_empty(),
        repositories.repos.iter().map(|repo| &repo.address).chain(&repositories.mirror).next(),
    ) {
        return Err(Error::usage(format!("the repository {address} has no signing key")).hint(advice));
    }
    for file in &repositories.files {
        let refuse = |section: &str, why: &str| {
            let text = format!("the repository {section} in {} {why}", file.path);
            Err(Error::usage(text).hint(advice))
        };
        let sections = Ini::new_cs()
            .read(file.text.clone())
            .map_err(|cause| Error::usage(format!("cannot read {}", file.path)).because(cause))?;
        for (section, keys) in sections.iter().filter(|(section, _)| *section != "main") {
            let value = |name: &str| keys.get(name).and_then(Option::as_deref).map(str::trim);
            if value("enabled").is_some_and(is_no) {
                continue;
            }
            if value("gpgcheck").is_some_and(is_no) {
                return refuse(section, "does not check signatures");
            }
            if value("gpgkey").is_none() && repositories.keys.is_empty() {
                return refuse(section, "has no signing key");
            }
        }
    }
    Ok(())
}

fn is_no(value: &str) -> bool {
    ["0", "no", "false", "off"].contains(&value.to_ascii_lowercase().as_str())
}

/// Where the files of repositories are.
pub(super) fn directory(scratch: &Utf8Path) -> Utf8PathBuf {
    scratch.join("repos")
}

/// Where a signing key is, the first being number 0.
pub(super) fn key(number: usize, scratch: &Utf8Path) -> Utf8PathBuf {
    scratch.join(format!("key-{number}.asc"))
}

/// Writes everything into a new directory, and says what dnf must be told beside.
pub(super) fn write(
    repositories: &Repositories,
    release: &Release,
    scratch: &Utf8Path,
) -> Result<Vec<String>> {
    let directory = directory(scratch);
    std::fs::create_dir(&directory)
        .map_err(|cause| Error::failed(format!("cannot make {directory}")).because(cause))?;
    let mut keys = Vec::new();
    for (number, given) in repositories.keys.iter().enumerate() {
        let file = key(number, scratch);
        write_private(&file, &given.text)?;
        keys.push(format!("file://{file}"));
    }
    let mut text = String::new();
    for (number, repo) in repositories.repos.iter().enumerate() {
        section(&mut text, &format!("repo-{}", number + 1), &repo.address, &repo.address.to_string(), &keys);
    }
    if let Some(mirror) = &repositories.mirror {
        for (name, path) in of_mirror(release) {
            section(&mut text, name, mirror, &mirror.below(path), &keys);
        }
    }
    write_private(&directory.join("disklessset.repo"), &text)?;
    for (number, file) in repositories.files.iter().enumerate() {
        write_private(&directory.join(format!("given-{number}.repo")), &file.text)?;
    }

    // What is given and cannot be reached is a failure, whatever the server's configuration says of its own.
    let mut options = vec![format!("reposdir={directory}"), "*.skip_if_unavailable=False".to_owned()];
    match repositories.trust {
        Trust::Signed => options.extend(["gpgcheck=True".to_owned(), "*.gpgcheck=True".to_owned()]),
        // A repository of a file that says that it is signed still has to be.
        Trust::Unsigned => options.push("gpgcheck=False".to_owned()),
    }
    if !repositories.files.is_empty() && !keys.is_empty() {
        options.push(format!("*.gpgkey={}", keys.join(",")));
    }
    Ok(options)
}

/// Where a mirror of the distribution has what an image needs.
fn of_mirror(release: &Release) -> &'static [(&'static str, &'static str)] {
    match release.family() {
        Family::Enterprise(_) => &[
            ("mirror-baseos", "$releasever/BaseOS/$basearch/os/"),
            ("mirror-appstream", "$releasever/AppStream/$basearch/os/"),
        ],
        Family::Fedora(_) => &[
            ("mirror-fedora", "releases/$releasever/Everything/$basearch/os/"),
            ("mirror-updates", "updates/$releasever/Everything/$basearch/"),
        ],
        Family::Unnumbered => &[("mirror-fedora", "development/$releasever/Everything/$basearch/os/")],
    }
}

fn section(text: &mut String, id: &str, address: &Address, url: &str, keys: &[String]) {
    // Writing to a String cannot fail.
    let _ = write!(text, "[{id}]\nname={id}\nbaseurl={url}\nenabled=1\n");
    if keys.is_empty() {
        text.push_str("gpgcheck=0\n");
    } else {
        let _ = write!(text, "gpgcheck=1\ngpgkey={}\n", keys.join(" "));
    }
    if let Some(login) = address.login() {
        let _ = write!(text, "username={}\npassword={}\n", login.user, login.password);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{super::super::repositories::TextFile, *};

    fn given(file: &str) -> Repositories {
        let file = TextFile { path: "/srv/site.repo".into(), text: file.to_owned() };
        Repositories { files: vec![file], ..Repositories::default() }
    }

    #[test]
    fn files_that_check_nothing_are_refused_unless_said_so() {
        let signed = "[a]\nbaseurl=http://a/\ngpgcheck=1\ngpgkey=http://a/key\n[b]\nenabled=0\ngpgcheck=0\n";
        check_trust(&given(signed)).unwrap();
        for (bad, said) in [
            ("[a]\nbaseurl=http://a/\ngpgcheck = False\ngpgkey=x\n", "does not check"),
            ("[a]\nbaseurl=http://a/\n", "no signing key"),
        ] {
            let error = check_trust(&given(bad)).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
            assert!(error.hint.unwrap().contains("--unsigned"));
            check_trust(&Repositories { trust: Trust::Unsigned, ..given(bad) }).unwrap();
        }
    }

    #[test]
    fn a_login_stands_in_a_private_file_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let scratch = Utf8Path::from_path(dir.path()).unwrap();
        let repositories = Repositories {
            repos: vec!["http://bob:se%25cret@a/x".parse().unwrap()],
            mirror: Some("https://m/rocky".parse().unwrap()),
            trust: Trust::Unsigned,
            ..Repositories::default()
        };
        let options = write(&repositories, &"9".parse().unwrap(), scratch).unwrap();
        assert!(!options.concat().contains("cret"), "{options:?}");
        let file = scratch.join("repos/disklessset.repo");
        let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(file).unwrap();
        assert!(text.contains("baseurl=http://a/x\n") && text.contains("password=se%cret\n"), "{text}");
        assert!(text.contains("baseurl=https://m/rocky/$releasever/AppStream/$basearch/os/\n"), "{text}");
    }
}
