//! What this server's own configuration of apt says about fetching packages: proxies, certificates, checks, logins, preferences. apt itself
//! reads it, for mmdebstrap's apt looks into the new tree alone.

use super::private_file::write_private;
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Command, Error, Host, Result};

/// Between these lines they stand in the tree while it is made; see [`without`].
const BEGIN: &str = "// disklessset: settings of the server";
const END: &str = "// disklessset: end of the server's settings";

/// What is handed on, by the beginnings of names: how packages are fetched and believed. Nothing of what is run, or of this server's system.
const KEPT: [&str; 4] =
    ["Acquire::", "APT::Authentication::", "APT::Hashes::", "APT::Get::AllowUnauthenticated"];
/// What is not of that: further indexes, which programs of the server want, and its languages.
const LEFT_OUT: [&str; 3] = ["Acquire::IndexTargets", "Acquire::Languages", "Acquire::Changelogs"];
/// Files of the server's, with whether they are about its own sources only.
const FILES: [(&str, bool); 4] = [
    ("Dir::Etc::netrc", false),
    ("Dir::Etc::netrcparts", false),
    ("Dir::Etc::preferences", true),
    ("Dir::Etc::preferencesparts", true),
];

/// Whose packages a tree is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum From {
    /// Those of the server's sources, for its own release.
    OwnRelease,
    /// Those of the server's sources, for another release.
    OwnSources,
    /// Those of repositories that the user gave.
    Given,
}

/// The settings in effect, by name.
#[derive(Debug, Default)]
pub(super) struct Settings(Vec<(String, String)>);

impl Settings {
    /// Asks apt. What it says is not shown or logged: there may be passwords of proxies in it.
    ///
    /// # Errors
    /// When apt-config fails or says nothing.
    pub(super) fn of_server(host: &Host<'_>) -> Result<Self> {
        let dump =
            Command::new("apt-config").args(["dump", "--empty=no", "--format", "%f \"%v\";%n"]).capture();
        let settings = Self::parse(&host.run(&dump)?.stdout);
        if settings.value("Dir::Etc").is_none() {
            return Err(Error::failed("apt-config ended well, and did not tell the settings of this server"));
        }
        Ok(settings)
    }

    fn parse(dump: &str) -> Self {
        let line = |line: &str| {
            let (name, value) = line.strip_suffix("\";")?.split_once(" \"")?;
            // Such a value cannot be written in a file of settings.
            let plain = !value.contains(|c: char| c == '"' || c.is_control());
            plain.then(|| (name.to_owned(), value.to_owned()))
        };
        Self(dump.lines().filter_map(line).collect())
    }

    fn value(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// Where a file of the server's lies, by the setting that names it.
    pub(super) fn file(&self, name: &str) -> Option<Utf8PathBuf> {
        let dir = Utf8Path::new(self.value("Dir").unwrap_or("/"));
        Some(dir.join(self.value("Dir::Etc")?).join(self.value(name).filter(|value| !value.is_empty())?))
    }

    /// Writes what is handed on, for mmdebstrap's `--aptopt`.
    pub(super) fn write(&self, from: From, scratch: &Utf8Path) -> Result<Utf8PathBuf> {
        let file = scratch.join("servers.conf");
        write_private(&file, &self.text(from))?;
        Ok(file)
    }

    fn text(&self, from: From) -> String {
        let begins = |name: &str, with: &[&str]| {
            with.iter()
                .any(|with| name.get(..with.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(with)))
        };
        let mut text = format!("{BEGIN}\n");
        let mut add = |name: &str, value: &str| text.push_str(&format!("{name} \"{value}\";\n"));
        for (name, value) in self.0.iter().filter(|(name, _)| begins(name, &KEPT) && !begins(name, &LEFT_OUT))
        {
            add(name, value);
        }
        // It would be an error where the release is not there.
        if let (From::OwnRelease, Some(release)) = (from, self.value("APT::Default-Release")) {
            add("APT::Default-Release", release);
        }
        for (name, of_sources) in FILES {
            if let (true, Some(file)) = (!of_sources || from != From::Given, self.file(name)) {
                add(name, file.as_str());
            }
        }
        text.push_str(&format!("{END}\n"));
        text
    }
}

/// A file of settings in a tree without what was there for its making.
pub(super) fn without(text: &str) -> String {
    let mut inside = false;
    let mut kept = String::new();
    for line in text.lines() {
        inside |= line == BEGIN;
        if !inside {
            kept.push_str(line);
            kept.push('\n');
        }
        inside &= line != END;
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    const DUMP: &str = "APT \"\";\nAPT::Architecture \"amd64\";\napt::default-release \"bookworm\";\nDir \"/\";\nDir::Etc \"etc/apt\";\n\
                        Dir::Etc::netrc \"auth.conf\";\nDir::Etc::preferencesparts \"/srv/pins\";\nDPkg::Post-Invoke:: \"rm -rf /\";\n\
                        Acquire::Languages:: \"de\";\nAcquire::IndexTargets::deb::Contents-deb::MetaKey \"x\";\n\
                        acquire::http::Proxy \"http://u:secret@p:3128\";\nAcquire::http::Proxy::mirror.site \"DIRECT\";\n\
                        Acquire::https::CAInfo \"/etc/ssl/site.pem\";\nAcquire::odd \"a\"b\";\nAcquire::Check-Valid-Until \"false\";\n";

    #[test]
    fn what_is_about_fetching_is_handed_on_and_nothing_that_is_run() {
        let settings = Settings::parse(DUMP);
        let own = settings.text(From::OwnRelease);
        assert_eq!(
            own,
            format!(
                "{BEGIN}\nacquire::http::Proxy \"http://u:secret@p:3128\";\nAcquire::http::Proxy::mirror.site \"DIRECT\";\n\
                 Acquire::https::CAInfo \"/etc/ssl/site.pem\";\nAcquire::Check-Valid-Until \"false\";\n\
                 APT::Default-Release \"bookworm\";\nDir::Etc::netrc \"/etc/apt/auth.conf\";\n\
                 Dir::Etc::preferencesparts \"/srv/pins\";\n{END}\n"
            )
        );
        assert!(!settings.text(From::OwnSources).contains("Default-Release"));
        let given = settings.text(From::Given);
        assert!(
            given.contains("Proxy") && given.contains("netrc") && !given.contains("preferences"),
            "{given}"
        );
    }

    #[test]
    fn nothing_of_it_stays_in_a_tree() {
        let text =
            format!("APT::Install-Recommends \"false\";\n{}more;\n", Settings::parse(DUMP).text(From::Given));
        assert_eq!(without(&text), "APT::Install-Recommends \"false\";\nmore;\n");
    }
}
