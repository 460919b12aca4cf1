//! Records in a ring buffer that user space reads.

use crate::helpers::NOT_LOADED;
use crate::layout::{BPF_RB_AVAIL_DATA, BPF_RB_CONS_POS, BPF_RB_PROD_POS, BPF_RB_RING_SIZE};
use crate::map::RexRingBuf;
use crate::result::from_status;
use crate::termination::termination_check;
use crate::{Result, ffi};
use core::fmt;
use core::mem::ManuallyDrop;
use core::ops::{Deref, DerefMut};

impl RexRingBuf {
    /// Room for a record of `size` bytes; `None` when there is none.
    pub fn reserve(&'static self, size: usize) -> Option<RexRingBufEntry<'static>> {
        let map = self.kernel_map()?;
        let record = termination_check!(unsafe { ffi::bpf_ringbuf_reserve(map, size as u64, 0) });
        if record.is_null() {
            return None;
        }
        Some(RexRingBufEntry { data: unsafe { core::slice::from_raw_parts_mut(record, size) }, offset: 0 })
    }

    /// Copies `data` into a record of its own. `flags`: `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP` or 0. Errors: a negative
    /// errno, or `22` not loaded.
    pub fn output(&'static self, data: &[u8], flags: u64) -> Result {
        let Some(map) = self.kernel_map() else { return NOT_LOADED };
        from_status(termination_check!(unsafe {
            ffi::bpf_ringbuf_output(map, data.as_ptr(), data.len() as u64, flags)
        }))
    }

    /// Bytes that user space has not taken yet, headers of records included.
    pub fn available_bytes(&'static self) -> Option<u64> {
        self.query(BPF_RB_AVAIL_DATA)
    }

    /// The size of the buffer in bytes.
    pub fn size(&'static self) -> Option<u64> {
        self.query(BPF_RB_RING_SIZE)
    }

    /// Bytes user space has taken since the map was made.
    pub fn consumer_position(&'static self) -> Option<u64> {
        self.query(BPF_RB_CONS_POS)
    }

    /// Bytes programs have reserved since the map was made.
    pub fn producer_position(&'static self) -> Option<u64> {
        self.query(BPF_RB_PROD_POS)
    }

    fn query(&'static self, what: u32) -> Option<u64> {
        let map = self.kernel_map()?;
        Some(termination_check!(unsafe { ffi::bpf_ringbuf_query(map, u64::from(what)) }))
    }
}

/// A record under construction: its bytes, and [`fmt::Write`] for text. It is discarded when it is dropped without
/// [`submit`](Self::submit). A program that panics meanwhile leaves it in the buffer, busy, as upstream has it.
#[must_use = "the record is discarded as soon as it is dropped"]
#[clippy::has_significant_drop]
pub struct RexRingBufEntry<'a> {
    data: &'a mut [u8],
    /// bytes of text so far
    offset: usize,
}

impl RexRingBufEntry<'_> {
    /// Hands the record to user space. `flags`: `BPF_RB_NO_WAKEUP`, `BPF_RB_FORCE_WAKEUP` or 0.
    pub fn submit(self, flags: u64) {
        let mut entry = ManuallyDrop::new(self);
        termination_check!(unsafe { ffi::bpf_ringbuf_submit(entry.data.as_mut_ptr(), flags) });
    }

    /// Gives the record up: user space skips it. `flags` as for [`submit`](Self::submit).
    pub fn discard(self, flags: u64) {
        ManuallyDrop::new(self).give_up(flags);
    }

    fn give_up(&mut self, flags: u64) {
        termination_check!(unsafe { ffi::bpf_ringbuf_discard(self.data.as_mut_ptr(), flags) });
    }
}

impl Drop for RexRingBufEntry<'_> {
    fn drop(&mut self) {
        self.give_up(0);
    }
}

impl Deref for RexRingBufEntry<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.data
    }
}

impl DerefMut for RexRingBufEntry<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.data
    }
}

/// Text is NUL-terminated; an error when it does not fit with its NUL.
impl fmt::Write for RexRingBufEntry<'_> {
    fn write_str(&mut self, fragment: &str) -> fmt::Result {
        let end = self.offset.checked_add(fragment.len()).ok_or(fmt::Error)?;
        if end >= self.data.len() {
            return Err(fmt::Error);
        }
        self.data[self.offset..end].copy_from_slice(fragment.as_bytes());
        self.data[end] = 0;
        self.offset = end;
        Ok(())
    }
}
