//! Proves an image laid out below an HTTP root, with the library alone:
//! `prove HTTP_ROOT IMAGE [MEMORY_MIB] [TIMEOUT_SECONDS]` (as root).
//! With `PROVE_CONSOLE` in the environment the console is shown too.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example program talks to its user")]

use std::process::ExitCode;
use std::time::{Duration, Instant};

use disklessset::prove::{Mebibytes, ProveError, ProveEvent, ProveRequest, prove};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [root, image, rest @ ..] = arguments.as_slice() else {
        eprintln!("usage: prove HTTP_ROOT IMAGE [MEMORY_MIB] [TIMEOUT_SECONDS]");
        return ExitCode::from(2);
    };
    let number = |index: usize, usual: u32| rest.get(index).and_then(|n| n.parse().ok()).unwrap_or(usual);
    let boot_path = format!("preboot_execution_environment/diskless/images/{image}/boot.ipxe");
    let temporary = std::env::temp_dir().join(format!("prove-{image}.log"));
    let request = ProveRequest {
        memory: Mebibytes(number(0, 1024)),
        timeout: Some(Duration::from_secs(number(1, 180).into())),
        cache_dir: Some("/run/disklessset".into()),
        ..ProveRequest::new(root, boot_path, temporary.to_string_lossy().into_owned())
    };
    let verbose = std::env::var_os("PROVE_CONSOLE").is_some();
    let started = Instant::now();
    let proven = prove(&request, &|| false, &mut |event| match event {
        ProveEvent::Console { line, .. } if verbose => {
            println!("{:6.1} |  {line}", started.elapsed().as_secs_f64());
        }
        ProveEvent::Console { .. } => {}
        ProveEvent::Stage { at, stage, .. } => println!("{:6.1} s  {stage}", at.as_secs_f64()),
        other => println!("          {other:?}"),
    });
    match proven {
        Ok(proof) => {
            proof.machines.iter().for_each(|machine| println!("{}", machine.login_line));
            println!("{proof:#?}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            if let ProveError::Failed(failure) = &error {
                let lines = failure.machines.iter().flat_map(|machine| &machine.last_lines);
                lines.into_iter().for_each(|line| eprintln!("  | {line}"));
            }
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
