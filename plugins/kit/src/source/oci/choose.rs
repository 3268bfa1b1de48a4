//! Which image of a layout is meant, and which of its platforms.

use super::unpack_error::UnpackError;
use oci_spec::image::{Arch, Descriptor, MediaType, Os, Platform};

/// The annotation that names an image of a layout.
const NAME: &str = "org.opencontainers.image.ref.name";
/// Lists of many images are cut here.
const LISTED: usize = 20;

/// What a descriptor in an index stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DescriptorKind {
    Image,
    Index,
    Other,
}

pub(super) fn what(media_type: &MediaType) -> DescriptorKind {
    match media_type {
        MediaType::ImageManifest => DescriptorKind::Image,
        MediaType::ImageIndex => DescriptorKind::Index,
        MediaType::Other(name) => match name.as_str() {
            "application/vnd.docker.distribution.manifest.v2+json" => DescriptorKind::Image,
            "application/vnd.docker.distribution.manifest.list.v2+json" => DescriptorKind::Index,
            _ => DescriptorKind::Other,
        },
        _ => DescriptorKind::Other,
    }
}

fn name(descriptor: &Descriptor) -> Option<&str> {
    descriptor.annotations().as_ref()?.get(NAME).map(String::as_str)
}

fn listed<'d>(
    descriptors: impl Iterator<Item = &'d Descriptor>,
    each: impl Fn(&Descriptor) -> String,
) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in descriptors.map(each) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    let more = words.len().saturating_sub(LISTED);
    words.truncate(LISTED);
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(", ")
}

fn title(descriptor: &Descriptor) -> String {
    name(descriptor).map_or_else(|| descriptor.digest().to_string(), |name| name.escape_debug().to_string())
}

/// What a platform is called: `linux/arm64/v8`.
pub(super) fn called(platform: &Platform) -> String {
    let variant = platform.variant().as_ref().map_or(String::new(), |variant| format!("/{variant}"));
    format!("{}/{}{variant}", platform.os(), platform.architecture()).escape_debug().to_string()
}

/// The entry of `index.json` that is meant: by its name, by the last part of its name (the tag of `registry/name:tag`), or by its digest;
/// without a reference the only one.
pub(super) fn by_reference<'d>(
    entries: &'d [Descriptor],
    reference: Option<&str>,
) -> Result<Vec<&'d Descriptor>, UnpackError> {
    let images: Vec<&Descriptor> = entries
        .iter()
        .filter(|entry| what(entry.media_type()) != DescriptorKind::Other && !is_attestation(entry))
        .collect();
    let all = || listed(images.iter().copied(), title);
    if images.is_empty() {
        return Err(UnpackError::Refused("it has no image".to_owned()));
    }
    let Some(reference) = reference else {
        let same = images.iter().all(|image| name(image) == name(images[0]));
        // Several without a name are one image when they differ in their platform.
        return if images.len() == 1 || same && images.iter().all(|image| image.platform().is_some()) {
            Ok(images)
        } else {
            Err(UnpackError::Refused(format!(
                "it has several images, name one with oci:PATH:REFERENCE: {}",
                all()
            )))
        };
    };
    let exact: Vec<_> = images
        .iter()
        .copied()
        .filter(|image| name(image) == Some(reference) || image.digest().as_ref() == reference)
        .collect();
    if !exact.is_empty() {
        return Ok(exact);
    }
    let ends = |name: &str| name.strip_suffix(reference).is_some_and(|before| before.ends_with([':', '/']));
    let ending: Vec<_> = images.iter().copied().filter(|image| name(image).is_some_and(ends)).collect();
    match ending.as_slice() {
        [] => Err(UnpackError::Refused(format!("it has no image {reference:?}, it has: {}", all()))),
        [first, rest @ ..] if rest.iter().all(|other| name(other) == name(first)) => Ok(ending),
        _ => {
            let several = listed(ending.into_iter(), title);
            Err(UnpackError::Refused(format!("{reference:?} is the end of several of its names: {several}")))
        }
    }
}

/// Signed statements about an image lie beside it, under a platform that nothing has.
fn is_attestation(descriptor: &Descriptor) -> bool {
    descriptor.platform().as_ref().is_some_and(|platform| called(platform).starts_with("unknown/"))
}

/// The entry for this server's platform, out of entries that are the same image otherwise.
pub(super) fn by_platform<'d>(entries: &[&'d Descriptor]) -> Result<&'d Descriptor, UnpackError> {
    let images: Vec<&'d Descriptor> = entries
        .iter()
        .copied()
        .filter(|entry| what(entry.media_type()) != DescriptorKind::Other && !is_attestation(entry))
        .collect();
    if let [only] = images.as_slice()
        && (only.platform().is_none() || what(only.media_type()) == DescriptorKind::Index)
    {
        return Ok(only);
    }
    let fits = |image: &&&Descriptor| {
        let platform = image.platform().as_ref();
        platform.is_some_and(|it| *it.os() == Os::Linux && *it.architecture() == Arch::default())
    };
    let fitting: Vec<_> = images.iter().filter(fits).copied().collect();
    // Every processor of an architecture has its base; which further variants a server has is not looked at.
    let base = |image: &&Descriptor| {
        let variant = image.platform().as_ref().and_then(|platform| platform.variant().as_deref());
        matches!(
            (variant, Arch::default()),
            (None, _) | (Some("v1"), Arch::Amd64) | (Some("v8"), Arch::ARM64)
        )
    };
    match fitting.as_slice() {
        [only] => Ok(only),
        several => several.iter().copied().find(base).ok_or_else(|| {
            let platform =
                |image: &Descriptor| image.platform().as_ref().map_or("unknown".to_owned(), called);
            let all = listed(images.iter().copied(), platform);
            UnpackError::Refused(format!("it has no image for linux/{}, it has: {all}", Arch::default()))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn entry(number: u8, more: Value) -> Descriptor {
        let mut entry = json!({
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 7,
            "digest": format!("sha256:{number:064x}"),
        });
        entry.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(entry).unwrap()
    }

    fn named(number: u8, name: &str) -> Descriptor {
        entry(number, json!({"annotations": {NAME: name}}))
    }

    fn of_platform(number: u8, os: &str, architecture: &str, variant: Option<&str>) -> Descriptor {
        entry(number, json!({"platform": {"os": os, "architecture": architecture, "variant": variant}}))
    }

    fn chosen(entries: &[Descriptor], reference: Option<&str>) -> Result<u8, String> {
        let found = by_reference(entries, reference).map_err(|fault| fault.to_string())?;
        let found = by_platform(&found).map_err(|fault| fault.to_string())?;
        Ok(u8::from_str_radix(&found.digest().digest()[62..], 16).unwrap())
    }

    #[test]
    fn a_name_its_end_or_a_digest_says_which() {
        let entries =
            [named(1, "v1"), named(2, "example.org/os:v2"), named(3, "example.org/other:v2"), named(4, "10")];
        assert_eq!(chosen(&entries, Some("v1")), Ok(1));
        assert_eq!(chosen(&entries, Some("other:v2")), Ok(3));
        assert_eq!(chosen(&entries, Some("example.org/os:v2")), Ok(2));
        assert_eq!(chosen(&entries, Some(entries[3].digest().as_ref())), Ok(4));
        assert!(chosen(&entries, Some("v2")).unwrap_err().contains("os:v2, example.org/other:v2"));
        assert_eq!(
            chosen(&entries, Some("0")).unwrap_err(),
            "it has no image \"0\", it has: v1, example.org/os:v2, example.org/other:v2, 10"
        );
        assert!(chosen(&entries, None).unwrap_err().contains("v1, example.org/os:v2"));
        assert_eq!(chosen(&entries[..1], None), Ok(1));
        assert!(chosen(&[], None).is_err());
        let artifact = entry(9, json!({"mediaType": "application/vnd.example+json"}));
        assert_eq!(chosen(&[artifact, named(1, "v1")], None), Ok(1));
    }

    #[test]
    fn this_server_s_platform_is_taken_and_others_are_listed() {
        let own = Arch::default().to_string();
        let entries = [
            of_platform(1, "linux", "s390x", None),
            of_platform(2, "windows", &own, None),
            of_platform(3, "linux", &own, Some("v9")),
            of_platform(4, "linux", &own, None),
            of_platform(5, "unknown", "unknown", None),
        ];
        assert_eq!(chosen(&entries, None), Ok(4));
        assert_eq!(chosen(&entries[..3], None), Ok(3));
        let refusal = chosen(&entries[..2], None).unwrap_err();
        assert_eq!(refusal, format!("it has no image for linux/{own}, it has: linux/s390x, windows/{own}"));
        assert!(chosen(&entries[..1], None).is_err(), "the only one is of another platform");
        assert!(
            chosen(&[entry(6, json!({})), entry(7, json!({}))], None).is_err(),
            "nothing tells them apart"
        );
    }
}
