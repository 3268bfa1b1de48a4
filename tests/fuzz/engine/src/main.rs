//! One target of `disklessset-fuzz` under libFuzzer: `DISKLESSSET_FUZZ_TARGET=NAME fuzz [LIBFUZZER-OPTIONS] CORPUS...`

#![no_main]

use disklessset_fuzz::Target;
use libfuzzer_sys::fuzz_target;
use std::sync::OnceLock;

static CHOSEN: OnceLock<Target> = OnceLock::new();

fn chosen() -> &'static Target {
    CHOSEN.get_or_init(|| {
        let name = std::env::var("DISKLESSSET_FUZZ_TARGET").unwrap_or_default();
        Target::named(&name).unwrap_or_else(|| panic!("DISKLESSSET_FUZZ_TARGET={name:?} is no target"))
    })
}

fuzz_target!(init: { chosen(); }, |data: &[u8]| {
    chosen().measured(data);
});
