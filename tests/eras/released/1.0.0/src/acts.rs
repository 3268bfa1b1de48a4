//! What classes do by their tables of actions: between the words that cross the ABI and the functions of
//! authors.

use crate::{
    Action, ActionCheck, Arguments, DerivedImageClass, Host, Image, ImageClass, Refusal,
    adapter::{Derived, Own},
    error::{Error, Result},
};
use serde_json::Value;

/// What a class does by its table of actions ([`Action`]), or has its base do.
pub(crate) trait Acts {
    fn create(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()>;
    fn act(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value>;
    fn overview(&self, words: &str, args: &Arguments, host: &Host<'_>) -> Result<Value>;
    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>>;
}

impl<C: ImageClass> Acts for Own<C> {
    fn create(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        let creation = Action::creation(self.0.actions());
        let creation =
            creation.ok_or_else(|| Error::usage("this class is a base for others: it creates no images"))?;
        creation.run(&self.0, Some(image), args, host).map(drop)
    }

    fn act(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let action = Action::of_words(self.0.actions(), words).ok_or_else(|| no_action(words))?;
        action.run(&self.0, Some(image), args, host)
    }

    fn overview(&self, words: &str, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        let action = Action::of_words(self.0.actions(), words).ok_or_else(|| no_action(words))?;
        action.run(&self.0, None, args, host)
    }

    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        let refusals = self.0.check(action, image, host)?;
        check_by_table(self.0.actions(), &self.0, refusals, action, image, host)
    }
}

impl<C: DerivedImageClass> Acts for Derived<C> {
    fn create(&self, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<()> {
        match Action::creation(self.0.actions()) {
            Some(creation) => creation.run(&self.0, Some(image), args, host).map(drop),
            None => self.0.create_new_image(image, args, host),
        }
    }

    fn act(&self, words: &str, image: &mut Image, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        match Action::of_words(self.0.actions(), words) {
            Some(own) => own.run(&self.0, Some(image), args, host),
            None => self.0.action(words, image, args, host),
        }
    }

    fn overview(&self, words: &str, args: &Arguments, host: &Host<'_>) -> Result<Value> {
        match Action::of_words(self.0.actions(), words) {
            Some(own) => own.run(&self.0, None, args, host),
            None => self.0.overview(words, args, host),
        }
    }

    fn check(&self, action: &ActionCheck<'_>, image: &Image, host: &Host<'_>) -> Result<Vec<Refusal>> {
        let refusals = self.0.check(action, image, host)?;
        check_by_table(self.0.actions(), &self.0, refusals, action, image, host)
    }
}

fn no_action(words: &str) -> Error {
    Error::usage(format!("this class has no action {words}"))
}

/// Has the action itself look, once all is there and nothing speaks against an argument.
fn check_by_table<C>(
    table: Vec<Action<C>>,
    class: &C,
    refusals: Vec<Refusal>,
    action: &ActionCheck<'_>,
    image: &Image,
    host: &Host<'_>,
) -> Result<Vec<Refusal>> {
    let own = Action::of_words(table, action.words).filter(|_| action.complete && refusals.is_empty());
    own.map_or(Ok(()), |own| own.check(class, image, action.arguments, host)).map(|()| refusals)
}
