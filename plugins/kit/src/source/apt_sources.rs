//! The server's own package sources, without those of third parties: an image gets what the distribution has.

use std::path::Path;

/// One source of packages: `deb822` fields that matter here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptEntry {
    /// Addresses of the archive.
    pub uris: Vec<String>,
    /// Suites, such as `bookworm` and `bookworm-updates`.
    pub suites: Vec<String>,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// The key ring that signs it, when one is named.
    pub signed_by: Option<String>,
}

/// Components of Debian and of Ubuntu; other archives call theirs otherwise (`stable`, `12`).
const COMPONENTS: [&str; 7] =
    ["main", "contrib", "non-free", "non-free-firmware", "restricted", "universe", "multiverse"];
/// What follows the release in the name of a suite of its archive.
const PARTS: [&str; 3] = ["", "-updates", "-security"];

impl AptEntry {
    /// Whether this is an archive of the distribution itself, as far as can be told: its components, its key ring, its suites.
    pub(super) fn is_distributions(&self, release: &str) -> bool {
        let key_ring = self.signed_by.as_deref().is_none_or(|key| {
            let name = key.rsplit('/').next().unwrap_or_default();
            ["debian-archive", "ubuntu-archive"].iter().any(|own| name.starts_with(own))
        });
        let components = self.components.iter().any(|component| component == "main")
            && self.components.iter().all(|component| COMPONENTS.contains(&component.as_str()));
        key_ring && components && !self.of_release(release).is_empty()
    }

    fn of_release(&self, release: &str) -> Vec<String> {
        let of = |suite: &&String| PARTS.iter().any(|part| **suite == format!("{release}{part}"));
        self.suites.iter().filter(of).cloned().collect()
    }

    fn deb822(&self) -> String {
        let mut text = format!(
            "Types: deb\nURIs: {}\nSuites: {}\nComponents: {}\n",
            self.uris.join(" "),
            self.suites.join(" "),
            self.components.join(" ")
        );
        if let Some(key) = &self.signed_by {
            text.push_str(&format!("Signed-By: {key}\n"));
        }
        text
    }
}

/// All binary package sources of a server whose `/etc/apt` is here.
pub(super) fn of_server(etc_apt: &Path) -> Vec<AptEntry> {
    let mut entries = Vec::new();
    if let Ok(text) = std::fs::read_to_string(etc_apt.join("sources.list")) {
        entries.extend(text.lines().filter_map(one_line));
    }
    let mut files: Vec<_> = std::fs::read_dir(etc_apt.join("sources.list.d"))
        .map(|directory| directory.flatten().map(|entry| entry.path()).collect())
        .unwrap_or_default();
    files.sort();
    for file in files {
        let Ok(text) = std::fs::read_to_string(&file) else { continue };
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => entries.extend(text.lines().filter_map(one_line)),
            Some("sources") => entries.extend(stanzas(&text)),
            _ => {}
        }
    }
    entries
}

/// `deb [options] URI SUITE COMPONENT...`
pub(crate) fn one_line(line: &str) -> Option<AptEntry> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let mut signed_by = None;
    if let Some(options) = rest.strip_prefix('[') {
        let (options, after) = options.split_once(']')?;
        let key = options.split_whitespace().find_map(|option| option.strip_prefix("signed-by="));
        signed_by = key.map(str::to_owned);
        rest = after;
    }
    let mut words = rest.split_whitespace().map(str::to_owned);
    Some(AptEntry {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        signed_by,
    })
}

/// The `deb822` form: stanzas between empty lines, continued lines indented. A key written out in the stanza counts as one of
/// its own, for the distribution's are in files.
pub(crate) fn stanzas(text: &str) -> Vec<AptEntry> {
    let mut found = Vec::new();
    for stanza in text.split("\n\n") {
        let mut fields: Vec<(String, String)> = Vec::new();
        for line in stanza.lines().filter(|line| !line.starts_with('#')) {
            if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
                value.push(' ');
                value.push_str(line.trim());
            } else if let Some((key, value)) = line.split_once(':') {
                fields.push((key.trim().to_ascii_lowercase(), value.trim().to_owned()));
            }
        }
        let words = |name: &str| -> Vec<String> {
            let value = fields.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value);
            value.split_whitespace().map(str::to_owned).collect()
        };
        if words("enabled").first().is_some_and(|word| word == "no")
            || !words("types").iter().any(|t| t == "deb")
        {
            continue;
        }
        found.push(AptEntry {
            uris: words("uris"),
            suites: words("suites"),
            components: words("components"),
            signed_by: words("signed-by").into_iter().next(),
        });
    }
    found
}

/// The sources file (`deb822`) for an image of `release`, from the server's entries: those of the distribution for that release; when
/// there are none, those for the server's own release, renamed. `None` when the server has nothing of the kind.
pub fn distribution_sources(entries: &[AptEntry], release: &str, servers_release: &str) -> Option<String> {
    let of = |wanted: &str| -> Vec<AptEntry> {
        entries
            .iter()
            .filter(|entry| entry.is_distributions(wanted))
            .map(|entry| AptEntry { suites: entry.of_release(wanted), ..entry.clone() })
            .collect()
    };
    let mut chosen = of(release);
    if chosen.is_empty() {
        chosen = of(servers_release);
        for suite in chosen.iter_mut().flat_map(|entry| &mut entry.suites) {
            *suite = format!("{release}{}", suite.strip_prefix(servers_release).unwrap_or_default());
        }
    }
    if chosen.is_empty() {
        return None;
    }
    Some(chosen.iter().map(AptEntry::deb822).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEBIAN: &str = "Types: deb deb-src\n# a snapshot\nURIs: http://deb.debian.org/debian\nSuites: bookworm bookworm-updates \
                          bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                          Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: bookworm-security\nComponents: main\n \
                          non-free-firmware\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";

    fn third_parties() -> Vec<AptEntry> {
        let node = "Types: deb\nURIs: https://example.org/node\nSuites: nodistro\nComponents: main\nSigned-By: /usr/share/keyrings/n.gpg\n";
        let off = "Enabled: no\nTypes: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n";
        let lines = "deb https://example.org/apt cloud-sdk-bookworm main\n\
                     deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.gpg] https://example.org/linux/debian bookworm stable\n\
                     deb [signed-by=/etc/apt/keyrings/db.gpg] https://example.org/debian bookworm main\n\
                     deb-src http://deb.debian.org/debian bookworm main\n# deb http://x bookworm main\n";
        let mut all = stanzas(node);
        all.extend(stanzas(off));
        all.extend(lines.lines().filter_map(one_line));
        all
    }

    #[test]
    fn third_parties_do_not_leak_into_images() {
        assert_eq!(distribution_sources(&third_parties(), "bookworm", "bookworm"), None);
        let mut entries = third_parties();
        entries.extend(stanzas(DEBIAN));
        let text = distribution_sources(&entries, "bookworm", "bookworm").unwrap();
        assert_eq!(text.matches("Types:").count(), 2, "{text}");
        assert!(!text.contains("example.org") && !text.contains("backports"), "{text}");
        assert!(text.contains("Components: main non-free-firmware"), "{text}");
    }

    #[test]
    fn a_mirror_of_the_site_in_one_line_counts() {
        let entries: Vec<AptEntry> =
            one_line("deb [trusted=yes] http://mirror.site/debian bookworm main contrib # ours")
                .into_iter()
                .collect();
        let text = distribution_sources(&entries, "bookworm", "bookworm").unwrap();
        assert_eq!(
            text,
            "Types: deb\nURIs: http://mirror.site/debian\nSuites: bookworm\nComponents: main contrib\n"
        );
    }

    #[test]
    fn another_release_comes_from_the_same_archives() {
        let text = distribution_sources(&stanzas(DEBIAN), "trixie", "bookworm").unwrap();
        assert!(
            text.contains("Suites: trixie trixie-updates\n") && text.contains("Suites: trixie-security\n"),
            "{text}"
        );
    }

    #[test]
    fn this_servers_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        };
        put("sources.list", "deb http://a bookworm main\n");
        put("sources.list.d/debian.sources", DEBIAN);
        put("sources.list.d/old.sources.disabled", DEBIAN);
        assert_eq!(of_server(dir.path()).len(), 3);
    }
}
