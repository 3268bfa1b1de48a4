//! What is on record of a node and of a pool.

use super::{
    address::NodeAddress,
    boot_words::{KernelParameters, VariableName, VariableValue},
    lists::{one_or_many, unique_map, write_one_or_many},
    mac::MacAddress,
    pool_name::PoolName,
};
use crate::versions::VersionReference;
use disklessset_plugin_api::node_set::NodeName;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A machine that boots from here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    /// The addresses of its network cards, by which it is known for sure.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "one_or_many",
        serialize_with = "write_one_or_many"
    )]
    pub mac: Vec<MacAddress>,
    /// The address that it gets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<NodeAddress>,
    /// Other names of it.
    #[serde(
        default,
        skip_serializing_if = "Vec::is_empty",
        deserialize_with = "one_or_many",
        serialize_with = "write_one_or_many"
    )]
    pub alias: Vec<NodeName>,
    /// The pool that it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<PoolName>,
    /// What it boots when it is in no pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<VersionReference>,
    /// Kernel parameters that it gets besides those of the image and the pool.
    #[serde(default, skip_serializing_if = "KernelParameters::is_empty")]
    pub kernel_parameters: KernelParameters,
    /// Settings that its boot file makes.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "unique_map")]
    pub variables: BTreeMap<VariableName, VariableValue>,
}

/// Nodes that get the same.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// The image that its nodes boot: its current version, or the one that is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<VersionReference>,
    /// Where from they boot.
    #[serde(default, skip_serializing_if = "is_default")]
    pub boot: PoolBoot,
    /// Whether `BOOTIF=` is put on the kernel line, with the card that the node boots from.
    #[serde(default, skip_serializing_if = "is_default")]
    pub bootif: bool,
    /// Kernel parameters that they get besides those of the image.
    #[serde(default, skip_serializing_if = "KernelParameters::is_empty")]
    pub kernel_parameters: KernelParameters,
}

/// Where from the nodes of a pool boot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PoolBoot {
    /// From the image of the pool.
    #[default]
    Image,
    /// From their own disk.
    Local,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}
