//! What a boot file does when something cannot be fetched: it says so, waits, and begins again. After a power cut nodes are up before
//! their servers are.

/// The commands whose failure leads to another try.
const COMMANDS: [&str; 9] =
    ["kernel", "initrd", "imgfetch", "module", "chain", "imgselect", "imgverify", "imgexec", "boot"];
/// The setting of iPXE by which whoever chains a boot file gets it back when it fails.
pub const ONCE_SETTING: &str = "diskless-once";
/// Seconds between two tries.
pub(crate) const WAIT: u32 = 20;

/// The lines of a class between those that lead back to them.
pub(super) fn with_retry(image: &str, lines: &str) -> String {
    let mut whole = ":disklessset_begin\n".to_owned();
    for line in lines.lines() {
        whole.push_str(line);
        if may_fail(line) {
            whole.push_str(" || goto disklessset_failed");
        }
        whole.push('\n');
    }
    whole.push_str(&format!(
        ":disklessset_failed\n\
         echo Image {image} could not be booted: ${{errno}}\n\
         isset ${{{ONCE_SETTING}}} && exit 1 ||\n\
         echo Trying again in {WAIT} seconds\n\
         sleep {WAIT}\n\
         imgfree\n\
         goto disklessset_begin\n"
    ));
    whole
}

/// Whether a line is a command whose failure nobody else looks at.
fn may_fail(line: &str) -> bool {
    let first = line.split_whitespace().next().unwrap_or_default();
    COMMANDS.contains(&first) && !line.contains("||") && !line.contains("&&") && !line.ends_with('\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_leads_to_another_try_and_what_a_class_looks_at_itself_does_not() {
        let text = with_retry("web", "echo Booting\nkernel a b\ninitrd c || goto other\nboot\n");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..6],
            [
                ":disklessset_begin",
                "echo Booting",
                "kernel a b || goto disklessset_failed",
                "initrd c || goto other",
                "boot || goto disklessset_failed",
                ":disklessset_failed",
            ]
        );
        assert!(text.ends_with("\nimgfree\ngoto disklessset_begin\n"), "{text}");
    }
}
