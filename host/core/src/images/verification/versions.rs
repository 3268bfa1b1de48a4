//! The versions of an image, and the one that its boot file names.

use super::permission::cannot_tell;
use crate::{
    images::manager::ImageManager,
    integrity::Fault,
    versions::{Store, Version},
};
use disklessset_plugin_api::{ImageName, Result};

/// What is wrong with the versions of an image: files that are missing, or were written to.
pub(super) fn faults(manager: &ImageManager<'_>, name: &ImageName) -> Result<Vec<Fault>> {
    let store = Store::of(&manager.site.layout);
    let known = store.history(name).and_then(|history| Ok((history, store.current(name.as_str())?)));
    let (history, current) = match known {
        Ok(known) => known,
        Err(error) => return Ok(vec![cannot_tell(error)]),
    };
    let mut faults = Vec::new();
    let number = current.map(|marker| marker.version.number());
    if let Some(number) = number.filter(|number| history.get(*number).is_none()) {
        let text = format!("its boot file names {name}@{number}, of which nothing is on record");
        faults.push(Fault::problem(text).mend(format!("disklessset verify {name} --record")));
    }
    let versions: Vec<&Version> = history.versions().iter().collect();
    if versions.is_empty() {
        return Ok(faults);
    }
    let damaged = store.damaged(&versions)?;
    let whole = versions.iter().rev().find(|version| !damaged.contains_key(&version.number));
    let record = format!("if the change is meant: disklessset verify {name} --record");
    for (broken, texts) in damaged {
        let mend = match (Some(broken) == number, whole) {
            (false, _) => format!("disklessset remove {name}@{broken}"),
            (true, Some(whole)) => format!("disklessset release {name}@{}; {record}", whole.number),
            (true, None) => format!("make the image again, or put its file back from a copy; {record}"),
        };
        let told =
            texts.into_iter().map(|text| Fault::problem(format!("{name}@{broken}: {text}")).mend(&mend));
        faults.extend(told);
    }
    Ok(faults)
}
