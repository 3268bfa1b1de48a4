//! The cases of `docs/reliability.md`: each a test named after its row, and a check that the document tells the truth of them.

mod case_01_07_killed;
mod case_08_every_action;
mod case_08_signals;
mod case_09_only_the_tool;
mod case_10_more_tools;
mod case_10_tools;
mod case_12_broken_disk;
mod case_13_after_success;
mod case_13_freeze_frame;
mod case_14_read_only;
mod case_15_16_17_at_once;
mod case_17_downloads;
mod case_18_19_whose_pid;
mod case_20_21_22_editing;
mod case_20_28_of_others;
mod case_23_names;
mod case_24_values;
mod case_25_26_hostile_files;
mod case_27_modules;
mod case_28_swapped;
mod case_29_hostile_tree;
mod case_30_secrets;
mod case_31_upgrade;
mod table;
mod tools;
