//! Repositories that a user gives for apt, as mmdebstrap takes them.

use super::{
    address::Address,
    apt_settings, apt_sources,
    private_file::write_private,
    repositories::{Repositories, Trust},
};
use crate::tree_files::{NewFile, TreeFiles};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Error, Result};
use std::fmt::Write as _;

/// Where mmdebstrap keeps the options of its command line inside the tree.
const OPTIONS_IN_TREE: &str = "etc/apt/apt.conf.d/99mmdebstrap";

/// Options of apt that are for the making of a tree alone, and go from it.
const OURS: [&str; 3] =
    ["Dir::Etc::netrc", "Acquire::AllowInsecureRepositories", "APT::Get::AllowUnauthenticated"];

/// Where a tree has its sources.
const SOURCES_IN_TREE: &str = "etc/apt/sources.list.d";

/// What mmdebstrap is told.
#[derive(Debug, Default)]
pub(super) struct Given {
    /// Source files, in order.
    pub(super) files: Vec<Utf8PathBuf>,
    /// Its options.
    pub(super) options: Vec<String>,
}

/// Writes everything into `scratch`. `servers_key` is the key ring that the server checks its distribution with.
pub(super) fn write(
    repositories: &Repositories,
    release: &str,
    servers_key: Option<&str>,
    scratch: &Utf8Path,
) -> Result<Given> {
    let mut given = Given::default();
    let mut stanzas = Vec::new();
    if let Some(mirror) = &repositories.mirror {
        let suite = [release.to_owned(), "main".to_owned()];
        stanzas.push(stanza(mirror, &suite, repositories, servers_key)?);
    }
    for repo in &repositories.repos {
        let of_release = [release.to_owned(), "main".to_owned()];
        let suite = if repo.suite.is_empty() { &of_release[..] } else { &repo.suite[..] };
        stanzas.push(stanza(&repo.address, suite, repositories, None)?);
    }
    if !stanzas.is_empty() {
        let file = scratch.join("disklessset.sources");
        write_private(&file, &copied(&stanzas.join("\n")))?;
        given.files.push(file);
    }
    for (number, file) in repositories.files.iter().enumerate() {
        let copy = scratch.join(format!("given-{number}.{}", file.path.extension().unwrap_or("list")));
        write_private(&copy, &copied(&file.text))?;
        given.files.push(copy);
    }
    let addresses = || repositories.repos.iter().map(|repo| &repo.address).chain(&repositories.mirror);
    let logins: String = addresses().filter_map(netrc).collect();
    if !logins.is_empty() {
        let file = scratch.join("auth.conf");
        write_private(&file, &logins)?;
        given.options.push(format!("--aptopt={} \"{file}\"", OURS[0]));
    }
    if repositories.trust == Trust::Unsigned {
        given.options.extend(OURS[1..].iter().map(|option| format!("--aptopt={option} \"true\"")));
    }
    Ok(given)
}

/// Has apt copy the packages of repositories on this server's disk: dpkg works inside the tree, and nothing is mounted there.
fn copied(sources: &str) -> String {
    sources.replace("file:/", "copy:/")
}

/// Writes sources of the server's own into `scratch`, in a file with this ending; logins that its addresses have go to a private file, with
/// those of its `auth.conf`.
pub(super) fn write_own(
    text: &str,
    ending: &str,
    auth_conf: Option<Utf8PathBuf>,
    scratch: &Utf8Path,
) -> Result<Given> {
    let (text, mut logins) = apt_sources::without_logins(text);
    let sources = scratch.join(format!("disklessset.{ending}"));
    write_private(&sources, &copied(&text))?;
    let mut given = Given { files: vec![sources], ..Given::default() };
    if !logins.is_empty() {
        logins.push_str(&auth_conf.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default());
        let file = scratch.join("auth.conf");
        write_private(&file, &logins)?;
        given.options.push(format!("--aptopt={} \"{file}\"", OURS[0]));
    }
    Ok(given)
}

/// One stanza of a `.sources` file. A key stands in it as it is: the tree keeps the file, and has no other place for it.
fn stanza(
    address: &Address,
    suite: &[String],
    repositories: &Repositories,
    servers_key: Option<&str>,
) -> Result<String> {
    let (suites, components) = (&suite[0], &suite[1..]);
    let mut text = format!("Types: deb\nURIs: {address}\nSuites: {suites}\n");
    // Writing to a String cannot fail.
    if !components.is_empty() {
        let _ = writeln!(text, "Components: {}", components.join(" "));
    }
    match (&repositories.keys[..], repositories.trust) {
        ([], Trust::Unsigned) => text.push_str("Trusted: yes\n"),
        ([], Trust::Signed) => {
            let blank = servers_key.map_or("", |key| if key.starts_with('\n') { "" } else { " " });
            let _ = servers_key.map(|key| writeln!(text, "Signed-By:{blank}{key}"));
        }
        ([key], _) => {
            text.push_str("Signed-By:\n");
            for line in key.text.trim().lines() {
                let line = line.trim_end();
                let _ = writeln!(text, " {}", if line.is_empty() { "." } else { line });
            }
        }
        _ => {
            return Err(Error::usage("with apt one --signing-key can be given")
                .hint("a .sources file given with --repo-file can name a key for each repository"));
        }
    }
    Ok(text)
}

fn netrc(address: &Address) -> Option<String> {
    let login = address.login()?;
    Some(format!("machine {address} login {} password {}\n", login.user, login.password))
}

/// Takes out of a tree what was meant for its making alone. Whoever wrote `copy:` himself gets `file:`: apt reads the same with both.
pub(super) fn forget(files: &TreeFiles) -> Result<()> {
    for name in files.list(SOURCES_IN_TREE)? {
        let file = format!("{SOURCES_IN_TREE}/{name}");
        if let Some(text) = files.read_text(&file)?.filter(|text| text.contains("copy:/")) {
            files.replace(&file, text.replace("copy:/", "file:/").as_bytes(), NewFile::of_root(0o644))?;
        }
    }
    let Some(all) = files.read_text(OPTIONS_IN_TREE)? else { return Ok(()) };
    let text = apt_settings::without(&all);
    let kept: Vec<&str> = text.lines().filter(|line| !OURS.iter().any(|own| line.contains(own))).collect();
    if kept.len() == all.lines().count() {
        return Ok(());
    }
    if kept.is_empty() {
        files.remove(OPTIONS_IN_TREE)?;
    } else {
        files.replace(
            OPTIONS_IN_TREE,
            format!("{}\n", kept.join("\n")).as_bytes(),
            NewFile::of_root(0o644),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::repositories::TextFile;
    use super::*;

    fn scratch() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path)
    }

    #[test]
    fn a_mirror_is_checked_by_the_servers_key_and_a_repository_by_its_own() {
        let (_dir, scratch) = scratch();
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQ==\n-----END PGP PUBLIC KEY BLOCK-----\n";
        let mut repositories = Repositories {
            mirror: Some("http://bob:secret@m/debian/".parse().unwrap()),
            ..Repositories::default()
        };
        let given = write(&repositories, "bookworm", Some("/usr/share/keyrings/d.gpg"), &scratch).unwrap();
        let text = std::fs::read_to_string(&given.files[0]).unwrap();
        assert_eq!(
            text,
            "Types: deb\nURIs: http://m/debian/\nSuites: bookworm\nComponents: main\nSigned-By: /usr/share/keyrings/d.gpg\n"
        );
        assert!(!given.options.concat().contains("secret"), "{:?}", given.options);
        let login = std::fs::read_to_string(scratch.join("auth.conf")).unwrap();
        assert_eq!(login, "machine http://m/debian/ login bob password secret\n");

        repositories = Repositories {
            repos: vec!["https://r/x ./".parse().unwrap()],
            keys: vec![TextFile { path: "/k".into(), text: key.to_owned() }],
            ..Repositories::default()
        };
        let stanza =
            stanza(&repositories.repos[0].address, &repositories.repos[0].suite, &repositories, None);
        let stanza = stanza.unwrap();
        assert!(
            stanza.contains("Suites: ./\nSigned-By:\n -----BEGIN") && stanza.contains("\n .\n mQ==\n"),
            "{stanza}"
        );
    }

    #[test]
    fn what_was_meant_for_the_making_is_not_in_the_tree() {
        let (_dir, scratch) = scratch();
        let files = TreeFiles::open(&scratch).unwrap();
        forget(&files).unwrap();
        files.make_directory("etc/apt/apt.conf.d", 0o755).unwrap();
        let text = "APT::Install-Recommends \"false\";\nDir::Etc::netrc \"/x\";\n";
        files.replace(OPTIONS_IN_TREE, text.as_bytes(), NewFile::of_root(0o644)).unwrap();
        forget(&files).unwrap();
        assert_eq!(
            files.read_text(OPTIONS_IN_TREE).unwrap().unwrap(),
            "APT::Install-Recommends \"false\";\n"
        );
    }
}
