//! Nodes and pools: who boots what.

use super::{Menu, stop::Step};
use crate::{
    cli::commands::{boot::ShowBoot, node, pool},
    nodes::{ListedPool, PoolEdit, PoolName},
};
use disklessset_plugin_api::{Error, ErrorKind};
use std::{fmt::Display, str::FromStr};

/// What can be done with nodes and pools, in the order of the page.
const ACTIONS: [&str; 7] = [
    "List nodes",
    "List pools",
    "Show what a node boots",
    "Make a pool",
    "Set the image of a pool",
    "Put nodes into a pool",
    "Remove a pool",
];

impl Menu {
    /// Shows what can be done, and does it.
    pub(super) fn nodes(&self) -> Step<()> {
        self.session.output.data("\n");
        let actions = ACTIONS.map(str::to_owned);
        match self.choose_or_back("Nodes and pools", &actions, "Your choice")? {
            0 => self.do_it(&node::ListNodes { nodes: None }),
            1 => self.do_it(&pool::ListPools),
            2 => {
                let node = self.ask_parsed("Node: ")?;
                self.do_it(&ShowBoot { node })
            }
            3 => {
                let name = self.ask_parsed("Name of the new pool: ")?;
                self.set_pool(name, self.image_of_pool()?)
            }
            4 => {
                let name = self.choose_pool()?;
                self.set_pool(name, self.image_of_pool()?)
            }
            5 => {
                let name = self.choose_pool()?;
                let nodes = Some(self.ask_parsed("Nodes, such as c[001-100]: ")?);
                self.set_pool(name, PoolEdit { nodes, ..PoolEdit::default() })
            }
            _ => {
                let name = self.choose_pool()?;
                self.do_it(&pool::RemovePool { name })
            }
        }
    }

    fn set_pool(&self, name: PoolName, edit: PoolEdit) -> Step<()> {
        self.do_it(&pool::SetPool { name, edit })
    }

    fn image_of_pool(&self) -> Step<PoolEdit> {
        let image = self.ask_parsed("Image, or a version as NAME@N or NAME@TAG: ")?;
        Ok(PoolEdit { image: Some(Some(image)), ..PoolEdit::default() })
    }

    fn choose_pool(&self) -> Step<PoolName> {
        let pools: Vec<ListedPool> = self.session.nodes().pools()?;
        if pools.is_empty() {
            return Err(Error::new(ErrorKind::NOT_FOUND, "there are no pools").into());
        }
        let names: Vec<String> = pools.iter().map(|pool| pool.name.to_string()).collect();
        let chosen = self.choose_or_back("Pools", &names, "Which one")?;
        Ok(pools[chosen].name.clone())
    }

    /// Asks until the answer is what is wanted.
    fn ask_parsed<T: FromStr<Err: Display>>(&self, question: &str) -> Step<T> {
        loop {
            match self.session.output.ask_line(question)?.trim().parse() {
                Ok(value) => return Ok(value),
                Err(reason) => self.session.output.data(&format!("{reason}\n")),
            }
        }
    }
}
