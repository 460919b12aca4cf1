//! Views of bytes as structures, and bounds of the helpers.

use crate::Result;
use crate::layout::{BPF_F_CURRENT_CPU, BPF_F_INDEX_MASK};
use crate::map::RexPerfEventArray;
use core::ops::{Deref, DerefMut};

/// Types whose values the kernel, user space and the network may write: no references, no pointers, and every bit pattern
/// is a value. Nothing has to be derived.
///
/// Upstream excludes references and raw pointers with an auto trait and negative implementations, which stable Rust does
/// not have. Here two facts replace it:
/// - a raw pointer is not `Send`, and safe code cannot make a type `Send` that contains one;
/// - a type has an invalid bit pattern exactly when `Option` finds room in it: references, function pointers, `bool`, `char`,
///   most enumerations. [`NoRef::PLAIN`] asserts that there is none, and every use of the bound evaluates it, so that
///   the build fails.
///
/// So it is narrower than upstream, which lets `bool`, enumerations and function pointers into maps.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be in a map or a packet",
    note = "expected a `Copy` type without references and pointers"
)]
pub trait NoRef: Copy + Send {
    /// Does not compile for a type with invalid bit patterns.
    #[doc(hidden)]
    const PLAIN: () = assert!(
        size_of::<Option<Self>>() > size_of::<Self>(),
        "a type in a map or a packet holds a reference, a function pointer, a bool, a char or an enumeration: use integers"
    );
}

impl<T: Copy + Send> NoRef for T {}

/// A number in network order.
#[repr(transparent)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(non_camel_case_types)]
pub struct u16be(pub(crate) u16);

impl From<u16be> for u16 {
    fn from(value: u16be) -> Self {
        Self::from_be(value.0)
    }
}

impl From<u16> for u16be {
    fn from(value: u16) -> Self {
        Self(value.to_be())
    }
}

/// A [`Result`](crate::Result) of a status: `Err` when it is negative.
#[macro_export]
macro_rules! to_result {
    ($status:expr) => {{
        let status = $status;
        if status < 0 { $crate::Result::Err(status as i32) } else { $crate::Result::Ok(status as i32) }
    }};
}

/// The field `$field` of the `$header` at `$base` of a byte slice, as it stands there: `read_field!(slice, 14, iphdr,
/// protocol, u8)`. Panics when the slice is too short.
#[macro_export]
macro_rules! read_field {
    ($slice:expr, $base:expr, $header:ty, $field:ident, $type:ty) => {{
        let start = $base + ::core::mem::offset_of!($header, $field);
        *$crate::utils::convert_slice_to_struct::<$type>(&$slice[start..start + ::core::mem::size_of::<$type>()])
    }};
}

enum Shared<'a, T> {
    Direct(&'a T),
    Copied(T),
}

/// A `T` in a byte slice: the bytes themselves where they are aligned, a copy elsewhere.
pub struct Aligned<'a, T>(Shared<'a, T>);

impl<T> Deref for Aligned<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        match &self.0 {
            Shared::Direct(value) => value,
            Shared::Copied(value) => value,
        }
    }
}

enum Unique<'a, T> {
    Direct(&'a mut T),
    Copied(T, &'a mut [u8]),
}

/// A `T` in a byte slice: the bytes themselves where they are aligned; elsewhere a copy, written back when it is dropped.
pub struct AlignedMut<'a, T: Copy>(Unique<'a, T>);

impl<T: Copy> Deref for AlignedMut<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        match &self.0 {
            Unique::Direct(value) => value,
            Unique::Copied(value, _) => value,
        }
    }
}

impl<T: Copy> DerefMut for AlignedMut<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.0 {
            Unique::Direct(value) => value,
            Unique::Copied(value, _) => value,
        }
    }
}

impl<T: Copy> Drop for AlignedMut<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        if let Unique::Copied(value, bytes) = &mut self.0 {
            unsafe { bytes.as_mut_ptr().cast::<T>().write_unaligned(*value) };
        }
    }
}

/// The `T` at the start of `slice`. Panics when the slice is shorter.
#[inline(always)]
pub fn convert_slice_to_struct<T: NoRef>(slice: &[u8]) -> Aligned<'_, T> {
    const { T::PLAIN };
    assert!(slice.len() >= size_of::<T>(), "size mismatch in convert_slice_to_struct");
    let pointer = slice.as_ptr().cast::<T>();
    Aligned(match pointer.is_aligned() {
        true => Shared::Direct(unsafe { &*pointer }),
        false => Shared::Copied(unsafe { pointer.read_unaligned() }),
    })
}

/// The `T` at the start of `slice`, to be changed. Panics when the slice is shorter.
#[inline(always)]
pub fn convert_slice_to_struct_mut<T: NoRef>(slice: &mut [u8]) -> AlignedMut<'_, T> {
    const { T::PLAIN };
    assert!(slice.len() >= size_of::<T>(), "size mismatch in convert_slice_to_struct_mut");
    let pointer = slice.as_mut_ptr().cast::<T>();
    AlignedMut(match pointer.is_aligned() {
        true => Unique::Direct(unsafe { &mut *pointer }),
        false => Unique::Copied(unsafe { pointer.read_unaligned() }, slice),
    })
}

pub(crate) mod sealed {
    pub trait Streamer {}
}

/// Programs that can send records to a perf event array.
pub trait PerfEventStreamer: sealed::Streamer {
    /// What the program gets from the kernel.
    type Context;

    /// Sends `data` to the event of `map` at `cpu`. Errors: a negative errno, or `22` when the map is not loaded.
    fn output_event<V: NoRef>(
        &self,
        ctx: &Self::Context,
        map: &'static RexPerfEventArray<V>,
        data: &V,
        cpu: PerfEventMaskedCPU,
    ) -> Result;
}

/// Which element of a perf event array: a CPU's, or that of the CPU the program runs on.
#[derive(Clone, Copy, Debug)]
pub struct PerfEventMaskedCPU {
    masked_cpu: u64,
}

impl PerfEventMaskedCPU {
    /// The CPU the program runs on.
    pub fn current_cpu() -> Self {
        Self { masked_cpu: BPF_F_CURRENT_CPU }
    }

    /// The low 32 bits of `cpu`.
    pub fn any_cpu(cpu: u64) -> Self {
        Self { masked_cpu: cpu & BPF_F_INDEX_MASK }
    }

    pub(crate) fn masked_cpu(self) -> u64 {
        self.masked_cpu
    }
}
