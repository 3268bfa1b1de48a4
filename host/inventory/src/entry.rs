//! What an inventory says of a node.

/// What an inventory says of one node. What it does not say is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// Its name.
    pub name: String,
    /// The line where it begins, counted from 1, where that can be told.
    pub line: Option<usize>,
    /// The addresses of its network cards.
    pub macs: Vec<String>,
    /// Its address.
    pub address: Option<String>,
    /// Other names of it.
    pub aliases: Vec<String>,
    /// The pool that it is said to be in.
    pub pool: Option<String>,
    /// The groups, tags or profiles that it has; one of them may be a pool.
    pub groups: Vec<String>,
    /// The image of its own.
    pub image: Option<String>,
    /// More kernel parameters for it.
    pub kernel_parameters: Option<String>,
    /// Variables of its boot file.
    pub variables: Vec<(String, String)>,
}

/// What was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The nodes, in the order of the inventory.
    pub entries: Vec<Entry>,
    /// What was passed over, a line each.
    pub passed_over: Vec<String>,
    /// Whether it says all of the nodes that it names, so that what it does not say is not so.
    pub whole: bool,
}

impl Entry {
    /// A node of which nothing is known yet.
    pub(crate) fn named(name: &str, line: Option<usize>) -> Self {
        Self { name: name.to_owned(), line, ..Self::default() }
    }

    /// All that is said of it, the names of variables included.
    pub(crate) fn texts(&self) -> impl Iterator<Item = &str> {
        let one = [&self.address, &self.pool, &self.image, &self.kernel_parameters];
        let many = [&self.macs, &self.aliases, &self.groups];
        let variables = self.variables.iter().flat_map(|(name, value)| [name.as_str(), value.as_str()]);
        std::iter::once(self.name.as_str())
            .chain(one.into_iter().flatten().map(String::as_str))
            .chain(many.into_iter().flatten().map(String::as_str))
            .chain(variables)
    }
}

impl Found {
    pub(crate) fn pass_over(&mut self, line: usize, what: &str) {
        self.passed_over.push(format!("line {line}: {what}"));
    }
}
