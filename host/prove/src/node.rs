//! The names that nodes of a proof boot under.

use super::error::ProveError;
use disklessset_plugin_api::node_set::NodeName;

/// The longest host name Linux knows.
const LONGEST: usize = 64;

/// The node of a proof that is asked for no other.
pub(super) fn made_up() -> Result<NodeName, ProveError> {
    Ok("prove".parse::<NodeName>()?)
}

/// Refuses a name that a machine would not have whole.
pub(super) fn must_be_host_name(node: &NodeName) -> Result<(), ProveError> {
    if node.as_str().len() > LONGEST {
        return Err(ProveError::LongNodeName { node: node.clone(), most: LONGEST });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_linux_would_cut_are_refused() {
        assert!(must_be_host_name(&made_up().unwrap()).is_ok());
        let of = |label: usize| format!("c1.{}", "x".repeat(label)).parse().unwrap();
        assert!(must_be_host_name(&of(61)).is_ok());
        assert!(must_be_host_name(&of(62)).is_err());
    }
}
