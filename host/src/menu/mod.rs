//! The menu.

use crate::cli::request::Session;
use disklessset_plugin_api::Result;

pub(crate) fn run(_session: Session) -> Result<u8> {
    Ok(0)
}
