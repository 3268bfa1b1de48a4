//! What a class asks of the host while it is at work.

use super::manager::ImageManager;
use crate::{
    exports::ExportLine,
    failure,
    installations::Effect,
    kernels,
    modules::HostService,
    operation::{NewFile, Operation, next_state, undo},
    records::Records,
    system::{
        atomic_file,
        command::{
            Access, Chroot, CommandError, Ending, Installing, Isolation, NameResolution, Rights, Tool,
        },
        failpoint::failpoint,
        interrupt, mounts, own_directory, remove_tree, tree_mounts,
    },
};
use camino::Utf8Path;
use disklessset_plugin_api::{
    Command, Error, ErrorKind, Finished, Hold, Image, Mount, Paths, Result,
    messages::{self, Acquired, services},
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::{
    fs::File,
    io::{BufRead, BufReader, PipeReader},
    os::fd::OwnedFd,
};

impl HostService for Operation<'_> {
    fn call(&self, service: &str, request: &str) -> Result<String> {
        failpoint!("module: calls a service", service, when: CHANGING.contains(&service));
        let reply = self.served(service, request);
        failpoint!("module: goes on after a service", service, when: CHANGING.contains(&service));
        reply
    }
}

/// The services that change something: what a module does by itself lies between its calls of these.
#[cfg(feature = "failpoints")]
const CHANGING: [&str; 9] = [
    services::RUN,
    services::ACQUIRE,
    services::RELEASE,
    services::PUBLISH,
    services::REMOVE,
    services::EXPORT,
    services::UNEXPORT,
    services::STANDING_OVERLAYS,
    services::TAKE_DOWN_OVERLAYS,
];

impl Operation<'_> {
    fn served(&self, service: &str, request: &str) -> Result<String> {
        match service {
            services::LOG => answer(self.log_line(read(request)?)),
            services::PROGRESS => answer(self.report(&read(request)?)),
            services::PATHS => answer(self.paths()),
            services::RUN => answer(self.run(&read(request)?)),
            services::ACQUIRE => answer(self.acquire_for_class(read(request)?)),
            services::RELEASE => answer(self.release(&read::<messages::OnePath>(request)?.path)),
            services::PUBLISH => answer(self.publish(&read(request)?)),
            services::REMOVE => answer(self.remove(&read::<messages::OnePath>(request)?.path)),
            services::KERNEL_MODULES => {
                let question: messages::KernelQuestion = read(request)?;
                answer(Ok(kernels::modules_of(&self.site.layout, &question.version)))
            }
            services::KERNEL_FROM_TREE => {
                let request: messages::TreeKernelRequest = read(request)?;
                answer(kernels::stage_from_tree(self, &request.tree))
            }
            services::IMAGE => {
                let request: messages::OneImage = read(request)?;
                answer(Records::of(self.site).created(&request.name))
            }
            services::IMAGES => {
                let request: messages::OfClass = read(request)?;
                answer(Records::of(self.site).names_of_class(&request.class))
            }
            services::STEP => {
                let call: messages::StepCall = read(request)?;
                answer(self.site.classes.run_call(call, self))
            }
            services::CONFIG => answer(Ok(self.site.configuration.of_module(&self.module))),
            services::ASK => answer(self.ask(&read(request)?)),
            services::CHECKPOINT => answer(interrupt::check().map_err(failure::interrupted)),
            services::EXPORT => {
                let request: messages::ExportRequest = read(request)?;
                self.must_be_ours(&request.export.path)?;
                let path = self.site.layout.published(&request.export.path);
                answer(self.export(ExportLine::new(path, &request.export.clients, &request.export.options)?))
            }
            services::STANDING_OVERLAYS => answer(self.stand(&read::<messages::Overlays>(request)?.overlays)),
            services::TAKE_DOWN_OVERLAYS => {
                answer(self.take_down(&read::<messages::Overlays>(request)?.overlays))
            }
            services::UNEXPORT => {
                let path = self.site.layout.published(&read::<messages::OnePath>(request)?.path);
                answer(self.withdraw_at_the_end(&path))
            }
            services::EXPORTS => answer(self.exports()),
            other => {
                Err(Error::new(ErrorKind::UNSUPPORTED, format!("this disklessset has no service {other}"))
                    .hint("the module was made for a newer one"))
            }
        }
    }
}

/// How many lines that were looked for are given back.
const MOST_FOUND: usize = 100;

/// How a program that a class names is kept apart: code of a tree has no more rights than its work takes.
fn isolation_of(command: &Command) -> Isolation {
    if let Some(tree) = command.installs_into() {
        let plan = Installing::into_tree(tree).links_of_dev(!command.links_dev());
        return Isolation::Installing(command.writable().iter().fold(plan, Installing::may_write));
    }
    let Some(tree) = command.tree() else { return Isolation::Private };
    Isolation::Chroot(match command.wants_network() {
        true => Chroot::new(tree),
        false => {
            let rights = if command.is_labelling() { Rights::Labels } else { Rights::Tool };
            Chroot::new(tree).name_resolution(NameResolution::OfTheTree).rights(rights)
        }
    })
}

fn read<T: DeserializeOwned>(request: &str) -> Result<T> {
    Ok(serde_json::from_str(request)?)
}

fn answer(reply: Result<impl Serialize>) -> Result<String> {
    Ok(serde_json::to_string(&reply?)?)
}

impl Operation<'_> {
    fn log_line(&self, line: messages::LogLine) -> Result<()> {
        // Where a module does several things by itself it says so between them, for who looks for a fault.
        failpoint!("module: says what it does", line.text, when: line.level == Level::Debug);
        self.site.observer.line(line.level, &line.text);
        Ok(())
    }

    fn report(&self, report: &messages::ProgressReport) -> Result<()> {
        self.site.observer.progress(&report.label, report.done, report.total);
        Ok(())
    }

    fn paths(&self) -> Result<Paths> {
        let layout = &self.site.layout;
        Ok(Paths::new(
            layout.root().to_owned(),
            layout.images_dir(),
            layout.kernels_dir(),
            layout.workdir(),
            layout.nfs_staging_dir(),
            layout.nfs_golden_dir(),
        ))
    }

    fn ask(&self, question: &messages::Question) -> Result<Value> {
        if question.confirm {
            self.site.observer.confirm(&question.text).map(Value::Bool)
        } else {
            self.site.observer.ask(&question.text).map(Value::String)
        }
    }

    /// Runs a program for a class: in namespaces of its own, its output to the observer and the image's log.
    fn run(&self, command: &Command) -> Result<Finished> {
        let isolation = isolation_of(command);
        let mut tool = Tool::new(command.program()).args(command.arguments()).isolation(isolation);
        for (name, value) in command.environment() {
            tool = tool.env(name, value);
        }
        if let Some(directory) = command.directory() {
            tool = tool.current_dir(directory);
        }
        if command.is_interactive() {
            let ending = tool.run_interactive().map_err(failure::of_tool)?;
            return Ok(Finished::new(code_of(ending), String::new()));
        }
        if let Some(input) = command.input() {
            tool = tool.stdin_data(input.as_bytes());
        }
        let name = command.program().rsplit('/').next().unwrap_or_default().to_owned();
        let log = match atomic_file::open_log(&self.log) {
            // Whoever may only look is not kept from it for want of a log.
            Err(_) if !self.is_on_record() => None,
            opened => Some(opened.map_err(failure::of)?),
        };
        let observer = &self.site.observer;
        let mut found = Vec::new();
        let mut on_line = |line: &str| {
            if found.len() < MOST_FOUND && command.looked_for().iter().any(|text| line.contains(text)) {
                found.push(line.to_owned());
            }
            match command.is_shown() {
                true => observer.error_output(line),
                false => observer.tool_line(&name, line),
            }
        };
        let mut tool = tool.accept(command.accepted()).on_line(&mut on_line);
        if let Some(log) = &log {
            tool = tool.log_to(log);
        }
        if command.is_captured() {
            tool = tool.capture_stdout(4 * 1024 * 1024);
        }
        let finished = if command.is_shown() {
            // What it prints on its standard output is the user's data, and only that.
            let (reader, writer) = std::io::pipe()?;
            std::thread::scope(|scope| {
                let helper = std::thread::Builder::new();
                helper.spawn_scoped(scope, move || pass_on(reader, &|line| observer.output(line)))?;
                Ok::<_, std::io::Error>(tool.stdout_file(File::from(OwnedFd::from(writer))).run())
            })
            .map_err(|cause| {
                Error::failed(format!("cannot start a thread to follow {name}")).because(cause)
            })?
        } else {
            tool.run()
        };
        let finished = match finished {
            // For a command of the user, how it ended is an answer, not a failure: a shell's numbers say it.
            Err(error) if command.is_shown() => return self.ended(error),
            finished => finished.map_err(failure::of_tool)?,
        };
        self.took(&name, finished.duration);
        let stdout = String::from_utf8_lossy(&finished.stdout).into_owned();
        Ok(Finished::new(finished.code, stdout).with_found(found))
    }

    /// How a command of the user ended, as a shell has it: 128 and the signal, 127 where there is no such command.
    ///
    /// # Errors
    /// What is no end of the command.
    fn ended(&self, error: CommandError) -> Result<Finished> {
        let code = match error {
            CommandError::Failed { ending, .. } => code_of(ending),
            CommandError::MissingInTree { .. } => {
                self.site.observer.error_output(&error.to_string());
                127
            }
            error => return Err(failure::of_tool(error)),
        };
        Ok(Finished::new(code, String::new()))
    }

    fn acquire_for_class(&self, request: messages::Acquire) -> Result<()> {
        let hold = request.hold;
        match request.what {
            Acquired::Directory { path } => {
                self.must_be_ours(&path)?;
                // Asking twice for the same directory is asking for it to be there, and for the longer hold.
                if let Some((_, effect @ Effect::Directory { .. }, held)) = self.on_record(&path)? {
                    if path.starts_with(self.site.layout.workdir()) && path.is_dir() {
                        // Of an older version, perhaps.
                        own_directory::close(&path).map_err(failure::of)?;
                    }
                    return match (held, hold) {
                        (Hold::Action, Hold::Image) => self.acquire(effect, hold, || Ok(())),
                        _ => Ok(()),
                    };
                }
                self.must_be_new(&path)?;
                self.prepare_tree_place(&path)?;
                // Work areas hold trees in the making, and so do directories with names that no image has.
                let hidden = path.file_name().is_some_and(|name| name.starts_with('.'));
                let private = hidden || path.starts_with(self.site.layout.workdir());
                let mode = if private { 0o700 } else { 0o755 };
                self.acquire(Effect::Directory { path: path.clone() }, hold, || {
                    atomic_file::create_dir(&path, mode).map_err(failure::of)
                })
            }
            Acquired::File { path } => {
                self.must_be_ours(&path)?;
                self.must_be_new(&path)?;
                self.acquire(Effect::File { path: path.clone() }, hold, || {
                    atomic_file::create_new(&path, 0o600).map(drop).map_err(failure::of)
                })
            }
            Acquired::Mount { mount } => {
                self.must_be_ours(mount.target())?;
                self.acquire(Effect::Mount { mount: mount.clone() }, hold, || {
                    let done = match &mount {
                        Mount::Bind { source, target } => {
                            mounts::bind(source, target, Access::ReadWrite, mounts::Submounts::Leave)
                        }
                        Mount::Overlay { lower, upper, work, target } => mounts::mount_overlay(
                            lower,
                            upper,
                            work,
                            target,
                            &[],
                            tree_mounts::WITHOUT_POWERS,
                        ),
                        Mount::Image { file, target } => tree_mounts::mount_image(file, target),
                        Mount::System { target } => tree_mounts::mount_system(target),
                    };
                    done.map_err(failure::of)
                })
            }
        }
    }

    /// The directories of NFS trees are made when the first one is.
    fn prepare_tree_place(&self, path: &Utf8Path) -> Result<()> {
        let layout = &self.site.layout;
        let places = [layout.nfs_staging_dir(), layout.nfs_golden_dir()];
        match places.into_iter().find(|place| path.starts_with(place)) {
            Some(place) => self.site.make_private(&place),
            None => Ok(()),
        }
    }

    fn must_be_new(&self, path: &Utf8Path) -> Result<()> {
        if path.symlink_metadata().is_ok() {
            return Err(Error::refused(format!(
                "{path} is there already, and disklessset has no record of it"
            ))
            .hint(format!("look what it is; `disklessset clear {}` removes it", self.subject)));
        }
        Ok(())
    }

    fn publish(&self, request: &messages::Publish) -> Result<()> {
        self.must_be_ours(&request.from)?;
        let Some(own) = self.subject.image() else {
            return Err(Error::refused("kernels are not published this way"));
        };
        let directory = self.site.layout.image_dir(own.as_str());
        match (request.to.parent(), request.to.file_name()) {
            // An existing image: its directory goes to the next state in one step.
            (Some(parent), Some(name)) if parent == directory => {
                let manager = ImageManager::new(self.site);
                let image = manager.records.load(own)?;
                let file = (name, NewFile::Moved(request.from.as_path()));
                match &request.image {
                    None => self.replace_files(&image, &[file]),
                    // Only attributes are the class's to decide.
                    Some(next) => {
                        let next = Image::new(
                            own.clone(),
                            image.class(),
                            next.attributes().clone(),
                            image.directory().to_owned(),
                        );
                        manager.replace_with(self, &next, vec![file])
                    }
                }
            }
            // An image being created: its directory is private still.
            _ => {
                self.must_be_ours(&request.to)?;
                next_state::publishable(&request.from).map_err(failure::of)?;
                atomic_file::rename_replacing(&request.from, &request.to).map_err(failure::of)
            }
        }
    }

    fn remove(&self, path: &Utf8Path) -> Result<()> {
        let layout = &self.site.layout;
        // Beside the trees of NFS images, and nowhere else in that directory.
        let of_1x = |name: &disklessset_plugin_api::ImageName| layout.demo_files_of_1x(name.as_str());
        if let Some(found) = self.subject.image().map(of_1x)
            && found.iter().any(|own| own == path)
        {
            let roots: Vec<_> = path.parent().map(Utf8Path::to_owned).into_iter().collect();
            return remove_tree::remove_tree(path, &roots)
                .map_err(|error| undo::UndoError::from(error).told())
                .map(drop);
        }
        self.must_be_ours(path)?;
        undo::remove(path, &self.site.layout).map_err(undo::UndoError::told)
    }
}

/// Hands over lines as they come, until nobody writes any more.
fn pass_on(reader: PipeReader, to: &dyn Fn(&str)) {
    for line in BufReader::new(reader).split(b'\n') {
        // A pipe of our own does not fail; if it did, its writer is told when it writes on.
        let Ok(line) = line else { return };
        to(&String::from_utf8_lossy(&line));
    }
}

/// How a program ended as a shell would tell it.
fn code_of(ending: Ending) -> i32 {
    match ending {
        Ending::Code(code) => code,
        Ending::Signal(number) => 128 + number,
    }
}
