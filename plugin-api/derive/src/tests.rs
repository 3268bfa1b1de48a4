//! What authors read when a declaration is wrong. What right ones expand to, the tests of
//! `disklessset-plugin-api` show.

use crate::{choice, parameters};
use syn::parse_quote;

fn of_parameters(input: syn::DeriveInput) -> String {
    parameters::expand(&input).unwrap_err().to_string()
}

#[test]
fn parameters_are_refused_at_build_time_with_the_reason() {
    let twice = of_parameters(parse_quote! {
        struct Wanted {
            /** The size. */
            size: String,
            /** Its size. */
            #[parameter(name = "size")]
            other: String,
        }
    });
    assert_eq!(twice, "the parameter size is there twice");
    let flag = of_parameters(parse_quote! {
        struct Wanted {
            /** The size. */
            size: String,
            /** Its size. */
            #[parameter(flag = "size")]
            other: String,
        }
    });
    assert_eq!(flag, "the flag size is there twice");
    let unknown = of_parameters(parse_quote! {
        struct Wanted { /** The size. */ #[parameter(dafault = "1G")] size: String }
    });
    assert!(
        unknown.starts_with("a parameter has no attribute of this name: it has name, flag,"),
        "{unknown}"
    );
    let again = of_parameters(parse_quote! {
        struct Wanted { /** The size. */ #[parameter(default = "1G", default = "2G")] size: String }
    });
    assert_eq!(again, "this attribute is there twice");
    let silent = of_parameters(parse_quote! { struct Wanted { size: String } });
    assert!(silent.starts_with("a parameter has documentation"), "{silent}");
    let both = of_parameters(parse_quote! {
        struct Wanted { /** The size. */ #[parameter(position, trailing)] size: String }
    });
    assert_eq!(both, "a parameter is a position or trailing, not both");
    assert_eq!(
        of_parameters(parse_quote! { struct Wanted(String); }),
        "parameters are a struct with named fields"
    );
}

#[test]
fn choices_are_refused_at_build_time_with_the_reason() {
    let of = |input: syn::DeriveInput| choice::expand(&input).unwrap_err().to_string();
    assert_eq!(
        of(parse_quote! { enum Layout { Flat, #[choice(word = "FLAT")] Level } }),
        "the word FLAT is there twice"
    );
    assert_eq!(
        of(parse_quote! { enum Layout { Flat(u8) } }),
        "a variant of a choice is a word and holds nothing"
    );
    assert_eq!(
        of(parse_quote! { enum Layout { #[choice(name = "x")] Flat } }),
        "a choice has no attribute of this name: it has word"
    );
    assert_eq!(of(parse_quote! { struct Layout; }), "a choice is an enum");
}
