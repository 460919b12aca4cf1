/// What programs and fallible helpers return.
///
/// `Err` holds an errno, negative when the kernel gave it. The kernel receives 32 bits: `Ok(v)` becomes `v` and `Err(e)`
/// becomes `e`, so an error that leaves a program through `?` is the program's return code.
pub type Result = core::result::Result<i32, i32>;

/// A kernel helper's status, 0 or -errno.
pub(crate) fn from_status(status: i64) -> Result {
    let status = status as i32;
    if status < 0 { Err(status) } else { Ok(status) }
}

/// The 32 bits the kernel receives.
pub(crate) fn flatten(result: Result) -> u32 {
    match result {
        Ok(value) | Err(value) => value as u32,
    }
}
