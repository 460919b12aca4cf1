//! What an attribute gives back: the item with more around it, or with an error.

use proc_macro::{Span, TokenStream, TokenTree};

/// Text for the compiler, and where in the source it points.
pub struct Error {
    message: String,
    span: Span,
}

impl Error {
    /// Points at the attribute.
    pub fn new(message: &str) -> Self {
        Self { message: message.to_string(), span: Span::call_site() }
    }

    pub fn at(self, span: &Span) -> Self {
        Self { span: *span, ..self }
    }

    /// The item as it was, with an error that stops the build.
    pub fn and(self, item: TokenStream) -> TokenStream {
        let mut output = TokenStream::new();
        for mut token in tokens(&format!("::core::compile_error!({:?});", self.message)) {
            token.set_span(self.span);
            output.extend([token]);
        }
        output.extend(item);
        output
    }
}

/// Rust to write before and behind an item.
pub struct Expansion {
    before: String,
    behind: String,
}

impl Expansion {
    pub fn before(text: &str) -> Self {
        Self { before: text.to_string(), behind: String::new() }
    }

    pub fn behind(text: &str) -> Self {
        Self::before("").and(text)
    }

    pub fn and(mut self, behind: &str) -> Self {
        self.behind.push_str(behind);
        self
    }

    pub fn around(self, item: TokenStream) -> TokenStream {
        let mut output = tokens(&self.before);
        output.extend(item);
        output.extend(tokens(&self.behind));
        output
    }
}

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("a macro of rex-macros expands to Rust")
}

/// Where a token stands.
pub fn span_of(token: &TokenTree) -> Span {
    token.span()
}
