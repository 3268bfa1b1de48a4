//! DHCP servers, asked by a real client in a network namespace: each kind of firmware gets its file.

use super::*;
use std::time::Duration;

/// Starts the server that its arguments are, asks it as each kind of firmware and as iPXE does, and prints what was given.
const ASK: &str = r#"set -eu
ip link set lo up
ip link add s0 type veth peer name c0
unshare --net sleep 300 & client=$!
until [ "$(readlink /proc/$client/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.1; done
ip link set c0 netns $client
ip addr add 10.0.0.1/24 dev s0
ip link set s0 up
nsenter -t $client -n ip link set c0 address 52:54:00:00:00:01
nsenter -t $client -n ip link set c0 up
"$@" > server.log 2>&1 & server=$!
sleep 2
for asked in 0 7 9 16 11 ipxe; do
    echo 'option arch code 93 = unsigned integer 16; option user-class code 77 = string;' > client.conf
    echo 'request subnet-mask, vendor-class-identifier, host-name;' >> client.conf
    case $asked in
        ipxe) echo 'send user-class "iPXE"; send arch 7;' >> client.conf ;;
        *) echo "send arch $asked;" >> client.conf ;;
    esac
    : > leases
    timeout 30 nsenter -t $client -n dhclient -1 -q -sf /bin/true -cf client.conf -lf leases -pf pid c0 || echo "nothing for $asked"
    echo "$asked: $(sed -n 's/^ *\(option \)\?\(fixed-address\|filename\|vendor-class-identifier\) //p' leases | tr -d '";\n' | sed 's/  */ /g') $(grep -o 'HTTPClient' leases || true)"
    kill $(cat pid) 2> /dev/null || true
done
kill $server $client
"#;

/// Who asked, and what the lease has.
fn answers(root: &TestRoot, server: &[&str], variables: &[(&str, &str)]) -> Vec<String> {
    let place = root.beside();
    put(&place.join("ask.sh"), ASK);
    let args: Vec<&str> = ["--net", "bash", "ask.sh"].into_iter().chain(server.iter().copied()).collect();
    let mut program = root.tool("unshare", &args).dir(&place).limit(Duration::from_secs(300));
    for (name, value) in variables {
        program = program.env(name, value);
    }
    let outcome = program.run().expect_done();
    outcome.stdout.lines().map(str::to_owned).collect()
}

/// One node on record, whose card asks.
fn nodes(root: &TestRoot) {
    let text = "format: 1\nnodes:\n  c1: {mac: ['52:54:00:00:00:02', '52:54:00:00:00:01'], address: 10.0.0.11}\n  c2: {address: 10.0.0.12}\n";
    put(&root.path().join("var/lib/diskless/nodes.yml"), text);
}

#[track_caller]
fn judge(answers: &[String]) {
    let url = format!("http://10.0.0.1/{BASE}");
    for (who, file) in [
        ("0", "undionly.kpxe".to_owned()),
        ("7", "snponly.efi".to_owned()),
        ("9", "snponly.efi".to_owned()),
        ("16", format!("{url}/loaders/snponly.efi")),
        ("ipxe", "tftp://10.0.0.1/wait.ipxe".to_owned()),
    ] {
        let answer = answers.iter().find(|line| line.starts_with(&format!("{who}: "))).unwrap();
        assert!(answer.contains("10.0.0.11") && answer.contains(&file), "{answer} in {answers:#?}");
        assert_eq!(answer.contains("HTTPClient"), who == "16", "{answer}");
    }
    let unknown = answers.iter().find(|line| line.starts_with("11: ")).unwrap();
    assert!(!unknown.contains("efi") && !unknown.contains("kpxe"), "no loader is there for it: {unknown}");
}

#[test]
fn dnsmasq_takes_what_is_printed() {
    disklessset_tests::need!(needs_ipxe(), need::tool("dnsmasq"));
    let root = site();
    nodes(&root);
    for args in [&["dnsmasq"][..], &["dnsmasq", "--hosts"]] {
        let text = printed(&root, args);
        // Beside another DHCP server, as the comments say.
        let proxy: String = text
            .lines()
            .filter(|line| !line.starts_with("dhcp-range="))
            .map(|line| match line.strip_prefix('#') {
                Some(option) if !option.starts_with([' ', 'i']) => format!("{option}\n"),
                _ => format!("{line}\n"),
            })
            .collect();
        assert!(proxy.contains("\ndhcp-pxe-vendor=") && proxy.contains(",proxy\n"), "{proxy}");
        for (name, text) in [("one.conf", &text), ("proxy.conf", &proxy)] {
            let file = root.beside().join(name);
            put(&file, text);
            let _ = root.tool("dnsmasq", &["--test", &format!("--conf-file={file}")]).run().expect_done();
        }
    }
}

#[test]
fn dnsmasq_gives_each_firmware_its_file() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        needs_ipxe(),
        need::tool("dnsmasq"),
        need::tool("dhclient"),
        need::tool("unshare"),
        need::tool("ip")
    );
    let root = site();
    nodes(&root);
    let place = root.beside();
    put(&place.join("dnsmasq.conf"), &printed(&root, &["dnsmasq", "--hosts"]));
    let leases = format!("--dhcp-leasefile={place}/given");
    judge(&answers(
        &root,
        &["dnsmasq", "--no-daemon", "--conf-file=dnsmasq.conf", "--user=root", &leases],
        &[],
    ));
}

#[test]
fn kea_gives_each_firmware_its_file() {
    disklessset_tests::need!(
        need::full(),
        need::root(),
        needs_ipxe(),
        need::tool("kea-dhcp4"),
        need::tool("dhclient"),
        need::tool("unshare"),
        need::tool("ip")
    );
    let root = site();
    nodes(&root);
    let place = root.beside();
    for args in [&["kea"][..], &["kea", "--hosts"]] {
        // Its own place for leases is for the service alone.
        let memfile = format!("\"name\": \"{place}/given\", \"type\": \"memfile\"");
        let text = printed(&root, args).replace("\"type\": \"memfile\"", &memfile);
        assert!(text.contains("given"), "{text}");
        put(&place.join("kea.conf"), &text);
        let _ = root.tool("kea-dhcp4", &["-t", place.join("kea.conf").as_str()]).run().expect_done();
    }
    let own = [("KEA_PIDFILE_DIR", place.as_str()), ("KEA_LOCKFILE_DIR", place.as_str())];
    judge(&answers(&root, &["kea-dhcp4", "-c", "kea.conf"], &own));
}
