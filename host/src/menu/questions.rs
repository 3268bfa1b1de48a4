//! Questions made from the declaration of parameters.

use super::{Menu, entries::no_kernel, page::Page, stop::Step};
use crate::{cli::defaults::default_of, output::plain};
use disklessset_plugin_api::{
    Arguments, Chosen, Error, ErrorKind, ImageName, ParamKind, ParamSpec, Raw, check_arguments, parse_value,
};
use std::collections::BTreeMap;

const FROM_IMAGE: &str = "from-image";

/// Whose parameters are asked for: a class, the words of its action, and the image.
pub(super) type Asked<'a> = (&'a str, &'a str, &'a ImageName);

impl Menu {
    /// Asks for parameters in the order of their declaration; those left to their defaults are not among the answers.
    pub(super) fn ask_parameters(&self, params: &[ParamSpec]) -> Step<BTreeMap<String, Raw>> {
        self.ask_parameters_for(params, None)
    }

    /// The same for an action on an image, whose class looks at each answer at once where only it knows what will do.
    pub(super) fn ask_parameters_for(
        &self,
        params: &[ParamSpec],
        of: Option<Asked<'_>>,
    ) -> Step<BTreeMap<String, Raw>> {
        let (mut given, mut answers) = (BTreeMap::new(), Arguments::default());
        for param in params {
            if !is_asked(param, params, &given) {
                continue;
            }
            while let Some(raw) = self.ask_parameter(param)? {
                match self.objection(param, &raw, of, &mut answers) {
                    Some(reason) => self.session.output.data(&format!("{}\n", plain(&reason))),
                    None => {
                        given.insert(param.name.clone(), raw);
                        break;
                    }
                }
            }
        }
        Ok(given)
    }

    /// What the class has against an answer, which is one of the answers so far from now on.
    fn objection(
        &self,
        param: &ParamSpec,
        raw: &Raw,
        of: Option<Asked<'_>>,
        answers: &mut Arguments,
    ) -> Option<String> {
        let (of, images) = (of?, self.session.images());
        // A reason may quote what was typed.
        if param.kind == ParamKind::Secret {
            return None;
        }
        let given = BTreeMap::from([(param.name.clone(), raw.clone())]);
        // Asked for, it means something; that is of another parameter.
        let mut alone = param.clone();
        alone.only_for = None;
        let checked = check_arguments(&[alone], given, &images).ok()?;
        answers.0.extend(checked.0);
        images.check_answer(of, &param.name, answers).err()
    }

    /// Shows what was answered and asks whether that is it. Secrets stay hidden.
    pub(super) fn approves(
        &self,
        name: &ImageName,
        params: &[ParamSpec],
        given: &BTreeMap<String, Raw>,
    ) -> Step<bool> {
        let output = &self.session.output;
        let mut text = format!("\n  name: {name}\n");
        let shown = |param: &&ParamSpec| given.contains_key(&param.name) || is_asked(param, params, given);
        for param in params.iter().filter(shown) {
            let value = match (given.get(&param.name), &param.kind) {
                (Some(_), ParamKind::Secret) => "(hidden)".to_owned(),
                (Some(Raw::Text(text)), _) => text.clone(),
                (Some(Raw::List(list)), _) => list.join(" "),
                (None, _) => default_of(param).unwrap_or_else(|| "-".to_owned()),
            };
            text.push_str(&format!("  {}: {}\n", param.flag, plain(&value)));
        }
        output.data(&text);
        Ok(output.ask_yes_no("Create this image?")?)
    }

    fn ask_parameter(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        match &param.kind {
            ParamKind::Secret => self.ask_secret(param),
            ParamKind::Choice { choices } => {
                self.choose_value(param, choices.iter().map(|choice| choice.to_ascii_lowercase()).collect())
            }
            ParamKind::Kernel { from_image } => {
                let mut versions = self.usable_kernels()?;
                if *from_image {
                    versions.push(FROM_IMAGE.to_owned());
                }
                if versions.is_empty() && must_be_given(param) {
                    return Err(no_kernel().into());
                }
                self.choose_value(param, versions)
            }
            ParamKind::KernelAlone { from_image } => {
                let mut versions: Vec<String> =
                    self.session.kernels().list()?.into_iter().map(|kernel| kernel.version).collect();
                if *from_image {
                    versions.push(FROM_IMAGE.to_owned());
                }
                if versions.is_empty() && must_be_given(param) {
                    return Err(no_kernel().into());
                }
                self.choose_value(param, versions)
            }
            ParamKind::Image { class } => {
                let names = self.images_of(class)?;
                if names.is_empty() && must_be_given(param) {
                    let which = if class.is_empty() { String::new() } else { format!(" of class {class}") };
                    return Err(Error::new(ErrorKind::NOT_FOUND, format!("there is no image{which}")).into());
                }
                self.choose_value(param, names)
            }
            _ => self.ask_text(param),
        }
    }

    /// One of several values, by number or in full.
    fn choose_value(&self, param: &ParamSpec, values: Vec<String>) -> Step<Option<Raw>> {
        if values.is_empty() {
            return Ok(None);
        }
        let empty = empty_answer(param);
        let output = &self.session.output;
        let chosen = Page::new(&param.help, &values).choose_or(output, "Your choice", empty.as_deref())?;
        let Some(index) = chosen else { return Ok(None) };
        let value = values[index].clone();
        Ok(Some(if param.repeated { Raw::List(vec![value]) } else { Raw::Text(value) }))
    }

    /// A line, or several words in one; asked again until every value passes the check of its kind.
    fn ask_text(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        let many = param.repeated || param.kind == ParamKind::Command;
        let mut question = param.help.clone();
        question.push_str(match &param.kind {
            ParamKind::Flag => " (yes/no)",
            ParamKind::Command => " (words separated by blanks)",
            _ if many => " (several separated by blanks)",
            _ => "",
        });
        let empty = empty_answer(param);
        if let Some(meaning) = &empty {
            question.push_str(&format!(" [{meaning}]"));
        }
        loop {
            let answer = self.session.output.ask_line(&format!("{question}: "))?;
            let texts: Vec<&str> = match &param.kind {
                _ if many => answer.split_whitespace().collect(),
                // Blanks at the ends of a text may be meant.
                ParamKind::Text => vec![answer.as_str()],
                _ => vec![answer.trim()],
            };
            if answer.trim().is_empty() {
                if empty.is_some() {
                    return Ok(None);
                }
                self.session.output.data("An answer is needed.\n");
                continue;
            }
            let images = self.session.images();
            match texts.iter().find_map(|text| parse_value(param, text, &images).err()) {
                Some(reason) => self.session.output.data(&format!("{}\n", plain(&reason))),
                None if many => return Ok(Some(Raw::List(texts.into_iter().map(Into::into).collect()))),
                None => return Ok(Some(Raw::Text(texts[0].to_owned()))),
            }
        }
    }

    /// Something that is not shown, twice.
    fn ask_secret(&self, param: &ParamSpec) -> Step<Option<Raw>> {
        let output = &self.session.output;
        let optional = !must_be_given(param);
        let hint = if optional { " (not shown) [none]" } else { " (not shown)" };
        loop {
            let first = output.ask_secret(&format!("{}{hint}: ", param.help))?;
            if first.is_empty() {
                if optional {
                    return Ok(None);
                }
                output.data("An answer is needed.\n");
                continue;
            }
            if let Err(reason) = parse_value(param, &first, &self.session.images()) {
                // The reason may quote what was typed.
                let reason = if reason.contains(&first) { "it cannot be used".to_owned() } else { reason };
                output.data(&format!("{}\n", plain(&reason)));
                continue;
            }
            if output.ask_secret("Once more: ")? == first {
                return Ok(Some(Raw::Text(first)));
            }
            output.data("The two are not the same.\n");
        }
    }
}

/// Whether somebody who gave these answers is asked for a parameter.
fn is_asked(param: &ParamSpec, params: &[ParamSpec], given: &BTreeMap<String, Raw>) -> bool {
    (param.asked || must_be_given(param)) && Chosen::of(params, given).allows(param)
}

fn must_be_given(param: &ParamSpec) -> bool {
    param.required && param.default.is_none()
}

/// What an empty answer means; nothing when there must be one.
fn empty_answer(param: &ParamSpec) -> Option<String> {
    if must_be_given(param) {
        return None;
    }
    Some(default_of(param).unwrap_or_else(|| "none".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        menu::tests::session,
        output::{Answers, testing},
    };
    use serde_json::json;

    /// The answers to the questions of these parameters, and what was shown.
    fn asked(params: &[ParamSpec], typed: &str) -> (Step<BTreeMap<String, Raw>>, String) {
        let root = tempfile::tempdir().unwrap();
        let console = testing::console(typed);
        console.output.answers_from(Answers::Anyone);
        let menu = Menu { session: session(&root, &console) };
        (menu.ask_parameters(params), console.stdout())
    }

    fn text(text: &str) -> Raw {
        Raw::Text(text.to_owned())
    }

    #[test]
    fn every_kind_is_asked_for_and_wrong_answers_are_asked_again_with_the_reason() {
        let choices = ["STANDARD", "CORE"].map(str::to_owned).to_vec();
        let params = [
            ParamSpec::flag("message", ParamKind::Text, "A message").required(),
            ParamSpec::flag("size", ParamKind::Size { min: 100, max: 900, auto: true }, "The size")
                .default("auto"),
            ParamSpec::flag("count", ParamKind::Integer { min: 1, max: 3 }, "How many").default(2),
            ParamSpec::flag("selinux", ParamKind::Flag, "Use SELinux"),
            ParamSpec::flag("kind", ParamKind::Choice { choices }, "The package set").default("CORE"),
            ParamSpec::flag("packages", ParamKind::Package, "More packages"),
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: true }, "The kernel").required(),
            ParamSpec::flag("rare", ParamKind::Text, "Never asked for").not_asked(),
            ParamSpec::trailing("command", "A command"),
        ];
        let typed = "\n a: b \n5\n700M\nmany\n3\nperhaps\nyes\n3\n1\nvim;id\nvim git\n1\n\nls -l\n";
        let (given, shown) = asked(&params, typed);
        let given = given.unwrap();
        assert_eq!(given["message"], text(" a: b "));
        assert_eq!(given["size"], text("700M"));
        assert_eq!(given["count"], text("3"));
        assert_eq!(given["selinux"], text("yes"));
        assert_eq!(given["kind"], text("standard"));
        assert_eq!(given["packages"], Raw::List(vec!["vim".into(), "git".into()]));
        assert_eq!(given["kernel"], text("from-image"));
        assert_eq!(given["command"], Raw::List(vec!["ls".into(), "-l".into()]));
        assert!(!given.contains_key("rare"));
        insta::assert_snapshot!(shown.replace(": ", ":\n"));
    }

    #[test]
    fn an_empty_answer_leaves_it_to_the_default() {
        let params = [
            ParamSpec::flag("message", ParamKind::Text, "A message").default("Hello"),
            ParamSpec::flag("docs", ParamKind::Flag, "Keep documentation").default(true),
            ParamSpec::flag("packages", ParamKind::Package, "More packages").default(json!(["vim"])),
            ParamSpec::flag("password", ParamKind::Secret, "The password"),
        ];
        let (given, shown) = asked(&params, "\n\n\n\n");
        assert_eq!(given.unwrap(), BTreeMap::new());
        for default in ["[Hello]", "[yes]", "[vim]", "[none]"] {
            assert!(shown.contains(default), "{default}: {shown}");
        }
    }

    #[test]
    fn a_secret_is_asked_for_twice_and_never_shown() {
        let params = [ParamSpec::flag("password", ParamKind::Secret, "The password").required()];
        let (given, shown) = asked(&params, "\ns3cret\ns3cert\ns3cret\ns3cret\n");
        assert_eq!(given.unwrap()["password"], text("s3cret"));
        assert!(shown.contains("not the same") && shown.contains("An answer is needed"), "{shown}");
        assert!(!shown.contains("s3c"), "{shown}");
    }

    #[test]
    fn what_cannot_be_chosen_is_told() {
        let kernel =
            ParamSpec::flag("kernel", ParamKind::Kernel { from_image: false }, "The kernel").required();
        let (given, _) = asked(&[kernel], "");
        let Err(crate::menu::stop::Stop::Failed(error)) = given else { panic!("{given:?}") };
        assert!(error.message.contains("no kernel with an initramfs"), "{error}");
    }
}
