//! The capabilities of a program as text, from the bytes that the kernel keeps with the file.

use std::fmt::Write;

/// Names by their numbers, as `linux/capability.h` has them.
const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
/// The bit that makes permitted capabilities effective.
const EFFECTIVE: u32 = 1;

/// As `getcap` prints them; bytes of another form in hexadecimal.
pub(super) fn text(value: &[u8]) -> String {
    let words: Vec<u32> =
        value.chunks_exact(4).filter_map(|word| Some(u32::from_le_bytes(word.try_into().ok()?))).collect();
    // Revision 2 has two pairs, revision 3 the owner of the user namespace behind them.
    let (head, permitted, inheritable, owner) = match (words.as_slice(), value.len()) {
        ([head, p0, i0, p1, i1], 20) => (*head, pair(*p0, *p1), pair(*i0, *i1), None),
        ([head, p0, i0, p1, i1, owner], 24) => (*head, pair(*p0, *p1), pair(*i0, *i1), Some(*owner)),
        _ => {
            return value.iter().fold(String::from("0x"), |mut text, byte| {
                // Writing to a string does not fail.
                let _ = write!(text, "{byte:02x}");
                text
            });
        }
    };
    let effective = if head & EFFECTIVE != 0 { "e" } else { "" };
    let sets = [
        (permitted & inheritable, format!("{effective}ip")),
        (permitted & !inheritable, format!("{effective}p")),
        (inheritable & !permitted, format!("{effective}i")),
    ];
    let sets = sets.iter().filter(|(bits, _)| *bits != 0);
    let mut text = sets.map(|(bits, how)| format!("{}={how}", names(*bits))).collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        text.push('=');
    }
    if let Some(owner) = owner.filter(|owner| *owner != 0) {
        let _ = write!(text, " [rootid={owner}]");
    }
    text
}

fn pair(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn names(bits: u64) -> String {
    let set = (0..64_usize).filter(|number| bits >> number & 1 == 1);
    let names = set.map(|number| match NAMES.get(number) {
        Some(name) => format!("cap_{name}"),
        None => number.to_string(),
    });
    names.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(words: &[u32]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn capabilities_are_named_as_getcap_names_them() {
        assert_eq!(text(&value(&[0x0200_0001, 1 << 13, 0, 0, 0])), "cap_net_raw=ep");
        assert_eq!(text(&value(&[0x0200_0000, 1 << 10 | 1 << 13, 0, 1 << 7, 0])), {
            "cap_net_bind_service,cap_net_raw,cap_bpf=p"
        });
        assert_eq!(
            text(&value(&[0x0300_0001, 1, 3, 0, 0, 1000])),
            "cap_chown=eip cap_dac_override=ei [rootid=1000]"
        );
        assert_eq!(text(&value(&[0x0200_0000, 0, 0, 0, 0])), "=");
        assert_eq!(text(b"odd"), "0x6f6464");
    }
}
