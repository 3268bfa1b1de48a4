//! What a proof needs of this server, looked for before anything starts.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::ProveError;
use super::firmware::Firmware;
use disklessset_core::needs::{self, Tool};

/// The kernel's door to networks that programs carry.
const TUN: &str = "/dev/net/tun";

/// What was found.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    pub(super) qemu: Utf8PathBuf,
    pub(super) firmware: FirmwareTools,
}

/// What a machine's firmware is made of.
#[derive(Debug, Clone)]
pub(super) enum FirmwareTools {
    /// QEMU finds iPXE for its network card itself.
    Bios,
    Uefi(UefiTools),
}

/// UEFI, and what it meets in the network.
#[derive(Debug, Clone)]
pub(super) struct UefiTools {
    /// The firmware itself, which machines read.
    pub(super) code: Utf8PathBuf,
    /// Its settings as they are when it is new.
    pub(super) settings: Utf8PathBuf,
    /// iPXE, as a program of UEFI.
    pub(super) ipxe: Utf8PathBuf,
    /// QEMU's own network cannot say that it is one to boot from over HTTP.
    pub(super) dnsmasq: Utf8PathBuf,
}

impl Tools {
    /// Looks for all that machines with this firmware need.
    ///
    /// # Errors
    /// The first that is missing, with the package that has it.
    pub(super) fn find(firmware: Firmware) -> Result<Self, ProveError> {
        let qemu = found(&needs::QEMU)?;
        let firmware = match firmware {
            Firmware::Bios => found(&needs::IPXE).map(|_| FirmwareTools::Bios)?,
            Firmware::Uefi => FirmwareTools::Uefi(UefiTools::find()?),
        };
        Ok(Self { qemu, firmware })
    }
}

impl UefiTools {
    fn find() -> Result<Self, ProveError> {
        let code = found(&needs::OVMF)?;
        let settings = settings_of(&code).filter(|settings| settings.is_file());
        let settings = settings.ok_or_else(|| missing(&needs::OVMF))?;
        let (ipxe, dnsmasq) = (found(&needs::IPXE_EFI)?, found(&needs::DNSMASQ)?);
        match Utf8Path::new(TUN).exists() {
            true => Ok(Self { code, settings, ipxe, dnsmasq }),
            false => Err(ProveError::NoTun { device: TUN }),
        }
    }
}

/// The settings that belong to a firmware: of its size, and without keys that would refuse an iPXE nobody has signed.
fn settings_of(code: &Utf8Path) -> Option<Utf8PathBuf> {
    let name = match code.file_name()? {
        "OVMF_CODE_4M.fd" => "OVMF_VARS_4M.fd",
        _ => "OVMF_VARS.fd",
    };
    Some(code.with_file_name(name))
}

fn found(tool: &'static Tool) -> Result<Utf8PathBuf, ProveError> {
    needs::found(tool).ok_or_else(|| missing(tool))
}

/// That a tool is missing, and the package that has it here.
pub(super) fn missing(tool: &'static Tool) -> ProveError {
    ProveError::MissingTool { tool: tool.name, package: package(tool) }
}

/// The package of a tool on this server.
pub(super) fn package(tool: &'static Tool) -> &'static str {
    let here = needs::of_this_server().and_then(|family| tool.package(family));
    here.or(tool.debian).unwrap_or(tool.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_have_the_size_of_their_firmware() {
        let of = |code: &str| settings_of(code.into()).unwrap();
        assert_eq!(of("/usr/share/OVMF/OVMF_CODE_4M.fd"), "/usr/share/OVMF/OVMF_VARS_4M.fd");
        assert_eq!(of("/usr/share/edk2/ovmf/OVMF_CODE.fd"), "/usr/share/edk2/ovmf/OVMF_VARS.fd");
    }

    #[test]
    fn what_is_missing_names_its_package() {
        let text = missing(&needs::OVMF).to_string();
        assert!(text.contains("OVMF") && text.contains(package(&needs::OVMF)), "{text}");
        assert!(!text.contains('\n'));
    }
}
