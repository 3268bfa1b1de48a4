//! A network of its own for machines that boot: a bridge, the DHCP server that is configured as `serve config` prints it, and the boot server.
#![allow(clippy::unwrap_used, reason = "helpers of tests: what fails here fails the test")]

use std::time::{Duration, Instant};

use disklessset_tests::root::TestRoot;
use disklessset_tests::run::{Program, Running};

use crate::system::small::put;

/// Three machines share two processors.
pub(super) const BOOT: Duration = Duration::from_secs(25 * 60);
pub(super) const SERVER: &str = "10.77.0.1";

pub(super) fn mac(number: usize) -> String {
    format!("52:54:00:77:00:{number:02}")
}

/// A network namespace with a bridge and a tap for each machine. The root's HTTP directory lies where it does on a server.
pub(super) struct Network<'r> {
    root: &'r TestRoot,
    holder: Running,
}

impl<'r> Network<'r> {
    pub(super) fn new(root: &'r TestRoot) -> Self {
        let script = format!(
            "set -e\nmount --make-rprivate /\nmount --bind {html} /var/www/html\nip link set lo up\nip link add br0 type bridge forward_delay 0\n\
             ip addr add {SERVER}/24 dev br0\nip link set br0 up\n\
             for n in 1 2 3; do ip tuntap add tap$n mode tap; ip link set tap$n master br0; ip link set tap$n up; done\n\
             touch up\nexec sleep 7200\n",
            html = root.path().join("var/www/html"),
        );
        put(&root.beside().join("network.sh"), script.as_bytes(), 0o644);
        let words = ["--net", "--mount", "bash", "network.sh"];
        let program = root.tool("unshare", &words).dir(&root.beside()).limit(BOOT * 3);
        let is_up = || root.beside().join("up").exists().then_some(());
        Self { root, holder: program.start().wait_until(is_up).0 }
    }

    /// A program in the network.
    pub(super) fn within(&self, program: Program) -> Program {
        let pid = self.holder.pid().to_string();
        program.behind("/usr/bin/nsenter", &["--target", &pid, "--net", "--mount", "--"]).limit(BOOT * 3)
    }

    /// The DHCP server, with the configuration that is printed for it, which has a line.
    pub(super) fn dnsmasq(&self, line: &str) -> Running {
        let words = ["serve", "config", "dnsmasq", "--hosts"];
        let printed = self.within(self.root.disklessset(&words)).run().expect_done().stdout;
        assert!(printed.contains(line), "{printed}");
        let file = self.root.beside().join("dnsmasq.conf");
        put(&file, printed.as_bytes(), 0o644);
        let words = ["--no-daemon", "--leasefile-ro", &format!("--conf-file={file}")];
        self.within(self.root.tool("dnsmasq", &words)).start()
    }

    /// The boot server, once it answers.
    pub(super) fn boot_server(&self) -> Running {
        let listen = format!("{SERVER}:80");
        let server = self.within(self.root.disklessset(&["serve", "--listen", &listen])).start();
        let asks = format!("exec 3<>/dev/tcp/{SERVER}/80");
        let begun = Instant::now();
        while !self.within(self.root.tool("bash", &["-c", &asks])).run().status.success() {
            assert!(begun.elapsed() < Duration::from_secs(60), "the boot server does not answer");
        }
        server
    }

    /// A machine that begins with the iPXE of its card.
    pub(super) fn machine(&self, number: usize, more: &[&str]) -> Running {
        let console = self.root.beside().join(format!("console-{number}"));
        let words = [
            "-accel",
            "tcg,thread=multi,tb-size=256",
            "-m",
            "1024",
            "-no-user-config",
            "-nodefaults",
            "-nographic",
            "-serial",
            &format!("file:{console}"),
            "-netdev",
            &format!("tap,id=n0,ifname=tap{number},script=no,downscript=no"),
            "-device",
            &format!("virtio-net-pci,netdev=n0,bootindex=0,mac={}", mac(number)),
            "-device",
            "virtio-rng-pci",
        ]
        .map(str::to_owned);
        let more = more.iter().map(|word| (*word).to_owned());
        let words: Vec<String> = words.into_iter().chain(more).collect();
        self.within(self.root.tool("qemu-system-x86_64", &words)).start()
    }

    pub(super) fn console(&self, number: usize) -> String {
        let text = self.whole_console(number);
        text.chars().skip(text.chars().count().saturating_sub(3000)).collect()
    }

    /// All that a machine printed.
    pub(super) fn whole_console(&self, number: usize) -> String {
        let text = std::fs::read(self.root.beside().join(format!("console-{number}"))).unwrap_or_default();
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Whether the boot server has more on its way to some node than a boot file has.
    pub(super) fn is_sending(&self) -> bool {
        let table =
            std::fs::read_to_string(format!("/proc/{}/net/tcp", self.holder.pid())).unwrap_or_default();
        // Local address and port, the peer's, the state, and what waits to be sent.
        let waiting = |line: &str| {
            let words: Vec<&str> = line.split_whitespace().collect();
            let is_served = words.get(1)?.ends_with(":0050") && *words.get(3)? == "01";
            let bytes = u64::from_str_radix(words.get(4)?.split(':').next()?, 16).ok()?;
            Some(if is_served { bytes } else { 0 })
        };
        table.lines().filter_map(waiting).any(|bytes| bytes > 16 * 1024)
    }
}
