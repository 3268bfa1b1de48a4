//! The requests of `<linux/loop.h>`.
#![allow(unsafe_code)]

use rustix::{
    fd::AsFd,
    io::Result,
    ioctl::{Getter, IntegerSetter, Ioctl, IoctlOutput, NoArg, Opcode, Setter, ioctl},
};
use std::{
    ffi::c_void,
    os::fd::{AsRawFd, BorrowedFd},
};

const SET_FD: Opcode = 0x4C00;
const CLR_FD: Opcode = 0x4C01;
const SET_STATUS64: Opcode = 0x4C04;
const GET_STATUS64: Opcode = 0x4C05;
const CONFIGURE: Opcode = 0x4C0A;
const CTL_GET_FREE: Opcode = 0x4C82;

pub(super) const READ_ONLY: u32 = 1;
pub(super) const AUTOCLEAR: u32 = 4;

/// The kernel's `loop_info64`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(super) struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    pub(super) flags: u32,
    pub(super) file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// The kernel's `loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<Info>() == 232 && size_of::<Config>() == 304);

impl Info {
    pub(super) fn new(flags: u32, file_name: [u8; 64]) -> Self {
        Self {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags,
            file_name,
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        }
    }
}

/// Asks the control device for the number of a device that has no file.
pub(super) fn free_number(control: impl AsFd) -> Result<i32> {
    // SAFETY: the request takes no argument.
    unsafe { ioctl(control, FreeNumber) }
}

/// Gives a device its file and all else in one call (Linux 5.8).
pub(super) fn configure(device: impl AsFd, file: BorrowedFd<'_>, info: Info) -> Result<()> {
    let config = Config { fd: file.as_raw_fd().cast_unsigned(), block_size: 0, info, reserved: [0; 8] };
    // SAFETY: the kernel reads one Config, laid out as its own.
    unsafe { ioctl(device, Setter::<CONFIGURE, _>::new(config)) }
}

/// Gives a device its file.
pub(super) fn set_file(device: impl AsFd, file: BorrowedFd<'_>) -> Result<()> {
    // The number of an open descriptor is never negative.
    let file = usize::try_from(file.as_raw_fd()).unwrap_or_default();
    // SAFETY: the argument is a number.
    unsafe { ioctl(device, IntegerSetter::<SET_FD>::new_usize(file)) }
}

/// Takes a device its file.
pub(super) fn clear_file(device: impl AsFd) -> Result<()> {
    // SAFETY: the request takes no argument.
    unsafe { ioctl(device, NoArg::<CLR_FD>::new()) }
}

/// Gives a device its name and flags.
pub(super) fn set_info(device: impl AsFd, info: Info) -> Result<()> {
    // SAFETY: the kernel reads one Info, laid out as its own.
    unsafe { ioctl(device, Setter::<SET_STATUS64, _>::new(info)) }
}

/// What a device has.
pub(super) fn info_of(device: impl AsFd) -> Result<Info> {
    // SAFETY: the kernel writes one Info, laid out as its own.
    unsafe { ioctl(device, Getter::<GET_STATUS64, Info>::new()) }
}

/// A request whose answer is what the call returns.
struct FreeNumber;

// SAFETY: the request takes no argument and writes nothing.
unsafe impl Ioctl for FreeNumber {
    type Output = i32;
    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        CTL_GET_FREE
    }

    fn as_ptr(&mut self) -> *mut c_void {
        std::ptr::null_mut()
    }

    unsafe fn output_from_ptr(number: IoctlOutput, _: *mut c_void) -> Result<i32> {
        Ok(number)
    }
}
