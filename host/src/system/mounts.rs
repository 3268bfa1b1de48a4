//! STUB
#![allow(missing_docs)]
use camino::{Utf8Path, Utf8PathBuf};
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct MountError;
pub struct M {
    pub target: Utf8PathBuf,
}
pub fn mounts_below(_p: &Utf8Path) -> Result<Vec<M>, MountError> {
    Ok(vec![])
}
pub fn bind(_a: &Utf8Path, _b: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
pub fn mount_overlay(_a: &Utf8Path, _b: &Utf8Path, _c: &Utf8Path, _d: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
pub fn mount_image_ro(_a: &Utf8Path, _b: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
pub fn mount_system(_a: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
pub fn unmount_system(_a: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
pub fn unmount(_a: &Utf8Path) -> Result<(), MountError> {
    Ok(())
}
