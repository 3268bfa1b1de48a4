//! An initramfs that is only a list of what it can do.

/// Drivers of file systems that a root can have.
const DRIVERS: [&str; 8] = ["btrfs", "erofs", "ext4", "isofs", "nfs", "overlay", "squashfs", "xfs"];

/// An uncompressed archive with dracut's list of its parts and the names of drivers (the format is cpio's "newc"): whoever asks what an
/// initramfs can do gets an answer.
pub(super) fn make(version: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let parts = "base\nnfs\nnetwork\ndmsquash-live\nlivenet\noverlayfs\n";
    let drivers = DRIVERS.map(|driver| format!("usr/lib/modules/{version}/kernel/fs/{driver}/{driver}.ko"));
    let files = std::iter::once(("usr/lib/dracut/modules.txt", parts))
        .chain(drivers.iter().map(|name| (name.as_str(), "")))
        .chain([("TRAILER!!!", "")]);
    for (name, text) in files {
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
        out.extend(text.bytes());
        out.resize(out.len().next_multiple_of(4), 0);
    }
    out
}
