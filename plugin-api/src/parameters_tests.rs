//! Given structs as authors write them: the declarations that an author would have written, and values as
//! they are given.

use super::*;
use crate::{Choice, Parameters, Raw, Secret, check_arguments, validation::tests::OneKernel};
use serde_json::json;
use std::collections::BTreeMap;

#[derive(Choice, Debug, Clone, Copy, PartialEq)]
enum Layout {
    Flat,
    InnerImage,
    #[choice(word = "1.x")]
    Old,
}

/// One of each type.
#[derive(Parameters, Debug)]
struct Everything {
    /// The label,
    /// in one line.
    ///
    /// Not for users.
    #[parameter(position, sample = "scratch")]
    label: String,
    /// The size
    #[parameter(flag = "size", kind = ParamKind::Size { min: 100, max: 200, auto: false }, default = "150M")]
    disk_size: Size,
    /// The layout.
    #[parameter(default = Layout::Flat, not_asked)]
    layout: Layout,
    /// The other layout.
    other: Option<Layout>,
    /// The nodes.
    nodes: Option<NodeSet>,
    /// How often.
    #[parameter(name = "times", default = 3)]
    count: u8,
    /// Whether it is quiet.
    quiet: bool,
    /// A password.
    password: Option<Secret>,
    /// Another package.
    #[parameter(kind = ParamKind::Package)]
    packages: Vec<String>,
    /// Another directory.
    #[parameter(only_for = (Self::OTHER, "flat"))]
    directories: Vec<Utf8PathBuf>,
    /// The command.
    #[parameter(trailing, sample = vec!["true"])]
    r#command: Vec<String>,
}

#[test]
fn parameters_are_declared_as_an_author_would_write_them() {
    let layouts =
        || ParamKind::Choice { choices: ["flat", "inner-image", "1.x"].map(str::to_owned).to_vec() };
    let size = ParamKind::Size { min: 100, max: 200, auto: false };
    let by_hand = vec![
        ParamSpec::position("label", ParamKind::Text, "The label, in one line").sample("scratch"),
        ParamSpec::flag("disk_size", size, "The size").as_flag("size").default("150M"),
        ParamSpec::flag("layout", layouts(), "The layout").default("flat").not_asked(),
        ParamSpec::flag("other", layouts(), "The other layout"),
        ParamSpec::flag("nodes", ParamKind::NodeSet, "The nodes"),
        ParamSpec::flag("times", ParamKind::Integer { min: 0, max: 255 }, "How often").default(3),
        ParamSpec::flag("quiet", ParamKind::Flag, "Whether it is quiet"),
        ParamSpec::flag("password", ParamKind::Secret, "A password"),
        ParamSpec::flag("packages", ParamKind::Package, "Another package"),
        ParamSpec::flag("directories", ParamKind::Path, "Another directory")
            .repeated()
            .only_for("other", "flat"),
        ParamSpec::trailing("command", "The command").sample(vec!["true"]),
    ];
    assert_eq!(Everything::declared(), by_hand);
    assert_eq!((Everything::COUNT, Everything::COMMAND), ("times", "command"));
}

fn typed(given: &[(&str, &[&str])]) -> Everything {
    let raw = |texts: &[&str]| match texts {
        [one] => Raw::Text((*one).to_owned()),
        more => Raw::List(more.iter().map(ToString::to_string).collect()),
    };
    let given: BTreeMap<String, Raw> =
        given.iter().map(|(name, texts)| ((*name).to_owned(), raw(texts))).collect();
    let checked = check_arguments(&Everything::declared(), given, &OneKernel).unwrap();
    Everything::from_arguments(&checked).unwrap()
}

#[test]
fn parameters_have_the_values_that_were_typed_and_defaults_for_others() {
    let least = typed(&[("label", &["x"]), ("command", &["true"])]);
    assert_eq!(
        (least.label.as_str(), least.disk_size, least.layout),
        ("x", Size::mebibytes(150), Layout::Flat)
    );
    assert_eq!((least.other, least.count, least.quiet), (None, 3, false));
    assert!(least.nodes.is_none() && least.password.is_none());
    assert!(least.packages.is_empty() && least.directories.is_empty());
    assert_eq!(least.command, ["true"]);
    let all = typed(&[
        ("label", &["x"]),
        ("disk_size", &["200M"]),
        ("layout", &["1.X"]),
        ("other", &["flat"]),
        ("nodes", &["c[1-2]"]),
        ("times", &["7"]),
        ("quiet", &["yes"]),
        ("password", &["hunter2"]),
        ("packages", &["@core", "vim"]),
        ("directories", &["/a", "/b"]),
        ("command", &["echo", "hi"]),
    ]);
    assert_eq!((all.layout, all.other, all.count, all.quiet), (Layout::Old, Some(Layout::Flat), 7, true));
    assert_eq!(all.nodes.as_ref().unwrap().len(), 2);
    assert_eq!(
        (all.packages.as_slice(), all.directories.len()),
        (&["@core".to_owned(), "vim".to_owned()][..], 2)
    );
    assert_eq!(all.password.as_ref().unwrap().reveal(), "hunter2");
    assert!(!format!("{all:?}").contains("hunter2"));
    assert_eq!(Value::from(Layout::InnerImage), json!("inner-image"));
}

#[test]
fn parameters_say_which_argument_is_not_theirs() {
    let read = |arguments: Value| {
        let error = Everything::from_arguments(&serde_json::from_value(arguments).unwrap()).unwrap_err();
        format!("{error} {:?}", error.causes)
    };
    assert!(read(json!({})).starts_with("parameter label is missing"));
    let wrong = read(json!({ "label": "x", "disk_size": "150M", "layout": "round" }));
    assert!(
        wrong.contains("parameter layout cannot be used") && wrong.contains("is none of: flat"),
        "{wrong}"
    );
}
