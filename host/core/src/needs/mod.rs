//! What actions need of the server, and whether it is there.
//!
//! `table` is the one list of it; `disklessset doctor` shows it, `cargo xtask setup` installs by it.

mod first;
mod look;
mod table;

pub use first::known;
pub(crate) use first::{must_have, refusal};
pub use look::{Finding, found, of_this_server};
pub use table::{ACTIONS, Action, DNSMASQ, Family, GANESHA, GANESHA_VFS, IPXE, IPXE_EFI, OVMF, QEMU, Tool};
