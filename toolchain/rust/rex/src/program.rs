//! Program types. Adding one is a module with `program_type!` and `base_helpers!`, and a row in the table of
//! toolchain/entry-insertion.

/// Defines a program type: its object, the function that runs a program with a context of the kernel, and the function
/// that inserted entries call. `$convert` makes the context of the pointer `$ctx`, which is the kernel's alone until
/// the program returns.
///
/// Entry insertion reads the program's type from `rtti`, its function from `prog` and its name from `name`.
macro_rules! program_type {
    ($(#[$attribute:meta])* $type:ident, $rtti:ident, $entry:ident, |$ctx:ident| $convert:expr => $context:ty) => {
        $(#[$attribute])*
        #[repr(C)]
        #[allow(non_camel_case_types)]
        pub struct $type {
            rtti: u64,
            prog: fn(&Self, $context) -> $crate::Result,
            name: &'static str,
        }

        $crate::program::check_object!($type);

        impl $type {
            /// The program's attribute calls it.
            pub const fn new(prog: fn(&Self, $context) -> $crate::Result, name: &'static str) -> Self {
                Self { rtti: $crate::layout::$rtti as u64, prog, name }
            }

            /// The object of a program whose attribute wrote the entry as well.
            #[doc(hidden)]
            pub const fn entered() -> Self {
                Self::new(|_, _| Ok(0), "")
            }

            /// The program's name.
            pub const fn name(&self) -> &'static str {
                self.name
            }
        }

        /// Calls `prog` with the kernel's context; the result is what the kernel receives.
        ///
        /// # Safety
        /// `ctx` is the kernel's context of an event of this type.
        #[doc(hidden)]
        #[inline(always)]
        pub unsafe fn run(obj: &$type, $ctx: *mut (), prog: impl FnOnce(&$type, $context) -> $crate::Result) -> u32 {
            // one expression: a context made here lives until the program returns
            unsafe { $crate::result::flatten(prog(obj, $convert)) }
        }

        unsafe extern "C" fn prog_run(obj: &$type, ctx: *mut ()) -> u32 {
            unsafe { run(obj, ctx, obj.prog) }
        }

        $crate::program::define_prog_entry!($entry, &$type, prog_run);
    };
}
pub(crate) use program_type;

/// Where the inserted entry of every program of a type goes: `obj` is its program object, `ctx` the kernel's context.
///
/// The kernel enters programs with a stack that is 8 bytes off the C convention, so the stack is aligned first.
macro_rules! define_prog_entry {
    ($entry:ident, $object:ty, $prog_run:path) => {
        /// What the entries that entry insertion writes call.
        ///
        /// # Safety
        /// `ctx` is the kernel's context of an event of this type, and nobody else uses it until the program returns.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $entry(obj: $object, ctx: *mut ()) -> u32 {
            ::core::arch::naked_asm!(
                "push rbp",
                "mov rbp, rsp",
                "and rsp, -16",
                "call {prog_run}",
                "mov rsp, rbp",
                "pop rbp",
                "ret",
                prog_run = sym $prog_run,
            )
        }

        /// Nothing calls the entry before entry insertion has run.
        #[used]
        #[unsafe(link_section = ".rex.entries")]
        static KEEP_ENTRY: unsafe extern "C" fn($object, *mut ()) -> u32 = $entry;
    };
}
pub(crate) use define_prog_entry;

/// The object has the layout that entry insertion reads.
macro_rules! check_object {
    ($type:ty) => {
        const _: () = {
            use $crate::layout::rex_program_object;
            assert!(size_of::<$type>() == size_of::<rex_program_object>());
            assert!(::core::mem::offset_of!($type, rtti) == ::core::mem::offset_of!(rex_program_object, rtti));
            assert!(::core::mem::offset_of!($type, prog) == ::core::mem::offset_of!(rex_program_object, prog));
            assert!(::core::mem::offset_of!($type, name) == ::core::mem::offset_of!(rex_program_object, name_pointer));
        };
    };
}
pub(crate) use check_object;
