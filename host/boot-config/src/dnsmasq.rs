//! dnsmasq: DHCP and TFTP in one.

use crate::{loader::Loaders, place::Place, reservation::Reservation};
use std::fmt::Write;

pub(crate) fn configuration(place: &Place, loaders: &Loaders, nodes: Option<&[Reservation]>) -> String {
    let mut text = String::from(
        "# DHCP and TFTP for nodes, printed by `disklessset serve config dnsmasq`.\n\
         # For example /etc/dnsmasq.d/diskless.conf. Change the addresses where they are not yours.\n\n\
         # The interface to the nodes; without this line dnsmasq answers on all.\n#interface=eth1\n\n\
         # No DNS.\nport=0\n\n",
    );
    addresses(&mut text, place, nodes);
    let _ = write!(
        text,
        "\n# Loaders for firmware.\nenable-tftp\ntftp-root={}\n\n# iPXE asks a second time, and gets its script.\n\
         dhcp-userclass=set:ipxe,iPXE\ndhcp-boot=tag:ipxe,{}\n",
        place.directories().loaders,
        place.first_for_ipxe(loaders)
    );
    firmware(&mut text, place, loaders);
    proxy(&mut text, place, loaders);
    text
}

fn addresses(text: &mut String, place: &Place, nodes: Option<&[Reservation]>) {
    let Some(nodes) = nodes else {
        let (first, last) = (place.in_network(100), place.in_network(200));
        let _ = writeln!(text, "# Addresses that nodes get.\ndhcp-range={first},{last},1h");
        return;
    };
    let _ = writeln!(
        text,
        "# Nodes that are known get an address, and no others.\ndhcp-range={},static",
        place.in_network(0)
    );
    for node in nodes.iter().filter(|node| !node.macs.is_empty()) {
        let address = node.address.map(|address| format!(",{address}")).unwrap_or_default();
        let _ = writeln!(text, "dhcp-host={}{address},{}", node.macs.join(","), node.name);
    }
}

fn firmware(text: &mut String, place: &Place, loaders: &Loaders) {
    for (architecture, file) in loaders.by_architecture() {
        let number = architecture.number;
        let _ = write!(
            text,
            "\n# {}\ndhcp-match=set:arch{number},option:client-arch,{number}\n",
            architecture.what
        );
        if architecture.over_http {
            // Without this option the firmware takes no answer for one about HTTP.
            let _ = writeln!(text, "dhcp-option-force=tag:arch{number},tag:!ipxe,60,HTTPClient");
        }
        let _ = writeln!(
            text,
            "dhcp-boot=tag:arch{number},tag:!ipxe,{}",
            file_for(place, file, architecture.over_http)
        );
    }
}

fn file_for(place: &Place, file: &str, over_http: bool) -> String {
    if over_http { place.url_of(&place.directories().loaders, file) } else { file.to_owned() }
}

/// Beside a DHCP server that one may not touch.
fn proxy(text: &mut String, place: &Place, loaders: &Loaders) {
    let _ = write!(
        text,
        "\n# Beside a DHCP server that you may not change, instead of `dhcp-range` above (dnsmasq 2.86 or newer). boot/entry.ipxe needs a fixed\n\
         # `diskless-base` then: set `http_base_url` in the configuration of disklessset.\n#dhcp-range={},proxy\n\
         #dhcp-pxe-vendor=PXEClient,HTTPClient:Arch:00016\n",
        place.in_network(0)
    );
    for (architecture, file) in
        loaders.by_architecture().into_iter().filter(|(architecture, _)| !architecture.over_http)
    {
        let system = match architecture.number {
            0 => "x86PC",
            7 => "BC_EFI",
            9 => "X86-64_EFI",
            _ => continue,
        };
        let _ = writeln!(text, "#pxe-service=tag:!ipxe,{system},\"iPXE\",{file}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::example;
    use std::net::Ipv4Addr;

    #[test]
    fn only_loaders_that_are_there_have_lines() {
        let text = configuration(&example(), &Loaders::all(), None);
        for line in [
            "dhcp-range=10.0.0.100,10.0.0.200,1h",
            "dhcp-boot=tag:arch0,tag:!ipxe,undionly.kpxe",
            "dhcp-boot=tag:arch9,tag:!ipxe,snponly.efi",
            "dhcp-option-force=tag:arch16,tag:!ipxe,60,HTTPClient",
            "dhcp-boot=tag:arch16,tag:!ipxe,http://10.0.0.1/preboot_execution_environment/diskless/loaders/snponly.efi",
            "dhcp-boot=tag:ipxe,tftp://10.0.0.1/wait.ipxe",
        ] {
            assert!(text.lines().any(|known| known == line), "{line} in:\n{text}");
        }
        let none = configuration(&example(), &Loaders::default(), None);
        assert!(!none.contains("dhcp-match") && !none.contains("pxe-service="), "{none}");
        let entry =
            "\ndhcp-boot=tag:ipxe,http://10.0.0.1/preboot_execution_environment/diskless/boot/entry.ipxe\n";
        assert!(none.contains(entry), "without the script that waits: {none}");
    }

    #[test]
    fn nodes_get_their_addresses_and_nobody_else() {
        let node = |name: &str, macs: &[&str], address: Option<[u8; 4]>| Reservation {
            name: name.to_owned(),
            macs: macs.iter().map(|mac| (*mac).to_owned()).collect(),
            address: address.map(Ipv4Addr::from),
        };
        let nodes = [
            node("c1", &["52:54:00:00:00:01", "52:54:00:00:00:02"], Some([10, 0, 0, 11])),
            node("c2", &["52:54:00:00:00:03"], None),
            node("c3", &[], None),
        ];
        let text = configuration(&example(), &Loaders::all(), Some(&nodes));
        let hosts: Vec<_> = text
            .lines()
            .filter(|line| line.starts_with("dhcp-host") || line.starts_with("dhcp-range"))
            .collect();
        assert_eq!(
            hosts,
            [
                "dhcp-range=10.0.0.0,static",
                "dhcp-host=52:54:00:00:00:01,52:54:00:00:00:02,10.0.0.11,c1",
                "dhcp-host=52:54:00:00:00:03,c2"
            ]
        );
    }
}
