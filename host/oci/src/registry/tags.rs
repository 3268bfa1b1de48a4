//! The tags of a repository.

use super::{Registry, RegistryError, ask::bounded, tokens::Access, wire::Asked};
use crate::names::RegistryTag;
use serde::Deserialize;
use std::collections::BTreeSet;
use ureq::http::{Method, header};

/// The largest page of tags that is read.
const MOST_PAGE: u64 = 4 << 20;
/// So many pages are read.
const MOST_PAGES: usize = 1000;

#[derive(Deserialize)]
struct Page {
    tags: Option<Vec<String>>,
}

impl Registry {
    /// All tags of the repository; none when there is no such repository. Names that no tag may have are left out.
    ///
    /// # Errors
    /// A registry that cannot be reached, or lies.
    pub fn tags(&self) -> Result<BTreeSet<RegistryTag>, RegistryError> {
        let mut asked = Asked::new(Method::GET, self.place("tags/list").with_query("n", "1000"));
        let mut tags = BTreeSet::new();
        for _ in 0..MOST_PAGES {
            let (page, next) = match self.with_tries(|| self.page(&asked)) {
                Err(error) if error.is_not_found() && tags.is_empty() => return Ok(tags),
                page => page?,
            };
            let before = tags.len();
            tags.extend(page.iter().filter_map(|tag| tag.parse().ok()));
            match next {
                // A page without anything new would be followed by others like it.
                Some(next) if tags.len() > before => asked.place = self.follow(&asked, &next)?,
                _ => return Ok(tags),
            }
        }
        Err(self.wrong(&asked, "its list of tags has no end"))
    }

    fn page(&self, asked: &Asked) -> Result<(Vec<String>, Option<String>), RegistryError> {
        let answer = self.ask(asked.clone(), Access::Pull, &mut || {})?;
        let answer = self.expect(answer, asked, &[200])?;
        let next = answer.headers().get(header::LINK).and_then(|value| next(value.to_str().ok()?));
        let text = self.wire.on_thread(move || bounded(answer, MOST_PAGE + 1), &mut || {})?;
        let text = text.map_err(|cause| RegistryError::broke_off(self.host(), &cause))?;
        let page: Page =
            serde_json::from_slice(&text).map_err(|_| self.wrong(asked, "it is no list of tags"))?;
        Ok((page.tags.unwrap_or_default(), next))
    }
}

/// `</v2/…>; rel="next"`
fn next(link: &str) -> Option<String> {
    let (address, rest) = link.trim().strip_prefix('<')?.split_once('>')?;
    (rest.contains("rel=\"next\"") || rest.contains("rel=next")).then(|| address.to_owned())
}
