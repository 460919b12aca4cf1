//! The attributes that turn a plain function into a Rex program and a plain static into a BPF map.
//!
//! An attribute never writes the entry point the kernel calls: it places a *program object* into a `rex/…` section, and
//! entry insertion, a later and separate step of the build, reads that object and emits the entry.

mod arguments;
mod item;

use arguments::Arguments;
use item::{compile_error, name_after};
use proc_macro::TokenStream;

/// Makes `pub fn f(obj: &kprobe, ctx: &mut PtRegs) -> Result` a kprobe program named `f`.
///
/// `#[rex_kprobe]` leaves the probed function to the loader; `#[rex_kprobe(function = "vfs_read")]` names it, so that
/// the program's section is `kprobe/vfs_read`. The function stays as it is written. Beside it stands
/// `static PROG_f: kprobe = kprobe::new(f, "f")`.
#[proc_macro_attribute]
pub fn rex_kprobe(attribute: TokenStream, function: TokenStream) -> TokenStream {
    let hook = Arguments::parse(attribute).map(|arguments| match arguments.get("function") {
        Some(target) => format!("rex/kprobe/{target}"),
        None => String::from("rex/kprobe"),
    });
    match hook {
        Ok(section) => program("::rex::kprobe::kprobe", &section, function),
        Err(message) => compile_error(&message, function),
    }
}

/// Makes `static name: RexHashMap<K, V> = RexHashMap::new(…)` a BPF map called `name`.
///
/// The static gets its own name as its symbol and the section `.maps`, where the loader finds it.
#[proc_macro_attribute]
pub fn rex_map(_attribute: TokenStream, item: TokenStream) -> TokenStream {
    if name_after("static", &item).is_none() {
        return compile_error("#[rex_map] stands on a `static`", item);
    }
    let mut output = tokens("#[used] #[unsafe(no_mangle)] #[unsafe(link_section = \".maps\")]");
    output.extend(item);
    output
}

fn program(program_type: &str, section: &str, function: TokenStream) -> TokenStream {
    let Some(name) = name_after("fn", &function) else {
        return compile_error("a Rex program attribute stands on a `fn`", function);
    };
    let mut output = function;
    output.extend(tokens(&format!(
        "#[used] #[unsafe(link_section = {section:?})] #[allow(non_upper_case_globals)]
         static PROG_{name}: {program_type} = {program_type}::new({name}, {name:?});"
    )));
    output
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a macro of rex-macros expands to Rust")
}
