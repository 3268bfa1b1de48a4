//! What stands above a field: its documentation, which is the help of the parameter, and `#[parameter(...)]`.

use syn::{Attribute, Error, Expr, ExprTuple, Field, Lit, LitStr, Meta, Result, meta::ParseNestedMeta};

/// The words of `#[parameter(...)]`, for the refusal of others.
const KNOWN: &str = "name, flag, kind, default, sample, only_for, position, trailing, not_asked";

/// What an author says of one parameter.
#[derive(Default)]
pub(crate) struct Said {
    pub(crate) help: String,
    pub(crate) name: Option<LitStr>,
    pub(crate) flag: Option<LitStr>,
    pub(crate) kind: Option<Expr>,
    pub(crate) default: Option<Expr>,
    pub(crate) sample: Option<Expr>,
    pub(crate) only_for: Option<ExprTuple>,
    pub(crate) position: Option<()>,
    pub(crate) trailing: Option<()>,
    pub(crate) not_asked: Option<()>,
}

impl Said {
    /// Reads what stands above a field.
    pub(crate) fn of(field: &Field) -> Result<Self> {
        let mut said = Self { help: help(&field.attrs), ..Self::default() };
        for attribute in field.attrs.iter().filter(|attribute| attribute.path().is_ident("parameter")) {
            attribute.parse_nested_meta(|word| said.take(&word))?;
        }
        if said.help.is_empty() {
            let reason = "a parameter has documentation: its first paragraph is what help and menu say";
            return Err(Error::new_spanned(field, reason));
        }
        if said.position.is_some() && said.trailing.is_some() {
            return Err(Error::new_spanned(field, "a parameter is a position or trailing, not both"));
        }
        Ok(said)
    }

    fn take(&mut self, word: &ParseNestedMeta<'_>) -> Result<()> {
        let name = word.path.get_ident().map(ToString::to_string).unwrap_or_default();
        match name.as_str() {
            "name" => once(&mut self.name, word, word.value()?.parse()?),
            "flag" => once(&mut self.flag, word, word.value()?.parse()?),
            "kind" => once(&mut self.kind, word, word.value()?.parse()?),
            "default" => once(&mut self.default, word, word.value()?.parse()?),
            "sample" => once(&mut self.sample, word, word.value()?.parse()?),
            "only_for" => {
                let pair: ExprTuple = word.value()?.parse()?;
                match pair.elems.len() {
                    2 => once(&mut self.only_for, word, pair),
                    _ => Err(Error::new_spanned(pair, "only_for has a parameter and its word")),
                }
            }
            "position" => once(&mut self.position, word, ()),
            "trailing" => once(&mut self.trailing, word, ()),
            "not_asked" => once(&mut self.not_asked, word, ()),
            _ => Err(word.error(format!("a parameter has no attribute of this name: it has {KNOWN}"))),
        }
    }
}

fn once<T>(place: &mut Option<T>, word: &ParseNestedMeta<'_>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(word.error("this attribute is there twice")),
    }
}

/// The first paragraph of documentation, in one line and without its full stop.
fn help(attributes: &[Attribute]) -> String {
    let mut words: Vec<String> = Vec::new();
    for line in attributes.iter().filter_map(documentation) {
        if line.trim().is_empty() && !words.is_empty() {
            break;
        }
        words.extend(line.split_whitespace().map(str::to_owned));
    }
    let text = words.join(" ");
    text.strip_suffix('.').unwrap_or(&text).to_owned()
}

fn documentation(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else { return None };
    match &pair.value {
        Expr::Lit(literal) if pair.path.is_ident("doc") => match &literal.lit {
            Lit::Str(text) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}
