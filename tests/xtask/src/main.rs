//! Tasks of the source tree.
fn main() {}
