//! `key = "string"` pairs between an attribute's parentheses.

use crate::error::Error;
use proc_macro::{TokenStream, TokenTree};

const SYNTAX: &str = "expected no arguments, or `function = \"name\"` as in #[rex_kprobe(function = \"vfs_read\")]";

pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// Keys nobody asks for are ignored.
    pub fn parse(stream: TokenStream) -> Result<Self, Error> {
        let mut pairs = Vec::new();
        let mut rest = stream.into_iter();
        while let Some(key) = rest.next() {
            let (Some(TokenTree::Punct(equals)), Some(value)) = (rest.next(), rest.next()) else {
                return Err(Error::new(&format!("`{key}`: {SYNTAX}")).at(&key.span()));
            };
            if equals.as_char() != '=' {
                return Err(Error::new(&format!("`{key}{equals}`: {SYNTAX}")).at(&key.span()));
            }
            pairs.push((key.to_string(), plain_string(&value)?));
            match rest.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
                Some(other) => return Err(Error::new(&format!("`{other}`: {SYNTAX}")).at(&other.span())),
            }
        }
        Ok(Self(pairs))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// The text of a string literal without escapes: it becomes part of a section's name.
fn plain_string(value: &TokenTree) -> Result<String, Error> {
    let text = value.to_string();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(name) if !name.is_empty() && !name.contains(['\\', '"']) => Ok(name.to_string()),
        _ => Err(Error::new(&format!("`{text}`: {SYNTAX}")).at(&value.span())),
    }
}
