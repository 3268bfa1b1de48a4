//! What an argument names of all that is on record here.

use clap::{Arg, builder::ArgExt};
use disklessset_plugin_api::{ActionSpec, ParamKind, ParamSpec};

/// What the value of an argument is the name of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Names {
    /// Images, of one of these classes where any is named.
    Images(Vec<String>),
    /// An image, or with `@` one of its versions.
    Versions,
    /// A version of the image that was named before, by its number or tag.
    VersionsOfImage,
    /// A tag of that image.
    TagsOfImage,
    /// Kernels, and the word for the one that the image brings.
    Kernels {
        from_image: bool,
    },
    Classes,
    /// Installed modules.
    Modules,
    /// A node of the site.
    Node,
    /// Nodes of the site, with commas between them.
    Nodes,
    /// Nodes that the image named before has trees for, with commas between them.
    NodesOfImage,
    Pools,
    /// Commands, modules and topics of help.
    Topics,
    /// What is not there yet.
    New,
}

impl ArgExt for Names {}

/// The placeholders of the program's own arguments that name something on record.
const PLACEHOLDERS: [(&str, Names); 15] = [
    ("NAME", Names::Images(Vec::new())),
    ("IMAGE", Names::Images(Vec::new())),
    ("NAME[@N]", Names::Versions),
    ("NAME[@N|@TAG]", Names::Versions),
    ("IMAGE[@N|@TAG]", Names::Versions),
    ("N", Names::VersionsOfImage),
    ("TAG", Names::TagsOfImage),
    ("VERSION", Names::Kernels { from_image: false }),
    ("CLASS", Names::Classes),
    ("MODULE", Names::Modules),
    ("NODE", Names::Node),
    ("NODESET", Names::Nodes),
    ("POOL", Names::Pools),
    ("COMMAND", Names::Topics),
    ("NEW", Names::New),
];

impl Names {
    /// What an argument names: as it was declared, else by its placeholder.
    pub(super) fn of(arg: &Arg) -> Option<Self> {
        let declared = arg.get::<Self>().cloned();
        declared.or_else(|| {
            let placeholder = arg.get_value_names()?.first()?.as_str();
            PLACEHOLDERS.iter().find(|(known, _)| *known == placeholder).map(|(_, names)| names.clone())
        })
    }

    /// What a parameter of a module's action names.
    pub(crate) fn of_parameter(param: &ParamSpec, action: &ActionSpec) -> Option<Self> {
        // An action that adds has nodes of the site; others have those that are there.
        let adds = action.words.split(' ').next_back() == Some("add");
        Some(match &param.kind {
            ParamKind::Kernel { from_image } | ParamKind::KernelAlone { from_image } => {
                Self::Kernels { from_image: *from_image }
            }
            ParamKind::Image { class } if class.is_empty() => Self::Images(Vec::new()),
            ParamKind::Image { class } => Self::Images(vec![class.clone()]),
            ParamKind::NodeSet | ParamKind::Node if !adds => Self::NodesOfImage,
            ParamKind::NodeSet => Self::Nodes,
            ParamKind::Node => Self::Node,
            _ => return None,
        })
    }
}
