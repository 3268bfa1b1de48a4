//! Licences, repeated versions, sources and known faults of the crates used, by cargo-deny when it is there.

use super::report::Report;
use crate::command::{Output, Tool};
use crate::say;

/// Runs cargo-deny. It is no part of a toolchain and takes long to build, so that its absence is a skip, and said.
pub(crate) fn check(deny: &Tool, report: &mut Report) {
    say::step("crates");
    let there = deny.clone().arg("--version").output(Output::Kept).run().is_ok();
    if !there {
        let how = "cargo-deny is not installed (cargo install cargo-deny --locked)";
        report.skipped("crates: licences, bans, sources", how);
        return report.skipped("crates: advisories", how);
    }
    let rules = deny.clone().args(["check", "licenses", "bans", "sources"]).minutes(5);
    report.check("crates: licences, bans, sources", || rules.run().map(|_| ()));
    // The database of advisories is a repository of its own, out of reach on machines with a package mirror only.
    match deny.clone().args(["fetch", "db"]).minutes(2).output(Output::Kept).run() {
        Ok(_) => report.check("crates: advisories", || {
            deny.clone().args(["check", "--disable-fetch", "advisories"]).minutes(5).run().map(|_| ())
        }),
        Err(_) => report.skipped("crates: advisories", "their database cannot be fetched from here"),
    }
}
