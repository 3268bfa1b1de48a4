//! Given `kill -9` without any help from the code: at system calls of real operations, and at random moments.

mod kernels;
mod livenet;
mod module_files;
mod table;
mod world;
