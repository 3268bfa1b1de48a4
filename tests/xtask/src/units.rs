//! What a package manager starts and enables beside the packages that were asked for: nothing of it is wanted.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use camino::{Utf8Path, Utf8PathBuf};

use crate::command::{Output, Tool};
use crate::failure::{self, Failure};
use crate::say;

/// Asked by the scripts of Debian's packages whether they may start a service.
const POLICY: &str = "/usr/sbin/policy-rc.d";
/// "Not allowed", whatever is asked.
const NEVER: &str =
    "#!/bin/sh\n# Put here by cargo xtask setup while it installs packages: nothing is started.\nexit 101\n";
/// Where units are enabled, and services of those who have no systemd.
const SYSTEMD: &str = "/etc/systemd/system";
const RUN_LEVELS: [&str; 4] = ["/etc/rc2.d", "/etc/rc3.d", "/etc/rc4.d", "/etc/rc5.d"];

/// While it lives, no package starts a service.
#[derive(Debug)]
pub(crate) struct NothingStarts {
    policy: Utf8PathBuf,
}

impl NothingStarts {
    /// Puts our policy in the place of the site's, which comes back in the end.
    pub(crate) fn from_now_on() -> Result<Self, Failure> {
        Self::at(POLICY.into())
    }

    fn at(policy: Utf8PathBuf) -> Result<Self, Failure> {
        let own = Self { policy };
        own.put_back(); // of a set-up that was killed
        let (policy, aside) = (&own.policy, own.aside());
        if policy.symlink_metadata().is_ok() {
            std::fs::rename(policy, &aside).map_err(failure::file("set aside", policy))?;
        }
        // No umask takes "others may run it" away: it is root who does.
        let write = |mut file: std::fs::File| file.write_all(NEVER.as_bytes());
        let made = File::options().write(true).create_new(true).mode(0o755).open(policy);
        made.and_then(write).map_err(failure::file("write", policy))?;
        Ok(own)
    }

    fn aside(&self) -> Utf8PathBuf {
        format!("{}.before-disklessset", self.policy).into()
    }

    fn put_back(&self) {
        if std::fs::read_to_string(&self.policy).is_ok_and(|text| text == NEVER) {
            // A failure leaves it where the next set-up finds it.
            let _ = std::fs::remove_file(&self.policy);
        }
        if self.aside().symlink_metadata().is_ok() && self.policy.symlink_metadata().is_err() {
            let _ = std::fs::rename(self.aside(), &self.policy);
        }
    }
}

impl Drop for NothingStarts {
    fn drop(&mut self) {
        self.put_back();
    }
}

/// Units and services that start with the machine.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Enabled {
    units: BTreeSet<String>,
    services: BTreeSet<String>,
}

impl Enabled {
    /// Those of now.
    pub(crate) fn now() -> Self {
        Self::below(Utf8Path::new("/"))
    }

    fn below(root: &Utf8Path) -> Self {
        let inside = |dir: &str| root.join(dir.trim_start_matches('/'));
        let wanted = names(&inside(SYSTEMD)).into_iter();
        let wanted = wanted.filter(|name| name.ends_with(".wants") || name.ends_with(".requires"));
        let units = wanted.flat_map(|name| names(&inside(SYSTEMD).join(name))).collect();
        let started = RUN_LEVELS.iter().flat_map(|dir| names(&inside(dir)));
        let services =
            started.filter_map(|name| name.strip_prefix('S')?.get(2..).map(str::to_owned)).collect();
        Self { units, services }
    }

    /// Disables what has been enabled since, and says so.
    pub(crate) fn restore(&self) -> Result<(), Failure> {
        let now = Self::now();
        let units: Vec<_> = now.units.difference(&self.units).cloned().collect();
        let services: Vec<_> = now.services.difference(&self.services).cloned().collect();
        if !units.is_empty() {
            Tool::new("systemctl")
                .args(["--quiet", "--no-reload", "disable"])
                .args(units.clone())
                .output(Output::Kept)
                .run()?;
        }
        // systemctl does the same for most of them.
        for service in Self::now().services.difference(&self.services) {
            Tool::new("update-rc.d").args([service.as_str(), "disable"]).output(Output::Kept).run()?;
        }
        if !units.is_empty() || !services.is_empty() {
            let all: BTreeSet<_> = units.into_iter().chain(services).collect();
            let all = all.into_iter().collect::<Vec<_>>().join(" ");
            say::note(&format!("came with the packages and is not enabled, nor started: {all}"));
        }
        let left = Self::now();
        let left: Vec<_> = left
            .units
            .difference(&self.units)
            .chain(left.services.difference(&self.services))
            .cloned()
            .collect();
        if left.is_empty() {
            Ok(())
        } else {
            Err(Failure::Plain(format!("still enabled: {}", left.join(" "))))
        }
    }
}

fn names(dir: &Utf8Path) -> Vec<String> {
    let entries = dir.read_dir_utf8().into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place() -> (tempfile::TempDir, Utf8PathBuf) {
        let temp = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(temp.path()).unwrap().to_owned();
        (temp, dir)
    }

    #[test]
    fn the_policy_of_the_site_comes_back() {
        let (_temp, dir) = place();
        let policy = dir.join("policy-rc.d");
        drop(NothingStarts::at(policy.clone()).unwrap());
        assert_eq!(names(&dir), [] as [String; 0]);
        File::create(&policy).unwrap().write_all(b"the site's").unwrap();
        let held = NothingStarts::at(policy.clone()).unwrap();
        let asked = Tool::new(policy.as_str()).run_to_end(|_| {}).unwrap();
        assert_eq!(asked.status.code(), Some(101));
        std::mem::forget(held); // killed
        drop(NothingStarts::at(policy.clone()).unwrap());
        assert_eq!(std::fs::read_to_string(&policy).unwrap(), "the site's");
        assert_eq!(names(&dir), ["policy-rc.d"]);
    }

    #[test]
    fn what_starts_with_the_machine_is_seen() {
        let (_temp, root) = place();
        let wants = root.join("etc/systemd/system/multi-user.target.wants");
        std::fs::create_dir_all(&wants).unwrap();
        std::fs::create_dir_all(root.join("etc/rc2.d")).unwrap();
        std::fs::create_dir_all(root.join("etc/systemd/system/x.service.d/no.service")).unwrap();
        let before = Enabled::below(&root);
        std::os::unix::fs::symlink("/lib/systemd/system/rpcbind.service", wants.join("rpcbind.service"))
            .unwrap();
        std::os::unix::fs::symlink("../init.d/rpcbind", root.join("etc/rc2.d/S01rpcbind")).unwrap();
        std::os::unix::fs::symlink("../init.d/other", root.join("etc/rc2.d/K01other")).unwrap();
        let after = Enabled::below(&root);
        assert_eq!(before, Enabled::default());
        assert_eq!(after.units, BTreeSet::from(["rpcbind.service".to_owned()]));
        assert_eq!(after.services, BTreeSet::from(["rpcbind".to_owned()]));
    }
}
