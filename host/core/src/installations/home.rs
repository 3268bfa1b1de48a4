//! Where paths on record lie now: a root may be moved, reached by a link or mounted elsewhere after they were written.

use crate::system::layout::Layout;
use camino::{Utf8Path, Utf8PathBuf};

/// The root that a journal lies in, and our places below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    root: Utf8PathBuf,
    /// The directories that we delete in, below the root.
    places: Vec<Utf8PathBuf>,
}

impl Default for Home {
    fn default() -> Self {
        Self { root: "/".into(), places: Vec::new() }
    }
}

impl Home {
    /// The root of a site.
    pub(crate) fn of(layout: &Layout) -> Self {
        let inside = |place: &Utf8PathBuf| place.strip_prefix(layout.root()).ok().map(Utf8Path::to_owned);
        Self {
            root: layout.root().to_owned(),
            places: layout.owned_roots().iter().filter_map(inside).collect(),
        }
    }

    /// The root as lines have it; the server's own needs no word.
    pub(super) fn word(&self) -> Option<Utf8PathBuf> {
        (self.root != "/").then(|| self.root.clone())
    }

    /// The path here of one that was written when the root was `then`; of lines that do not say, which older versions wrote, what
    /// follows one of our places tells.
    pub(super) fn here(&self, then: Option<&Utf8Path>, path: Utf8PathBuf) -> Utf8PathBuf {
        let moved = match then {
            Some(then) if then == self.root => None,
            Some(then) => path.strip_prefix(then).ok().map(|rest| self.root.join(rest)),
            None => self.guess(&path),
        };
        moved.unwrap_or(path)
    }

    fn guess(&self, path: &Utf8Path) -> Option<Utf8PathBuf> {
        if self.places.iter().any(|place| path.starts_with(self.root.join(place))) {
            return None;
        }
        path.ancestors().find_map(|above| {
            let place = self.places.iter().find(|place| above.ends_with(place))?;
            Some(self.root.join(place).join(path.strip_prefix(above).ok()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_their_root() {
        let home = Home::of(&Layout::builder().root("/data/srv").build().unwrap());
        let here = |then: Option<&str>, path: &str| home.here(then.map(Utf8Path::new), path.into());
        let tree = "/data/srv/diskless/images/nfsimages/golden/g/nodes/n1";
        assert_eq!(here(Some("/data/srv"), tree), tree);
        assert_eq!(here(Some("/srv"), "/srv/diskless/images/nfsimages/golden/g/nodes/n1"), tree);
        assert_eq!(here(Some("/srv"), "/mnt/of/others"), "/mnt/of/others");
        // As older versions wrote them.
        assert_eq!(here(None, tree), tree);
        assert_eq!(here(None, "/old/place/diskless/images/nfsimages/golden/g/nodes/n1"), tree);
        assert_eq!(here(None, "/diskless/images/nfsimages/golden/g/nodes/n1"), tree);
        assert_eq!(here(None, "/mnt/of/others"), "/mnt/of/others");
        let own = Home::of(&Layout::builder().build().unwrap());
        assert_eq!(own.word(), None);
        assert_eq!(
            own.here(Some("/data/srv".into()), tree.into()),
            "/diskless/images/nfsimages/golden/g/nodes/n1"
        );
    }
}
