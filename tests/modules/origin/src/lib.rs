//! A module that brings a source of OS trees and no class: it copies a tree by a program, and tries what no source may when asked to.
#![forbid(unsafe_code)]

use camino::Utf8Path;
use disklessset_plugin_api::{
    Command, Error, Host, ParamKind, ParamSpec, Refusal, Result, SourceCheck, SourceSpec, TreeBuild,
    TreeSource, declare_module,
};

struct Origin;

impl TreeSource for Origin {
    fn describe(&self) -> SourceSpec {
        let trials = ["none", "device", "outside", "elsewhere", "service", "empty", "sleep"];
        let trials = ParamKind::Choice { choices: trials.map(str::to_owned).to_vec() };
        SourceSpec::new("A copy of a tree, by cp")
            .param(ParamSpec::flag("from", ParamKind::Path, "The tree to copy").required())
            .param(ParamSpec::flag("mark", ParamKind::Text, "What is written into it").default("plain"))
            .param(ParamSpec::flag("login", ParamKind::Secret, "Who may have it"))
            .param(ParamSpec::flag("trial", trials, "What to try").default("none").not_asked())
            .needs("cp")
            .refuses("from", "/nowhere-at-all")
    }

    fn check(&self, check: &SourceCheck<'_>, _host: &Host<'_>) -> Result<Vec<Refusal>> {
        let Some(from) = check.arguments.get::<String>("from")? else { return Ok(Vec::new()) };
        if Utf8Path::new(&from).is_dir() {
            return Ok(Vec::new());
        }
        Ok(vec![Refusal::new("from", format!("{from} is no directory"))])
    }

    fn build(&self, build: &TreeBuild, host: &Host<'_>) -> Result<()> {
        let (from, tree): (String, _) = (build.arguments.need("from")?, &build.tree);
        match build.arguments.need::<String>("trial")?.as_str() {
            // A disk of the server by its number, whatever is in /dev.
            "device" => {
                script(host, &format!("mknod {}/disk b 7 0 && dd if={0}/disk bs=1 count=0", build.scratch))?
            }
            "outside" => script(host, "echo evil >/var/cache/disklessset-origin-was-here")?,
            "elsewhere" => drop(host.run(&Command::new("true").inside("/"))?),
            "service" => drop(host.images("LivenetImage")?),
            "empty" => return Ok(()),
            "sleep" => drop(host.run(&Command::new("sleep").arg("60"))?),
            _ => {}
        }
        host.run(&Command::new("cp").args(["-a", "--", &format!("{from}/."), tree.as_str()]))?;
        let facts = format!(
            "for d in /dev/*; do test -b $d && echo $d; done; ls {tree}/dev {tree}/proc/self/status; echo $0",
        );
        let seen = Command::new("sh").args(["-c", facts.as_str()]).capture();
        let seen = host.run(&seen)?.stdout;
        if seen.contains("/dev/sd") || seen.contains("/dev/vd") || seen.contains("/dev/loop") {
            return Err(Error::failed("devices of the server are there").because(seen.replace('\n', " ")));
        }
        let mark: String = build.arguments.need("mark")?;
        let request = &build.request;
        let text = format!("{mark}\nkernel: {}\nnfs: {}\n", request.kernel, request.root_over_nfs);
        let write = Command::new("tee").arg(tree.join("etc/origin").as_str()).stdin(text);
        host.run(&write)?;
        Ok(())
    }
}

fn script(host: &Host<'_>, text: &str) -> Result<()> {
    host.run(&Command::new("sh").args(["-ec", text])).map(drop)
}

declare_module! {
    name: "origin",
    title: "A source of trees",
    sources: { "origin" => Origin },
}
