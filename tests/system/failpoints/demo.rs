//! What the host does by itself, with images that take a moment.

use super::super::kill_points::{
    CLEAN, CLEAR, CLEAR_CORRUPTED, CLONE, CREATE, FIRST, MESSAGE, REBUILD, RELEASE, REMOVE, REMOVE_VERSION,
    ROLLBACK, SET_KERNEL,
};
use super::{COMMITTED, OUT_OF_SERVICE, Operation, Turn, UNREGISTERED, operations};

operations! {
    a_creation: Operation::new("demo create", &CREATE, UNREGISTERED);
    the_first_creation_of_a_site: Operation::new("demo create, the first", &FIRST, UNREGISTERED);
    a_clone: Operation::new("demo clone", &CLONE, UNREGISTERED);
    a_change_by_a_module: Operation::new("demo message", &MESSAGE, Turn::First("directories: exchanged", ""));
    a_change_of_kernel: Operation::new("demo set kernel", &SET_KERNEL, COMMITTED);
    a_rebuild: Operation::new("demo rebuild", &REBUILD, COMMITTED);
    a_rollback: Operation::new("demo rollback", &ROLLBACK, COMMITTED);
    a_release: Operation::new("demo release", &RELEASE, COMMITTED);
    a_removal_of_a_version: Operation::new("demo remove, a version", &REMOVE_VERSION, COMMITTED);
    a_removal: Operation::new("demo remove", &REMOVE, OUT_OF_SERVICE);
    a_clearing: Operation::new("demo clear", &CLEAR, OUT_OF_SERVICE);
    a_cleaning: Operation::new("demo clean", &CLEAN, Turn::Begin);
    a_clearing_of_a_corrupted_image: Operation::new("demo clear, corrupted", &CLEAR_CORRUPTED, Turn::Begin);
}
