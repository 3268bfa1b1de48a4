//! Which of the server's sources are the distribution's, and how they serve another release.

use super::AptEntry;

/// Components of Debian and of Ubuntu; other archives call theirs otherwise (`stable`, `12`).
const COMPONENTS: [&str; 7] =
    ["main", "contrib", "non-free", "non-free-firmware", "restricted", "universe", "multiverse"];
/// What follows the release in the name of a suite of its archive.
const PARTS: [&str; 4] = ["", "-updates", "-security", "/updates"];
/// Names that move from one release to the next.
const ALIASES: [&str; 6] = ["stable", "oldstable", "oldoldstable", "testing", "unstable", "sid"];

/// Whether this is an archive with a release of the distribution, as far as can be told from its components and suites.
pub(in super::super) fn is_distributions(entry: &AptEntry, release: &str) -> bool {
    let components = entry.components.iter().any(|component| component == "main")
        && entry.components.iter().all(|component| COMPONENTS.contains(&component.as_str()));
    components && !of_release(entry, release).is_empty()
}

fn of_release(entry: &AptEntry, release: &str) -> Vec<String> {
    let of = |suite: &&String| PARTS.iter().any(|part| **suite == format!("{release}{part}"));
    entry.suites.iter().filter(of).cloned().collect()
}

/// Whether the distribution's own keys sign it, or those that the server believes everywhere.
fn has_distributions_key(entry: &AptEntry) -> bool {
    entry.option("signed-by").is_none_or(|keys| {
        let name = keys.rsplit('/').next().unwrap_or_default();
        ["debian-archive", "ubuntu-archive"].iter().any(|own| name.starts_with(own))
    })
}

/// The entries for a release with its suites alone. Those with other keys are third parties' where the distribution has the release itself;
/// where it has not, they are a mirror of the site that signs on its own.
fn for_release(entries: &[AptEntry], release: &str) -> Vec<AptEntry> {
    let all: Vec<AptEntry> = entries
        .iter()
        .filter(|entry| is_distributions(entry, release))
        .map(|entry| AptEntry { suites: of_release(entry, release), ..entry.clone() })
        .collect();
    let own: Vec<AptEntry> = all.iter().filter(|entry| has_distributions_key(entry)).cloned().collect();
    let has_release = own.iter().flat_map(|entry| &entry.suites).any(|suite| suite == release);
    if has_release { own } else { all }
}

/// The moving name (`stable`) by which the server has its distribution.
pub(in super::super) fn alias_of(entries: &[AptEntry]) -> Option<&'static str> {
    let has = |alias: &&str| for_release(entries, alias).iter().any(|e| e.suites.iter().any(|s| s == *alias));
    ALIASES.into_iter().find(has)
}

/// The sources file (`deb822`) for an image of `release`, from the server's entries: those of the distribution for that release, or those for
/// the server's own release, which may be there by a moving name (`stable`), its suites renamed when the image is of another. A server that
/// has neither has its own release from directories (suites with a slash at the end). `None` when it has nothing of the kind.
pub fn distribution_sources(entries: &[AptEntry], release: &str, servers_release: &str) -> Option<String> {
    let mut chosen = for_release(entries, release);
    if chosen.is_empty() {
        let own = [Some(servers_release), alias_of(entries)];
        for name in own.into_iter().flatten() {
            chosen = for_release(entries, name);
            if chosen.is_empty() {
                continue;
            }
            if release != servers_release {
                for suite in chosen.iter_mut().flat_map(|entry| &mut entry.suites) {
                    *suite = format!("{release}{}", suite.strip_prefix(name).unwrap_or_default());
                }
            }
            break;
        }
    }
    if chosen.is_empty() && release == servers_release {
        let flat = |entry: &&AptEntry| entry.suites.iter().all(|suite| suite.ends_with('/'));
        chosen = entries.iter().filter(flat).cloned().collect();
    }
    if chosen.is_empty() {
        return None;
    }
    Some(chosen.iter().map(AptEntry::deb822).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    use super::{
        super::{one_line, stanzas},
        *,
    };

    const DEBIAN: &str = "Types: deb deb-src\n# a snapshot\nURIs: http://deb.debian.org/debian\nSuites: bookworm bookworm-updates \
                          bookworm-backports\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n\n\
                          Types: deb\nURIs: http://deb.debian.org/debian-security\nSuites: bookworm-security\nComponents: main\n \
                          non-free-firmware\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n";

    fn lines(text: &str) -> Vec<AptEntry> {
        text.lines().filter_map(one_line).collect()
    }

    fn third_parties() -> Vec<AptEntry> {
        let node = "Types: deb\nURIs: https://example.org/node\nSuites: nodistro\nComponents: main\nSigned-By: /usr/share/keyrings/n.gpg\n";
        let off = "Enabled: no\nTypes: deb\nURIs: http://deb.debian.org/debian\nSuites: bookworm\nComponents: main\n";
        let more = "deb https://example.org/apt cloud-sdk-bookworm main\n\
                    deb [arch=amd64 signed-by=/etc/apt/keyrings/docker.gpg] https://example.org/linux/debian bookworm stable\n\
                    deb [signed-by=/etc/apt/keyrings/flat.gpg] https://example.org/flat ./\n\
                    deb-src http://deb.debian.org/debian bookworm main\n# deb http://x bookworm main\n";
        [stanzas(node), stanzas(off), lines(more)].concat()
    }

    #[test]
    fn third_parties_do_not_leak_into_images() {
        let mut entries = third_parties();
        entries.extend(lines(
            "deb [signed-by=/etc/apt/keyrings/db.gpg] https://example.org/debian bookworm main\n",
        ));
        entries.extend(stanzas(DEBIAN));
        let text = distribution_sources(&entries, "bookworm", "bookworm").unwrap();
        assert_eq!(text.matches("Types:").count(), 2, "{text}");
        assert!(!text.contains("example.org") && !text.contains("backports"), "{text}");
        assert!(text.contains("Components: main non-free-firmware"), "{text}");
        assert_eq!(distribution_sources(&third_parties(), "trixie", "bookworm"), None);
    }

    #[test]
    fn a_mirror_of_the_site_counts_with_what_it_says_whoever_signs_it() {
        for (line, says) in [
            ("deb [trusted=yes] http://mirror.site/debian bookworm main contrib # ours", "trusted: yes"),
            (
                "deb [signed-by=/etc/apt/keyrings/site.asc] http://mirror.site/debian bookworm main",
                "signed-by: /etc/apt/keyrings/site.asc",
            ),
        ] {
            let text = distribution_sources(&[third_parties(), lines(line)].concat(), "bookworm", "bookworm")
                .unwrap();
            assert!(
                text.starts_with("Types: deb\nURIs: http://mirror.site/debian\nSuites: bookworm\n"),
                "{text}"
            );
            assert!(text.contains(says) && text.matches("Types:").count() == 1, "{text}");
        }
        let flat = lines("deb [trusted=yes] file:/srv/debs ./");
        assert!(
            distribution_sources(&flat, "bookworm", "bookworm")
                .unwrap()
                .contains("Suites: ./\ntrusted: yes\n")
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
    fn a_release_is_found_by_its_moving_name() {
        let moving = lines(
            "deb http://a stable main\ndeb http://a stable-updates main\ndeb http://s stable-security main\n",
        );
        assert_eq!(alias_of(&moving), Some("stable"));
        let own = distribution_sources(&moving, "bookworm", "bookworm").unwrap();
        assert!(own.contains("Suites: stable\n") && own.contains("Suites: stable-security\n"), "{own}");
        let other = distribution_sources(&moving, "trixie", "bookworm").unwrap();
        assert!(other.contains("Suites: trixie\n") && other.contains("Suites: trixie-updates\n"), "{other}");
        assert_eq!(alias_of(&stanzas(DEBIAN)), None);
    }
}
