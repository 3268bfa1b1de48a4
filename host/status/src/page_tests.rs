use super::*;
use crate::metrics::{Traffic, metrics};

fn line(node: String, stage: Option<Stage>, reboot: Reboot) -> NodeLine {
    let at = Timestamp::from_second(1_800_000_000).ok();
    NodeLine {
        node,
        pool: Some("compute".into()),
        assigned: Some("web@2".into()),
        version: Some("web@1".into()),
        stage,
        since: at,
        last_seen: at,
        address: Some("10.0.0.1".into()),
        reboot,
    }
}

fn overview(nodes: Vec<NodeLine>) -> Overview {
    let at = Timestamp::from_second(1_800_000_060).unwrap();
    Overview { at, nodes, unknown: BTreeMap::new(), versions: BTreeMap::new() }
}

#[test]
fn the_page_shows_first_what_needs_somebody() {
    let nodes = vec![
        line("c001".into(), Some(Stage::Running), Reboot::NotNeeded),
        line("c002".into(), Some(Stage::Running), Reboot::Needed),
        line("c003".into(), Some(Stage::RootCutShort), Reboot::Unknown),
        line("c004".into(), None, Reboot::Unknown),
    ];
    let shown = page(&overview(nodes), &Filter::default());
    let place = |text: &str| shown.find(text).unwrap_or_else(|| panic!("{text} in {shown}"));
    assert!(
        place("<td>c003</td>") < place("<td>c002</td>") && place("<td>c002</td>") < place("<td>c001</td>")
    );
    assert!(
        shown.contains("<b>1</b> root cut short")
            && shown.contains("not seen")
            && shown.contains("4 of 4 nodes")
    );
    assert!(!shown.contains("<script"), "it needs none");
}

#[test]
fn the_page_stays_small_and_the_filter_finds_each_of_ten_thousand_nodes() {
    let node = |number| line(format!("c{number:05}"), Some(Stage::Running), Reboot::NotNeeded);
    let overview = overview((0..10_000).map(node).collect());
    let shown = page(&overview, &Filter::default());
    assert!(shown.len() < 128 << 10, "{} bytes", shown.len());
    assert!(shown.contains("10000 of 10000 nodes, the first 200"));
    let query = [("text", "c09999"), ("pool", "compute"), ("stage", "running"), ("nonsense", "x")];
    let query = query.map(|(key, value)| (key.to_owned(), value.to_owned()));
    let shown = page(&overview, &Filter::of_query(query.into_iter()));
    assert!(shown.contains("<td>c09999</td>") && shown.contains("1 of 10000 nodes"));
}

#[test]
fn what_is_shown_is_text_and_no_markup() {
    let hostile = "<script>alert(1)</script>\"";
    let filter = Filter { text: Some(hostile.into()), pool: Some(hostile.into()), ..Filter::default() };
    let mut one = line("c001".into(), None, Reboot::Unknown);
    one.pool = Some(hostile.into());
    let shown = page(&overview(vec![one]), &filter);
    assert!(!shown.contains("<script"), "{shown}");
}

#[test]
fn metrics_have_each_node_with_its_stage() {
    let nodes = vec![
        line("c001".into(), Some(Stage::Running), Reboot::Needed),
        line("c002".into(), None, Reboot::Unknown),
    ];
    let text = metrics(&overview(nodes), Traffic { bytes: 12, requests: 3 }).unwrap();
    for wanted in [
        "disklessset_node_boot_stage{node=\"c001\",pool=\"compute\",stage=\"running\"} 1\n",
        "disklessset_node_boot_stage{node=\"c002\",pool=\"compute\",stage=\"not-seen\"} 1\n",
        "disklessset_node_last_seen_seconds{node=\"c001\",pool=\"compute\"} 60\n",
        "disklessset_node_needs_reboot{node=\"c001\",pool=\"compute\"} 1\n",
        "disklessset_http_bytes_total 12\n",
        "disklessset_http_requests_total 3\n",
        "disklessset_unknown_machines 0\n",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert!(text.ends_with("# EOF\n"));
}
