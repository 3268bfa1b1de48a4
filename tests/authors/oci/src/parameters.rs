//! What the actions of the class are told.

use camino::Utf8PathBuf;
use disklessset_kit::os_tree::{OsTreeRequest, Purpose, params};
use disklessset_plugin_api::{Arguments, Host, ParamSpec, Parameters, Result};

/// Where an image comes from.
#[derive(Parameters)]
pub(crate) struct OciLayout {
    /// The OCI image layout: a directory or an archive
    #[parameter(flag = "layout")]
    oci_layout: Utf8PathBuf,
    /// Which image of it, when it has several
    #[parameter(flag = "reference")]
    oci_reference: Option<String>,
}

/// When an image is made again.
#[derive(Parameters)]
pub(crate) struct Update {
    /// Also when the layout has not changed
    pub(crate) again: bool,
}

/// What an image is told as one with a tree of any source.
pub(crate) fn of_any_tree() -> Vec<ParamSpec> {
    let kernel = params::origin().into_iter().filter(|param| param.name == "kernel");
    let rare = params::rare().into_iter().filter(|param| param.name == "kernel_parameters");
    kernel.chain(params::access()).chain(rare).collect()
}

/// The tree that is wanted, in the words of the kit: its source is the layout.
pub(crate) fn request(layout: OciLayout, others: Arguments, host: &Host<'_>) -> Result<OsTreeRequest> {
    let OciLayout { oci_layout, oci_reference } = layout;
    let source = match oci_reference {
        Some(reference) => format!("oci:{oci_layout}:{reference}"),
        None => format!("oci:{oci_layout}"),
    };
    OsTreeRequest::from_arguments(Purpose::Livenet, &others.with("source", source), host)
}
