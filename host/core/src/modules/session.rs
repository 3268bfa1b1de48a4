//! One call into a module, with the host at its side.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};

use disklessset_plugin_api::abi::{AbiError, HostRef, HostServices, HostServices_TO};
use disklessset_plugin_api::abi_stable::sabi_trait::TD_Opaque;
use disklessset_plugin_api::abi_stable::sabi_types::RRef;
use disklessset_plugin_api::abi_stable::std_types::{RResult, RStr, RString};
use disklessset_plugin_api::messages::{StepReply, StepRequest};
use disklessset_plugin_api::{Error, ErrorKind, Image};

use super::loader::LoadedModule;
use crate::system::exit_guard::AtWork;

/// What the host does for modules: services by name, requests and replies in JSON
/// ([`disklessset_plugin_api::messages`]).
pub trait HostService {
    /// Calls a service.
    ///
    /// # Errors
    /// The service's own; [`ErrorKind::UNSUPPORTED`] for a name it does not know.
    fn call(&self, service: &str, request: &str) -> Result<String, Error>;
}

/// The host as one call sees it.
struct Bridge<'h> {
    host: &'h dyn HostService,
    /// What nested steps were told is not defined. An error that only passes this on does not mean that the step which was
    /// called is itself left to the base class.
    not_defined: RefCell<Vec<String>>,
}

impl HostServices for Bridge<'_> {
    fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError> {
        // A panic may not cross into the module: abi_stable would end the process there.
        let served = catch_unwind(AssertUnwindSafe(|| self.host.call(service.as_str(), request.as_str())));
        match served {
            Ok(Ok(reply)) => RResult::ROk(reply.into()),
            Ok(Err(error)) => {
                if error.kind == ErrorKind::NOT_DEFINED {
                    self.not_defined.borrow_mut().push(error.message.clone());
                }
                RResult::RErr(error.to_abi())
            }
            Err(payload) => {
                let cause = text_of(payload.as_ref()).unwrap_or("no message").to_owned();
                // Dropping the payload may panic again.
                std::mem::forget(payload);
                let message = format!(
                    "disklessset itself panicked in its service {service}; this is a fault of disklessset"
                );
                RResult::RErr(Error::new(ErrorKind::PANICKED, message).because(cause).to_abi())
            }
        }
    }
}

fn text_of(payload: &(dyn std::any::Any + Send)) -> Option<&str> {
    payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str))
}

impl LoadedModule {
    /// Runs one step of one of the module's classes. Steps may nest: the module may ask the host for a step, which the host
    /// may have from this or another module.
    ///
    /// # Errors
    /// The module's own; [`ErrorKind::NOT_DEFINED`] only when the class itself leaves this step to its base;
    /// [`ErrorKind::FAILED`] for an answer that makes no sense.
    pub fn call(&self, request: StepRequest, host: &dyn HostService) -> Result<StepReply, Error> {
        let text = serde_json::to_string(&request)?;
        let bridge = Bridge { host, not_defined: RefCell::default() };
        let services: HostRef<'_> = HostServices_TO::from_ptr(RRef::new(&bridge), TD_Opaque);
        let at_work =
            AtWork::begin(format!("module {}, in its step {},", self.identity().name, request.step));
        let answer = self.object.call(text.as_str().into(), services).into_result();
        drop(at_work);
        let answer = answer.map_err(|error| own_error(Error::from_abi(error), &bridge))?;
        let wrong = |cause: String| {
            let StepRequest { class, step, tree_source, .. } = &request;
            let of = match tree_source {
                Some(source) => format!("source {source}"),
                None => format!("class {class}"),
            };
            let name = &self.identity().name;
            Error::failed(format!("module {name} gave a wrong answer to step {step} of {of}"))
                .because(cause)
                .hint("this is a fault of the module: tell its author")
        };
        let reply: StepReply =
            serde_json::from_str(answer.as_str()).map_err(|cause| wrong(cause.to_string()))?;
        match (&reply.image, &request.image) {
            (None, _) => Ok(reply),
            (Some(given), Some(asked)) if is_same(given, asked) => Ok(reply),
            (Some(given), Some(asked)) => Err(wrong(format!(
                "image {} of class {} came back as image {} of class {}",
                asked.name(),
                asked.class(),
                given.name(),
                given.class()
            ))),
            (Some(given), None) => Err(wrong(format!("image {} came back and none was given", given.name()))),
        }
    }
}

/// Steps change attributes; which image it is and where it lies is the host's.
fn is_same(one: &Image, other: &Image) -> bool {
    (one.name(), one.class(), one.directory()) == (other.name(), other.class(), other.directory())
}

fn own_error(mut error: Error, bridge: &Bridge<'_>) -> Error {
    let passed_on = |text: &String| bridge.not_defined.borrow().contains(text);
    if error.kind == ErrorKind::NOT_DEFINED
        && (passed_on(&error.message) || error.causes.iter().any(passed_on))
    {
        error.kind = ErrorKind::FAILED;
    }
    error
}
