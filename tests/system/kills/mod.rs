//! Given `kill -9` without any help from the code: at system calls of real operations, and at random moments.

mod at_random;
mod choice;
mod kernels;
mod livenet;
mod model;
mod module_files;
mod observing;
mod table;
mod world;
