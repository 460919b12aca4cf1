//! What an attribute needs to know of the item it stands on.

use crate::error::{Error, span_of};
use proc_macro::{Delimiter, Ident, Span, TokenStream, TokenTree};

const CONTEXT: &str = "expected the last parameter to be a reference to a tracepoint's context, as in `ctx: &'static SyscallsEnterDupCtx`";

/// The identifier that follows `keyword` at the item's top level: `fn NAME`, `static NAME`, `static mut NAME`.
pub fn name_after(keyword: &str, item: &TokenStream, otherwise: &str) -> Result<String, Error> {
    let mut identifiers = item.clone().into_iter().filter_map(|token| match token {
        TokenTree::Ident(identifier) => Some(identifier.to_string()),
        _ => None,
    });
    identifiers
        .find(|identifier| identifier == keyword)
        .and_then(|_| identifiers.find(|identifier| identifier != "mut"))
        .ok_or_else(|| Error::new(otherwise))
}

/// The tokens of a function's last parameter.
pub fn last_parameter(function: &TokenStream) -> Result<Vec<TokenTree>, Error> {
    let mut tokens = function.clone().into_iter();
    tokens.find(|token| token.to_string() == "fn");
    let parameters = tokens.find_map(|token| match token {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(group.stream()),
        _ => None,
    });
    let mut last = Vec::new();
    let (mut current, mut angles) = (Vec::new(), 0);
    for token in parameters.unwrap_or_default() {
        match token.to_string().as_str() {
            "<" => angles += 1,
            ">" => angles -= 1,
            "," if angles == 0 => {
                last = std::mem::take(&mut current);
                continue;
            }
            _ => {}
        }
        current.push(token);
    }
    let parameter = if current.is_empty() { last } else { current };
    if parameter.is_empty() { Err(Error::new(CONTEXT)) } else { Ok(parameter) }
}

/// `C` of `name: &'static path::C`.
pub fn referenced_type(parameter: Vec<TokenTree>) -> Result<Ident, Error> {
    let name = span_of(&parameter[0]);
    let mut rest = parameter.into_iter().skip_while(|token| token.to_string() != ":").skip(1);
    if rest.next().is_none_or(|token| token.to_string() != "&") {
        return Err(Error::new(CONTEXT).at(&name));
    }
    let identifiers = rest.filter_map(|token| match token {
        TokenTree::Ident(identifier) => Some(identifier),
        _ => None,
    });
    identifiers.last().ok_or_else(|| Error::new(CONTEXT).at(&name))
}

/// Where the identifier `name` stands, at any depth.
pub fn find(item: &TokenStream, name: &str) -> Option<Span> {
    item.clone().into_iter().find_map(|token| match token {
        TokenTree::Ident(identifier) if identifier.to_string() == name => Some(identifier.span()),
        TokenTree::Group(group) => find(&group.stream(), name),
        _ => None,
    })
}
