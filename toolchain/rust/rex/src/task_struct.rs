//! The task that triggered the event.

use crate::layout::{self, THREAD_SIZE};
use crate::pt_regs::PtRegs;
use crate::termination::termination_check;
use crate::{cleanup, ffi, per_cpu};
use core::ffi::{CStr, FromBytesUntilNulError};
use core::ops::Deref;

/// A live `struct task_struct`. It can only be had from a helper, and the task cannot go away while the program runs.
pub struct TaskStruct {
    task: *const layout::task_struct,
}

macro_rules! read {
    ($task:expr, $field:ident) => {
        unsafe { (&raw const (*$task.task).$field).read_volatile() }
    };
}

impl TaskStruct {
    pub(crate) fn current() -> Option<Self> {
        let task = unsafe { per_cpu::read_u64(&raw const ffi::current_task) } as *const layout::task_struct;
        if task.is_null() { None } else { Some(Self { task }) }
    }

    /// The thread's id.
    #[inline(always)]
    pub fn get_pid(&self) -> i32 {
        read!(self, pid)
    }

    /// The thread group's id: what user space calls the pid.
    #[inline(always)]
    pub fn get_tgid(&self) -> i32 {
        read!(self, tgid)
    }

    /// Time spent in user mode, in nanoseconds.
    #[inline(always)]
    pub fn get_utime(&self) -> u64 {
        read!(self, utime)
    }

    /// The name of the program, 15 bytes at most. An error when the kernel left out the NUL.
    pub fn get_comm(&self) -> Result<&CStr, FromBytesUntilNulError> {
        CStr::from_bytes_until_nul(unsafe { &(*self.task).comm })
    }

    /// The user-mode registers saved at kernel entry, at the end of the task's kernel stack.
    pub fn get_pt_regs(&self) -> &'static PtRegs {
        let stack = read!(self, stack).cast::<u8>().cast_const();
        unsafe { &*stack.wrapping_add(THREAD_SIZE - size_of::<PtRegs>()).cast::<PtRegs>() }
    }
}

/// A task the program has looked up and holds a reference to, which is given back when this is dropped and also when the
/// program panics.
#[must_use = "the reference is given back as soon as it is dropped"]
#[clippy::has_significant_drop]
pub struct OwnedTaskStruct {
    task: TaskStruct,
    cleanup_index: usize,
}

impl OwnedTaskStruct {
    /// The task with this id; `None` when there is none. Panics when the program holds 64 resources already.
    pub fn from_pid(pid: i32) -> Option<Self> {
        let (task, cleanup_index) = termination_check!({
            let task = ffi::bpf_task_from_pid(pid);
            (task, if task.is_null() { None } else { cleanup::try_register(release, task.cast()) })
        });
        if task.is_null() {
            return None;
        }
        let Some(cleanup_index) = cleanup_index else {
            termination_check!(unsafe { ffi::bpf_task_release(task) });
            cleanup::full()
        };
        Some(Self { task: TaskStruct { task }, cleanup_index })
    }
}

impl Deref for OwnedTaskStruct {
    type Target = TaskStruct;

    fn deref(&self) -> &TaskStruct {
        &self.task
    }
}

impl Drop for OwnedTaskStruct {
    fn drop(&mut self) {
        termination_check!({
            cleanup::deregister(self.cleanup_index);
            unsafe { ffi::bpf_task_release(self.task.task.cast_mut()) }
        });
    }
}

extern "C" fn release(task: *mut ()) {
    unsafe { ffi::bpf_task_release(task.cast()) };
}
