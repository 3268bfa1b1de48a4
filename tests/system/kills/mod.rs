//! Given `kill -9` without any help from the code: at system calls of real operations, and at random moments.

mod at_random;
mod choice;
mod exports;
mod kernels;
mod livenet;
mod model;
mod module_files;
mod observing;
mod table;
mod unmounting;
mod versions;
mod world;
