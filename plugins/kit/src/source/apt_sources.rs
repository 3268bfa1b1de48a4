//! The server's own package sources, without those of third parties: an image gets what the distribution has. What a source says beside its
//! suites (keys, trust, dates, architectures, whatever apt will know one day) is handed on as it is, for apt to read.

mod choose;
mod login;

pub use choose::distribution_sources;
pub(super) use choose::{alias_of, is_distributions};
pub(super) use login::without_logins;

use std::path::Path;

/// One source of packages, in the words of `deb822`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptEntry {
    /// Addresses of the archive.
    pub uris: Vec<String>,
    /// Suites, such as `bookworm` and `bookworm-updates`; one with a slash at its end is a directory.
    pub suites: Vec<String>,
    /// Components, such as `main`.
    pub components: Vec<String>,
    /// All other fields with their values; lines of a value begin with a blank from the second on.
    pub options: Vec<(String, String)>,
}

/// Names that differ between the two forms.
const NAMES: [(&str, &str); 3] = [("arch", "Architectures"), ("lang", "Languages"), ("target", "Targets")];
/// What apt takes for a no.
const NO: [&str; 6] = ["no", "false", "without", "off", "disable", "0"];

impl AptEntry {
    /// The value of a field.
    pub fn option(&self, name: &str) -> Option<&str> {
        self.options
            .iter()
            .find(|(known, _)| known.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    fn deb822(&self) -> String {
        let mut text =
            format!("Types: deb\nURIs: {}\nSuites: {}\n", self.uris.join(" "), self.suites.join(" "));
        if !self.components.is_empty() {
            text.push_str(&format!("Components: {}\n", self.components.join(" ")));
        }
        for (name, value) in &self.options {
            // A block begins on a line of its own.
            let blank = if value.starts_with('\n') { "" } else { " " };
            text.push_str(&format!("{name}:{blank}{value}\n"));
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
    let mut options = Vec::new();
    if let Some(inside) = rest.strip_prefix('[') {
        let (all, after) = inside.split_once(']')?;
        options = words(all).iter().filter_map(|option| field(option)).collect();
        rest = after.trim_start();
    }
    let mut words = words(rest).into_iter();
    Some(AptEntry {
        uris: vec![words.next()?],
        suites: vec![words.next()?],
        components: words.collect(),
        options,
    })
}

/// Words between blanks; those in brackets or quotes belong together, as the names of discs do.
fn words(text: &str) -> Vec<String> {
    let (mut words, mut word, mut brackets, mut quoted) = (Vec::new(), String::new(), 0u32, false);
    for c in text.chars() {
        match c {
            '"' => quoted = !quoted,
            c if c.is_whitespace() && brackets == 0 && !quoted => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => {
                brackets = match c {
                    '[' => brackets + 1,
                    ']' => brackets.saturating_sub(1),
                    _ => brackets,
                };
                // In the other form blanks part words, and apt decodes these.
                if c.is_whitespace() { word.push_str("%20") } else { word.push(c) }
            }
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// `arch+=amd64,i386` becomes `Architectures-Add: amd64 i386`.
fn field(option: &str) -> Option<(String, String)> {
    let (name, value) = option.split_once('=')?;
    let (name, ending) = match (name.strip_suffix('+'), name.strip_suffix('-')) {
        (Some(name), _) => (name, "-Add"),
        (_, Some(name)) => (name, "-Remove"),
        _ => (name, ""),
    };
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    let full = NAMES.iter().find(|(short, _)| *short == name).map_or(name, |(_, full)| full);
    plain.then(|| (format!("{full}{ending}"), value.replace(',', " ").trim().to_owned()))
}

/// The `deb822` form: stanzas between empty lines, continued lines indented, comments anywhere.
pub(crate) fn stanzas(text: &str) -> Vec<AptEntry> {
    let lines: Vec<&str> =
        text.lines().map(|line| line.trim_end()).filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.is_empty()).filter_map(stanza).collect()
}

fn stanza(lines: &[&str]) -> Option<AptEntry> {
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in lines {
        if let (true, Some((_, value))) = (line.starts_with([' ', '\t']), fields.last_mut()) {
            value.push_str(&format!("\n {}", line.trim()));
        } else if let Some((key, value)) = line.split_once(':') {
            let key = key.trim();
            if !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
                fields.push((key.to_owned(), value.trim().to_owned()));
            }
        }
    }
    let mut take = |name: &str| -> Vec<String> {
        let mut words = Vec::new();
        fields.retain(|(key, value)| {
            let taken = key.eq_ignore_ascii_case(name);
            if taken && words.is_empty() {
                words = value.split_whitespace().map(str::to_owned).collect();
            }
            !taken
        });
        words
    };
    let (types, enabled) = (take("types"), take("enabled"));
    let (uris, suites, components) = (take("uris"), take("suites"), take("components"));
    let off = enabled.first().is_some_and(|word| NO.iter().any(|no| word.eq_ignore_ascii_case(no)));
    let usable = !off && types.iter().any(|kind| kind == "deb") && !uris.is_empty() && !suites.is_empty();
    usable.then_some(AptEntry { uris, suites, components, options: fields })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_a_line_says_is_said_in_the_other_form() {
        let line = "deb [ arch=amd64,arm64 lang-=de signed-by=/k/a.gpg,/k/b.gpg trusted=yes by-hash=force check-valid-until=no \
                    inrelease-path=x/In allow-weak=yes snapshot=20240101T000000Z ] http://m/debian $(ARCH)/ # ours";
        assert_eq!(
            one_line(line).unwrap().deb822(),
            "Types: deb\nURIs: http://m/debian\nSuites: $(ARCH)/\nArchitectures: amd64 arm64\nLanguages-Remove: de\n\
             signed-by: /k/a.gpg /k/b.gpg\ntrusted: yes\nby-hash: force\ncheck-valid-until: no\ninrelease-path: x/In\n\
             allow-weak: yes\nsnapshot: 20240101T000000Z\n"
        );
        let disc = one_line("deb cdrom:[Debian 12 _Bookworm_ - NETINST]/ bookworm main").unwrap();
        assert_eq!(disc.uris, ["cdrom:[Debian%2012%20_Bookworm_%20-%20NETINST]/"]);
        for none in [
            "deb-src http://m x main",
            "# deb http://m x main",
            "deb http://m",
            "deb [a=b http://m x main",
            "debx http://m x main",
        ] {
            assert_eq!(one_line(none), None, "{none}");
        }
    }

    #[test]
    fn all_that_a_stanza_says_stays_a_key_with_all_its_lines_too() {
        let text = "# comment\nTypes: deb deb-src\nURIs: http://a http://b\nSuites: bookworm\n bookworm-updates\n# another\nComponents: main\n\
                    Enabled: yes\nX-Unknown: kept\nArchitectures-Add: i386\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQ==\n\n\
                    Enabled: OFF\nTypes: deb\nURIs: http://a\nSuites: x\nComponents: main\n";
        let [entry] = &stanzas(text)[..] else { panic!("one is not disabled") };
        assert_eq!(entry.suites, ["bookworm", "bookworm-updates"]);
        let written = entry.deb822();
        assert!(
            written.contains("\nX-Unknown: kept\nArchitectures-Add: i386\nSigned-By:\n -----BEGIN"),
            "{written}"
        );
        assert!(written.ends_with("-----\n .\n mQ==\n"), "{written}");
        assert_eq!(stanzas(&written), std::slice::from_ref(entry));
    }

    #[test]
    fn this_servers_files_are_found() {
        let dir = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::io::Write::write_all(&mut std::fs::File::create(path).unwrap(), text.as_bytes()).unwrap();
        };
        let stanza = "Types: deb\nURIs: http://b\nSuites: x\nComponents: main\n";
        put("sources.list", "deb http://a bookworm main\n");
        put("sources.list.d/debian.sources", &format!("{stanza}\n{stanza}"));
        put("sources.list.d/old.sources.disabled", stanza);
        assert_eq!(of_server(dir.path()).len(), 3);
    }
}
