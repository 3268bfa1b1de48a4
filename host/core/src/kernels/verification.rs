//! Whether kernels are as they were published, and what is wrong when they are not.

use super::{
    manager::{KernelManager, modules_of},
    sums, vmlinuz,
};
use crate::{
    failure,
    integrity::{Checked, Digests, Fault, Kind, Signer},
    records::file_names::kernel_signature,
    system::FileError,
};
use camino::Utf8Path;
use disklessset_plugin_api::{Kernel, KernelVersion, Result};
use std::os::unix::fs::MetadataExt;

impl KernelManager<'_> {
    /// Checks kernels without changing them, the named ones or all: the version inside, digests, signatures, and whether nodes
    /// can read them.
    ///
    /// # Errors
    /// When one of the named kernels is not there, or the listing fails.
    pub fn verify(&self, versions: &[KernelVersion]) -> Result<Vec<Checked>> {
        let mut kernels: Vec<Kernel> = versions.iter().cloned().map(Kernel::new).collect();
        kernels.iter().try_for_each(|kernel| self.must_exist(kernel))?;
        if versions.is_empty() {
            let listed = self.list()?;
            kernels = listed.iter().filter_map(|kernel| Kernel::from_file_name(&kernel.vmlinuz)).collect();
        }
        let signer = self.site.signer();
        Ok(kernels.iter().map(|kernel| self.checked(kernel, signer.as_ref())).collect())
    }

    fn checked(&self, kernel: &Kernel, signer: Option<&Signer>) -> Checked {
        self.site.observer.progress("checking kernels", 0, 0);
        // What cannot be checked is not good.
        let faults = self.faults(kernel, signer).unwrap_or_else(|error| vec![error.into()]);
        Checked { name: kernel.version.to_string(), kind: Kind::Kernel, faults }
    }

    fn faults(&self, kernel: &Kernel, signer: Option<&Signer>) -> Result<Vec<Fault>> {
        let version = &kernel.version;
        let directory = self.site.layout.kernels_dir();
        let vmlinuz = directory.join(kernel.vmlinuz());
        let record = format!("disklessset verify --kernel {version} --record");
        let mut faults = Vec::new();
        match vmlinuz::version_of_file(&vmlinuz).map_err(failure::of)? {
            Some(inside) if inside != *version => faults.push(
                Fault::problem(format!("{} is kernel {inside} inside", kernel.vmlinuz()))
                    .mend(self.mend(kernel, &kernel.vmlinuz())),
            ),
            _ => {}
        }
        let files: Vec<String> =
            sums::pair(kernel).into_iter().filter(|name| directory.join(name).is_file()).collect();
        for name in &files {
            faults.extend(readable(&directory.join(name))?);
        }
        match sums::load(&self.site.layout, kernel) {
            Err(error) => faults.push(Fault::from(error).mend(&record)),
            Ok(manifest) => faults.extend(manifest.unwrap_or_default().compare(
                &directory,
                &files,
                &|name| self.mend(kernel, name),
                &record,
            )),
        }
        if files.len() < 2 && !faults.iter().any(|fault| fault.text.contains(&kernel.initramfs())) {
            faults.push(
                Fault::warning("has no initramfs, and is not offered for images")
                    .mend(format!("disklessset kernel initramfs {version}")),
            );
        }
        if let Some(signer) = signer {
            let manifest = sums::manifest_name(kernel);
            for name in files.iter().chain([&manifest]) {
                let file = directory.join(name);
                let signature = directory.join(kernel_signature(name));
                if file.is_file() {
                    faults.extend(signed(signer, &file, &signature)?.map(|fault| fault.mend(&record)));
                }
            }
        }
        Ok(faults)
    }

    /// What puts a file of a kernel right.
    fn mend(&self, kernel: &Kernel, file: &str) -> String {
        let version = &kernel.version;
        let again =
            format!("disklessset kernel add --vmlinuz FILE (FILE being kernel {version} as it was added)");
        match file == kernel.vmlinuz() {
            true => again,
            false if modules_of(&self.site.layout, version).is_some() => {
                format!("disklessset kernel initramfs {version}")
            }
            false => format!(
                "put the modules of the kernel into /lib/modules/{version}, then disklessset kernel initramfs {version}"
            ),
        }
    }

    /// Puts the digests of a kernel's files on record, and signs them where the site signs.
    ///
    /// # Errors
    /// When the kernel is not there, or writing fails.
    pub fn record(&self, version: &KernelVersion, digests: Digests) -> Result<()> {
        let kernel = Kernel::new(version.clone());
        self.must_exist(&kernel)?;
        self.changing("record the digests of a kernel", |operation| {
            self.must_exist(&kernel)?;
            let staging = operation.staging(&self.site.layout.kernels_dir(), "sums")?;
            sums::publish(operation, &kernel, &[], digests, &staging, None)
        })
    }

    /// The kernels of which something is not on record yet, or not signed.
    ///
    /// # Errors
    /// When that cannot be found out.
    pub fn unrecorded(&self) -> Result<Vec<KernelVersion>> {
        let signer = self.site.signer();
        let directory = self.site.layout.kernels_dir();
        let mut found = Vec::new();
        for listed in self.list()? {
            let Some(kernel) = Kernel::from_file_name(&listed.vmlinuz) else { continue };
            let manifest = sums::load(&self.site.layout, &kernel)?.unwrap_or_default();
            let files = sums::pair(&kernel).into_iter().filter(|name| directory.join(name).is_file());
            let mut lacking = false;
            for name in files.chain([sums::manifest_name(&kernel)]) {
                let is_manifest = name == sums::manifest_name(&kernel);
                lacking |= !is_manifest && manifest.get(&name).is_none();
                if let (Some(signer), false) = (&signer, lacking) {
                    let signature = directory.join(kernel_signature(&name));
                    lacking |= signed(signer, &directory.join(&name), &signature)?.is_some();
                }
            }
            if lacking {
                found.push(kernel.version);
            }
        }
        Ok(found)
    }
}

/// What is wrong with the signature of a file.
///
/// # Errors
/// When that cannot be found out.
pub(crate) fn signed(signer: &Signer, file: &Utf8Path, signature: &Utf8Path) -> Result<Option<Fault>> {
    let name = file.file_name().unwrap_or_default();
    if signature.symlink_metadata().is_err() {
        return Ok(Some(Fault::problem(format!("{name} is not signed"))));
    }
    let good = signer.is_signed(file, signature)?;
    let text = format!("the signature of {name} is not one of this file by {}", signer.certificate());
    Ok((!good).then(|| Fault::problem(text)))
}

/// What keeps nodes from fetching a file that is there.
///
/// # Errors
/// When it cannot be looked at.
pub(crate) fn readable(file: &Utf8Path) -> Result<Option<Fault>> {
    let meta = file.metadata().map_err(|cause| failure::of(FileError::of("look at", file)(cause)))?;
    let fault = || {
        let name = file.file_name().unwrap_or_default();
        Fault::problem(format!("a web server may not read {name} (mode {:04o})", meta.mode() & 0o7777))
            .mend(format!("chmod 0644 {file}"))
    };
    Ok((meta.mode() & 0o004 == 0).then(fault))
}
