//! `list`: the images.

use crate::{
    ImageStatus, ListedImage,
    cli::request::{Effect, Request, Session},
    images::KeptBase,
    mirror::{MirrorManager, MirrorState, MirroredImage},
    output::{CellStyle, Field, Output},
};
use clap::{Arg, ArgAction, ArgMatches, Command};
use disklessset_plugin_api::Result;
use disklessset_system::bytes::Bytes;

pub(crate) fn command() -> Command {
    Command::new("list").about("List the images with their statuses").arg(
        Arg::new("bases")
            .long("bases")
            .action(ArgAction::SetTrue)
            .help("List the trees of packages that are kept for the next images"),
    )
}

pub(crate) fn request(matches: &ArgMatches) -> List {
    List { bases: matches.get_flag("bases") }
}

/// Lists the images, or the bases.
#[derive(Default)]
pub(crate) struct List {
    bases: bool,
}

impl Request for List {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, _session: &Session) -> Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        if self.bases {
            return bases(session);
        }
        if let Some(state) = MirrorManager::new(&session.site).state()? {
            session.output.say(&state.in_words());
            print(&session.output, &of_mirror(&state));
            return Ok(());
        }
        let images = session.images().list()?;
        if images.is_empty() {
            let directory = session.site.layout().images_dir();
            session.output.say(&format!("There are no images in {directory}."));
        }
        print(&session.output, &images);
        Ok(())
    }
}

fn bases(session: &Session) -> Result<()> {
    let bases = session.images().bases()?;
    if bases.is_empty() {
        session.output.say("No trees of packages are kept.");
    }
    session.output.document("bases", &bases, |output| {
        let row = |base: &KeptBase| {
            let size = Bytes(base.bytes).to_string();
            [&base.what, &size, &base.made, &base.used].map(Field::from).to_vec()
        };
        if bases.is_empty() {
            return String::new();
        }
        output.table(&["BASE", "SIZE", "MADE", "USED"], bases.iter().map(row).collect())
    });
    Ok(())
}

/// The images of a mirror, of which it knows what everybody may know.
fn of_mirror(state: &MirrorState) -> Vec<ListedImage> {
    let image = |(name, image): (&String, &MirroredImage)| {
        let texts = [("kernel", &image.kernel), ("creation_date", &image.date)];
        let attributes =
            texts.into_iter().filter_map(|(key, text)| Some((key.to_owned(), text.clone()?.into())));
        ListedImage {
            name: name.clone(),
            status: ImageStatus::Created,
            image_class: image.class.clone(),
            module: image.class.as_ref().map(|_| String::new()),
            pid: None,
            command: None,
            attributes: attributes.collect(),
            size_bytes: Some(image.size_bytes),
            activity: None,
            older_kernel_files: false,
            problem: image.current.is_none().then(|| "no version is current in the registry".to_owned()),
        }
    };
    state.images.iter().map(image).collect()
}

/// Prints images as the settings want them.
pub(crate) fn print(output: &Output, images: &[ListedImage]) {
    output.document(
        "images",
        images,
        |output| if images.is_empty() { String::new() } else { table(output, images) },
    );
}

fn table(output: &Output, images: &[ListedImage]) -> String {
    let some_problem = images.iter().any(|image| image.problem.is_some());
    let mut heading = vec!["NAME", "STATUS", "CLASS", "KERNEL", "SIZE", "CREATED"];
    if some_problem {
        heading.push("PROBLEM");
    }
    let rows = images.iter().map(|image| {
        let mut row = vec![
            Field::from(&image.name),
            status(image),
            class(image),
            attribute(image, "kernel").into(),
            size(image).into(),
            attribute(image, "creation_date").into(),
        ];
        if some_problem {
            row.push(Field::with_style(image.problem.as_deref().unwrap_or_default(), CellStyle::Bad));
        }
        row
    });
    output.table(&heading, rows.collect())
}

fn status(image: &ListedImage) -> Field {
    match (image.status, image.pid) {
        (ImageStatus::Created, _) => match &image.activity {
            None if is_mounted(image) => Field::with_style("CREATED (mounted)", CellStyle::Busy),
            None if image.older_kernel_files => {
                Field::with_style("CREATED (older kernel files)", CellStyle::Busy)
            }
            None => Field::with_style("CREATED", CellStyle::Good),
            Some(activity) => Field::with_style(&format!("CREATED ({activity})"), CellStyle::Busy),
        },
        (ImageStatus::Corrupted, _) => Field::with_style("CORRUPTED", CellStyle::Bad),
        (ImageStatus::InCreation, Some(pid)) => {
            let command = image.command.as_deref().map(|command| format!(", {command}"));
            Field::with_style(
                &format!("IN_CREATION (pid {pid}{})", command.unwrap_or_default()),
                CellStyle::Busy,
            )
        }
        (ImageStatus::InCreation, None) => Field::with_style("IN_CREATION", CellStyle::Busy),
    }
}

/// Whether somebody edits it; 1.x wrote the word as a text.
fn is_mounted(image: &ListedImage) -> bool {
    match image.attributes.get("is_mounted") {
        Some(serde_json::Value::Bool(mounted)) => *mounted,
        Some(serde_json::Value::String(text)) => text == "True" || text == "true",
        _ => false,
    }
}

/// What nodes fetch of an image, rounded as people read it; nothing for an image whose tree is elsewhere.
fn size(image: &ListedImage) -> String {
    match image.size_bytes {
        None => "-".to_owned(),
        Some(bytes) if bytes < 10 * 1024 * 1024 => format!("{}K", bytes.div_ceil(1024)),
        Some(bytes) => format!("{}M", bytes.div_ceil(1024 * 1024)),
    }
}

fn class(image: &ListedImage) -> Field {
    match (&image.image_class, &image.module) {
        (None, _) => "-".into(),
        (Some(class), Some(_)) => class.into(),
        (Some(class), None) => Field::with_style(&format!("{class} (no module)"), CellStyle::Bad),
    }
}

/// An attribute in a table; a kernel is shown by its version.
fn attribute(image: &ListedImage, name: &str) -> String {
    match image.attributes.get(name) {
        None | Some(serde_json::Value::Null) => "-".to_owned(),
        Some(serde_json::Value::String(text)) => text.strip_prefix("vmlinuz-").unwrap_or(text).to_owned(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::{Format, Settings, testing};
    use crate::{Activity, ActivityState};
    use serde_json::{Value, json};

    fn images() -> Vec<ListedImage> {
        let image =
            |name: &str, status, class: Option<&str>, module: Option<&str>, pid, problem: Option<&str>| {
                ListedImage {
                    name: name.into(),
                    status,
                    image_class: class.map(Into::into),
                    module: module.map(Into::into),
                    pid,
                    command: None,
                    attributes: [
                        ("kernel".to_owned(), json!("vmlinuz-6.1.0-37-amd64")),
                        ("creation_date".to_owned(), json!("2026-11-23")),
                    ]
                    .into(),
                    size_bytes: class.map(|_| 300 << 20),
                    activity: None,
                    older_kernel_files: false,
                    problem: problem.map(Into::into),
                }
            };
        let mut broken =
            image("lost+found", ImageStatus::Created, None, None, None, Some("has no image_data.yml"));
        broken.attributes.clear();
        vec![
            image("db", ImageStatus::InCreation, Some("LivenetImage"), Some("livenet"), Some(4711), None),
            broken,
            image("old", ImageStatus::Corrupted, Some("GoneImage"), None, Some(12), None),
            image("web01", ImageStatus::Created, Some("LivenetImage"), Some("livenet"), None, None),
            ListedImage {
                activity: Some(Activity {
                    action: "nodes add".to_owned(),
                    state: ActivityState::Interrupted,
                    pid: None,
                    since: None,
                }),
                ..image("web02", ImageStatus::Created, Some("NfsGoldenImage"), Some("nfs"), None, None)
            },
        ]
    }

    #[test]
    fn the_table() {
        let console = testing::console("");
        print(&console.output, &images());
        insta::assert_snapshot!(console.stdout(), @r"
        NAME        STATUS                           CLASS                  KERNEL          SIZE  CREATED     PROBLEM
        db          IN_CREATION (pid 4711)           LivenetImage           6.1.0-37-amd64  300M  2026-11-23
        lost+found  CREATED                          -                      -               -     -           has no image_data.yml
        old         CORRUPTED                        GoneImage (no module)  6.1.0-37-amd64  300M  2026-11-23
        web01       CREATED                          LivenetImage           6.1.0-37-amd64  300M  2026-11-23
        web02       CREATED (nodes add interrupted)  NfsGoldenImage         6.1.0-37-amd64  300M  2026-11-23
        ");
    }

    #[test]
    fn the_json_of_product_md() {
        let console = testing::console("");
        console.output.configure(Settings { format: Format::Json, ..Settings::default() });
        print(&console.output, &images());
        let document: Value = serde_json::from_str(&console.stdout()).unwrap();
        assert_eq!(document["format"], 1);
        let created = &document["images"][3];
        assert_eq!(created["name"], "web01");
        assert_eq!(created["status"], "CREATED");
        assert_eq!(created["module"], "livenet");
        assert_eq!(created["image_class"], "LivenetImage");
        assert_eq!(created["pid"], Value::Null);
        assert!(created.as_object().unwrap().contains_key("pid"));
        assert_eq!(created["attributes"]["creation_date"], "2026-11-23");
        assert_eq!(document["images"][2]["module"], Value::Null);
        assert_eq!(document["images"][1]["problem"], "has no image_data.yml");
        assert_eq!(document["images"][0]["pid"], 4711);
        assert_eq!(document["images"][4]["activity"]["state"], "interrupted");
    }

    #[test]
    fn no_images_is_a_document_too() {
        let console = testing::console("");
        console.output.configure(Settings { format: Format::Yaml, ..Settings::default() });
        print(&console.output, &[]);
        assert_eq!(console.stdout(), "format: 1\nimages: []\n");
    }
}
