//! The same facts for Prometheus, in the text format of OpenMetrics.

use crate::overview::Overview;
use jiff::Timestamp;
use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{counter::ConstCounter, family::Family, gauge::Gauge},
    registry::{Registry, Unit},
};
use std::fmt;

/// What the answer says that it is.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the boot server sent since it started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes of bodies.
    pub bytes: u64,
    /// Requests that were answered.
    pub requests: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NodeLabels {
    node: String,
    pool: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StageLabels {
    node: String,
    pool: String,
    stage: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct VersionLabels {
    version: String,
    current: &'static str,
}

/// The text of all metrics.
///
/// # Errors
/// Never for what an overview holds: the encoder passes on what its writer says.
pub fn metrics(overview: &Overview, traffic: Traffic) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("disklessset");
    nodes(&mut registry, overview);
    versions(&mut registry, overview);
    let unknown = Gauge::<i64>::default();
    unknown.set(count(overview.unknown.len()));
    registry.register("unknown_machines", "Machines that asked for a boot file and are no node", unknown);
    registry.register("http_requests", "Requests that were answered", ConstCounter::new(traffic.requests));
    registry.register_with_unit(
        "http",
        "Bytes that were sent to nodes",
        Unit::Bytes,
        ConstCounter::new(traffic.bytes),
    );
    let mut text = String::new();
    encode(&mut text, &registry)?;
    Ok(text)
}

fn nodes(registry: &mut Registry, overview: &Overview) {
    let stage = Family::<StageLabels, Gauge>::default();
    let last_seen = Family::<NodeLabels, Gauge>::default();
    let reboot = Family::<NodeLabels, Gauge>::default();
    for line in &overview.nodes {
        let of = NodeLabels { node: line.node.clone(), pool: line.pool.clone().unwrap_or_default() };
        let word = line.stage.map_or("not-seen", crate::Stage::word);
        let labels = StageLabels { node: of.node.clone(), pool: of.pool.clone(), stage: word };
        stage.get_or_create(&labels).set(1);
        if let Some(seen) = line.last_seen {
            last_seen.get_or_create(&of).set(seconds(overview.at, seen));
        }
        if let Some(needed) = line.needs_reboot() {
            reboot.get_or_create(&of).set(i64::from(needed));
        }
    }
    registry.register("node_boot_stage", "How far a node has come: 1 at its stage", stage);
    registry.register_with_unit(
        "node_last_seen",
        "How long ago a node was heard of",
        Unit::Seconds,
        last_seen,
    );
    registry.register("node_needs_reboot", "Whether a node runs another version than it is to run", reboot);
}

fn versions(registry: &mut Registry, overview: &Overview) {
    let info = Family::<VersionLabels, Gauge>::default();
    let running = Family::<VersionLabels, Gauge>::default();
    for (version, of) in &overview.versions {
        let current = if of.is_current { "true" } else { "false" };
        let labels = VersionLabels { version: version.clone(), current };
        info.get_or_create(&labels).set(count(of.assigned));
        running.get_or_create(&labels).set(count(of.running));
    }
    registry.register("image_info", "Nodes that are to boot a version", info);
    registry.register("image_running", "Nodes that run a version", running);
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn seconds(now: Timestamp, then: Timestamp) -> i64 {
    now.duration_since(then).as_secs().max(0)
}
