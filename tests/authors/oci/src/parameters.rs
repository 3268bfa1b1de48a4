//! The actions of the class, and what they are told.

use disklessset_kit::os_tree::{OsTreeRequest, Purpose, params};
use disklessset_plugin_api::{ActionSpec, Arguments, Host, ParamKind, ParamSpec, Result};

/// All actions. What edits an image is not among them: the layout is edited, and the image updated.
pub(crate) fn actions() -> Vec<ActionSpec> {
    let from = [
        ParamSpec::flag("oci_layout", ParamKind::Path, "The OCI image layout: a directory or an archive")
            .as_flag("layout")
            .required(),
        ParamSpec::flag("oci_reference", ParamKind::Text, "Which image of it, when it has several")
            .as_flag("reference"),
    ];
    let of_any_tree = params::origin().into_iter().filter(|param| param.name == "kernel");
    let rare = params::rare().into_iter().filter(|param| param.name == "kernel_parameters");
    let all = from.into_iter().chain(of_any_tree).chain(params::access()).chain(rare);
    let create = all.fold(ActionSpec::create("Create an image from an OCI layout"), ActionSpec::param);
    let update = ActionSpec::change("update", "Bring an image up to date with its OCI layout")
        .help("Make an image again when its OCI layout has changed; the old one serves until the new one is whole")
        .param(ParamSpec::flag("again", ParamKind::Flag, "Also when the layout has not changed"));
    vec![create, update]
}

/// The tree that is wanted, in the words of the kit: its source is the layout.
pub(crate) fn request(args: &Arguments, host: &Host<'_>) -> Result<OsTreeRequest> {
    let layout: String = args.need("oci_layout")?;
    let source = match args.get::<String>("oci_reference")? {
        Some(reference) => format!("oci:{layout}:{reference}"),
        None => format!("oci:{layout}"),
    };
    let mut all = args.clone();
    all.0.insert("source".to_owned(), source.into());
    OsTreeRequest::from_arguments(Purpose::Livenet, &all, host)
}
