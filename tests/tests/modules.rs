//! Modules, good and bad, as a sysadmin meets them: real shared objects, whole, forged and misbehaving.
#![allow(
    clippy::disallowed_methods,
    reason = "tests put files in place with plain writes and start cargo and cc"
)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

#[path = "modules/compilers.rs"]
mod compilers;
#[path = "modules/eras.rs"]
mod eras;
#[path = "modules/forge.rs"]
mod forge;
#[path = "modules/frozen.rs"]
mod frozen;
#[path = "modules/installing.rs"]
mod installing;
#[path = "modules/loading.rs"]
mod loading;
#[path = "modules/refusals.rs"]
mod refusals;
#[path = "modules/speed.rs"]
mod speed;
#[path = "modules/steps.rs"]
mod steps;
