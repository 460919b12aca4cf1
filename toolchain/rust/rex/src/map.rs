//! BPF maps as statics of the extension.

use crate::helpers;
use crate::layout::{BPF_ANY, BPF_EXIST, BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH, BPF_NOEXIST, rex_map_handle};
use crate::{Result, utils::NoRef};
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

impl<const MT: u32, K, V: NoRef> RexMapHandle<MT, K, V> {
    /// A map of at most `max_size` elements; `map_flag` as for `BPF_MAP_CREATE`.
    pub const fn new(max_size: u32, map_flag: u32) -> Self {
        Self {
            map_type: MT,
            key_size: size_of::<K>() as u32,
            val_size: size_of::<V>() as u32,
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
