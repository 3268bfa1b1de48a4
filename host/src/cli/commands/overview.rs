//! An action of a module that is about no single image.

use crate::cli::request::{Effect, Request, Session};
use disklessset_plugin_api::{Raw, Result};
use std::collections::BTreeMap;

/// Such an action with everything that was given for it.
pub(crate) struct Overview {
    /// A class that has it; which one makes no difference.
    pub(crate) class: String,
    pub(crate) words: String,
    pub(crate) given: BTreeMap<String, Raw>,
}

impl Request for Overview {
    fn effect(&self) -> Effect {
        Effect::Reads
    }

    fn plan(&self, session: &Session) -> Result<Vec<String>> {
        session.images().action(&self.class, &self.words).map(|_| Vec::new())
    }

    fn run(&self, session: &Session, _cleaned: &[String]) -> Result<()> {
        let value = session.images().run_overview(&self.class, &self.words, self.given.clone())?;
        session.output.end_progress();
        session.output.result(&value);
        Ok(())
    }
}
