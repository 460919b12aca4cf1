//! Bounds of the helpers.

/// Types whose values the kernel and user space may write: plain bytes, without references.
///
/// Upstream excludes every type that contains a reference or a raw pointer with an auto trait and negative
/// implementations, which stable Rust does not have. `Copy + 'static` is the approximation: it keeps out borrows of the
/// program's own data and everything that owns something. It does not keep out `&'static T`, raw pointers and types with invalid bit
/// patterns (`bool`, enumerations); do not put these into maps.
pub trait NoRef: Copy + 'static {}

impl<T: Copy + 'static> NoRef for T {}
