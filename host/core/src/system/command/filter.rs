//! Which system calls a program cannot make that sets labels: all that its one great capability, `SYS_ADMIN`, opens beside them.
//!
//! Only system calls are made here, as in [`super::child`].
#![allow(unsafe_code)]

use std::io;

use nix::libc::{
    self, BPF_ABS, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_JSET, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long, sock_filter,
};

/// Mounts and namespaces; files by their handles; control of file systems and devices; other processes, keys and programs in the kernel.
const REFUSED: [c_long; 45] = [
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_open_by_handle_at,
    libc::SYS_ioctl,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_vhangup,
    libc::SYS_reboot,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_fanotify_init,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_userfaultfd,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_mknodat,
    libc::SYS_socket,
];

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID`, `NEWNET`.
const NEW_NAMESPACES: u32 = 0x7e02_0000;
/// `MADV_HWPOISON` and `MADV_SOFT_OFFLINE`.
const POISON: u32 = 100;
/// Calls of another table of the same machine.
const X32: u32 = 0x4000_0000;

#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
compile_error!("the number of this machine for the filter of system calls is missing");

/// Offsets in the kernel's `seccomp_data`: the call, the machine, and the low halves of arguments (little endian).
const CALL: u32 = 0;
const MACHINE_AT: u32 = 4;
const FIRST: u32 = 16;
const THIRD: u32 = 32;

const ALLOW: u32 = 0x7fff_0000;
const fn error(number: i32) -> u32 {
    0x0005_0000 | number.unsigned_abs()
}

const LENGTH: usize = 16 + 2 * REFUSED.len();

const fn op(code: u32, k: u32, yes: u8, no: u8) -> sock_filter {
    // The codes fit: they are octets of three groups.
    sock_filter { code: code as u16, jt: yes, jf: no, k }
}

const fn program() -> [sock_filter; LENGTH] {
    let refuse = op(BPF_RET | BPF_K, error(libc::EPERM), 0, 0);
    let mut all = [refuse; LENGTH];
    let (load, jump) = (BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_K);
    all[0] = op(load, MACHINE_AT, 0, 0);
    all[1] = op(jump | BPF_JEQ, MACHINE, 1, 0);
    // all[2] refuses.
    all[3] = op(load, CALL, 0, 0);
    all[4] = op(jump | BPF_JGE, X32, 0, 1);
    // all[5] refuses.
    all[6] = op(jump | BPF_JEQ, libc::SYS_clone3 as u32, 0, 1);
    // The C library goes back to the older call then, whose flags can be looked at.
    all[7] = op(BPF_RET | BPF_K, error(libc::ENOSYS), 0, 0);
    let mut next = 8;
    let mut index = 0;
    while index < REFUSED.len() {
        all[next] = op(jump | BPF_JEQ, REFUSED[index] as u32, 0, 1);
        // all[next + 1] refuses.
        next += 2;
        index += 1;
    }
    all[next] = op(jump | BPF_JEQ, libc::SYS_clone as u32, 0, 2);
    all[next + 1] = op(load, FIRST, 0, 0);
    all[next + 2] = op(jump | BPF_JSET, NEW_NAMESPACES, 4, 3);
    all[next + 3] = op(jump | BPF_JEQ, libc::SYS_madvise as u32, 0, 2);
    all[next + 4] = op(load, THIRD, 0, 0);
    all[next + 5] = op(jump | BPF_JGE, POISON, 1, 0);
    all[next + 6] = op(BPF_RET | BPF_K, ALLOW, 0, 0);
    // all[next + 7] refuses.
    all
}

static PROGRAM: [sock_filter; LENGTH] = program();

/// Filters the calls of this process and of all that it starts, for good.
///
/// # Safety
/// To be called between fork and exec.
pub(super) unsafe fn apply() -> io::Result<()> {
    let program = libc::sock_fprog {
        len: u16::try_from(LENGTH).map_err(|_| io::ErrorKind::InvalidInput)?,
        filter: PROGRAM.as_ptr().cast_mut(),
    };
    // SAFETY: the program is static and the kernel copies it; the rest are integers.
    unsafe {
        if libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
            || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
        {
            return Err(io::Error::last_os_error());
        }
    }
    Ok(())
}
