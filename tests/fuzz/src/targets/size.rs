//! Sizes.

use crate::{one_line, text};
use disklessset_plugin_api::{Size, SizeOrAuto};

pub(super) fn run(data: &[u8]) {
    let Some(text) = text(data) else { return };
    match text.parse::<Size>() {
        Err(refusal) => one_line(&refusal.to_string()),
        Ok(size) => {
            assert_eq!(size.as_bytes() >> 20, size.as_mebibytes());
            assert_eq!(size.to_string().parse(), Ok(size));
            assert_eq!(text.parse(), Ok(SizeOrAuto::Fixed(size)));
            assert_eq!(
                size.within(Size::LEAST, Size::MOST).is_ok(),
                (100..=50_000).contains(&size.as_mebibytes())
            );
        }
    }
}
