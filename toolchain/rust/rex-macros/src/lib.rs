//! The attributes that turn a plain function into a Rex program and a plain static into a BPF map.
//!
//! A program's attribute never writes the function the kernel calls: it places a *program object* into a `rex/…` section,
//! and entry insertion, a later and separate step of the build, reads that object and emits the entry. With the feature
//! `generated_entries` the attributes write the entry themselves, into the same section, and the later step only
//! takes `rex/` off the section's name. Sources are the same for both.
#![warn(missing_docs)]

mod arguments;
mod error;
mod item;
mod program;
mod tracepoints;

use arguments::Arguments;
use error::{Error, Expansion};
use proc_macro::TokenStream;
use program::{ProgramType, program};

/// Makes `pub fn f(obj: &kprobe, ctx: &mut PtRegs) -> Result` a kprobe program named `f`.
///
/// `#[rex_kprobe]` leaves the probed function to the loader; `#[rex_kprobe(function = "vfs_read")]` names it, so that
/// the program's section is `kprobe/vfs_read`. The function stays as it is written. Beside it stands
/// `static PROG_f: kprobe = kprobe::new(f, "f")`.
#[proc_macro_attribute]
pub fn rex_kprobe(attribute: TokenStream, function: TokenStream) -> TokenStream {
    probe("kprobe", attribute, function)
}

/// Makes a function as for [`macro@rex_kprobe`] a program for uprobes: `#[rex_uprobe]`, or
/// `#[rex_uprobe(function = "path:symbol")]`. The program's type is kprobe, its section `uprobe` or `uprobe/path:symbol`.
#[proc_macro_attribute]
pub fn rex_uprobe(attribute: TokenStream, function: TokenStream) -> TokenStream {
    probe("uprobe", attribute, function)
}

/// Makes `fn f(obj: &tracepoint<C>, ctx: &'static C) -> Result` a tracepoint program named `f`.
///
/// The type of the last parameter says which tracepoint: with `SyscallsEnterDupCtx` the section is
/// `tracepoint/syscalls/sys_enter_dup`.
#[proc_macro_attribute]
pub fn rex_tracepoint(_attribute: TokenStream, function: TokenStream) -> TokenStream {
    let hook = item::last_parameter(&function).and_then(|parameter| {
        let context = item::referenced_type(parameter)?;
        let name = context.to_string();
        let row = tracepoints::TRACEPOINTS.iter().find(|(known, _)| *known == name);
        row.map(|(_, hook)| (context, *hook)).ok_or_else(|| unknown_context(&name).at(&item_token(&function, &name)))
    });
    expand(function, |function| {
        let (context, hook) = hook?;
        program(ProgramType::TRACEPOINT.of(&context), &format!("tracepoint/{hook}"), function)
    })
}

/// Makes `fn f(obj: &perf_event, ctx: &bpf_perf_event_data) -> Result` a program for perf events.
#[proc_macro_attribute]
pub fn rex_perf_event(_attribute: TokenStream, function: TokenStream) -> TokenStream {
    expand(function, |function| program(ProgramType::PERF_EVENT, "perf_event", function))
}

/// Makes `fn f(obj: &xdp, ctx: &mut xdp_md) -> Result` an XDP program.
#[proc_macro_attribute]
pub fn rex_xdp(_attribute: TokenStream, function: TokenStream) -> TokenStream {
    expand(function, |function| program(ProgramType::XDP, "xdp", function))
}

/// Makes `fn f(obj: &sched_cls, ctx: &mut __sk_buff) -> Result` a traffic control classifier.
#[proc_macro_attribute]
pub fn rex_tc(_attribute: TokenStream, function: TokenStream) -> TokenStream {
    expand(function, |function| program(ProgramType::SCHED_CLS, "tc", function))
}

/// Makes `static name: RexHashMap<K, V> = RexHashMap::new(…)` a BPF map called `name`.
///
/// The static gets its own name as its symbol and the section `.maps`, where the loader finds it.
#[proc_macro_attribute]
pub fn rex_map(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    expand(item, |item| {
        let name = item::name_after("static", item, "#[rex_map] stands on a `static`")?;
        Ok(Expansion::before("#[used] #[unsafe(no_mangle)] #[unsafe(link_section = \".maps\")]")
            .and(&format!("const _: fn() = || {{ fn map<M: ::rex::map::RexMap>(_: &'static M) {{}} map(&{name}); }};")))
    })
}

fn probe(section: &str, attribute: TokenStream, function: TokenStream) -> TokenStream {
    expand(function, |function| {
        let section = match Arguments::parse(attribute)?.get("function") {
            Some(target) => format!("{section}/{target}"),
            None => String::from(section),
        };
        program(ProgramType::KPROBE, &section, function)
    })
}

/// The item with what belongs before and behind it, or with an error that stops the build.
fn expand(item: TokenStream, with: impl FnOnce(&TokenStream) -> Result<Expansion, Error>) -> TokenStream {
    match with(&item) {
        Ok(expansion) => expansion.around(item),
        Err(error) => error.and(item),
    }
}

fn unknown_context(name: &str) -> Error {
    let known: Vec<&str> = tracepoints::TRACEPOINTS.iter().map(|(context, _)| *context).collect();
    Error::new(&format!(
        "`{name}` is the context of no known tracepoint, expected a reference to one of {}; a new one is a row in kernel/layout/tracing.ts",
        known.join(", ")
    ))
}

fn item_token(function: &TokenStream, name: &str) -> proc_macro::Span {
    item::find(function, name).unwrap_or_else(proc_macro::Span::call_site)
}
