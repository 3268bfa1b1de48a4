//! Archives as kernels unpack them, made for tests.

/// An uncompressed archive of these files (the format is cpio's "newc").
pub(super) fn cpio(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, text) in files.iter().chain(&[("TRAILER!!!", &b""[..])]) {
        out.extend(b"070701");
        for field in 0..13 {
            let value = match field {
                6 => text.len(),
                11 => name.len() + 1,
                _ => 0,
            };
            out.extend(format!("{value:08x}").bytes());
        }
        out.extend(name.bytes().chain([0]));
        out.resize(out.len().next_multiple_of(4), 0);
        out.extend(*text);
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
