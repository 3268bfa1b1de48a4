//! Kea: a DHCP server. Loaders come from a TFTP server beside it.

use crate::{loader::Loaders, place::Place, reservation::Reservation};
use serde_json::{Value, json};

pub(crate) fn configuration(place: &Place, loaders: &Loaders, nodes: Option<&[Reservation]>) -> String {
    let network = format!("{}/24", place.in_network(0));
    let mut subnet = json!({ "id": 1, "subnet": network });
    match nodes {
        Some(nodes) => {
            subnet["pools"] = json!([]);
            subnet["reservations"] = reservations(nodes);
        }
        None => {
            let pool = format!("{} - {}", place.in_network(100), place.in_network(200));
            subnet["pools"] = json!([{ "pool": pool }]);
        }
    }
    let whole = json!({ "Dhcp4": {
        "ip-reservations-unique": nodes.is_none(),
        "interfaces-config": { "interfaces": ["*"] },
        "lease-database": { "type": "memfile" },
        "valid-lifetime": 3600,
        "client-classes": classes(place, loaders),
        "subnet4": [subnet],
    }});
    format!(
        "// DHCP for nodes, printed by `disklessset serve config kea`: /etc/kea/kea-dhcp4.conf.\n\
         // Change addresses and the interface where they are not yours. A TFTP server hands out {}.\n{whole:#}\n",
        place.directories().loaders
    )
}

/// A class for iPXE, and one for each kind of firmware that a loader is there for.
fn classes(place: &Place, loaders: &Loaders) -> Vec<Value> {
    let mut classes = vec![json!({
        "name": "ipxe",
        "test": "substring(option[77].hex,0,4) == 'iPXE'",
        "boot-file-name": place.first_for_ipxe(loaders),
        "next-server": place.address().to_string(),
    })];
    for (architecture, file) in loaders.by_architecture() {
        let test = format!("not member('ipxe') and option[93].hex == 0x{:04x}", architecture.number);
        let mut class = json!({
            "name": format!("arch{}", architecture.number),
            "test": test,
            "next-server": place.address().to_string(),
            "boot-file-name": file,
        });
        if architecture.over_http {
            class["boot-file-name"] = json!(place.url_of(&place.directories().loaders, file));
            // Without it the firmware takes no answer for one about HTTP, and it does not ask for it.
            class["option-data"] =
                json!([{ "name": "vendor-class-identifier", "data": "HTTPClient", "always-send": true }]);
        }
        classes.push(class);
    }
    classes
}

/// One for each card, as Kea has one card in a reservation. They share the address: a node boots from one of them.
fn reservations(nodes: &[Reservation]) -> Value {
    let of_node = |node: &Reservation| {
        let card = |mac: &String| {
            let mut reservation = json!({ "hw-address": mac, "hostname": node.name });
            if let Some(address) = node.address {
                reservation["ip-address"] = json!(address.to_string());
            }
            reservation
        };
        node.macs.iter().map(card).collect::<Vec<_>>()
    };
    nodes.iter().flat_map(of_node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::example;

    fn parsed(text: &str) -> Value {
        let json: String = text.lines().filter(|line| !line.starts_with("//")).collect();
        serde_json::from_str(&json).unwrap()
    }

    #[test]
    fn classes_are_for_loaders_that_are_there() {
        let whole = parsed(&configuration(&example(), &Loaders::all(), None));
        let classes = whole["Dhcp4"]["client-classes"].as_array().unwrap();
        let names: Vec<_> = classes.iter().map(|class| class["name"].as_str().unwrap()).collect();
        assert_eq!(names, ["ipxe", "arch0", "arch7", "arch9", "arch16"]);
        assert_eq!(classes[4]["option-data"][0]["data"], "HTTPClient");
        let none = parsed(&configuration(&example(), &Loaders::default(), None));
        assert_eq!(none["Dhcp4"]["client-classes"].as_array().unwrap().len(), 1);
    }

    #[test]
    fn all_cards_of_a_node_have_its_address() {
        let node = Reservation {
            name: "c1".to_owned(),
            macs: vec!["52:54:00:00:00:01".to_owned(), "52:54:00:00:00:02".to_owned()],
            address: Some([10, 0, 0, 11].into()),
        };
        let whole = parsed(&configuration(&example(), &Loaders::all(), Some(&[node])));
        let subnet = &whole["Dhcp4"]["subnet4"][0];
        assert_eq!(subnet["reservations"].as_array().unwrap().len(), 2);
        assert!(
            subnet["reservations"].as_array().unwrap().iter().all(|card| card["ip-address"] == "10.0.0.11")
        );
        assert_eq!(whole["Dhcp4"]["ip-reservations-unique"], false);
        assert_eq!(subnet["pools"].as_array().unwrap().len(), 0);
    }
}
