//! Nodes and pools: who boots what. One file has them all; what nodes fetch is made from it.

mod address;
mod boot_words;
mod file;
mod inventory;
mod lists;
mod mac;
mod manager;
mod node;
mod pool_name;
mod settings;

pub use address::{NodeAddress, NodeAddressError};
pub use boot_words::{BootWordsError, KernelParameters, VariableName, VariableValue};
pub use file::NodeFile;
pub use inventory::{Inventory, InventoryError};
pub use mac::{MacAddress, MacAddressError};
pub use manager::{InventoryChange, NodeManager};
pub use node::{Node, Pool, PoolBoot};
pub use pool_name::{PoolName, PoolNameError};
