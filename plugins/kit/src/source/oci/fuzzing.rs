//! Reading layers without a layout around them, for `tests/fuzz`.

use super::{
    members::Members,
    name::{self, NameEffect},
};
use crate::source::compression::unpacked;
use std::io::{BufReader, Read};

/// What was read of one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// The parts of its path below the tree; of a removal, its last part is what is removed.
    pub parts: Vec<Vec<u8>>,
    /// Whether it is put into the tree.
    pub is_put: bool,
    /// Bytes of data it has, as its headers say.
    pub stored: u64,
    /// Bytes of data that were there.
    pub read: u64,
    /// Length of the file and the places of its data, when it has holes.
    pub sparse: Option<(u64, Vec<(u64, u64)>)>,
}

/// Reads a layer as a survey does, but no more than `most` bytes of what it unpacks to.
///
/// # Errors
/// The line for the user.
pub fn layer(bytes: &[u8], most: u64, mut visit: impl FnMut(Seen)) -> Result<(), String> {
    let input = unpacked(bytes).map_err(|cause| cause.to_string())?.take(most);
    let mut members = Members::new(BufReader::new(input));
    while let Some(member) = members.next().map_err(|fault| fault.to_string())? {
        let parts = name::parts(&member.path).map_err(|fault| fault.to_string())?;
        let effect_of = name::effect_of(&member.path, &parts).map_err(|fault| fault.to_string())?;
        let mut owned: Vec<Vec<u8>> = parts.iter().map(|part| part.to_vec()).collect();
        if let (NameEffect::Remove(name), Some(last)) = (effect_of, owned.last_mut()) {
            *last = name.to_vec();
        }
        let read = std::io::copy(&mut members, &mut std::io::sink()).map_err(|cause| cause.to_string())?;
        visit(Seen {
            parts: owned,
            is_put: effect_of == NameEffect::Put,
            stored: member.stored,
            read,
            sparse: member.sparse.map(|sparse| (sparse.real_size, sparse.pieces)),
        });
    }
    Ok(())
}
