//! The configuration of a version: what everybody may know of it, and what a site needs that takes it in from elsewhere.

use disklessset_plugin_api::{Attributes, Error, KernelVersion, Result};
use serde::{Deserialize, Serialize};

/// The attributes of an image that everybody may know. Listed by name: nothing that a class adds later gets out by itself. What is about
/// one server (places, sources, keys of the site) is not here.
const PUBLIC: [&str; 15] = [
    "additional_packages",
    "content_size",
    "creation_date",
    "image",
    "is_mounted",
    "kernel",
    "kernel_parameters",
    "layout",
    "livenet_size",
    "livenet_type",
    "my_message",
    "of_one_machine",
    "optimize",
    "release_version",
    "selinux",
];

/// The largest configuration that is read, in bytes.
const MOST: usize = 1 << 20;

/// What everybody may know of a version. Fields are named one by one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// The name of the image where it was made.
    pub(crate) image: String,
    /// The image's class.
    pub(crate) class: String,
    /// The action that made it.
    pub(crate) action: String,
    /// When it was made.
    pub(crate) created: String,
    /// The architecture, in the words of container images.
    pub(crate) architecture: String,
    /// The version of its kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kernel: Option<String>,
    /// The image's attributes that are listed here.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub(crate) attributes: Attributes,
}

/// The attributes that everybody may know.
pub(super) fn public(attributes: &Attributes) -> Attributes {
    let is_public = |name: &str| PUBLIC.contains(&name);
    attributes
        .iter()
        .filter(|(name, _)| is_public(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}

impl Config {
    /// Reads what anybody may have written. Attributes that are not listed are left out.
    ///
    /// # Errors
    /// What cannot be used of it, in one line.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self> {
        let refused = |why: &str| Error::refused(format!("the version cannot be used: {why}"));
        if bytes.len() > MOST {
            return Err(refused("its configuration is larger than 1 MiB"));
        }
        let mut config: Self = serde_json::from_slice(bytes)
            .map_err(|cause| refused(&format!("its configuration has a fault in line {}", cause.line())))?;
        let is_word = |text: &str| {
            let good = |byte: u8| byte.is_ascii_alphanumeric() || b"_-. +:".contains(&byte);
            !text.is_empty() && text.len() <= 64 && text.bytes().all(good)
        };
        for (what, text) in [
            ("class", &config.class),
            ("action", &config.action),
            ("time", &config.created),
            ("architecture", &config.architecture),
        ] {
            if !is_word(text) {
                return Err(refused(&format!("its {what} is no word")));
            }
        }
        if let Some(kernel) = &config.kernel {
            KernelVersion::parse(kernel).map_err(|cause| refused(&cause.to_string()))?;
        }
        config.attributes = public(&config.attributes);
        Ok(config)
    }

    /// When it was made.
    ///
    /// # Errors
    /// A time that is none.
    pub(super) fn date(&self) -> Result<jiff::Timestamp> {
        self.created.parse().map_err(|_| Error::refused("the version cannot be used: its time is none"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> Config {
        Config {
            image: "web01".to_owned(),
            class: "LivenetImage".to_owned(),
            action: "set kernel".to_owned(),
            created: "2026-11-30T00:00:00Z".to_owned(),
            architecture: "amd64".to_owned(),
            kernel: Some("6.1".to_owned()),
            attributes: Attributes::from([("selinux".to_owned(), false.into())]),
        }
    }

    #[test]
    fn a_configuration_comes_back_and_unlisted_attributes_do_not() {
        let config = config();
        let text = serde_json::to_vec(&config).unwrap();
        assert_eq!(Config::parse(&text).unwrap(), config);
        let mut other = config.clone();
        other.attributes.insert("password".to_owned(), "secret".into());
        other.attributes.insert("source".to_owned(), "tree:/srv".into());
        assert_eq!(Config::parse(&serde_json::to_vec(&other).unwrap()).unwrap(), config);
        assert!(config.date().is_ok());
    }

    #[test]
    fn a_configuration_without_attributes_is_one() {
        let text = r#"{"image":"a","class":"A","action":"b","created":"2026-11-30T00:00:00Z","architecture":"amd64"}"#;
        assert!(Config::parse(text.as_bytes()).unwrap().attributes.is_empty());
    }

    #[test]
    fn what_is_none_is_refused_in_one_line() {
        let good = serde_json::to_string(&config()).unwrap();
        for bad in [
            String::new(),
            "{}".to_owned(),
            "[]".to_owned(),
            good.replace("LivenetImage", "a\\nb"),
            good.replace("LivenetImage", ""),
            good.replace("amd64", &"x".repeat(65)),
            good.replace("6.1", "../6"),
            good.replace('}', &format!(",\"x\":\"{}\"}}", "y".repeat(MOST))),
        ] {
            let error = Config::parse(bad.as_bytes()).expect_err("refused").to_string();
            assert!(!error.contains('\n') && error.len() < 300, "{error}");
        }
    }
}
