//! The definition of an image as a file: what comes out is what `create --from` takes.

use super::file::NOT_ON_RECORD;
use crate::{images::manager::ImageManager, versions::MadeFrom};
use disklessset_plugin_api::{Attributes, Error, Image, ImageName, ParamKind, ParamSpec, Result};
use serde_json::Value;
use serde_yaml::Mapping;

impl ImageManager<'_> {
    /// The text of the definition of an image. What is not known of it is named in comments, and under a key that is refused until
    /// somebody has filled it in.
    ///
    /// # Errors
    /// When the image is not there, or its class has no module.
    pub fn definition_as_file(&self, name: &ImageName) -> Result<String> {
        let image = self.get_created_image(name)?;
        self.module_needed(image.class(), name)?;
        let params = self.creation(image.class())?.params;
        let (values, comments, unknown) = match self.current_made_from(name)? {
            Some(made) => of_made(&made, &params),
            None => of_record(&image, &params),
        };
        let mut text = format!(
            "# Image {name}, for `disklessset create --from FILE` and `disklessset rebuild {name} --from FILE`.\n"
        );
        comments.iter().for_each(|comment| text.push_str(&format!("# {comment}\n")));
        let mut mapping = Mapping::new();
        mapping.insert("name".into(), name.as_str().into());
        mapping.insert("image_class".into(), image.class().into());
        for (key, value) in values {
            let value = serde_yaml::to_value(&value)
                .map_err(|cause| Error::failed(format!("cannot write {key}")).because(cause))?;
            mapping.insert(key.into(), value);
        }
        if !unknown.is_empty() {
            mapping.insert(NOT_ON_RECORD.into(), unknown.into());
        }
        let yaml = serde_yaml::to_string(&mapping)
            .map_err(|cause| Error::failed("cannot write the definition").because(cause))?;
        Ok(text + &crate::yaml::for_older_readers(&yaml))
    }
}

type Parts = (Vec<(String, Value)>, Vec<String>, Vec<String>);

fn of_made(made: &MadeFrom, params: &[ParamSpec]) -> Parts {
    let (mut values, mut unknown) = (Vec::new(), Vec::new());
    for param in params {
        if let Some(value) = made.arguments.get(&param.name).filter(|value| tells(param, value)) {
            values.push((param.name.clone(), as_written(param, value)));
        }
        if made.without_login.contains(&param.name) {
            unknown.push(param.name.clone());
        }
        let Some(kept) = made.secrets.get(&param.name) else { continue };
        let key = format!("{}_file", param.name);
        match &kept.file {
            Some(file) => values.push((key, file.as_str().into())),
            None => unknown.push(key),
        }
    }
    let mut comments: Vec<String> = made
        .edits
        .iter()
        .map(|edit| format!("Not in this file: {} came from {}.", edit.version, edit.action))
        .collect();
    comments.extend(unknown.iter().map(|key| match made.without_login.contains(key) {
        true => format!("{key}: the login in an address is not kept."),
        false => format!("{key}: it did not come from a file."),
    }));
    (values, comments, unknown)
}

/// What the record of an image from before tells.
fn of_record(image: &Image, params: &[ParamSpec]) -> Parts {
    let attributes: &Attributes = image.attributes();
    let (mut values, mut unknown) = (Vec::new(), Vec::new());
    for param in params {
        let known = match param.kind {
            ParamKind::Secret => None,
            ParamKind::Kernel { .. } | ParamKind::KernelAlone { .. } => {
                image.kernel().map(|kernel| Value::from(kernel.version.as_str()))
            }
            // Records have sizes as numbers of mebibytes.
            ParamKind::Size { .. } => attributes.get(&param.name).map(|value| match value {
                Value::Number(number) => Value::from(format!("{number}M")),
                other => other.clone(),
            }),
            _ => attributes.get(&param.name).cloned(),
        };
        match known.filter(|value| !value.is_object() && !value.is_null()) {
            Some(value) if tells(param, &value) => {
                values.push((param.name.clone(), as_written(param, &value)))
            }
            Some(_) => {}
            None if param.kind == ParamKind::Secret => unknown.push(format!("{}_file", param.name)),
            None if param.kind == ParamKind::Source || param.required => unknown.push(param.name.clone()),
            None if param.kind == ParamKind::Path && param.only_for.is_none() => {
                unknown.push(param.name.clone())
            }
            None => {}
        }
    }
    let mut comments =
        vec!["It was made before definitions were kept: this is what its record tells.".to_owned()];
    comments.extend(unknown.iter().map(|key| format!("{key}: it is not on record.")));
    (values, comments, unknown)
}

/// Whether a value says more than nothing would. A source is always said: its default is another one on another server.
fn tells(param: &ParamSpec, value: &Value) -> bool {
    let nothing = match value {
        Value::Null | Value::Bool(false) if param.default.is_none() => true,
        Value::Array(items) if param.default.is_none() => items.is_empty(),
        value => param.default.as_ref() == Some(value),
    };
    param.kind == ParamKind::Source || !nothing
}

/// A choice in the letters of the command line.
fn as_written(param: &ParamSpec, value: &Value) -> Value {
    match (&param.kind, value) {
        (ParamKind::Choice { .. }, Value::String(text)) => text.to_ascii_lowercase().into(),
        _ => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::versions::KeptSecret;

    #[test]
    fn defaults_are_left_out_but_for_the_source_and_what_is_unknown_is_named() {
        let params = vec![
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "").required(),
            ParamSpec::flag("password", ParamKind::Secret, ""),
            ParamSpec::flag("selinux", ParamKind::Flag, "").default(false),
            ParamSpec::flag("source", ParamKind::Source, "").default("apt"),
            ParamSpec::flag("repositories", ParamKind::Text, ""),
        ];
        let arguments = [
            ("kernel", "6.10".into()),
            ("selinux", false.into()),
            ("source", "apt".into()),
            ("repositories", "http://h/".into()),
        ];
        let mut made = MadeFrom {
            class: "A".into(),
            arguments: arguments.map(|(key, value): (&str, Value)| (key.to_owned(), value)).into(),
            secrets: [("password".to_owned(), KeptSecret { file: None, hash: "$6$".into() })].into(),
            files: [].into(),
            without_login: vec!["repositories".to_owned()],
            edits: Vec::new(),
        };
        made.edited("web@2".into(), "exec");
        let (values, comments, unknown) = of_made(&made, &params);
        let keys: Vec<&str> = values.iter().map(|(key, _)| key.as_str()).collect();
        assert_eq!(keys, ["kernel", "source", "repositories"]);
        assert_eq!(unknown, ["password_file", "repositories"]);
        assert!(comments[0].contains("web@2 came from exec"), "{comments:?}");
        let record = Image::new(
            ImageName::parse("web").unwrap(),
            "A",
            [("selinux".to_owned(), true.into()), ("kernel".to_owned(), "vmlinuz-6.1".into())].into(),
            "/i/web",
        );
        let (values, _, unknown) = of_record(&record, &params);
        assert_eq!(values.len(), 2, "{values:?}");
        assert_eq!(unknown, ["password_file", "source"]);
    }
}
