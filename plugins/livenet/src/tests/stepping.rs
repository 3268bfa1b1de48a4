//! A test host that runs steps: what the class asks of the most derived class of an image comes back to itself.

use crate::LivenetImage;
use disklessset_plugin_api::{
    Error, Host, Result,
    abi::{AbiError, HostServices, HostServices_TO},
    abi_stable::{
        sabi_trait::TD_Opaque,
        sabi_types::RRef,
        std_types::{RResult, RStr, RString},
    },
    adapter::{Own, Steps},
    messages::{StepCall, services},
    testing::TestHost,
};
use std::ops::Deref;

pub(super) struct Stepping(TestHost);

impl Stepping {
    pub(super) fn new() -> Self {
        Self(TestHost::new())
    }

    /// As [`TestHost::host`].
    pub(super) fn host(&self, class: &str) -> Host<'_> {
        Host::new(HostServices_TO::from_ptr(RRef::new(self), TD_Opaque), class)
    }

    fn step(&self, call: &str) -> Result<String> {
        let call: StepCall = serde_json::from_str(call)?;
        let class = "LivenetImage";
        match call.base_of {
            Some(class) => Err(Error::usage(format!("{class} has no base"))),
            None => Ok(serde_json::to_string(&Own(LivenetImage).run(call.request, &self.host(class))?)?),
        }
    }
}

impl Deref for Stepping {
    type Target = TestHost;
    fn deref(&self) -> &TestHost {
        &self.0
    }
}

impl HostServices for Stepping {
    fn call(&self, service: RStr<'_>, request: RStr<'_>) -> RResult<RString, AbiError> {
        if service.as_str() != services::STEP {
            return self.0.call(service, request);
        }
        match self.step(request.as_str()) {
            Ok(reply) => RResult::ROk(reply.into()),
            Err(error) => RResult::RErr(error.to_abi()),
        }
    }
}
