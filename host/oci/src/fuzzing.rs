//! Parsers that are nobody else's business, for tests that make inputs up.

use crate::registry::hostile;

/// How many ways in a header `WWW-Authenticate` offers.
pub fn challenges(header: &str) -> usize {
    hostile::challenges(header)
}

/// The address that a server sends us to.
///
/// # Errors
/// The message of the error.
pub fn redirect(to: &str) -> Result<String, String> {
    hostile::redirect(to)
}
