//! BPF maps as statics of the extension.

use crate::Result;
use crate::helpers;
use crate::layout::{
    BPF_ANY, BPF_EXIST, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_MAP_TYPE_PERCPU_ARRAY,
    BPF_MAP_TYPE_PERF_EVENT_ARRAY, BPF_MAP_TYPE_QUEUE, BPF_MAP_TYPE_RINGBUF, BPF_MAP_TYPE_STACK,
    BPF_MAP_TYPE_STACK_TRACE, BPF_NOEXIST, rex_map_handle,
};
use crate::utils::{NoRef, PerfEventMaskedCPU, PerfEventStreamer};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::offset_of;

/// What `#[rex_map]` puts into `.maps`: the map's description, and room for the kernel's pointer to it.
///
/// The loader creates the map, the kernel stores the pointer when it loads the image. Until then it is null, and
/// helpers answer `None` or `Err(22)`.
#[repr(C)]
pub struct RexMapHandle<const MT: u32, K, V> {
    map_type: u32,
    key_size: u32,
    val_size: u32,
    max_size: u32,
    map_flag: u32,
    kptr: UnsafeCell<*mut ()>,
    key_type: PhantomData<K>,
    val_type: PhantomData<V>,
}

const _: () = assert!(size_of::<RexMapHandle<0, (), ()>>() == size_of::<rex_map_handle>());
const _: () = assert!(offset_of!(RexMapHandle<0, (), ()>, kptr) == offset_of!(rex_map_handle, kptr));

/// The kernel serialises access to a map's storage as it does for BPF programs, and `kptr` changes at load only.
unsafe impl<const MT: u32, K, V> Sync for RexMapHandle<MT, K, V> {}

/// `BPF_MAP_TYPE_HASH`
pub type RexHashMap<K, V> = RexMapHandle<BPF_MAP_TYPE_HASH, K, V>;
/// `BPF_MAP_TYPE_ARRAY`: the key is an index, every element exists and starts as zeros.
pub type RexArrayMap<V> = RexMapHandle<BPF_MAP_TYPE_ARRAY, u32, V>;
/// `BPF_MAP_TYPE_PERF_EVENT_ARRAY`: user space puts perf events in, programs send records to them.
pub type RexPerfEventArray<V> = RexMapHandle<BPF_MAP_TYPE_PERF_EVENT_ARRAY, u32, V>;
/// `BPF_MAP_TYPE_PERCPU_ARRAY`: `obj.bpf_map_lookup_elem` gives the element of the CPU the program runs on.
pub type RexPerCPUArrayMap<V> = RexMapHandle<BPF_MAP_TYPE_PERCPU_ARRAY, u32, V>;
/// `BPF_MAP_TYPE_STACK_TRACE`: `V` is an array of as many addresses as a stack may have.
pub type RexStackTrace<K, V> = RexMapHandle<BPF_MAP_TYPE_STACK_TRACE, K, V>;
/// `BPF_MAP_TYPE_QUEUE`: first in, first out.
pub type RexQueue<V> = RexMapHandle<BPF_MAP_TYPE_QUEUE, (), V>;
/// `BPF_MAP_TYPE_STACK`: last in, first out.
pub type RexStack<V> = RexMapHandle<BPF_MAP_TYPE_STACK, (), V>;
/// `BPF_MAP_TYPE_RINGBUF`: the size in bytes, a power of two of whole pages, stands for the number of elements.
pub type RexRingBuf = RexMapHandle<BPF_MAP_TYPE_RINGBUF, (), ()>;

pub use crate::ringbuf::RexRingBufEntry;

/// What a perf event array holds is events, of which user space knows file descriptors; `V` is what programs send them.
const DESCRIPTOR_SIZE: u32 = size_of::<u32>() as u32;

/// Types that `#[rex_map]` may stand on.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no map",
    note = "#[rex_map] stands on a static of a map type, such as `RexHashMap<K, V>` or `RexArrayMap<V>`"
)]
pub trait RexMap {}

impl<const MT: u32, K, V> RexMap for RexMapHandle<MT, K, V> {}

impl<const MT: u32, K, V: NoRef> RexMapHandle<MT, K, V> {
    /// A map of at most `max_size` elements; `map_flag` as for `BPF_MAP_CREATE`.
    pub const fn new(max_size: u32, map_flag: u32) -> Self {
        const { V::PLAIN };
        Self {
            map_type: MT,
            key_size: size_of::<K>() as u32,
            val_size: if MT == BPF_MAP_TYPE_PERF_EVENT_ARRAY { DESCRIPTOR_SIZE } else { size_of::<V>() as u32 },
            max_size,
            map_flag,
            kptr: UnsafeCell::new(core::ptr::null_mut()),
            key_type: PhantomData,
            val_type: PhantomData,
        }
    }

    /// The kernel's `struct bpf_map *`. Volatile, or the compiler would fold the null it sees.
    #[inline(always)]
    pub(crate) fn kernel_map(&self) -> Option<*mut ()> {
        let map = unsafe { self.kptr.get().read_volatile() };
        if map.is_null() { None } else { Some(map) }
    }
}

impl<K, V: NoRef> RexHashMap<K, V> {
    /// Adds or replaces. Errors: `-7` (E2BIG) full, `22` not loaded.
    pub fn insert(&'static self, key: &K, value: &V) -> Result {
        helpers::map_update_elem(self, key, value, BPF_ANY as u64)
    }

    /// Adds. Errors: `-17` (EEXIST), `-7` (E2BIG) full, `22` not loaded.
    pub fn insert_new(&'static self, key: &K, value: &V) -> Result {
        helpers::map_update_elem(self, key, value, BPF_NOEXIST as u64)
    }

    /// Replaces. Errors: `-2` (ENOENT), `22` not loaded.
    pub fn update(&'static self, key: &K, value: &V) -> Result {
        helpers::map_update_elem(self, key, value, BPF_EXIST as u64)
    }

    /// The value's own storage: what is written is in the map at once.
    #[allow(clippy::mut_from_ref)]
    pub fn get_mut<'a>(&'static self, key: &'a K) -> Option<&'a mut V> {
        helpers::map_lookup_elem(self, key)
    }

    /// Errors: `-2` (ENOENT), `22` not loaded.
    pub fn delete(&'static self, key: &K) -> Result {
        helpers::map_delete_elem(self, key)
    }
}

impl<V: NoRef> RexArrayMap<V> {
    /// Replaces. Errors: `-7` (E2BIG) index out of range, `22` not loaded.
    pub fn insert(&'static self, key: &u32, value: &V) -> Result {
        helpers::map_update_elem(self, key, value, BPF_ANY as u64)
    }

    /// The element's own storage; `None` when the index is out of range.
    #[allow(clippy::mut_from_ref)]
    pub fn get_mut<'a>(&'static self, key: &'a u32) -> Option<&'a mut V> {
        helpers::map_lookup_elem(self, key)
    }

    /// Always an error: elements of an array cannot be deleted.
    pub fn delete(&'static self, key: &u32) -> Result {
        helpers::map_delete_elem(self, key)
    }
}

impl<V: NoRef> RexPerfEventArray<V> {
    /// Sends `data` to the element for `cpu`. Errors: a negative errno, or `22` not loaded.
    pub fn output<P: PerfEventStreamer>(
        &'static self,
        program: &P,
        ctx: &P::Context,
        data: &V,
        cpu: PerfEventMaskedCPU,
    ) -> Result {
        program.output_event(ctx, self, data, cpu)
    }
}

macro_rules! queue_methods {
    ($($map:ident)*) => {
        $(
            impl<V: NoRef> $map<V> {
                /// Adds. Errors: `-7` (E2BIG) full, `22` not loaded.
                pub fn push(&'static self, value: &V) -> Result {
                    helpers::map_push_elem(self, value, BPF_ANY as u64)
                }

                /// Adds; a full map loses its oldest element. Errors: `22` not loaded.
                pub fn force_push(&'static self, value: &V) -> Result {
                    helpers::map_push_elem(self, value, BPF_EXIST as u64)
                }

                /// Takes the next element; `None` when there is none.
                pub fn pop(&'static self) -> Option<V> {
                    helpers::map_pop_elem(self)
                }

                /// The next element, which stays; `None` when there is none.
                pub fn peek(&'static self) -> Option<V> {
                    helpers::map_peek_elem(self)
                }
            }
        )*
    };
}

queue_methods! { RexStack RexQueue }
