//! Where nodes fetch the files of a version: by digest, below a base that the site's own boot files may set.

use super::{FilesByName, retry::with_retry};
use crate::{configuration::Configuration, system::layout::Layout};
use camino::Utf8Path;
use std::collections::BTreeMap;

/// The setting of iPXE that leads to the directory of images, kernels and versions. A boot file sets it where nobody else did.
pub(crate) const BASE_SETTING: &str = "diskless-base";

/// The addresses of files by their titles.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Addresses(BTreeMap<String, String>);

impl Addresses {
    /// Those of the files of a version; none where no web server could serve them.
    pub(crate) fn of(files: &FilesByName, layout: &Layout) -> Self {
        let Some(blobs) = below_base(layout, &layout.oci_dir()) else { return Self::default() };
        let address = |digest: &disklessset_oci::names::Digest| {
            format!("${{{BASE_SETTING}}}/{blobs}/blobs/sha256/{}", digest.hex())
        };
        Self(files.iter().map(|(name, file)| (name.clone(), address(&file.digest))).collect())
    }

    /// The address of a file by digest, where it has one.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All of them, by the titles of their files.
    pub(crate) fn all(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    /// Whether a text fetches any of them.
    pub(crate) fn are_named_in(&self, text: &str) -> bool {
        self.0.values().any(|address| text.contains(address.as_str()))
    }
}

/// The path of a directory below the base, as it stands in an address.
fn below_base(layout: &Layout, directory: &Utf8Path) -> Option<String> {
    let (base, path) = (layout.url_path(&layout.served_base())?, layout.url_path(directory)?);
    path.strip_prefix(base.as_str())?.strip_prefix('/').map(str::to_owned)
}

/// The address of a directory below the base, by the setting; none where no node gets there by it.
pub(crate) fn address_of(layout: &Layout, directory: &Utf8Path) -> Option<String> {
    below_base(layout, directory).map(|path| format!("${{{BASE_SETTING}}}/{path}"))
}

/// The line of a boot file that sets the base where nobody did.
pub(crate) fn base_line(layout: &Layout, configuration: &Configuration) -> Option<String> {
    let address = base_address(layout, configuration)?;
    Some(format!("isset ${{{BASE_SETTING}}} || set {BASE_SETTING} {address}\n"))
}

/// The address that the setting has unless somebody set it.
pub(crate) fn base_address(layout: &Layout, configuration: &Configuration) -> Option<String> {
    let path = layout.url_path(&layout.served_base())?;
    Some(format!("{}/{path}", configuration.http_base_url()))
}

/// A boot file with the lines that come before what its class wrote: which version it is, and where files are fetched.
pub(crate) fn with_prelude(
    text: &str,
    marker: Option<&super::Marker>,
    layout: &Layout,
    configuration: &Configuration,
) -> String {
    let Some(rest) = text.strip_prefix("#!ipxe\n") else { return text.to_owned() };
    let mut whole = "#!ipxe\n".to_owned();
    if let Some(marker) = marker {
        whole.push_str(&format!("{marker}\n"));
    }
    if text.contains(&format!("${{{BASE_SETTING}}}"))
        && let Some(line) = base_line(layout, configuration)
    {
        whole.push_str(&line);
    }
    if let Some(marker) = marker {
        whole.push_str(&version_line(marker));
    }
    match marker {
        Some(marker) => whole + &with_retry(marker.version.name(), rest),
        None => whole + rest,
    }
}

/// The line that has a node on record say which version it boots: its own boot file has set its name, and nobody else's does. The report of
/// the node has it from its kernel line.
pub(crate) fn version_line(marker: &super::Marker) -> String {
    let parameters = "dedicated-kernel-parameters";
    format!(
        "isset ${{diskless-node}} && set {parameters} ${{{parameters}}} disklessset.version={} ||\n",
        marker.digest
    )
}

/// The most bytes that it adds to a kernel line.
pub(crate) const LONGEST_VERSION: usize = " disklessset.version=sha256:".len() + 64;

/// The text of a boot file with the address of this site in place of the setting.
pub(crate) fn expanded(text: &str, layout: &Layout, configuration: &Configuration) -> String {
    match base_address(layout, configuration) {
        Some(address) => text.replace(&format!("${{{BASE_SETTING}}}"), &address),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::{FileOfVersion, Marker};
    use disklessset_oci::names::Digest;

    #[test]
    fn files_are_fetched_by_digest_below_the_base() {
        let layout = Layout::builder().build().unwrap();
        let configuration = Configuration::default();
        let digest = Digest::of(b"root");
        let file = FileOfVersion { digest, size: 4 };
        let files = FilesByName::from([("squashfs.img".to_owned(), file)]);
        let addresses = Addresses::of(&files, &layout);
        let address = format!("${{diskless-base}}/oci/blobs/sha256/{}", digest.hex());
        assert_eq!(addresses.get("squashfs.img"), Some(address.as_str()));
        let text = format!("#!ipxe\nkernel {address}\n");
        assert!(addresses.are_named_in(&text));
        let marker = Marker { version: "web01@7".parse().unwrap(), digest };
        let base = "http://${next-server}/preboot_execution_environment/diskless";
        let whole = with_prelude(&text, Some(&marker), &layout, &configuration);
        let line = version_line(&marker);
        assert!(line.ends_with(&format!(" disklessset.version={digest} ||\n")), "{line}");
        let begin =
            format!("#!ipxe\n{marker}\nisset ${{diskless-base}} || set diskless-base {base}\n{line}:");
        assert!(
            whole.starts_with(&begin) && whole.contains(&format!("kernel {address} || goto ")),
            "{whole}"
        );
        let whole = format!("#!ipxe\nkernel {base}/oci/blobs/sha256/{}\n", digest.hex());
        assert_eq!(expanded(&text, &layout, &configuration), whole);
        let plain = "#!ipxe\nkernel http://${next-server}/k\n";
        assert_eq!(with_prelude(plain, None, &layout, &configuration), plain);
    }

    #[test]
    fn a_layout_elsewhere_is_not_named_by_digest() {
        let layout = Layout::builder().oci_directory("/srv/other/oci").build().unwrap();
        let file = FileOfVersion { digest: Digest::of(b""), size: 0 };
        let files = FilesByName::from([("squashfs.img".to_owned(), file)]);
        assert_eq!(Addresses::of(&files, &layout), Addresses::default());
    }
}
