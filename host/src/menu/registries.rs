//! Registries: a version goes there or comes from there, and this server becomes a mirror. Logins are never asked for here.

use super::{Menu, stop::Step};
use crate::{
    cli::commands::{
        mirror::{Mirror, PoolsOf},
        parse_image_name,
        pull::PullVersion,
        push::{PushNodes, PushVersion},
    },
    registry::Tree,
    versions::VersionReference,
};
use disklessset_oci::names::RegistryReference;
use disklessset_plugin_api::ImageName;
use std::{fmt::Display, str::FromStr};

/// What can be done, in the order of the page.
const ACTIONS: [&str; 4] = [
    "Push a version of an image to a registry",
    "Pull a version of an image from a registry",
    "Push the nodes and pools to a registry",
    "Mirror repositories of a registry on this server",
];
/// Said where an address is asked for: what somebody types is shown, and is no place for passwords.
const LOGINS: &str = "Logins are those of podman login, skopeo login and docker login.\n";

impl Menu {
    /// Shows what can be done with registries, and does one of it.
    pub(super) fn registries(&self) -> Step<()> {
        let output = &self.session.output;
        output.data("\n");
        let action = self.choose_or_back("Registries", &ACTIONS.map(str::to_owned), "Your choice")?;
        output.data("\n");
        match action {
            0 => self.push(),
            1 => self.pull(),
            2 => self.push_pools(),
            _ => self.mirror(),
        }
    }

    fn push(&self) -> Step<()> {
        let name = self.choose_image("Images", "There are no images", |_| true)?;
        let Some(version) = self.choose_version(&name)? else { return Ok(()) };
        let tree = match self.session.images().check_give_with_tree(&version) {
            Ok(outgoing) if !outgoing.has_tree => {
                let question =
                    "Its OS tree is no part of its versions. Send the tree, with its password hashes, too?";
                match self.session.output.ask_yes_no(question)? {
                    true => Tree::AsItIs,
                    false => Tree::Never,
                }
            }
            // What is wrong with it is told when it is pushed.
            _ => Tree::Never,
        };
        self.session.output.data(LOGINS);
        let to = self.ask_until("REGISTRY/REPOSITORY[:TAG]", parsed::<RegistryReference>)?;
        self.do_it(&PushVersion { version, to, tree, connection: Default::default() })
    }

    fn pull(&self) -> Step<()> {
        self.session.output.data(LOGINS);
        let from = self.ask_until("REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@DIGEST", |text| {
            let from: RegistryReference = parsed(text)?;
            match from.target {
                Some(_) => Ok(from),
                None => Err(format!("{from} names no version: it takes a tag or a digest")),
            }
        })?;
        let question = "Name of the image [as it is called where it was made]";
        let name = self.ask_until(question, |text| match text {
            "" => Ok(None),
            text => parse_image_name(text).map(Some).map_err(|error| error.to_string()),
        })?;
        self.do_it(&PullVersion::to_be_current(from, name))
    }

    fn push_pools(&self) -> Step<()> {
        self.session.output.data(LOGINS);
        let to = self.ask_until("REGISTRY/REPOSITORY[:TAG]", parsed::<RegistryReference>)?;
        self.do_it(&PushNodes { to, connection: Default::default() })
    }

    fn mirror(&self) -> Step<()> {
        self.session.output.data(LOGINS);
        let known = "REGISTRY/REPOSITORY, several with spaces between [those of the configuration or of the last run]";
        let repositories = self.ask_until(known, |text| {
            text.split_whitespace().map(parsed::<RegistryReference>).collect::<Result<Vec<_>, _>>()
        })?;
        let of = "Nodes and pools, REGISTRY/REPOSITORY[:TAG] [those of the configuration or of the last run, if any]";
        let pools = self.ask_until(of, |text| match text {
            "" => Ok(PoolsOf::AsBefore),
            text => parsed(text).map(PoolsOf::There),
        })?;
        self.do_it(&Mirror { repositories, pools, connection: Default::default(), end: false })
    }

    /// One of the versions of an image; nothing where it has none.
    pub(super) fn choose_version(&self, name: &ImageName) -> Step<Option<VersionReference>> {
        let versions = self.session.images().versions(name)?;
        if versions.is_empty() {
            self.session.output.data(&format!("Image {name} has no versions yet.\n"));
            return Ok(None);
        }
        let names: Vec<String> =
            versions.iter().map(|version| format!("{}@{}", version.image, version.number)).collect();
        let chosen = self.choose_or_back("Versions", &names, "Which one")?;
        Ok(Some(names[chosen].parse()?))
    }

    /// Asks until the answer is one; the reason why it is none is told.
    fn ask_until<T>(&self, question: &str, read: impl Fn(&str) -> Result<T, String>) -> Step<T> {
        loop {
            let answer = self.session.output.ask_line(&format!("{question}: "))?;
            match read(answer.trim()) {
                Ok(value) => return Ok(value),
                Err(reason) => self.session.output.data(&format!("{reason}\n")),
            }
        }
    }
}

fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|reason: T::Err| reason.to_string())
}

#[cfg(test)]
mod tests {
    use super::super::{Menu, tests::session};
    use crate::output::{Answers, testing};

    /// What the page shows when this is typed; nothing of it succeeds.
    fn shown(typed: &str) -> String {
        let root = tempfile::tempdir().unwrap();
        let console = testing::console(typed);
        console.output.answers_from(Answers::Anyone);
        assert!(Menu { session: session(&root, &console) }.registries().is_err());
        console.stdout()
    }

    #[test]
    fn an_address_is_asked_for_until_it_is_one_and_a_login_never_is() {
        // Nobody listens there.
        let shown = shown("2\nhttps://h/a:b\nh/a\n127.0.0.1:1/a:b\n../x\n\n");
        for words in
            ["Logins are those of", "without http://", "takes a tag or a digest", "Name of the image"]
        {
            assert!(shown.contains(words), "{words}: {shown}");
        }
        assert_eq!(shown.matches("REGISTRY/REPOSITORY:TAG").count(), 3, "{shown}");
        assert!(!shown.to_lowercase().contains("password"), "{shown}");
    }

    #[test]
    fn all_that_can_be_done_is_on_the_page() {
        for typed in ["1\n", "3\n127.0.0.1:1\n", "4\n\n\n", "5\n"] {
            let shown = shown(typed);
            for action in super::ACTIONS {
                assert!(shown.contains(action), "{action}: {shown}");
            }
        }
    }
}
