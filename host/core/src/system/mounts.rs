//! Makes and undoes mounts that users can see (what a build alone needs is mounted by [`crate::system::command`], in private), and tells
//! what is mounted.

pub use disklessset_system::{
    loop_device::loop_devices_of,
    mount_table::{Mount, Table, mount_at, mounts, mounts_at, mounts_below},
    mounts::*,
};
