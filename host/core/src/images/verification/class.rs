//! What the class of an image finds wrong with what it alone knows.

use super::permission::cannot_tell;
use crate::{
    images::manager::{ImageManager, request},
    integrity::Fault,
    operation::Reading,
};
use disklessset_plugin_api::{ErrorKind, Finding, Image, Result, Severity, messages::steps};
use serde_json::Value;

/// What the class of an image finds wrong with what it alone knows.
pub(super) fn faults(manager: &ImageManager<'_>, image: &Image) -> Result<Vec<Fault>> {
    let reading = Reading::of(manager.site, image.name(), image.class());
    let mut copy = image.clone();
    match manager.step(&reading, &mut copy, request(steps::VERIFY)) {
        Ok(answer) => Ok(told_by_class(answer, image.class())),
        Err(error) if error.kind == ErrorKind::NOT_DEFINED => Ok(Vec::new()),
        Err(error) => Ok(vec![cannot_tell(error)]),
    }
}

/// What a class answered, whatever its shape. One that cannot be understood is not *good*.
fn told_by_class(answer: Value, class: &str) -> Vec<Fault> {
    match serde_json::from_value::<Vec<Finding>>(answer) {
        Ok(findings) => findings.into_iter().map(of_class).collect(),
        Err(cause) => vec![wrong_shape(class, &cause.to_string())],
    }
}

fn of_class(finding: Finding) -> Fault {
    let fault = match finding.severity {
        Severity::Problem => Fault::problem(finding.text),
        Severity::Warning => Fault::warning(finding.text),
    };
    Fault { mend: finding.mend, ..fault }
}

fn wrong_shape(class: &str, cause: &str) -> Fault {
    Fault::problem(format!("its class {class} gives no answer that can be understood: {cause}"))
        .mend("tell the author of its module")
}
