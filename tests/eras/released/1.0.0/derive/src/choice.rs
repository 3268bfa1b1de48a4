//! `#[derive(Choice)]`: the words of an enum, to and fro.

use proc_macro2::TokenStream;
use quote::quote;
use std::collections::BTreeSet;
use syn::{Data, DeriveInput, Error, Fields, LitStr, Result, Variant, ext::IdentExt};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let Data::Enum(data) = &input.data else {
        return Err(Error::new_spanned(&input.ident, "a choice is an enum"));
    };
    let (mut variants, mut words, mut seen) = (Vec::new(), Vec::new(), BTreeSet::new());
    for variant in &data.variants {
        if !matches!(variant.fields, Fields::Unit) {
            return Err(Error::new_spanned(variant, "a variant of a choice is a word and holds nothing"));
        }
        let word = word(variant)?;
        // As users type them: upper and lower case are the same.
        if !seen.insert(word.value().to_ascii_lowercase()) {
            return Err(Error::new_spanned(variant, format!("the word {} is there twice", word.value())));
        }
        variants.push(&variant.ident);
        words.push(word);
    }
    let ident = &input.ident;
    Ok(quote! {
        #[automatically_derived]
        impl ::disklessset_plugin_api::Choice for #ident {
            const WORDS: &'static [&'static str] = &[#(#words),*];

            fn word(&self) -> &'static str {
                match self { #(Self::#variants => #words),* }
            }

            fn of_word(word: &str) -> ::std::option::Option<Self> {
                match word {
                    #(#words => ::std::option::Option::Some(Self::#variants),)*
                    _ => ::std::option::Option::None,
                }
            }
        }

        #[automatically_derived]
        impl ::std::convert::From<#ident> for ::disklessset_plugin_api::serde_json::Value {
            fn from(choice: #ident) -> Self {
                ::disklessset_plugin_api::Choice::word(&choice).into()
            }
        }
    })
}

/// The word of a variant: its name with dashes, or the one that stands above it.
fn word(variant: &Variant) -> Result<LitStr> {
    let mut said: Option<LitStr> = None;
    for attribute in variant.attrs.iter().filter(|attribute| attribute.path().is_ident("choice")) {
        attribute.parse_nested_meta(|nested| {
            if !nested.path.is_ident("word") {
                return Err(nested.error("a choice has no attribute of this name: it has word"));
            }
            said = Some(nested.value()?.parse()?);
            Ok(())
        })?;
    }
    Ok(said.unwrap_or_else(|| LitStr::new(&dashed(&variant.ident.unraw().to_string()), variant.ident.span())))
}

/// `LowLatency` becomes `low-latency`.
fn dashed(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.extend(letter.to_lowercase());
    }
    text
}
