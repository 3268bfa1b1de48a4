//! After an action was killed or failed: the mount that the record tells of stands, and there is no other.

use crate::{
    existing::Places,
    mount::{self, System},
    of_1x, unmount,
};
use disklessset_plugin_api::{ErrorKind, Hold, Host, Image, Mount, Result};

/// Brings work area and mounts to where the record is: an edit that was to end and whose changes are neither packed nor given up goes
/// on, another one is ended.
pub(crate) fn recovered(image: &mut Image, action: &str, host: &Host<'_>) -> Result<Option<String>> {
    let places = Places::of(image.name(), host)?;
    // From the rename that gives them up on there are no changes.
    let goes_on = places.upper.is_dir();
    let recorded = image.flag("is_mounted");
    if recorded && goes_on {
        let again = stand_again(image, &places, host)?;
        return Ok(again.then(|| format!("{action} was interrupted; it is mounted again, with its changes")));
    }
    // An edit of 1.x goes on as it was left: its way out is an unmount.
    let of_others = recorded && mount::is_live(&places)? || of_1x::edited(image, &places, host)?.is_some();
    if of_others {
        return Ok(None);
    }
    if !recorded && !places.are_used() {
        return forget_area(&places, host).map(|()| None);
    }
    unmount::finish(&places, host)?;
    image.set("is_mounted", false);
    Ok(Some(format!("{action} was interrupted, and is finished now: it is not mounted any more")))
}

/// Takes the work area away that an end of an edit had emptied, or had removed and left on record. One that is not on record is
/// somebody's.
fn forget_area(places: &Places, host: &Host<'_>) -> Result<()> {
    match host.release(&places.area) {
        Err(error) if error.kind != ErrorKind::REFUSED => Err(error),
        _ => Ok(()),
    }
}

/// Makes again what is missing of the mount; tells whether anything was.
fn stand_again(image: &Image, places: &Places, host: &Host<'_>) -> Result<bool> {
    if mount::is_live(places)? && mount::system(places)? == System::All {
        return Ok(false);
    }
    // What is left of it goes first, so that the record has each of its mounts once.
    while mount::is_live(places)? && host.release(&places.tree).is_ok() {}
    if !mount::is_live(places)? {
        mount::forget_lost_mounts(places, host);
        mount::work_area(image, places, Hold::Image, host)?;
        mount::attach(image, places, Hold::Image, host)?;
    }
    // Somebody who is inside keeps the view, and may lack these.
    if mount::system(places)? != System::None {
        return Ok(false);
    }
    host.mount(&Mount::System { target: places.tree.clone() }, Hold::Image)?;
    Ok(true)
}
