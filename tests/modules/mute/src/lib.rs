//! A module that panics when it is asked for its description.
#![forbid(unsafe_code)]

use disklessset_plugin_api::{Action, DerivedImageClass, declare_module};

struct MuteImage;

impl DerivedImageClass for MuteImage {
    fn actions(&self) -> Vec<Action<Self>> {
        panic!("cannot describe myself")
    }
}

declare_module! {
    name: "mute",
    title: "Panics when asked for its description",
    classes: { "MuteImage": "DemoImage" "^0.1" => MuteImage },
}
