//! `key = "string"` pairs between an attribute's parentheses.

use proc_macro::{TokenStream, TokenTree};

const SYNTAX: &str = "expected #[rex_kprobe] or #[rex_kprobe(function = \"name\")]";

pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// Keys nobody asks for are ignored. The error is the text for the compiler.
    pub fn parse(stream: TokenStream) -> Result<Self, String> {
        let mut pairs = Vec::new();
        let mut rest = stream.into_iter();
        while let Some(key) = rest.next() {
            let (Some(TokenTree::Punct(equals)), Some(value)) = (rest.next(), rest.next()) else {
                return Err(format!("`{key}`: {SYNTAX}"));
            };
            if equals.as_char() != '=' {
                return Err(format!("`{key}{equals}`: {SYNTAX}"));
            }
            pairs.push((key.to_string(), plain_string(&value)?));
            match rest.next() {
                None => break,
                Some(TokenTree::Punct(comma)) if comma.as_char() == ',' => {}
                Some(other) => return Err(format!("`{other}`: {SYNTAX}")),
            }
        }
        Ok(Self(pairs))
    }

    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }
}

/// The text of a string literal without escapes: it becomes part of a section's name.
fn plain_string(value: &TokenTree) -> Result<String, String> {
    let text = value.to_string();
    let inner = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    match inner {
        Some(name) if !name.is_empty() && !name.contains(['\\', '"']) => Ok(name.to_string()),
        _ => Err(format!("`{text}`: {SYNTAX}")),
    }
}
