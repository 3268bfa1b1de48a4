//! Nodes and pools: who boots what. One file has them all; what nodes fetch is made from it.

mod address;
mod altered;
mod boot_files;
mod boot_words;
mod edits;
mod file;
mod glance;
mod inventory;
mod lists;
mod mac;
mod manager;
mod named;
mod node;
mod pending;
mod pool_name;
mod received;
mod sent;
mod settings;
mod shown;

pub use address::{NodeAddress, NodeAddressError};
pub use altered::Altered;
pub use boot_files::{REPORT, node_path, pool_path, waiting_script};
pub use boot_words::{BootWordsError, KernelParameters, VariableName, VariableValue};
pub use edits::{NodeEdit, PoolEdit};
pub use file::NodeFile;
pub use glance::NamesAtAGlance;
pub use inventory::{Inventory, InventoryError};
pub use mac::{MacAddress, MacAddressError};
pub use manager::{BootFilesChange, InventoryChange, NodeManager};
pub use node::{Node, Pool, PoolBoot};
pub use pool_name::{PoolName, PoolNameError};
pub use sent::SentInventory;
pub use shown::{ListedNode, ListedPool, ShownBoot};
