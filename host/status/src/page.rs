//! The page: who boots what, how far each node is, who is not known. It needs no script, and refreshes itself.

use crate::{
    overview::{NodeLine, Overview, Reboot, by_stage},
    seen::Stage,
};
use jiff::Timestamp;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::collections::BTreeMap;

/// Seconds after which the page is loaded anew.
const REFRESH: u32 = 10;
/// The most nodes and machines of a page: what is beyond is counted, and found by the filter.
const MOST: usize = 200;
const STYLE: &str = include_str!("page.css");

/// Which nodes are shown.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this pool.
    pub pool: Option<String>,
    /// At this stage, by its word, or `not-seen`.
    pub stage: Option<String>,
    /// Whose name, version or address has this text.
    pub text: Option<String>,
    /// Those only that are to be rebooted.
    pub reboot: bool,
}

impl Filter {
    /// Reads the query of an address. What it does not know is left out.
    pub fn of_query(pairs: impl Iterator<Item = (String, String)>) -> Self {
        let mut filter = Self::default();
        for (key, value) in pairs.filter(|(_, value)| !value.is_empty()) {
            match key.as_str() {
                "pool" => filter.pool = Some(value),
                "stage" => filter.stage = Some(value),
                "text" => filter.text = Some(value),
                "reboot" => filter.reboot = true,
                _ => {}
            }
        }
        filter
    }

    fn takes(&self, line: &NodeLine) -> bool {
        let is = |wanted: &Option<String>, has: &str| wanted.as_deref().is_none_or(|wanted| wanted == has);
        let has_text = |text: &str| {
            let fields =
                [Some(&line.node), line.version.as_ref(), line.assigned.as_ref(), line.address.as_ref()];
            fields.into_iter().flatten().any(|field| field.contains(text))
        };
        is(&self.pool, line.pool.as_deref().unwrap_or_default())
            && is(&self.stage, stage_word(line.stage))
            && self.text.as_deref().is_none_or(has_text)
            && (!self.reboot || line.reboot == Reboot::Needed)
    }
}

fn stage_word(stage: Option<Stage>) -> &'static str {
    stage.map_or("not-seen", Stage::word)
}

/// The page as HTML.
pub fn page(overview: &Overview, filter: &Filter) -> String {
    let body = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="refresh" content=(REFRESH);
                meta name="viewport" content="width=device-width";
                title { "disklessset: nodes" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Nodes" }
                p.time { (time(overview.at)) }
                (stages(overview))
                (pools(overview))
                (versions(overview))
                (unknown(overview))
                (form(filter))
                (nodes(overview, filter))
            }
        }
    };
    body.into_string()
}

fn stages(overview: &Overview) -> Markup {
    let reboot = overview.nodes.iter().filter(|line| line.reboot == Reboot::Needed).count();
    html! {
        ul.stages {
            @for (stage, count) in by_stage(&overview.nodes) {
                li class=(stage_word(stage)) {
                    a href={ "?stage=" (stage_word(stage)) } { b { (count) } " " (stage.map_or("not seen", Stage::words)) }
                }
            }
            li.reboot { a href="?reboot=1" { b { (reboot) } " need a reboot" } }
        }
    }
}

fn pools(overview: &Overview) -> Markup {
    let mut pools: BTreeMap<&str, [usize; 3]> = BTreeMap::new();
    for line in &overview.nodes {
        let of = pools.entry(line.pool.as_deref().unwrap_or_default()).or_default();
        of[0] += 1;
        of[1] += usize::from(line.stage == Some(Stage::Running));
        of[2] += usize::from(line.reboot == Reboot::Needed);
    }
    html! {
        h2 { "Pools" }
        table {
            tr { th { "pool" } th { "nodes" } th { "running" } th { "need a reboot" } }
            @for (pool, [nodes, running, reboot]) in pools {
                tr {
                    td { @if pool.is_empty() { "(none)" } @else { a href={ "?pool=" (pool) } { (pool) } } }
                    td { (nodes) }
                    td { (running) }
                    td { (reboot) }
                }
            }
        }
    }
}

fn versions(overview: &Overview) -> Markup {
    html! {
        h2 { "Versions" }
        table {
            tr { th { "version" } th { "current" } th { "nodes that are to boot it" } th { "nodes that run it" } }
            @for (version, of) in &overview.versions {
                tr {
                    td { (version) }
                    td { @if of.is_current { "yes" } }
                    td { (of.assigned) }
                    td { (of.running) }
                }
            }
        }
    }
}

fn unknown(overview: &Overview) -> Markup {
    let beyond = overview.unknown.len().saturating_sub(MOST);
    html! {
        @if !overview.unknown.is_empty() {
            h2 { "Machines that are no node" }
            table {
                tr { th { "MAC" } th { "address" } th { "first seen" } th { "last seen" } }
                @for (mac, machine) in overview.unknown.iter().take(MOST) {
                    tr {
                        td { code { (mac) } }
                        td { (machine.address) }
                        td { (time(machine.first_seen)) }
                        td { (time(machine.last_seen)) }
                    }
                }
            }
            @if beyond > 0 { p { (beyond) " more" } }
            p { "Take one with " code { "disklessset node set NAME --mac MAC --pool POOL" } "." }
        }
    }
}

fn form(filter: &Filter) -> Markup {
    html! {
        form method="get" {
            label { "Name, version or address " input name="text" value=(filter.text.as_deref().unwrap_or_default()); }
            @if let Some(pool) = &filter.pool { input type="hidden" name="pool" value=(pool); }
            @if let Some(stage) = &filter.stage { input type="hidden" name="stage" value=(stage); }
            @if filter.reboot { input type="hidden" name="reboot" value="1"; }
            button { "Show" }
            " " a href="?" { "all nodes" }
        }
    }
}

fn nodes(overview: &Overview, filter: &Filter) -> Markup {
    let mut lines: Vec<&NodeLine> = overview.nodes.iter().filter(|line| filter.takes(line)).collect();
    // What needs somebody comes first.
    lines.sort_by_key(|line| match (line.stage, line.reboot) {
        (Some(Stage::RootCutShort), _) => 0,
        (_, Reboot::Needed) => 1,
        _ => 2,
    });
    html! {
        p.count { (lines.len()) " of " (overview.nodes.len()) " nodes" @if lines.len() > MOST { ", the first " (MOST) } }
        table.nodes {
            tr {
                th { "node" } th { "pool" } th { "is to boot" } th { "boots or runs" } th { "stage" } th { "since" }
                th { "last seen" } th { "address" } th { "reboot" }
            }
            @for line in lines.into_iter().take(MOST) {
                tr class=(stage_word(line.stage)) {
                    td { (line.node) }
                    td { (text(line.pool.as_deref())) }
                    td { (text(line.assigned.as_deref())) }
                    td { (text(line.version.as_deref())) }
                    td { (line.stage_words()) }
                    td { @if let Some(since) = line.since { (time(since)) } }
                    td { @if let Some(seen) = line.last_seen { (time(seen)) } }
                    td { (text(line.address.as_deref())) }
                    td { @if line.reboot == Reboot::Needed { "needed" } }
                }
            }
        }
    }
}

fn text(field: Option<&str>) -> &str {
    field.unwrap_or_default()
}

fn time(at: Timestamp) -> Markup {
    html! { time datetime=(at) { (at.strftime("%Y-%m-%d %H:%M:%S UTC")) } }
}

#[cfg(test)]
#[path = "page_tests.rs"]
mod tests;
