//! Actions with the functions that do them: what a class offers.

use crate::{
    ActionSpec, Arguments, Host, Image, ParamSpec, Parameters, Role,
    error::{Error, Result},
};
use serde::Serialize;
use serde_json::Value;

type Run<C> = dyn Fn(&C, Option<&mut Image>, &Arguments, &Host<'_>) -> Result<Value> + Send + Sync;
type Check<C> = dyn Fn(&C, &Image, &Arguments, &Host<'_>) -> Result<()> + Send + Sync;

/// An action of a class `C`: its declaration, and the function that does it. There is none without.
///
/// The parameters follow from what the function takes: a struct that derives [`Parameters`], `()` for none,
/// [`Arguments`] for those that are declared elsewhere ([`Self::param`], [`Self::params`]), a pair for both.
/// What it gives back is the answer of the action: printed, and with `--format json` as it is.
///
/// ```
/// use disklessset_plugin_api::{Action, Host, Image, Parameters, Result};
///
/// struct Note;
///
/// /// What a note says.
/// #[derive(Parameters)]
/// struct Wanted {
///     /// The text of the note.
///     #[parameter(default = "hello")]
///     text: String,
/// }
///
/// impl Note {
///     fn create(&self, image: &mut Image, wanted: Wanted, _host: &Host<'_>) -> Result<()> {
///         image.set("text", wanted.text);
///         Ok(())
///     }
///
///     fn length(&self, image: &Image, (): (), _host: &Host<'_>) -> Result<usize> {
///         Ok(image.text("text").unwrap_or_default().len())
///     }
/// }
///
/// # let actions: Vec<Action<Note>> =
/// vec![
///     Action::create("Create a note", Note::create),
///     Action::read("length", "Tell how long a note is", Note::length),
/// ];
/// # assert_eq!(actions[0].spec().params[0].name, "text");
/// # assert_eq!(actions[1].spec().words, "length");
/// ```
///
/// An action without its function is none:
///
/// ```compile_fail
/// # use disklessset_plugin_api::{Action, ActionSpec};
/// # struct Note;
/// let actions: Vec<Action<Note>> = vec![ActionSpec::read("length", "Tell how long a note is")];
/// ```
pub struct Action<C> {
    spec: ActionSpec,
    run: Box<Run<C>>,
    check: Option<Box<Check<C>>>,
}

impl<C> Action<C> {
    /// The action `create NAME`: the function fills `image.directory()` and sets attributes. What fails is
    /// undone by the host, which removes the directory, too.
    pub fn create<P: Parameters>(
        label: &str,
        create: impl Fn(&C, &mut Image, P, &Host<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        Self::with_spec::<P>(ActionSpec::create(label), move |class, image, arguments, host| {
            create(class, subject(image)?, P::from_arguments(arguments)?, host).map(|()| Value::Null)
        })
    }

    /// An action that changes an image. What it acquired is undone when it fails.
    pub fn change<P: Parameters, R: Serialize>(
        words: &str,
        label: &str,
        change: impl Fn(&C, &mut Image, P, &Host<'_>) -> Result<R> + Send + Sync + 'static,
    ) -> Self {
        Self::with_spec::<P>(ActionSpec::change(words, label), move |class, image, arguments, host| {
            answer(change(class, subject(image)?, P::from_arguments(arguments)?, host)?)
        })
    }

    /// An action that only reads an image.
    pub fn read<P: Parameters, R: Serialize>(
        words: &str,
        label: &str,
        read: impl Fn(&C, &Image, P, &Host<'_>) -> Result<R> + Send + Sync + 'static,
    ) -> Self {
        Self::with_spec::<P>(ActionSpec::read(words, label), move |class, image, arguments, host| {
            answer(read(class, subject(image)?, P::from_arguments(arguments)?, host)?)
        })
    }

    /// An action about all images of the class, which reads and takes no image's name.
    pub fn overview<P: Parameters, R: Serialize>(
        words: &str,
        label: &str,
        tell: impl Fn(&C, P, &Host<'_>) -> Result<R> + Send + Sync + 'static,
    ) -> Self {
        Self::with_spec::<P>(ActionSpec::overview(words, label), move |class, _image, arguments, host| {
            answer(tell(class, P::from_arguments(arguments)?, host)?)
        })
    }

    fn with_spec<P: Parameters>(
        spec: ActionSpec,
        run: impl Fn(&C, Option<&mut Image>, &Arguments, &Host<'_>) -> Result<Value> + Send + Sync + 'static,
    ) -> Self {
        Self { spec: spec.params(P::declared()), run: Box::new(run), check: None }
    }

    /// Looks at the action before it is run, once all its arguments are there and
    /// [`crate::ImageClass::check`] has nothing against one of them: the error is what speaks against it. It
    /// changes nothing.
    #[must_use]
    pub fn checked_by<P: Parameters>(
        mut self,
        check: impl Fn(&C, &Image, P, &Host<'_>) -> Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.check = Some(Box::new(move |class, image, arguments, host| {
            check(class, image, P::from_arguments(arguments)?, host)
        }));
        self
    }

    /// The declaration changed by a function, such as one of the kit.
    #[must_use]
    pub fn map_spec(mut self, change: impl FnOnce(ActionSpec) -> ActionSpec) -> Self {
        self.spec = change(self.spec);
        self
    }

    /// The declaration.
    pub fn spec(&self) -> &ActionSpec {
        &self.spec
    }

    /// The declaration alone, which crosses the ABI.
    pub(crate) fn into_spec(self) -> ActionSpec {
        self.spec
    }

    pub(crate) fn run(
        &self,
        class: &C,
        image: Option<&mut Image>,
        arguments: &Arguments,
        host: &Host<'_>,
    ) -> Result<Value> {
        (self.run)(class, image, arguments, host)
    }

    pub(crate) fn check(
        &self,
        class: &C,
        image: &Image,
        arguments: &Arguments,
        host: &Host<'_>,
    ) -> Result<()> {
        self.check.as_ref().map_or(Ok(()), |check| check(class, image, arguments, host))
    }

    /// The one of these words among all of a class.
    pub(crate) fn of_words(all: Vec<Self>, words: &str) -> Option<Self> {
        all.into_iter().find(|action| action.spec.words == words)
    }

    /// The one that makes images among all of a class.
    pub(crate) fn creation(all: Vec<Self>) -> Option<Self> {
        all.into_iter().find(|action| action.spec.role == Role::Create)
    }
}

/// The methods of [`ActionSpec`] that complete a declaration.
macro_rules! as_of_the_declaration {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {
        impl<C> Action<C> {
            $(
                #[doc = concat!("See [`ActionSpec::", stringify!($name), "`].")]
                #[must_use]
                pub fn $name(self, $($argument: $type),*) -> Self {
                    self.map_spec(|spec| spec.$name($($argument),*))
                }
            )*
        }
    };
}

as_of_the_declaration! {
    words(words: &str);
    help(help: &str);
    param(param: ParamSpec);
    params(params: impl IntoIterator<Item = ParamSpec>);
    with(name: &str, change: impl FnOnce(ParamSpec) -> ParamSpec);
    needs_terminal();
    confirm(question: &str);
    needs(tool: &str);
    needs_for(tool: &str, parameter: &str, word: &str);
    excludes(one: &str, other: &str);
    requires(one: &str, other: &str);
    safe_to_try();
    never_tried(why: &str);
}

fn subject(image: Option<&mut Image>) -> Result<&mut Image> {
    image.ok_or_else(|| Error::usage("an action on an image came without one"))
}

fn answer(value: impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(value)?)
}
