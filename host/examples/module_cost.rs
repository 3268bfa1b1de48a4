//! What calls into modules cost: `cargo xtask bench modules` runs this and judges what it prints, one JSON object.
//!
//! `module_cost calls FILE CLASS` times calls, nanoseconds each; `module_cost load DIR` loads every module of a directory, seconds.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example program talks to its user")]

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Instant;

use camino::Utf8Path;
use disklessset::modules::{HostService, ModuleRegistry, load};
use disklessset_plugin_api::abi::{
    AbiError, HostRef, HostServices, HostServices_TO, Module, Module_TO, ModuleBox,
};
use disklessset_plugin_api::abi_stable::sabi_trait::TD_Opaque;
use disklessset_plugin_api::abi_stable::sabi_types::RRef;
use disklessset_plugin_api::abi_stable::std_types::{RResult, RStr, RString};
use disklessset_plugin_api::adapter::guarded;
use disklessset_plugin_api::messages::{StepRequest, steps};
use disklessset_plugin_api::{Attributes, Error, ErrorKind, Image, ImageName, Result};
use serde_json::json;

/// Calls in one round, and rounds of which the fastest counts: what else the machine does can only add.
const CALLS: u32 = 20_000;
const ROUNDS: usize = 25;
const REQUEST: &str = r#"{"class":"X","step":"nothing"}"#;

/// A module without anything of its own: what remains is the way there and back, with the guard around it.
struct Bare;

impl Module for Bare {
    fn describe(&self) -> RResult<RString, AbiError> {
        guarded("bare", || Ok(String::new()))
    }
    fn call(&self, request: RStr<'_>, _host: HostRef<'_>) -> RResult<RString, AbiError> {
        guarded("bare", || Ok(black_box(request.as_str()).to_owned()))
    }
}

/// The same without ABI and guard.
trait Plain {
    fn call(&self, request: &str) -> Result<String>;
}

impl Plain for Bare {
    fn call(&self, request: &str) -> Result<String> {
        Ok(black_box(request).to_owned())
    }
}

struct NoHost;

impl HostServices for NoHost {
    fn call(&self, _service: RStr<'_>, _request: RStr<'_>) -> RResult<RString, AbiError> {
        RResult::ROk(RString::new())
    }
}

impl HostService for NoHost {
    fn call(&self, service: &str, _request: &str) -> Result<String> {
        Err(Error::new(ErrorKind::UNSUPPORTED, format!("there is no service {service}")))
    }
}

/// Nanoseconds of one call.
fn fastest(mut call: impl FnMut()) -> f64 {
    let mut round = || {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| call());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

fn calls(file: &Utf8Path, class: &str) -> Result<()> {
    let (bare, host): (ModuleBox, NoHost) = (Module_TO::from_value(Bare, TD_Opaque), NoHost);
    let across = fastest(|| {
        let services = HostServices_TO::from_ptr(RRef::new(&host), TD_Opaque);
        let _ = black_box(bare.call(black_box(REQUEST).into(), services));
    });
    let plain: Box<dyn Plain> = black_box(Box::new(Bare));
    let direct = fastest(|| drop(black_box(plain.call(black_box(REQUEST)))));
    let module = load(file)?;
    let name = ImageName::parse("web01").map_err(|cause| Error::usage(cause.to_string()))?;
    let attributes: Attributes =
        (0..10).map(|number| (format!("attribute{number}"), json!("a value of some length"))).collect();
    let request = StepRequest {
        image: Some(Image::new(name, class, attributes, "/images/web01")),
        ..StepRequest::new(class, steps::SHOW)
    };
    module.call(request.clone(), &host)?;
    let step = fastest(|| drop(black_box(module.call(request.clone(), &host))));
    println!("{}", json!({ "across": across, "direct": direct, "step": step }));
    Ok(())
}

fn load_all(directory: &Utf8Path) -> Result<()> {
    let begun = Instant::now();
    let files = directory.read_dir_utf8()?;
    let mut loaded = 0;
    for file in files {
        load(file?.path())?;
        loaded += 1;
    }
    let load = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let listed = ModuleRegistry::scan(directory).ready().count();
    println!(
        "{}",
        json!({ "loaded": loaded, "load": load, "listed": listed, "scan": begun.elapsed().as_secs_f64() })
    );
    Ok(())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["calls", file, class] => calls(Utf8Path::new(file), class),
        ["load", directory] => load_all(Utf8Path::new(directory)),
        _ => Err(Error::usage("module_cost calls FILE CLASS | module_cost load DIR")),
    };
    done.map_or_else(
        |error| {
            eprintln!("{error}: {:?}", error.causes);
            ExitCode::FAILURE
        },
        |()| ExitCode::SUCCESS,
    )
}
