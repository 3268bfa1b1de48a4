//! What a class asks of the host while it is at work.

mod acquire;
mod figures;
mod os_image;
mod publish;
mod run;
mod source;
mod view;

use crate::{
    exports::{self, ExportLine},
    failure, kernels,
    modules::HostService,
    operation::{Operation, Reading},
    records::Records,
    site::Site,
    system::{failpoint::failpoint, interrupt},
};
use disklessset_plugin_api::{
    Error, ErrorKind, Paths, Result,
    messages::{self, Exported, services},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The host as a class asks it, within an action that reads or one that changes something.
#[derive(Clone, Copy)]
enum Host<'a, 's> {
    Reading(&'a Reading<'s>),
    Changing(&'a Operation<'s>),
}

impl HostService for Reading<'_> {
    fn call(&self, service: &str, request: &str) -> Result<String> {
        Host::Reading(self).call(service, request)
    }
}

impl HostService for Operation<'_> {
    fn call(&self, service: &str, request: &str) -> Result<String> {
        Host::Changing(self).call(service, request)
    }
}

impl HostService for Host<'_, '_> {
    fn call(&self, service: &str, request: &str) -> Result<String> {
        failpoint!("module: calls a service", service, when: CHANGING.contains(&service));
        let reply = self.served(service, request);
        failpoint!("module: goes on after a service", service, when: CHANGING.contains(&service));
        reply
    }
}

/// Runs a step of a source of OS trees for nobody's image.
///
/// # Errors
/// The step's own.
pub(super) fn source_step(reading: &Reading<'_>, call: messages::SourceCall) -> Result<Value> {
    source::step(Host::Reading(reading), call)
}

/// The services that change something: what a module does by itself lies between its calls of these.
#[cfg(feature = "failpoints")]
const CHANGING: [&str; 11] = [
    services::RUN,
    services::ACQUIRE,
    services::RELEASE,
    services::PUBLISH,
    services::REMOVE,
    services::EXPORT,
    services::UNEXPORT,
    services::ENSURE_OVERLAYS,
    services::TAKE_DOWN_OVERLAYS,
    os_image::FETCH,
    view::MOUNT,
];

impl<'a, 's> Host<'a, 's> {
    fn reading(self) -> &'a Reading<'s> {
        match self {
            Self::Reading(reading) => reading,
            Self::Changing(operation) => operation.reading(),
        }
    }

    /// The action, if it may acquire anything.
    fn changing(self) -> Result<&'a Operation<'s>> {
        match self {
            Self::Changing(operation) => Ok(operation),
            Self::Reading(_) => Err(Error::refused("this action only reads: it may not acquire anything")),
        }
    }

    fn site(self) -> &'s Site {
        self.reading().site()
    }

    fn served(self, service: &str, request: &str) -> Result<String> {
        match service {
            services::LOG => answer(self.log_line(read(request)?)),
            services::PROGRESS => answer(self.report(&read(request)?)),
            services::PATHS => answer(self.paths()),
            services::RUN => answer(run::run(self.reading(), self.changing().is_ok(), &read(request)?)),
            services::ACQUIRE => answer(acquire::acquire(self.changing()?, read(request)?)),
            services::RELEASE => answer(self.changing()?.release(&read::<messages::OnePath>(request)?.path)),
            services::PUBLISH => answer(publish::publish(self, &read(request)?)),
            services::REMOVE => {
                answer(publish::remove(self.reading(), &read::<messages::OnePath>(request)?.path))
            }
            services::KERNEL_MODULES => {
                let question: messages::KernelQuestion = read(request)?;
                answer(Ok(kernels::modules_of(&self.site().layout, &question.version)))
            }
            services::KERNEL_FROM_TREE => {
                let request: messages::TreeKernelRequest = read(request)?;
                answer(kernels::stage_from_tree(self.changing()?, &request))
            }
            services::IMAGE => {
                let request: messages::OneImage = read(request)?;
                answer(Records::of(self.site()).created(&request.name))
            }
            services::IMAGES => {
                let request: messages::OfClass = read(request)?;
                answer(Records::of(self.site()).names_of_class(&request.class))
            }
            services::STEP => {
                let call: messages::StepCall = read(request)?;
                answer(self.site().classes.run_call(call, &self))
            }
            services::SOURCE => {
                let request: messages::OneSource = read(request)?;
                answer(self.site().classes.source(&request.name))
            }
            services::SOURCE_STEP => answer(source::step(self, read(request)?)),
            services::CONFIG => answer(Ok(self.site().configuration.of_module(self.reading().module()))),
            services::ASK => answer(self.ask(&read(request)?)),
            services::CHECKPOINT => answer(interrupt::check().map_err(failure::interrupted)),
            services::EXPORT => {
                let request: messages::ExportRequest = read(request)?;
                self.reading().must_be_ours(&request.export.path)?;
                let path = self.site().layout.published(&request.export.path);
                let line = ExportLine::new(path, &request.export.clients, &request.export.options)?;
                answer(self.export(line))
            }
            services::ENSURE_OVERLAYS => {
                answer(self.changing()?.ensure_overlays(&read::<messages::Overlays>(request)?.overlays))
            }
            services::TAKE_DOWN_OVERLAYS => {
                answer(self.changing()?.take_down(&read::<messages::Overlays>(request)?.overlays))
            }
            services::UNEXPORT => {
                let path = self.site().layout.published(&read::<messages::OnePath>(request)?.path);
                answer(self.changing()?.unexport_on_commit(&path))
            }
            services::EXPORTS => answer(self.exports()),
            os_image::FIND => answer(os_image::find(self, &read(request)?)),
            os_image::FETCH => answer(os_image::fetch(self.changing()?, &read(request)?)),
            view::MOUNT => answer(view::mount(self.changing()?, read(request)?)),
            other => {
                Err(Error::new(ErrorKind::UNSUPPORTED, format!("this disklessset has no service {other}"))
                    .hint("the module was made for a newer one"))
            }
        }
    }
}

fn read<T: DeserializeOwned>(request: &str) -> Result<T> {
    Ok(serde_json::from_str(request)?)
}

fn answer(reply: Result<impl Serialize>) -> Result<String> {
    Ok(serde_json::to_string(&reply?)?)
}

impl Host<'_, '_> {
    fn log_line(self, line: messages::LogLine) -> Result<()> {
        // Where a module does several things by itself it says so between them, for who looks for a fault.
        failpoint!("module: says what it does", line.text, when: line.level == disklessset_plugin_api::Level::Debug);
        self.site().observer.line(line.level, &line.text);
        Ok(())
    }

    fn report(self, report: &messages::ProgressReport) -> Result<()> {
        self.site().observer.progress(&report.label, report.done, report.total);
        Ok(())
    }

    fn paths(self) -> Result<Paths> {
        let layout = &self.site().layout;
        Ok(Paths::new(
            layout.root().to_owned(),
            layout.images_dir(),
            layout.kernels_dir(),
            layout.workdir(),
            layout.nfs_staging_dir(),
            layout.nfs_golden_dir(),
        ))
    }

    fn ask(self, question: &messages::Question) -> Result<Value> {
        if question.confirm {
            self.site().observer.confirm(&question.text).map(Value::Bool)
        } else {
            self.site().observer.ask(&question.text).map(Value::String)
        }
    }

    fn export(self, line: ExportLine) -> Result<()> {
        match self {
            // A line that can be offered is all that was asked.
            Self::Reading(reading) if reading.is_rehearsal() => Ok(()),
            _ => self.changing().map(|operation| operation.export(line)),
        }
    }

    fn exports(self) -> Result<Vec<Exported>> {
        match self {
            Self::Reading(reading) => exports::list(&reading.site().layout).map_err(failure::of),
            Self::Changing(operation) => operation.exports(),
        }
    }
}
