//! Parameters as types: what an author writes once, as a struct, and gets back filled in.

use crate::{
    Arguments, ImageName, KernelVersion, ParamKind, ParamSpec, Size, SizeOrAuto,
    error::{Error, Result},
    node_set::{NodeName, NodeSet},
};
use camino::Utf8PathBuf;
use serde_json::Value;

/// The parameters of an action: their declarations, and the values that an action is run with.
///
/// It is derived: each field is a parameter of its name, its first paragraph of documentation is what help
/// and the menu say.
///
/// ```
/// use disklessset_plugin_api::{Choice, ParamKind, Parameters, Size};
///
/// /// What a new image is to be like.
/// #[derive(Parameters)]
/// struct Wanted {
///     /// Label of the disk.
///     #[parameter(sample = "scratch")]
///     label: String,
///     /// Size of the disk (default: all of it).
///     size: Option<Size>,
///     /// Speed of the disk, in turns a minute.
///     #[parameter(default = 7200, kind = ParamKind::Integer { min: 3600, max: 15_000 })]
///     speed: u32,
///     /// How files are packed.
///     #[parameter(default = Packing::Tight, not_asked)]
///     packing: Packing,
///     /// Another directory to leave out.
///     #[parameter(flag = "leave-out")]
///     left_out: Vec<String>,
///     /// Ask nothing of the disk.
///     quiet: bool,
/// }
///
/// /// How files are packed: `tight`, `by-line` or `none`.
/// #[derive(Choice, Debug, PartialEq)]
/// enum Packing {
///     Tight,
///     ByLine,
///     #[choice(word = "none")]
///     Loose,
/// }
///
/// # use disklessset_plugin_api::{Arguments, serde_json::{from_value, json}};
/// let names: Vec<String> = Wanted::declared().into_iter().map(|parameter| parameter.name).collect();
/// assert_eq!(names, ["label", "size", "speed", "packing", "left_out", "quiet"]);
///
/// // The host has filled in what was not given.
/// let given: Arguments = from_value(json!({ "label": "scratch", "speed": 5400, "packing": "by-line" }))?;
/// let wanted = Wanted::from_arguments(&given)?;
/// assert_eq!((wanted.label.as_str(), wanted.size, wanted.speed), ("scratch", None, 5400));
/// assert_eq!(wanted.packing, Packing::ByLine);
/// assert!(wanted.left_out.is_empty() && !wanted.quiet);
/// // The name of a parameter is a constant of the struct, for refusals.
/// assert_eq!(Wanted::LEFT_OUT, "left_out");
/// # Ok::<(), disklessset_plugin_api::Error>(())
/// ```
///
/// A field says by its type what the parameter holds ([`ParameterType`]) and whether it must be given: an
/// [`Option`] need not, a [`Vec`] may be given several times, a `bool` is a flag, everything else must be
/// given unless it has a default.
///
/// | `#[parameter(...)]` | |
/// |---|---|
/// | `default = VALUE`, `sample = VALUE` | [`ParamSpec::default`], [`ParamSpec::sample`] |
/// | `kind = KIND` | another [`ParamKind`] than the type's: bounds, [`ParamKind::Package`] |
/// | `flag = "..."`, `name = "..."` | another flag, another name in parameters files than that of the field |
/// | `position`, `trailing` | a bare word, or the words after `--`, instead of a flag |
/// | `not_asked` | the menu does not ask for it |
/// | `only_for = ("source", "dnf")` | [`ParamSpec::only_for`], for an [`Option`], a [`Vec`] or a `bool` |
///
/// What is wrong with it is told when the module is built. A name or a flag that is there twice:
///
/// ```compile_fail
/// #[derive(disklessset_plugin_api::Parameters)]
/// struct Wanted {
///     /// The size.
///     size: String,
///     /// The size once more.
///     #[parameter(name = "size")]
///     other: String,
/// }
/// ```
///
/// A word that no parameter has:
///
/// ```compile_fail
/// #[derive(disklessset_plugin_api::Parameters)]
/// struct Wanted {
///     /// The size.
///     #[parameter(dafault = "1G")]
///     size: String,
/// }
/// ```
pub trait Parameters: Sized {
    /// The declarations, in the order of the fields.
    fn declared() -> Vec<ParamSpec>;

    /// The values, from checked arguments. It lets other arguments be. Those of an action that is not
    /// complete yet lack some: [`Arguments::get`] reads one of these.
    ///
    /// # Errors
    /// The first that is missing or of another type, which means that it is not this that was declared.
    fn from_arguments(arguments: &Arguments) -> Result<Self>;
}

/// No parameters.
impl Parameters for () {
    fn declared() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn from_arguments(_arguments: &Arguments) -> Result<Self> {
        Ok(())
    }
}

/// Parameters that are declared elsewhere, such as those of the kit for OS trees.
impl Parameters for Arguments {
    fn declared() -> Vec<ParamSpec> {
        Vec::new()
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self> {
        Ok(arguments.clone())
    }
}

/// Those of both, the first's before the second's.
impl<A: Parameters, B: Parameters> Parameters for (A, B) {
    fn declared() -> Vec<ParamSpec> {
        [A::declared(), B::declared()].concat()
    }

    fn from_arguments(arguments: &Arguments) -> Result<Self> {
        Ok((A::from_arguments(arguments)?, B::from_arguments(arguments)?))
    }
}

/// A type that one value of a parameter has: text, numbers, sizes, names, paths, a [`Choice`], a
/// [`crate::Secret`].
#[diagnostic::on_unimplemented(
    message = "a parameter cannot hold `{Self}`",
    note = "an enum can with #[derive(Choice)]; other types implement ParameterType"
)]
pub trait ParameterType: Sized {
    /// What such a parameter holds unless its author says otherwise.
    fn kind() -> ParamKind;

    /// The value, from one that the host has checked.
    ///
    /// # Errors
    /// Why it is not of this type, in one line.
    fn from_value(value: &Value) -> std::result::Result<Self, String>;

    /// What it is when nothing is given; without that it must be given.
    fn absent() -> Option<Self> {
        None
    }
}

/// Words of which one is given. It is derived for enums: a variant `LowLatency` is the word `low-latency`
/// unless `#[choice(word = "...")]` says another. [`Parameters`] has an example.
pub trait Choice: Sized + 'static {
    /// All words, as the command line has them.
    const WORDS: &'static [&'static str];

    /// The word of this one.
    fn word(&self) -> &'static str;

    /// The one of this word.
    fn of_word(word: &str) -> Option<Self>;
}

impl<T: Choice> ParameterType for T {
    fn kind() -> ParamKind {
        ParamKind::Choice { choices: T::WORDS.iter().map(|word| (*word).to_owned()).collect() }
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        value
            .as_str()
            .and_then(T::of_word)
            .ok_or_else(|| format!("{value} is none of: {}", T::WORDS.join(", ")))
    }
}

/// A field of [`Parameters`]: one value, an [`Option`] or a [`Vec`] of them.
#[diagnostic::on_unimplemented(
    message = "a parameter cannot hold `{Self}`",
    note = "it holds a ParameterType, an Option or a Vec of one; an enum is one with #[derive(Choice)]"
)]
pub trait ParameterField: Sized {
    /// What the parameter holds unless its author says otherwise.
    fn kind() -> ParamKind;

    /// The declaration, with what the type says of it.
    fn declare(spec: ParamSpec) -> ParamSpec;

    /// The field of this name, from checked arguments.
    ///
    /// # Errors
    /// When it is missing or of another type.
    fn read(arguments: &Arguments, name: &str) -> Result<Self>;
}

impl<T: ParameterType> ParameterField for T {
    fn kind() -> ParamKind {
        <T as ParameterType>::kind()
    }

    fn declare(spec: ParamSpec) -> ParamSpec {
        if T::absent().is_none() { spec.required() } else { spec }
    }

    fn read(arguments: &Arguments, name: &str) -> Result<Self> {
        let missing = || Error::usage(format!("parameter {name} is missing"));
        given(arguments, name)?.or_else(T::absent).ok_or_else(missing)
    }
}

impl<T: ParameterType> ParameterField for Option<T> {
    fn kind() -> ParamKind {
        <T as ParameterType>::kind()
    }

    fn declare(spec: ParamSpec) -> ParamSpec {
        spec.optional()
    }

    fn read(arguments: &Arguments, name: &str) -> Result<Self> {
        given(arguments, name)
    }
}

impl<T: ParameterType> ParameterField for Vec<T> {
    fn kind() -> ParamKind {
        <T as ParameterType>::kind()
    }

    fn declare(spec: ParamSpec) -> ParamSpec {
        spec.repeated()
    }

    fn read(arguments: &Arguments, name: &str) -> Result<Self> {
        match arguments.0.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(values)) => values.iter().map(|value| of_type(value, name)).collect(),
            Some(value) => Ok(vec![of_type(value, name)?]),
        }
    }
}

fn given<T: ParameterType>(arguments: &Arguments, name: &str) -> Result<Option<T>> {
    match arguments.0.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => of_type(value, name).map(Some),
    }
}

fn of_type<T: ParameterType>(value: &Value, name: &str) -> Result<T> {
    T::from_value(value)
        .map_err(|cause| Error::usage(format!("parameter {name} cannot be used")).because(cause))
}

impl ParameterType for bool {
    fn kind() -> ParamKind {
        ParamKind::Flag
    }

    fn from_value(value: &Value) -> std::result::Result<Self, String> {
        value.as_bool().ok_or_else(|| format!("{value} is neither yes nor no"))
    }

    fn absent() -> Option<Self> {
        Some(false)
    }
}

macro_rules! types {
    ($($type:ty: $kind:expr;)*) => {
        $(impl ParameterType for $type {
            fn kind() -> ParamKind {
                $kind
            }

            fn from_value(value: &Value) -> std::result::Result<Self, String> {
                serde_json::from_value(value.clone()).map_err(|cause| cause.to_string())
            }
        })*
    };
}

/// A number of mebibytes that can be written down.
const MOST_MEBIBYTES: u64 = 999_999_999;

types! {
    String: ParamKind::Text;
    i64: ParamKind::Integer { min: i64::MIN, max: i64::MAX };
    u64: ParamKind::Integer { min: 0, max: i64::MAX };
    i32: ParamKind::Integer { min: i32::MIN.into(), max: i32::MAX.into() };
    u32: ParamKind::Integer { min: 0, max: u32::MAX.into() };
    u16: ParamKind::Integer { min: 0, max: u16::MAX.into() };
    u8: ParamKind::Integer { min: 0, max: u8::MAX.into() };
    Size: ParamKind::Size { min: 1, max: MOST_MEBIBYTES, auto: false };
    SizeOrAuto: ParamKind::Size { min: 1, max: MOST_MEBIBYTES, auto: true };
    Utf8PathBuf: ParamKind::Path;
    NodeSet: ParamKind::NodeSet;
    NodeName: ParamKind::Node;
    ImageName: ParamKind::Image { class: String::new() };
    KernelVersion: ParamKind::Kernel { from_image: false };
    crate::Secret: ParamKind::Secret;
}

#[cfg(test)]
#[path = "parameters_tests.rs"]
mod tests;
