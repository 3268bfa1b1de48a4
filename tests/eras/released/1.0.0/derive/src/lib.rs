//! The derive macros of `disklessset-plugin-api`, which offers them with their documentation.
#![forbid(unsafe_code)]

mod attributes;
mod choice;
mod parameters;
#[cfg(test)]
mod tests;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

/// Makes a struct the parameters of an action: each field is one. See `Parameters` of
/// `disklessset-plugin-api`.
#[proc_macro_derive(Parameters, attributes(parameter))]
pub fn parameters(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    parameters::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}

/// Makes an enum the words of a choice: each variant is one. See `Choice` of `disklessset-plugin-api`.
#[proc_macro_derive(Choice, attributes(choice))]
pub fn choice(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    choice::expand(&input).unwrap_or_else(syn::Error::into_compile_error).into()
}
