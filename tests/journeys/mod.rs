//! A user's ways through the program, with the `demo` module and no privileges.

mod commands;
mod completion;
mod crash;
mod demo;
mod doctor;
mod empty;
mod inheritance;
mod inventories;
mod log;
mod menu;
mod names;
mod node_changes;
mod node_status;
mod nodes;
mod reference;
mod serve;
mod together;
mod words;
