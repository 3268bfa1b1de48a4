//! Everything public of a crate, a line each, from its sources.
//!
//! A line holds what its users rely on together: all fields of a struct that they may write out, all variants of an enum that
//! they may match, all methods of a trait that they must implement. So what may only grow is lines that are added.

use std::collections::BTreeSet;

use camino::Utf8Path;
use quote::{ToTokens, quote};
use syn::punctuated::Punctuated;
use syn::{
    Attribute, Field, Fields, ImplItem, Item, ItemEnum, ItemImpl, ItemMacro, ItemStruct, ItemTrait, Meta,
    Token, TraitItem, UseTree, Visibility,
};

use crate::failure::{self, Failure};

/// How lines of what is said as JSON begin.
const SENT: &str = "sent: ";

/// Lists a crate whose `lib.rs` lies in this directory.
pub(super) fn of(src: &Utf8Path) -> Result<BTreeSet<String>, Failure> {
    let mut list = List::default();
    list.file(&src.join("lib.rs"), src, "")?;
    Ok(list.lines)
}

#[cfg(test)]
pub(super) fn of_text(text: &str) -> syn::Result<BTreeSet<String>> {
    let mut list = List::default();
    list.items(&syn::parse_file(text)?.items, Utf8Path::new("/nowhere"), "").expect("it has no files");
    Ok(list.lines)
}

/// Whether a line tells of a field that readers insist on, of a type that there was before.
pub(super) fn must_be_sent(line: &str, old: &BTreeSet<String>) -> bool {
    let Some((owner, field)) = line.strip_prefix(SENT).and_then(|line| line.split_once(" . ")) else {
        return false;
    };
    let of_owner = format!("{SENT}{owner} . ");
    !field.contains("default") && old.iter().any(|line| line.starts_with(&of_owner))
}

#[derive(Default)]
struct List {
    lines: BTreeSet<String>,
}

impl List {
    fn file(&mut self, path: &Utf8Path, below: &Utf8Path, module: &str) -> Result<(), Failure> {
        let text = std::fs::read_to_string(path).map_err(failure::file("read", path))?;
        let file =
            syn::parse_file(&text).map_err(|cause| Failure::Plain(format!("cannot read {path}: {cause}")))?;
        self.items(&file.items, below, module)
    }

    /// `below` is where the files of modules lie that are declared here. Private modules count: what is public in them is named
    /// by the crate's root.
    fn items(&mut self, items: &[Item], below: &Utf8Path, module: &str) -> Result<(), Failure> {
        for item in items {
            match item {
                Item::Mod(inner) if !is_left_out(&inner.attrs) => {
                    let path = format!("{module}{} :: ", inner.ident);
                    let place = below.join(inner.ident.to_string());
                    match &inner.content {
                        Some((_, items)) => self.items(items, &place, &path)?,
                        None => {
                            let file = place.with_extension("rs");
                            let file = if file.exists() { file } else { place.join("mod.rs") };
                            self.file(&file, &place, &path)?;
                        }
                    }
                }
                other => self.item(other, module),
            }
        }
        Ok(())
    }

    fn item(&mut self, item: &Item, module: &str) {
        match item {
            Item::Fn(item) if is_public(&item.vis, &item.attrs) => {
                let mut signature = item.sig.clone();
                without_argument_names(&mut signature);
                self.add(format!("{module}{}", signature.to_token_stream()));
            }
            Item::Const(item) if is_public(&item.vis, &item.attrs) => {
                let (name, kind, value) = (&item.ident, &item.ty, &item.expr);
                self.add(format!("{module}{}", quote!(const #name: #kind = #value)));
            }
            Item::Type(item) if is_public(&item.vis, &item.attrs) => {
                let (name, generics, kind) = (&item.ident, &item.generics, &item.ty);
                self.add(format!("{module}{}", quote!(type #name #generics = #kind)));
            }
            Item::Use(item) if is_public(&item.vis, &item.attrs) => {
                let mut names = Vec::new();
                leaves(&item.tree, String::new(), &mut names);
                names.into_iter().for_each(|name| self.add(format!("{module}use {name}")));
            }
            Item::Struct(item) if is_public(&item.vis, &item.attrs) => self.structure(item, module),
            Item::Enum(item) if is_public(&item.vis, &item.attrs) => self.choice(item, module),
            Item::Trait(item) if is_public(&item.vis, &item.attrs) => self.interface(item, module),
            Item::Impl(item) if !is_left_out(&item.attrs) => self.implementation(item, module),
            Item::Macro(item) if has(&item.attrs, "macro_export") && !is_left_out(&item.attrs) => {
                self.patterns(item);
            }
            _ => {}
        }
    }

    fn add(&mut self, line: String) {
        self.lines.insert(line);
    }

    fn derives(&mut self, attributes: &[Attribute], name: &str) {
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("derive")) {
            let traits = attribute.parse_args_with(Punctuated::<syn::Path, Token![,]>::parse_terminated);
            for derived in traits.into_iter().flatten() {
                self.add(format!("derive {} for {name}", derived.to_token_stream()));
            }
        }
    }

    fn structure(&mut self, item: &ItemStruct, module: &str) {
        let name = format!("{module}{}", item.ident);
        self.derives(&item.attrs, &name);
        let (generics, own) = (&item.generics, kept(&item.attrs));
        let sent = is_sent(&item.attrs);
        let public = |field: &&Field| matches!(field.vis, Visibility::Public(_));
        let open = has(&item.attrs, "non_exhaustive") || is_prefix(&item.attrs);
        let written_out =
            !open && item.fields.iter().all(|field| public(&field)) && item.fields.iter().len() > 0;
        // Messages may gain fields, see plugin-api/CHANGELOG.md: who writes one out is the host, or tests.
        let message = module == "messages :: ";
        if written_out && !message {
            let fields = named(&item.fields, &public);
            self.add(format!("struct {name} {} {own} {{ {} }}", quote!(#generics), fields.join(", ")));
        } else {
            self.add(format!("struct {name} {} {own}", quote!(#generics)));
            for field in named(&item.fields, &public) {
                self.add(format!("struct {name} . {field}"));
            }
        }
        if sent {
            for field in item.fields.iter() {
                let (field_name, kind, own) = (&field.ident, &field.ty, kept(&field.attrs));
                self.add(format!("{SENT}{name} . {} {own}", quote!(#field_name: #kind)));
            }
        }
    }

    fn choice(&mut self, item: &ItemEnum, module: &str) {
        let name = format!("{module}{}", item.ident);
        self.derives(&item.attrs, &name);
        let (generics, own) = (&item.generics, kept(&item.attrs));
        let mut has_other = false;
        let variants: Vec<String> = item
            .variants
            .iter()
            .map(|variant| {
                let own = kept(&variant.attrs);
                has_other |= own.contains("other");
                let fields = named(&variant.fields, &|_| true);
                format!("{} {{ {} }} {own}", variant.ident, fields.join(", "))
            })
            .collect();
        if has(&item.attrs, "non_exhaustive") || has_other {
            self.add(format!("enum {name} {} {own}", quote!(#generics)));
            variants.into_iter().for_each(|variant| self.add(format!("enum {name} . {variant}")));
        } else {
            self.add(format!("enum {name} {} {own} {{ {} }}", quote!(#generics), variants.join(", ")));
        }
    }

    fn interface(&mut self, item: &ItemTrait, module: &str) {
        let name = format!("{module}{}", item.ident);
        let (generics, above) = (&item.generics, &item.supertraits);
        let mut required = Vec::new();
        for member in &item.items {
            let TraitItem::Fn(method) = member else {
                required.push(member.to_token_stream().to_string());
                continue;
            };
            let mut signature = method.sig.clone();
            without_argument_names(&mut signature);
            let signature = signature.to_token_stream().to_string();
            match method.default {
                Some(_) => self.add(format!("trait {name} may define {signature}")),
                None => required.push(signature),
            }
        }
        self.add(format!(
            "trait {name} {} : {} must define {}",
            quote!(#generics),
            quote!(#above),
            required.join("; ")
        ));
    }

    fn implementation(&mut self, item: &ItemImpl, module: &str) {
        let (generics, owner) = (&item.generics, &item.self_ty);
        let head = format!("{module}impl {} {}", quote!(#generics), quote!(#owner));
        if let Some((implemented, _)) = &item.trait_ {
            return self.add(format!("{head} : {}", implemented.to_token_stream()));
        }
        for member in &item.items {
            match member {
                ImplItem::Fn(method) if is_public(&method.vis, &method.attrs) => {
                    let mut signature = method.sig.clone();
                    without_argument_names(&mut signature);
                    self.add(format!("{head} . {}", signature.to_token_stream()));
                }
                ImplItem::Const(constant) if is_public(&constant.vis, &constant.attrs) => {
                    let (name, kind, value) = (&constant.ident, &constant.ty, &constant.expr);
                    self.add(format!("{head} . {}", quote!(const #name: #kind = #value)));
                }
                _ => {}
            }
        }
    }

    /// What a macro takes; what it makes of that is seen by the modules that are built with it.
    fn patterns(&mut self, item: &ItemMacro) {
        let name = item.ident.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut is_pattern = true;
        for token in item.mac.tokens.clone() {
            match token {
                proc_macro2::TokenTree::Group(group) if is_pattern => {
                    self.add(format!("macro {name} takes {group}"));
                    is_pattern = false;
                }
                proc_macro2::TokenTree::Punct(mark) if mark.as_char() == ';' => is_pattern = true,
                _ => {}
            }
        }
    }
}

/// Names of arguments are nobody's business.
fn without_argument_names(signature: &mut syn::Signature) {
    for argument in &mut signature.inputs {
        if let syn::FnArg::Typed(typed) = argument {
            *typed.pat = syn::parse_quote!(_);
        }
    }
}

fn named(fields: &Fields, which: &dyn Fn(&&Field) -> bool) -> Vec<String> {
    let kept_fields = fields.iter().filter(|field| which(field));
    kept_fields
        .map(|field| {
            let (name, kind) = (&field.ident, &field.ty);
            format!("{} {}", quote!(#name: #kind), kept(&field.attrs))
        })
        .collect()
}

fn leaves(tree: &UseTree, before: String, into: &mut Vec<String>) {
    match tree {
        UseTree::Path(path) => leaves(&path.tree, format!("{before}{} :: ", path.ident), into),
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, before.clone(), into)),
        other => into.push(format!("{before}{}", other.to_token_stream())),
    }
}

fn is_public(visibility: &Visibility, attributes: &[Attribute]) -> bool {
    matches!(visibility, Visibility::Public(_)) && !is_left_out(attributes)
}

/// Tests, what is for the tests of modules alone, and what the documentation does not show.
fn is_left_out(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let text = attribute.meta.to_token_stream().to_string();
        attribute.path().is_ident("cfg") && text.contains("test")
            || attribute.path().is_ident("doc") && text.contains("hidden")
    })
}

fn has(attributes: &[Attribute], name: &str) -> bool {
    attributes.iter().any(|attribute| attribute.path().is_ident(name))
}

fn is_prefix(attributes: &[Attribute]) -> bool {
    let text = |attribute: &Attribute| attribute.meta.to_token_stream().to_string();
    attributes.iter().any(|attribute| attribute.path().is_ident("sabi") && text(attribute).contains("Prefix"))
}

/// Whether a type is said as JSON.
fn is_sent(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let Meta::List(list) = &attribute.meta else { return false };
        list.path.is_ident("derive") && list.tokens.to_string().contains("erialize")
    })
}

/// Attributes that others see the effect of.
fn kept(attributes: &[Attribute]) -> String {
    let seen = ["serde", "repr", "non_exhaustive"];
    let seen = attributes.iter().filter(|attribute| seen.iter().any(|name| attribute.path().is_ident(name)));
    seen.map(|attribute| attribute.to_token_stream().to_string()).collect::<Vec<_>>().join(" ")
}
