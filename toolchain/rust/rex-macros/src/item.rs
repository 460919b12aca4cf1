//! What an attribute needs to know of the item it stands on.

use proc_macro::{TokenStream, TokenTree};

/// The identifier that follows `keyword` at the item's top level: `fn NAME`, `static NAME`, `static mut NAME`.
pub fn name_after(keyword: &str, item: &TokenStream) -> Option<String> {
    let mut identifiers = item.clone().into_iter().filter_map(|token| match token {
        TokenTree::Ident(identifier) => Some(identifier.to_string()),
        _ => None,
    });
    identifiers.find(|identifier| identifier == keyword)?;
    identifiers.find(|identifier| identifier != "mut")
}

/// The item as it was, with an error that stops the build.
pub fn compile_error(message: &str, item: TokenStream) -> TokenStream {
    let mut output: TokenStream = format!("::core::compile_error!({message:?});").parse().unwrap_or_default();
    output.extend(item);
    output
}
