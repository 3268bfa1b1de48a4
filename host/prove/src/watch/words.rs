//! What inits and logins say on the console.

/// agetty's prompt: `HOST login: `, nothing before it.
pub(super) fn is_prompt(line: &str) -> bool {
    let Some(before) = line.split_once("login: ").map(|(before, _)| before) else {
        return false;
    };
    let host = before.trim();
    !host.contains(char::is_whitespace)
        && (before.is_empty() || before.ends_with(' '))
        && host != "Last"
        && !host.ends_with(':')
        && !host.contains('[')
}

/// systemd's word for a system that is up: by unit name (since 243) or by description.
pub(super) fn is_up(line: &str) -> bool {
    line.contains("Reached target")
        && ["multi-user.target", "graphical.target", "Multi-User System", "Graphical Interface"]
            .iter()
            .any(|target| line.contains(target))
}

/// systemd's word in an initramfs for a root that is there.
pub(super) fn is_mounted(line: &str) -> bool {
    line.contains("Reached target")
        && (line.contains("initrd-root-fs.target") || line.contains("Initrd Root File System"))
}

/// The unit a line says has failed. systemd shortens names in its status lines, but not in the
/// advice that follows each failure.
pub(super) fn failed_unit(line: &str) -> Option<&str> {
    if let Some((_, said)) = line.split_once("systemd[1]: ") {
        return said.split_once(": Failed with result ").map(|(unit, _)| unit);
    }
    line.strip_prefix("See 'systemctl status ")?.split_once('\'').map(|(unit, _)| unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prompts_of_getty_and_nothing_else() {
        for prompt in ["prove login: ", "login: ", "c001 login: [  OK  ] Started x", "a.b-c login: "] {
            assert!(is_prompt(prompt), "{prompt}");
        }
        for other in [
            "Last login: Mon Nov 23",
            "[    5.0] systemd[1]: login: x",
            "agetty: user login: x",
            "prove login",
            "[  OK  ] Started User login: x",
            "nologin: x",
        ] {
            assert!(!is_prompt(other), "{other}");
        }
    }

    #[test]
    fn targets_are_known_by_name_and_by_description() {
        assert!(is_up("[  OK  ] Reached target multi-user.target - Multi-User System."));
        assert!(is_up("[  OK  ] Reached target Multi-User System."));
        assert!(is_up("[   47.1] systemd[1]: Reached target multi-user.target - Multi-User System."));
        assert!(is_up("[  OK  ] Reached target Graphical Interface."));
        assert!(!is_up("[  OK  ] Reached target getty.target - Login Prompts."));
        assert!(!is_up("[  OK  ] Stopped target Multi-User System."));
    }

    #[test]
    fn units_are_named_whole() {
        assert_eq!(failed_unit("See 'systemctl status ssh.service' for details."), Some("ssh.service"));
        assert_eq!(
            failed_unit("[ 9.1] systemd[1]: ssh.service: Failed with result 'exit-code'."),
            Some("ssh.service")
        );
        assert_eq!(failed_unit("[FAILED] Failed to start ssh.servic… - OpenBSD."), None);
    }
}
