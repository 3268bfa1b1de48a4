//! The firmware a machine starts with.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

/// What a machine runs before it runs anything from the network.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Firmware {
    /// A PC's BIOS with iPXE on the network card.
    #[default]
    Bios,
    /// UEFI, which fetches iPXE over HTTP.
    Uefi,
}

/// A word that names no firmware.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no firmware of a virtual machine: bios or uefi")]
pub struct UnknownFirmware(String);

impl Firmware {
    /// All of them, by the words for them.
    pub const WORDS: [&'static str; 2] = ["bios", "uefi"];
}

impl FromStr for Firmware {
    type Err = UnknownFirmware;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "bios" => Ok(Self::Bios),
            "uefi" => Ok(Self::Uefi),
            other => Err(UnknownFirmware(other.to_owned())),
        }
    }
}

impl fmt::Display for Firmware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bios => "BIOS",
            Self::Uefi => "UEFI",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_word_is_a_firmware_and_stands_in_documents() {
        for word in Firmware::WORDS {
            let firmware: Firmware = word.parse().unwrap();
            assert_eq!(serde_json::to_string(&firmware).unwrap(), format!("{word:?}"));
        }
        assert!("UEFI".parse::<Firmware>().is_err());
    }
}
