//! What stands beside a program's function.

use crate::error::{Error, Expansion};
use crate::item::name_after;
use proc_macro::{Ident, TokenStream};

/// The module of the `rex` crate whose `run` takes a program of this type, and the type itself.
pub struct ProgramType {
    module: &'static str,
    name: String,
}

impl ProgramType {
    pub const KPROBE: Kind = Kind("kprobe");
    pub const TRACEPOINT: Kind = Kind("tracepoint");
    pub const PERF_EVENT: Kind = Kind("perf_event");
    pub const XDP: Kind = Kind("xdp");
    pub const SCHED_CLS: Kind = Kind("sched_cls");
}

/// A row of the program types; the type has its module's name.
#[derive(Clone, Copy)]
pub struct Kind(&'static str);

impl Kind {
    pub fn of(self, context: &Ident) -> ProgramType {
        ProgramType { module: self.0, name: format!("::rex::{0}::{0}::<::rex::{0}::{context}>", self.0) }
    }
}

impl From<Kind> for ProgramType {
    fn from(kind: Kind) -> Self {
        Self { module: kind.0, name: format!("::rex::{0}::{0}", kind.0) }
    }
}

/// `section` is without `rex/`.
pub fn program(
    program_type: impl Into<ProgramType>,
    section: &str,
    function: &TokenStream,
) -> Result<Expansion, Error> {
    let name = name_after("fn", function, "a Rex program's attribute stands on a `fn`")?;
    let program_type = program_type.into();
    Ok(if cfg!(feature = "generated_entries") {
        generated_entry(&program_type, section, &name)
    } else {
        program_object(&program_type, section, &name)
    })
}

fn program_object(ProgramType { name: program_type, .. }: &ProgramType, section: &str, name: &str) -> Expansion {
    Expansion::behind(&format!(
        "#[used] #[unsafe(link_section = \"rex/{section}\")] #[allow(non_upper_case_globals)]
         static PROG_{name}: {program_type} = {program_type}::new({name}, {name:?});"
    ))
}

/// The entry aligns the stack, as `__rex_entry_<type>` of the `rex` crate does for programs with an object. It is no naked
/// function, for the assembler takes `//` in a section's name for a comment; the frame is pushed again below what the
/// alignment leaves out, so that a stack trace goes on at the kernel.
fn generated_entry(program_type: &ProgramType, section: &str, name: &str) -> Expansion {
    let ProgramType { module, name: program_type } = program_type;
    let object = name.to_uppercase();
    Expansion::before("#[inline(always)]").and(&format!(
        "static PROG_{object}: {program_type} = {program_type}::entered();
         unsafe extern \"C\" fn __rex_entry_{name}(ctx: *mut ()) -> u32 {{
             unsafe {{ ::rex::{module}::run(&PROG_{object}, ctx, {name}) }}
         }}
         const _: () = {{
             #[unsafe(export_name = {name:?})]
             #[unsafe(link_section = \"rex/{section}\")]
             unsafe extern \"C\" fn entry(ctx: *mut ()) -> u32 {{
                 let result: u32;
                 unsafe {{
                     ::core::arch::asm!(
                         \"push rbp\", \"push [rbp + 8]\", \"push [rbp]\", \"mov rbp, rsp\",
                         \"and rsp, -16\", \"call {{}}\",
                         \"mov rsp, rbp\", \"add rsp, 16\", \"pop rbp\",
                         sym __rex_entry_{name}, inlateout(\"rdi\") ctx => _, lateout(\"eax\") result,
                         clobber_abi(\"C\"),
                     )
                 }}
                 result
             }}
             #[used]
             #[unsafe(link_section = \".rex.entries\")]
             static KEEP_ENTRY: unsafe extern \"C\" fn(*mut ()) -> u32 = entry;
         }};"
    ))
}
