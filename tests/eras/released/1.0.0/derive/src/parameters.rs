//! `#[derive(Parameters)]`: from each field the call that declares its parameter, and the call that reads it.

use crate::attributes::Said;
use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use std::collections::BTreeSet;
use syn::{Data, DeriveInput, Error, Field, Fields, LitStr, Result, ext::IdentExt, punctuated::Punctuated};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named(input)?;
    let (mut declared, mut read, mut constants) = (Vec::new(), Vec::new(), Vec::new());
    let (mut names, mut flags) = (BTreeSet::new(), BTreeSet::new());
    for field in fields {
        let Some(ident) = &field.ident else { continue };
        let said = Said::of(field)?;
        let name = said.name.clone().unwrap_or_else(|| literal(ident));
        let flag = said.flag.clone().map_or_else(|| name.value().replace('_', "-"), |flag| flag.value());
        for (value, seen, what) in [(name.value(), &mut names, "parameter"), (flag, &mut flags, "flag")] {
            if !seen.insert(value.clone()) {
                return Err(Error::new_spanned(field, format!("the {what} {value} is there twice")));
            }
        }
        let constant = format_ident!("{}", ident.unraw().to_string().to_uppercase());
        declared.push(declaration(field, &name, &said));
        let (visible, kind) = (&field.vis, &field.ty);
        read.push(quote! {
            #ident: <#kind as ::disklessset_plugin_api::ParameterField>::read(arguments, #name)?
        });
        constants.push(quote! {
            /// The name of the parameter, as parameters files have it.
            #visible const #constant: &'static str = #name;
        });
    }
    let ident = &input.ident;
    let (generics, of, bounds) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::disklessset_plugin_api::Parameters for #ident #of #bounds {
            fn declared() -> ::std::vec::Vec<::disklessset_plugin_api::ParamSpec> {
                ::std::vec![#(#declared),*]
            }

            fn from_arguments(
                arguments: &::disklessset_plugin_api::Arguments,
            ) -> ::disklessset_plugin_api::Result<Self> {
                ::std::result::Result::Ok(Self { #(#read),* })
            }
        }

        #[automatically_derived]
        #[allow(dead_code)]
        impl #generics #ident #of #bounds {
            #(#constants)*
        }
    })
}

/// The calls that declare the parameter of a field, as an author would write them.
fn declaration(field: &Field, name: &LitStr, said: &Said) -> TokenStream {
    let (held, help) = (&field.ty, &said.help);
    if said.trailing.is_some() {
        let sample = said.sample.iter();
        return quote! { ::disklessset_plugin_api::ParamSpec::trailing(#name, #help) #(.sample(#sample))* };
    }
    let kind = match &said.kind {
        Some(kind) => quote! { #kind },
        None => quote! { <#held as ::disklessset_plugin_api::ParameterField>::kind() },
    };
    let place = if said.position.is_some() { quote!(position) } else { quote!(flag) };
    let mut calls = TokenStream::new();
    // After what the type says: something with a default need not be given.
    calls.extend(said.default.iter().map(|value| quote! { .optional().default(#value) }));
    calls.extend(said.flag.iter().map(|flag| quote! { .as_flag(#flag) }));
    calls.extend(said.sample.iter().map(|value| quote! { .sample(#value) }));
    calls.extend(said.not_asked.iter().map(|()| quote! { .not_asked() }));
    calls.extend(said.only_for.iter().map(|pair| {
        let (parameter, word) = (&pair.elems[0], &pair.elems[1]);
        quote! { .only_for(#parameter, #word) }
    }));
    quote! {
        <#held as ::disklessset_plugin_api::ParameterField>::declare(
            ::disklessset_plugin_api::ParamSpec::#place(#name, #kind, #help)
        ) #calls
    }
}

fn named(input: &DeriveInput) -> Result<&Punctuated<Field, syn::Token![,]>> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(&fields.named),
            _ => Err(Error::new_spanned(&input.ident, "parameters are a struct with named fields")),
        },
        _ => Err(Error::new_spanned(&input.ident, "parameters are a struct with named fields")),
    }
}

fn literal(ident: &syn::Ident) -> LitStr {
    LitStr::new(&ident.unraw().to_string(), ident.span())
}
