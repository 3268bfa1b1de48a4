//! Records that 1.x wrote by hand: `key: text`, unquoted, one a line.
//!
//! They look like YAML and are not: a value may have `: ` or `#` in it, and `007`, `yes` or `1e3` mean themselves. So each
//! line is read as the text after its first `: `. Only lists, and the numbers and booleans of its own attributes, are values of
//! their own type: written back as text they would be true for 1.x, whatever they say.

use crate::yaml;
use disklessset_plugin_api::Attributes;
use serde_json::Value;

/// Reads a record of 1.x; `None` when the text is not one.
pub(crate) fn parse(text: &str) -> Option<Attributes> {
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "image_data:" {
        return None;
    }
    let mut attributes = Attributes::new();
    // 1.x always put a line of blanks second: what tells its files from YAML that happens to be indented alike.
    if !lines.next()?.chars().all(|c| c == ' ') {
        return None;
    }
    for line in lines.filter(|line| !line.trim().is_empty()) {
        let line = line.strip_prefix("    ")?;
        let (key, value) = line.split_once(": ").or_else(|| line.strip_suffix(':').map(|key| (key, "")))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if key.is_empty() || !key.chars().all(plain) {
            return None;
        }
        attributes.insert(key.to_owned(), value_of(key, value));
    }
    Some(attributes)
}

/// The attributes of 1.x that are true or false.
const FLAGS: [&str; 3] = ["selinux", "optimize", "is_mounted"];
/// The attributes of 1.x that are numbers.
const NUMBERS: [&str; 1] = ["livenet_size"];

/// The value behind the text: nothing, a list as Python prints one, a boolean or number where 1.x has one, or the text itself.
fn value_of(key: &str, text: &str) -> Value {
    if text.is_empty() {
        return Value::Null;
    }
    match text {
        "True" if FLAGS.contains(&key) => return true.into(),
        "False" if FLAGS.contains(&key) => return false.into(),
        _ => {}
    }
    if NUMBERS.contains(&key)
        && let Ok(number) = text.parse::<u64>()
    {
        return number.into();
    }
    if text.starts_with('[')
        && text.ends_with(']')
        && let Ok(list) = yaml::from_str::<Vec<String>>(text)
    {
        return list.into();
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::super::record::ImageRecord;

    const LIVENET: &str = "image_data:\n    \n    name: 007\n    IMAGE_DIRECTORY: /var/www/html/x/images/007/\n    \
        password: $6$salt$hash\n    kernel: vmlinuz-4.18.0-305.el8.x86_64\n    image: initramfs-kernel-4.18.0-305.el8.x86_64\n    \
        livenet_type: Type.CORE\n    livenet_size: 700\n    selinux: False\n    optimize: True\n    \
        additional_packages: ['vim', 'git']\n    is_mounted: False\n    image_class: LivenetImage\n    creation_date: 2021-06-01";

    #[test]
    fn a_livenet_record() {
        let record = ImageRecord::parse(LIVENET).unwrap();
        assert_eq!(record.image_class, "LivenetImage");
        assert_eq!(record.attributes["livenet_type"], "Type.CORE");
        assert_eq!(record.attributes["livenet_size"], 700);
        assert_eq!(record.attributes["is_mounted"], false);
        assert_eq!(record.attributes["optimize"], true);
        assert_eq!(record.attributes["additional_packages"], serde_json::json!(["vim", "git"]));
        assert_eq!(record.mode(), 0o600, "it has a hash in it");
    }

    #[test]
    fn any_text_is_a_message() {
        for message in ["a: b", "# not a comment", "say \"hi\" & 'bye'", "x: [", "- a", "%!&*"] {
            let text = format!("image_data:\n    \n    my_message: {message}\n    image_class: DemoImage\n");
            assert_eq!(ImageRecord::parse(&text).unwrap().attributes["my_message"], message);
        }
    }

    #[test]
    fn nothing_after_the_colon_is_nothing() {
        let text = "image_data:\n    \n    nodes:\n    image_class: NfsGoldenImage\n";
        assert!(ImageRecord::parse(text).unwrap().attributes["nodes"].is_null());
        let text = "image_data:\n    \n    nodes: \n    image_class: NfsGoldenImage\n";
        assert!(ImageRecord::parse(text).unwrap().attributes["nodes"].is_null());
        let text = "image_data:\n    \n    nodes: c[001-004]\n    image_class: NfsGoldenImage\n";
        assert_eq!(ImageRecord::parse(text).unwrap().attributes["nodes"], "c[001-004]");
    }
}
