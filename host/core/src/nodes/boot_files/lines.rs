//! The texts of boot files.

use super::ENTRY;
use crate::{
    configuration::Configuration,
    nodes::KernelParameters,
    system::layout::Layout,
    versions::{self, ONCE_SETTING, WAIT},
};

/// Seconds before the boot server is asked for a second time, and what each further pause has more.
const FIRST_PAUSE: u32 = 5;
/// The longest pause: a multiple of the first.
const LONGEST_PAUSE: u32 = 30;

/// What the texts of one site have in common.
pub(super) struct Lines {
    base: String,
    boot: String,
    images: String,
}

impl Lines {
    /// Those of a site; none where nodes cannot fetch boot files or images.
    pub(super) fn of(layout: &Layout, configuration: &Configuration) -> Option<Self> {
        Some(Self {
            base: versions::base_line(layout, configuration)?,
            boot: versions::address_of(layout, &layout.boot_dir())?,
            images: versions::address_of(layout, &layout.images_dir())?,
        })
    }

    /// Where every node begins: by its card, by its name, else as one that nobody knows. What is found never comes back, so that a node that
    /// is known never gets what is for others. Nor does it because a server was away for a moment: a file counts as missing when the server
    /// answers, and says the same of one that never was. iPXE puts settings into a whole line before it does anything of it.
    pub(super) fn entry(&self) -> String {
        let Self { base, boot, .. } = self;
        format!(
            "#!ipxe\n\
             # disklessset: where every node begins\n\
             :disklessset_begin\n\
             {base}\
             clear diskless-node-parameters ||\n\
             chain --replace {boot}/mac/${{netX/mac:hexhyp}}.ipxe ||\n\
             set diskless-missing ${{errno}}\n\
             isset ${{hostname}} || goto disklessset_unknown\n\
             chain --replace {boot}/name/${{hostname}}.ipxe ||\n\
             iseq ${{errno}} ${{diskless-missing}} || goto disklessset_silent\n\
             :disklessset_unknown\n\
             imgfetch --name disklessset-answers {boot}/entry.ipxe || goto disklessset_silent\n\
             imgfree disklessset-answers ||\n\
             imgfetch --name disklessset-missing {boot}/missing ||\n\
             iseq ${{errno}} ${{diskless-missing}} || goto disklessset_silent\n\
             chain --replace {boot}/pool/default.ipxe ||\n\
             echo No boot file is for this node. Tried below {boot}:\n\
             echo mac/${{netX/mac:hexhyp}}.ipxe, name/${{hostname}}.ipxe, pool/default.ipxe\n\
             goto disklessset_wait\n\
             :disklessset_silent\n\
             echo The boot server does not answer: ${{errno}}\n\
             :disklessset_wait\n\
             {}\
             goto disklessset_begin\n",
            wait()
        )
    }

    /// What TFTP gives to iPXE before the boot server is there: it asks for the entry until it has it. The loader itself would give up. Settings
    /// hold numbers alone as numbers with a type.
    pub(super) fn waiting(&self) -> String {
        let Self { base, boot, .. } = self;
        format!(
            "#!ipxe\n\
             # disklessset: waits for the boot server\n\
             {base}\
             set diskless-pause:int32 {FIRST_PAUSE}\n\
             :disklessset_begin\n\
             chain --replace {boot}/{ENTRY} ||\n\
             echo Waiting for {boot}/{ENTRY}: ${{errno}}. Trying again in ${{diskless-pause:int32}} seconds\n\
             sleep ${{diskless-pause:int32}}\n\
             iseq ${{diskless-pause:int32}} {LONGEST_PAUSE} || inc diskless-pause {FIRST_PAUSE} ||\n\
             goto disklessset_begin\n"
        )
    }

    /// A file that leads to that of a pool.
    pub(super) fn leading_to_pool(&self, title: &str, head: &str, pool: &str) -> String {
        let file = format!("{}/pool/{pool}.ipxe", self.boot);
        let failed = format!("The boot file of pool {pool} cannot be fetched");
        self.leading(title, head, &file, &failed)
    }

    /// A file that leads to the current version of an image.
    pub(super) fn leading_to_image(&self, title: &str, head: &str, image: &str) -> String {
        let file = format!("{}/{image}/boot.ipxe", self.images);
        let failed = format!("The boot file of image {image} cannot be fetched");
        self.leading(title, head, &file, &failed)
    }

    fn leading(&self, title: &str, head: &str, file: &str, failed: &str) -> String {
        self.whole(
            title,
            head,
            &format!("chain --replace {file} ||\necho {}: {failed}: ${{errno}}\n", sentence(title)),
        )
    }

    /// A file of somebody who gets nothing for now.
    pub(super) fn leading_nowhere(&self, title: &str, head: &str, why: &str) -> String {
        self.whole(title, head, &format!("echo {why}\n"))
    }

    /// Which ends with another try, from the beginning: what is on record may have changed meanwhile.
    fn whole(&self, title: &str, head: &str, act: &str) -> String {
        let Self { base, boot, .. } = self;
        format!(
            "#!ipxe\n\
             # disklessset: {title}\n\
             {base}\
             {head}\
             :disklessset_begin\n\
             {act}\
             {}\
             chain --replace {boot}/entry.ipxe || goto disklessset_begin\n",
            wait()
        )
    }

    /// A file of a pool whose nodes boot from their disks. UEFI goes on with its own next entry.
    pub(super) fn local(&self, title: &str) -> String {
        let act = "iseq ${platform} efi && exit ||\n\
                   sanboot --no-describe --drive 0x80 ||\n\
                   echo The local disk cannot be booted: ${errno}\n";
        self.whole(title, "", act)
    }
}

/// The line that has our boot files put more parameters on the kernel line: those of the pool, then those of the node.
pub(super) fn parameters_line(bootif: bool, of_pool: &KernelParameters) -> String {
    let bootif = if bootif { BOOTIF } else { "" };
    let words = format!("{of_pool} {bootif} ${{diskless-node-parameters}}");
    let words: Vec<&str> = words.split_whitespace().collect();
    format!("set dedicated-kernel-parameters {}\n", words.join(" "))
}

/// The card that a node boots from, as pxelinux says it.
const BOOTIF: &str = "BOOTIF=01-${netX/mac:hexhyp}";
/// The most bytes that it has on a kernel line.
pub(super) const LONGEST_BOOTIF: usize = "BOOTIF=01-aa-bb-cc-dd-ee-ff ".len();

/// The text of a boot file with more lines at its beginning.
pub(super) fn with_head(text: &str, head: &str) -> String {
    match text.strip_prefix("#!ipxe\n") {
        Some(rest) => format!("#!ipxe\n{head}{rest}"),
        None => format!("#!ipxe\n{head}{text}"),
    }
}

/// Waits, unless who chained the file wants it back.
fn wait() -> String {
    format!(
        "isset ${{{ONCE_SETTING}}} && exit 1 ||\n\
         echo Trying again in {WAIT} seconds\n\
         sleep {WAIT}\n"
    )
}

fn sentence(title: &str) -> String {
    let mut signs = title.chars();
    signs.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(signs).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines() -> Lines {
        Lines::of(&Layout::builder().build().unwrap(), &Configuration::default()).unwrap()
    }

    #[test]
    fn the_entry_tries_card_name_and_default_in_this_order() {
        let text = lines().entry();
        let at = |word: &str| text.find(word).unwrap_or_else(|| panic!("{word}: {text}"));
        let boot = "chain --replace ${diskless-base}/boot";
        assert!(
            at(&format!("{boot}/mac/${{netX/mac:hexhyp}}.ipxe ||"))
                < at(&format!("{boot}/name/${{hostname}}"))
        );
        assert!(at("boot/name/${hostname}.ipxe ||") < at("imgfetch"));
        assert!(at("boot/missing ||") < at(&format!("{boot}/pool/default.ipxe ||")));
        assert!(text.ends_with("sleep 20\ngoto disklessset_begin\n"), "{text}");
    }

    #[test]
    fn who_waits_asks_for_the_entry_until_it_is_there() {
        let text = lines().waiting();
        assert!(text.contains("chain --replace ${diskless-base}/boot/entry.ipxe ||\n"), "{text}");
        assert!(text.ends_with("goto disklessset_begin\n"), "{text}");
        assert_eq!(LONGEST_PAUSE % FIRST_PAUSE, 0, "it is met exactly");
    }

    #[test]
    fn parameters_of_the_pool_come_before_those_of_the_node() {
        let words = "quiet".parse().unwrap();
        let line = "set dedicated-kernel-parameters quiet BOOTIF=01-${netX/mac:hexhyp} ${diskless-node-parameters}\n";
        assert_eq!(parameters_line(true, &words), line);
        let none = KernelParameters::default();
        let line = "set dedicated-kernel-parameters ${diskless-node-parameters}\n";
        assert_eq!(parameters_line(false, &none), line);
    }

    #[test]
    fn a_directory_that_is_not_served_with_the_images_is_told() {
        let layout = Layout::builder().boot_directory("/srv/other/boot").build().unwrap();
        assert!(Lines::of(&layout, &Configuration::default()).is_none());
    }
}
