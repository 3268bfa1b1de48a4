//! What manifests of operating systems say, and which of several is for this machine.

use crate::{
    manifest::{ARTIFACT_TYPE, Blob, CONFIG_TYPE},
    names::{Digest, one_line, shown},
};
use oci_spec::image::{Arch, Descriptor, ImageIndex, ImageManifest, Os, Platform};
use serde::Deserialize;

/// Lists of many platforms are cut here.
const LISTED: usize = 20;
/// What such a manifest is as a document, where it does not say so itself.
const IMAGE: &str = "application/vnd.oci.image.manifest.v1+json";

/// What a manifest is.
pub(super) enum Kind {
    /// One of several platforms.
    Index(Vec<Descriptor>),
    /// One of one.
    Image(Layers),
}

/// What an image consists of.
pub(super) struct Layers {
    pub(super) media_type: String,
    pub(super) config: Blob,
    pub(super) layers: Vec<Blob>,
}

/// What tells one kind from another, before all is read.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Look {
    media_type: Option<String>,
    artifact_type: Option<String>,
    schema_version: Option<u64>,
    manifests: Option<serde::de::IgnoredAny>,
}

/// Reads a manifest. The errors go on after the name of what was asked for.
pub(super) fn read(bytes: &[u8]) -> Result<Kind, String> {
    let look: Look = parsed(bytes)?;
    if look.schema_version == Some(1) {
        return Err("is in Docker's first format, which is not known here: push it again with a newer tool"
            .to_owned());
    }
    if look.artifact_type.as_deref() == Some(ARTIFACT_TYPE) {
        return Err(
            "is a version of an image of disklessset, and no OS image: it is there to be pulled or mirrored"
                .to_owned(),
        );
    }
    if look.manifests.is_some() {
        return Ok(Kind::Index(parsed::<ImageIndex>(bytes)?.manifests().clone()));
    }
    let manifest: ImageManifest = parsed(bytes)?;
    let config = blob(manifest.config())?;
    match config.media_type.as_str() {
        "application/vnd.oci.image.config.v1+json" | "application/vnd.docker.container.image.v1+json" => {}
        CONFIG_TYPE => return Err("is a version of an image of disklessset, and no OS image".to_owned()),
        other => {
            let kind = look.artifact_type.unwrap_or_else(|| other.to_owned());
            return Err(format!("is no OS image, but an artifact of type {}", shown(&kind)));
        }
    }
    let layers = manifest.layers().iter().map(layer).collect::<Result<Vec<_>, _>>()?;
    let sum = layers.iter().try_fold(config.size, |sum, blob| sum.checked_add(blob.size));
    sum.filter(|sum| *sum < 1 << 62).ok_or("says that it has more bytes than any disk")?;
    Ok(Kind::Image(Layers {
        media_type: look.media_type.unwrap_or_else(|| IMAGE.to_owned()),
        config,
        layers,
    }))
}

fn parsed<'b, T: Deserialize<'b>>(bytes: &'b [u8]) -> Result<T, String> {
    serde_json::from_slice(bytes)
        .map_err(|cause| format!("has a manifest that cannot be read: {}", one_line(&cause)))
}

fn blob(descriptor: &Descriptor) -> Result<Blob, String> {
    let digest = descriptor.digest().as_ref().parse();
    let digest = digest.map_err(|cause| format!("has a manifest that cannot be used: {cause}"))?;
    Ok(Blob { media_type: descriptor.media_type().to_string(), digest, size: descriptor.size() })
}

/// A layer that can be had from a registry and be unpacked.
fn layer(descriptor: &Descriptor) -> Result<Blob, String> {
    let blob = blob(descriptor)?;
    let kind = &blob.media_type;
    let why = if kind.ends_with("+encrypted") {
        "encrypted: decrypt the image first, as skopeo copy --decryption-key does"
    } else if kind.contains(".nondistributable.") || kind.contains(".rootfs.foreign.") {
        "foreign: registries do not have it"
    } else {
        return Ok(blob);
    };
    Err(format!("has a layer that is {why}"))
}

/// What an image is for.
#[derive(Deserialize)]
pub(super) struct OfConfig {
    pub(super) architecture: String,
    pub(super) os: String,
}

/// What the configuration of an image says about that.
pub(super) fn platform(text: &[u8]) -> Result<OfConfig, String> {
    let found: OfConfig = serde_json::from_slice(text)
        .map_err(|cause| format!("has a configuration that cannot be read: {}", one_line(&cause)))?;
    if found.os != Os::Linux.to_string() {
        return Err(format!("is for {}, not for Linux", shown(&found.os)));
    }
    Ok(found)
}

impl OfConfig {
    /// Refuses another architecture.
    pub(super) fn must_be_of_this_machine(&self) -> Result<(), String> {
        let own = Arch::default().to_string();
        if self.architecture == own {
            return Ok(());
        }
        Err(format!("is for linux/{} alone, not for linux/{own}", one_line(&self.architecture)))
    }
}

/// The entry of an index that is for this machine.
pub(super) fn of_this_machine(entries: &[Descriptor]) -> Result<Digest, String> {
    let fits =
        |platform: &Platform| *platform.os() == Os::Linux && *platform.architecture() == Arch::default();
    let fitting: Vec<&Descriptor> =
        entries.iter().filter(|entry| entry.platform().as_ref().is_some_and(fits)).collect();
    // Every processor of an architecture has its base.
    let is_base = |entry: &&&Descriptor| {
        let variant = entry.platform().as_ref().and_then(|platform| platform.variant().as_deref());
        matches!(
            (variant, Arch::default()),
            (None, _) | (Some("v1"), Arch::Amd64) | (Some("v8"), Arch::ARM64)
        )
    };
    let chosen = match fitting.as_slice() {
        [only] => Some(*only),
        several => several.iter().find(is_base).copied(),
    };
    match (chosen, entries) {
        (Some(chosen), _) => Ok(blob(chosen)?.digest),
        // Nothing is told of its platform: its configuration does.
        (None, [only]) if only.platform().is_none() => Ok(blob(only)?.digest),
        (None, _) => Err(format!("has no image for linux/{}, it has: {}", Arch::default(), listed(entries))),
    }
}

/// The platforms of an index. Signed statements lie beside images, under one that nothing has.
fn listed(entries: &[Descriptor]) -> String {
    let called = |platform: &Platform| {
        let variant = platform.variant().as_ref().map_or(String::new(), |variant| format!("/{variant}"));
        one_line(&format_args!("{}/{}{variant}", platform.os(), platform.architecture()))
    };
    let mut words: Vec<String> = Vec::new();
    for word in entries.iter().filter_map(|entry| entry.platform().as_ref()).map(called) {
        if !words.contains(&word) && !word.starts_with("unknown/") {
            words.push(word);
        }
    }
    let more = words.len().saturating_sub(LISTED);
    words.truncate(LISTED);
    match (words.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => words.join(", "),
        (false, more) => format!("{} and {more} more", words.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn digest(number: u8) -> String {
        format!("sha256:{number:064x}")
    }

    fn of_platform(number: u8, os: &str, architecture: &str, variant: Option<&str>) -> Value {
        json!({"mediaType": IMAGE, "size": 7, "digest": digest(number),
            "platform": {"os": os, "architecture": architecture, "variant": variant}})
    }

    fn chosen(entries: &[Value]) -> Result<String, String> {
        let index = json!({"schemaVersion": 2, "manifests": entries}).to_string();
        match read(index.as_bytes())? {
            Kind::Index(entries) => of_this_machine(&entries).map(|digest| digest.to_string()),
            Kind::Image(_) => Err("an image".to_owned()),
        }
    }

    #[test]
    fn os_images_this_machine_s_platform_is_taken_and_others_are_listed() {
        let own = Arch::default().to_string();
        let all = [
            of_platform(1, "linux", "s390x", None),
            of_platform(2, "windows", &own, None),
            of_platform(3, "linux", &own, Some("v9")),
            of_platform(4, "linux", &own, None),
            of_platform(5, "unknown", "unknown", None),
        ];
        assert_eq!(chosen(&all), Ok(digest(4)));
        assert_eq!(chosen(&all[..3]), Ok(digest(3)));
        let none = [all[0].clone(), all[1].clone(), all[4].clone()];
        let why = format!("has no image for linux/{own}, it has: linux/s390x, windows/{own}");
        assert_eq!(chosen(&none), Err(why));
        assert!(chosen(&[]).unwrap_err().ends_with("it has: none"));
        let unsaid = json!({"mediaType": IMAGE, "size": 7, "digest": digest(6)});
        assert_eq!(chosen(&[unsaid]), Ok(digest(6)));
    }

    #[test]
    fn os_images_what_is_none_is_said_by_what_it_is() {
        let image = |config: &str, layers: &[(&str, u64)]| {
            let layers: Vec<Value> = layers
                .iter()
                .map(|(kind, size)| json!({"mediaType": kind, "size": size, "digest": digest(2)}))
                .collect();
            json!({"schemaVersion": 2, "config": {"mediaType": config, "size": 7, "digest": digest(1)}, "layers": layers})
        };
        let oci = "application/vnd.oci.image.config.v1+json";
        let layer = "application/vnd.oci.image.layer.v1.tar+gzip";
        assert!(matches!(read(image(oci, &[(layer, 9)]).to_string().as_bytes()), Ok(Kind::Image(_))));
        let mut ours = image(CONFIG_TYPE, &[]);
        ours["artifactType"] = ARTIFACT_TYPE.into();
        let mut sums = image(oci, &[(layer, u64::MAX)]);
        sums["layers"][0]["size"] = (1_u64 << 62).into();
        for (bad, said) in [
            (ours, "is a version of an image of disklessset"),
            (image("application/vnd.helm", &[]), "an artifact of type \"application/vnd.helm\""),
            (image(oci, &[("application/vnd.oci.image.layer.v1.tar+encrypted", 1)]), "encrypted"),
            (image(oci, &[("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", 1)]), "foreign"),
            (sums, "more bytes than any disk"),
            (json!({"schemaVersion": 1}), "first format"),
            (json!({}), "cannot be read"),
            (json!([]), "cannot be read"),
        ] {
            let why = read(bad.to_string().as_bytes()).err().unwrap_or_default();
            assert!(why.contains(said) && !why.contains('\n'), "{said}: {why}");
        }
        let own = Arch::default().to_string();
        let of = |architecture: &str, os: &str| {
            platform(json!({"architecture": architecture, "os": os}).to_string().as_bytes())
                .and_then(|platform| platform.must_be_of_this_machine())
        };
        assert_eq!(of(&own, "linux"), Ok(()));
        assert!(of("s390x", "linux").unwrap_err().starts_with("is for linux/s390x alone"));
        assert!(of(&own, "windows").unwrap_err().contains("not for Linux"));
    }
}
