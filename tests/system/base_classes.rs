//! Given the shipped classes that others build on: what these may rely on is written in
//! docs/base-classes.md, and stays within a series of versions.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};
use disklessset::integrity::Digest;
use disklessset::modules::{Classes, HostService, ModuleRegistry};
use disklessset_kit::live::root_image::steps as root_image;
use disklessset_plugin_api::messages::{StepRequest, services, steps};
use disklessset_plugin_api::{ActionSpec, Attributes, Error, ErrorKind, Image, ImageName, ParamKind};
use disklessset_tests::need;
use serde_json::Value;

use super::small::{KERNEL, Small};

/// Set by `cargo xtask docs`: a page that is old is written anew.
const WRITE: &str = "DISKLESSSET_WRITE_DOCS";
const PAGE: &str = "docs/base-classes.md";
/// The classes, each with an image of it; the last is a base of two others, and has none.
const CLASSES: [(&str, Option<&str>); 4] = [
    ("LivenetImage", Some("promised")),
    ("NfsStagingImage", Some("st")),
    ("NfsGoldenImage", Some("g")),
    ("NfsImage", None),
];
/// Steps that a class may define beside those that every class has.
const OWN_STEPS: [&str; 5] =
    [root_image::FORMAT, root_image::WRITE, root_image::CHECK, root_image::NAMES, steps::OS_TREE];

const PRELUDE: &str = "\
# Base classes

<!-- Written by `cargo xtask docs`. -->

What a module may rely on whose class builds on a shipped one ([Modules](modules.md)). A derived class names the versions of the base's
module that it accepts: `\"TunedLivenet\": \"LivenetImage\" \"^0.1\" => Tuned`. With another version its module is refused, with one line in
`module list` that names both.

## Which versions

Versions of one series are those that `^` accepts: 0.1.x, and from 1.0 on 1.x. Within a series

- no entry of the lists below goes or changes: the words and the role of an action, the name and the kind of a parameter, its choices and
  whether it must be given, the name and the type of an attribute that each image has, a step of the class's own;
- entries may come: a class that refines an action by names (`action.with(\"source\", ...)`) is not touched by them;
- everything else may change: texts, labels, defaults, the order of parameters, files in the directory of an image, attributes that are not
  in the list, and what lies inside of a step.

What every class has, as the steps of `ImageClass`, is promised by the version of `disklessset-plugin-api`.

An entry that has to go or to change makes a new series: the module's version is raised, the change stands in `CHANGELOG.md`, and derived
modules wait for their authors. The digest is that of the list, so that a list is not changed by hand. A test compares lists and loaded
modules.
";

/// What one class promises.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Promise {
    module: String,
    series: String,
    entries: BTreeSet<String>,
}

impl Promise {
    fn digest(&self) -> String {
        let text: String = self.entries.iter().map(|entry| format!("{entry}\n")).collect();
        Digest::of(text.as_bytes()).to_string()
    }
}

type Promises = BTreeMap<String, Promise>;

fn page(promises: &Promises) -> String {
    let section = |(class, promise): (&String, &Promise)| {
        let entries: String = promise.entries.iter().map(|entry| format!("{entry}\n")).collect();
        let (module, series, digest) = (&promise.module, &promise.series, promise.digest());
        format!(
            "\n## {class}\n\nmodule {module}, series {series}, digest {digest}\n\n```text\n{entries}```\n"
        )
    };
    PRELUDE.to_owned() + &promises.iter().map(section).collect::<String>()
}

/// The lists of a page. A list whose digest is another was changed by hand.
fn parse(page: &str) -> Result<Promises, String> {
    let mut promises = Promises::new();
    for section in page.split("\n## ").skip(2) {
        let mut lines = section.lines();
        let class = lines.next().unwrap_or_default().to_owned();
        let facts = lines.find(|line| line.starts_with("module ")).unwrap_or_default();
        let words: Vec<&str> = facts.split([' ', ',']).filter(|word| !word.is_empty()).collect();
        let &[_, module, _, series, _, digest] = words.as_slice() else {
            return Err(format!("{PAGE}: class {class} has no line of its version and digest"));
        };
        let entries = lines.skip_while(|line| *line != "```text").skip(1).take_while(|line| *line != "```");
        let entries = entries.map(str::to_owned).collect();
        let promise = Promise { module: module.to_owned(), series: series.to_owned(), entries };
        if promise.digest() != digest {
            return Err(format!(
                "{PAGE}: the list of {class} is not the one of its digest: it was changed by hand"
            ));
        }
        promises.insert(class, promise);
    }
    Ok(promises)
}

/// What was promised and is no longer kept, a line each: whoever wants that raises the module's version.
fn broken(promised: &Promises, now: &Promises) -> Vec<String> {
    let mut lines = Vec::new();
    for (class, promise) in promised {
        match now.get(class) {
            None => lines.push(format!("class {class} is gone")),
            Some(now) if now.series != promise.series => {}
            Some(now) => lines
                .extend(promise.entries.difference(&now.entries).map(|entry| format!("{class}: {entry}"))),
        }
    }
    lines
}

/// A host that has classes ask those below them, and does nothing else.
struct Asking<'c>(&'c Classes);

impl HostService for Asking<'_> {
    fn call(&self, service: &str, request: &str) -> Result<String, Error> {
        if service != services::STEP {
            return Err(Error::new(ErrorKind::UNSUPPORTED, format!("no service {service}")));
        }
        let reply = self.0.run_call(serde_json::from_str(request)?, self)?;
        Ok(serde_json::to_string(&reply)?)
    }
}

fn of_action(action: &ActionSpec) -> Vec<String> {
    let json = |value: serde_json::Result<Value>| value.expect("declarations are plain");
    let role = json(serde_json::to_value(action.role));
    let mut lines = vec![format!("action {}: {}", action.words, role.as_str().unwrap_or_default())];
    for param in &action.params {
        let named = format!("action {}, parameter {}", action.words, param.name);
        let kind = json(serde_json::to_value(&param.kind));
        let kind = kind.as_str().or_else(|| kind["kind"].as_str()).expect("a kind has a name");
        let required = if param.required { ", required" } else { "" };
        let list = if param.repeated { ", a list" } else { "" };
        lines.push(format!("{named}: {kind}{list}{required}"));
        // Each by itself: another one may come. So may a larger size.
        if let ParamKind::Choice { choices } = &param.kind {
            lines.extend(choices.iter().map(|choice| format!("{named}, choice {choice}")));
        }
    }
    lines
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Bool(_) => "yes or no",
        Value::Number(_) => "number",
        Value::Array(_) => "list",
        Value::Object(_) => "object",
        Value::String(_) | Value::Null => "text",
    }
}

/// Whether a class defines a step: any answer but that it does not.
fn defines(classes: &Classes, class: &str, step: &str) -> bool {
    let name = ImageName::parse("probe").expect("a good name");
    let image = Image::new(name, class, Attributes::new(), Utf8PathBuf::from("/nowhere/probe"));
    let request = StepRequest { image: Some(image), ..StepRequest::new(class, step) };
    classes
        .run_step(class, request, &Asking(classes))
        .map_or_else(|error| error.kind != ErrorKind::NOT_DEFINED, |_| true)
}

/// What the loaded modules have, and images of theirs that were just made.
fn now(small: &Small) -> Promises {
    small.root.drop_in("nfs");
    let source = format!("tree:{}", small.tree);
    for command in [
        &["livenet", "create", "promised", "--kernel", KERNEL, "--source", &source][..],
        &["nfs", "create-staging", "st", "--kernel", KERNEL, "--source", &source],
        &["nfs", "create-golden", "g", "--from", "st"],
        &["nfs", "nodes", "add", "g", "n1"],
    ] {
        let _ = small.run(command).expect_done();
    }
    let images = small.root.images();
    let classes = Classes::new(ModuleRegistry::scan(&small.root.modules_dir()));
    let mut promises = Promises::new();
    for (class, image) in CLASSES {
        let module = classes.registry().module_of(class).expect("the class is shipped");
        let version = module.version.clone().expect("a shipped module has a version");
        let series = match version.major {
            0 => format!("0.{}", version.minor),
            major => major.to_string(),
        };
        let actions = classes.actions_of_class(class).expect("it can be loaded");
        let mut entries: BTreeSet<String> = actions.iter().flat_map(of_action).collect();
        let own = OWN_STEPS.into_iter().filter(|step| defines(&classes, class, step));
        entries.extend(own.map(|step| format!("step {step}")));
        let image = image.and_then(|name| images.iter().find(|image| image["name"] == name));
        let attributes = image.and_then(|image| image["attributes"].as_object());
        entries.extend(
            attributes
                .into_iter()
                .flatten()
                .map(|(name, value)| format!("attribute {name}: {}", type_of(value))),
        );
        promises.insert(class.to_owned(), Promise { module: module.name.clone(), series, entries });
    }
    promises
}

#[test]
fn reference_of_base_classes_is_kept_by_the_loaded_modules() {
    disklessset_tests::need!(need::root(), need::tool("mksquashfs"));
    let path = Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(PAGE);
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    let now = now(&Small::new());
    let promised = parse(&there).unwrap_or_else(|fault| panic!("{fault}"));
    let broken = broken(&promised, &now);
    assert!(
        broken.is_empty(),
        "derived modules rely on what is no longer there: put it back, or raise the module's version to a new series and run \
         `cargo xtask docs`\n{}",
        broken.join("\n")
    );
    if std::env::var_os(WRITE).is_some() {
        super::small::put(&path, page(&now).as_bytes(), 0o644);
        return;
    }
    assert_eq!(there, page(&now), "{PAGE} is old: run `cargo xtask docs` as root");
}

fn sample(series: &str, entries: &[&str]) -> Promises {
    let entries = entries.iter().map(|entry| (*entry).to_owned()).collect();
    let promise = Promise { module: "livenet".to_owned(), series: series.to_owned(), entries };
    Promises::from([("LivenetImage".to_owned(), promise)])
}

#[test]
fn a_list_is_read_as_it_was_written_and_a_change_by_hand_is_seen() {
    let promises = sample("0.1", &["action create: create", "attribute source: text"]);
    let text = page(&promises);
    assert_eq!(parse(&text).unwrap(), promises);
    let changed = text.replace("attribute source: text\n", "");
    assert!(parse(&changed).unwrap_err().contains("the list of LivenetImage is not the one of its digest"));
}

#[test]
fn a_promise_is_broken_by_what_goes_and_changes_within_a_series_alone() {
    let promised = sample("0.1", &["attribute size: text", "attribute source: text"]);
    let of = |now: &Promises| broken(&promised, now);
    assert_eq!(of(&promised), [] as [&str; 0]);
    assert_eq!(
        of(&sample("0.1", &["attribute new: text", "attribute size: text", "attribute source: text"])),
        [] as [&str; 0]
    );
    assert_eq!(
        of(&sample("0.1", &["attribute size: number", "attribute source: text"])),
        ["LivenetImage: attribute size: text"]
    );
    assert_eq!(of(&sample("0.2", &[])), [] as [&str; 0]);
    assert_eq!(of(&Promises::new()), ["class LivenetImage is gone"]);
}
