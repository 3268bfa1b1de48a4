//! Makes trees from one, with a host that runs programs and nothing else of disklessset: `copy_tree WAY SOURCE TARGET...`, the way being
//! `auto`, `snapshot`, `reflink` or `copy`. Prints a JSON object a tree, with the seconds it took. `cargo xtask bench trees` runs it.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "an example talks to who runs it")]

use camino::{Utf8Path, Utf8PathBuf};
use disklessset_kit::trees::{Wanted, choose, copy_tree};
use disklessset_plugin_api::{Error, Result, testing::TestHost};
use std::{process::ExitCode, time::Instant};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    match make(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}: {}", error.causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn make(words: &[String]) -> Result<()> {
    let [way, source, targets @ ..] = words else {
        return Err(Error::usage("copy_tree auto|snapshot|reflink|copy SOURCE TARGET..."));
    };
    let wanted: Wanted = way.parse().map_err(|error| Error::usage(format!("{error}")))?;
    let source = Utf8Path::new(source);
    let test = TestHost::new();
    let host = test.host("Example");
    for target in targets.iter().map(Utf8PathBuf::from) {
        let method = match wanted {
            Wanted::Only(method) => method,
            Wanted::Auto => {
                choose(source, target.parent().unwrap_or(Utf8Path::new(".")), wanted, &host)?.method
            }
        };
        let started = Instant::now();
        let copied = copy_tree(source, &target, method, &host)?;
        let seconds = started.elapsed().as_secs_f64();
        println!(
            r#"{{"method":"{method}","seconds":{seconds:.6},"entries":{},"bytes":{}}}"#,
            copied.entries, copied.bytes
        );
        for lost in copied.lost {
            eprintln!("lost: {lost}");
        }
    }
    Ok(())
}
