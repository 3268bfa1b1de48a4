//! What the base does, with the arguments that were given: `Host::base_step` hands on none.

use disklessset_plugin_api::{
    Arguments, Attributes, Error, Host, Image, Result,
    messages::{StepCall, StepReply, StepRequest, services, steps},
};

/// Has the base of `class` create the image.
pub(crate) fn create_new_image(
    class: &str,
    image: &mut Image,
    args: &Arguments,
    host: &Host<'_>,
) -> Result<()> {
    let request = StepRequest {
        class: String::new(),
        step: steps::CREATE.to_owned(),
        image: Some(image.clone()),
        name: None,
        source: None,
        arguments: args.clone(),
        attrs: Attributes::new(),
    };
    let reply: StepReply =
        host.call(services::STEP, &StepCall { base_of: Some(class.to_owned()), request })?;
    *image = reply.image.ok_or_else(|| Error::failed("the base gave no image back"))?;
    Ok(())
}
