//! How far tools are, told by themselves: packages of how many, blocks of how many.

/// The label of what package managers do, as the kit has it.
const INSTALLING: &str = "installing packages";
/// The label of what packers do.
const PACKING: &str = "packing";

/// How far a piece of work is: its label, what is done, and of how much.
pub(super) type Figure = (&'static str, u64, u64);

/// The figures of one tool, from what it prints.
#[derive(Debug, Default)]
pub(super) struct Figures {
    tool: String,
    /// Packages that apt has begun to unpack or to set up, and those that it said it would: each is unpacked and then set up.
    done: u64,
    total: u64,
}

impl Figures {
    pub(super) fn of(tool: &str) -> Self {
        Self { tool: tool.to_owned(), ..Self::default() }
    }

    /// What a line tells.
    pub(super) fn in_line(&mut self, line: &str) -> Option<Figure> {
        match self.tool.as_str() {
            "mmdebstrap" => self.of_apt(line),
            "dnf" => of_dnf(line),
            _ => None,
        }
    }

    /// What a display tells that the tool renews again and again.
    pub(super) fn in_display(&self, shown: &str) -> Option<Figure> {
        if self.tool != "mksquashfs" {
            return None;
        }
        // `[=====   ] 1234/5678  21%`
        let (done, total) = shown.rsplit_once(']')?.1.split_whitespace().next()?.split_once('/')?;
        Some((PACKING, done.parse().ok()?, total.parse().ok()?))
    }

    fn of_apt(&mut self, line: &str) -> Option<Figure> {
        // `0 upgraded, 124 newly installed, 0 to remove and 0 not upgraded.`
        if let Some((before, _)) = line.split_once(" newly installed") {
            let packages: u64 = before.rsplit(' ').next()?.parse().ok()?;
            self.total += 2 * packages;
        } else if line.starts_with("Unpacking ") || line.starts_with("Setting up ") {
            self.done = (self.done + 1).min(self.total);
        } else {
            return None;
        }
        (self.total > 0).then_some((INSTALLING, self.done, self.total))
    }
}

/// `  Installing       : bash-5.1.8-6.el9.x86_64      12/143`
fn of_dnf(line: &str) -> Option<Figure> {
    let (what, _) = line.trim_start().split_once(':')?;
    if !["Installing", "Upgrading", "Running scriptlet"].contains(&what.trim_end()) {
        return None;
    }
    let (done, total) = line.rsplit(' ').next()?.split_once('/')?;
    Some((INSTALLING, done.parse().ok()?, total.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_apt_are_unpacked_and_set_up() {
        let mut figures = Figures::of("mmdebstrap");
        let mut told = |line: &str| figures.in_line(line);
        assert_eq!(told("Unpacking before (1) ..."), None);
        assert_eq!(
            told("0 upgraded, 2 newly installed, 0 to remove and 0 not upgraded."),
            Some((INSTALLING, 0, 4))
        );
        assert_eq!(told("Selecting previously unselected package bash."), None);
        assert_eq!(told("Unpacking bash (5.2) ..."), Some((INSTALLING, 1, 4)));
        assert_eq!(told("Setting up bash (5.2) ..."), Some((INSTALLING, 2, 4)));
        assert_eq!(told("Setting up more (1) ..."), Some((INSTALLING, 3, 4)));
        assert_eq!(told("1 upgraded, 1 newly installed, 0 to remove."), Some((INSTALLING, 3, 6)));
    }

    #[test]
    fn others_tell_it_in_words_of_their_own() {
        let mut dnf = Figures::of("dnf");
        assert_eq!(
            dnf.in_line("  Installing       : bash-5.1.8-6.el9.x86_64   12/143"),
            Some((INSTALLING, 12, 143))
        );
        assert_eq!(
            dnf.in_line("  Running scriptlet: bash-5.1.8-6.el9.x86_64   12/143"),
            Some((INSTALLING, 12, 143))
        );
        assert_eq!(dnf.in_line("Installing: 1/2 of"), None);
        assert_eq!(dnf.in_line("  Verifying        : a   1/143"), None);
        let packer = Figures::of("mksquashfs");
        assert_eq!(packer.in_display("[=====\\      ] 1234/5678  21%"), Some((PACKING, 1234, 5678)));
        assert_eq!(packer.in_display("Parallel mksquashfs"), None);
        assert_eq!(Figures::of("unsquashfs").in_display("[=] 1/2  50%"), None);
    }
}
