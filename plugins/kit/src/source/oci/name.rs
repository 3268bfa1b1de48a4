//! Names of members: where they belong in the tree, and which of them say what is removed.

use super::unpack_error::UnpackError;

/// What a name asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NameEffect<'n> {
    /// Something is put there.
    Put,
    /// What lower layers have of this name, in the directory that the other parts name, is removed.
    Remove(&'n [u8]),
    /// All that lower layers have in the directory that the other parts name is removed.
    Empty,
    /// It belongs to the tool that made the layer.
    Nothing,
}

/// The parts of a path below the tree; none for the tree itself. Leading slashes mean nothing, as the tree is the root.
pub(super) fn parts(path: &[u8]) -> Result<Vec<&[u8]>, UnpackError> {
    let mut parts = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => return Err(UnpackError::member(path, "leads upwards")),
            _ if part.contains(&0) => return Err(UnpackError::member(path, "has a NUL in its name")),
            _ => parts.push(part),
        }
    }
    Ok(parts)
}

/// Reads the last part of a name. Nothing a layer puts in place can begin with `.wh.`: that is how the format says removals.
pub(super) fn effect_of<'n>(path: &[u8], parts: &[&'n [u8]]) -> Result<NameEffect<'n>, UnpackError> {
    let Some((last, above)) = parts.split_last() else { return Ok(NameEffect::Put) };
    let reserved = |part: &&[u8]| part.starts_with(b".wh..wh.");
    if above.iter().any(reserved) || (reserved(last) && *last != b".wh..wh..opq") {
        return Ok(NameEffect::Nothing);
    }
    if above.iter().any(|part| part.starts_with(b".wh.")) {
        return Err(UnpackError::member(path, "lies below a name that is removed"));
    }
    Ok(match last.strip_prefix(b".wh.") {
        None => NameEffect::Put,
        Some(b".wh..opq") => NameEffect::Empty,
        Some(b"" | b"." | b"..") => return Err(UnpackError::member(path, "removes nothing that has a name")),
        Some(name) => NameEffect::Remove(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(path: &str) -> Result<NameEffect<'_>, UnpackError> {
        effect_of(path.as_bytes(), &parts(path.as_bytes())?)
    }

    #[test]
    fn paths_lie_below_the_tree_or_are_refused() {
        assert_eq!(parts(b"./a//b/./c/").unwrap(), [b"a", b"b", b"c"]);
        assert_eq!(parts(b"/etc/passwd").unwrap(), [&b"etc"[..], b"passwd"]);
        assert!(parts(b"./").unwrap().is_empty() && parts(b"").unwrap().is_empty());
        for bad in [&b".."[..], b"a/../b", b"../a", b"a/..", b"a\0b"] {
            assert!(parts(bad).is_err(), "{}", bad.escape_ascii());
        }
        assert_eq!(parts(b"new\nline/caf\xe9").unwrap().len(), 2);
    }

    #[test]
    fn removals_are_told_from_names() {
        assert_eq!(read("etc/.wh.gone").unwrap(), NameEffect::Remove(b"gone"));
        assert_eq!(read(".wh..hidden").unwrap(), NameEffect::Remove(b".hidden"));
        assert_eq!(read("var/.wh..wh..opq").unwrap(), NameEffect::Empty);
        assert_eq!(read(".wh..wh.aufs").unwrap(), NameEffect::Nothing);
        assert_eq!(read(".wh..wh.plnk/1.2").unwrap(), NameEffect::Nothing);
        assert_eq!(read("etc/a.wh.b").unwrap(), NameEffect::Put);
        for bad in ["etc/.wh.", "etc/.wh..", "etc/.wh...", "etc/.wh.a/b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
