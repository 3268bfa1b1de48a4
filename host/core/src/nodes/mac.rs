//! The address of a network card.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A MAC address, in one form whatever form it was written in: `aa:bb:cc:dd:ee:ff`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddress([u8; 6]);

/// Why a text is no MAC address of a node.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not the MAC address of a node: {fault}")]
pub struct MacAddressError {
    text: String,
    fault: &'static str,
}

impl MacAddress {
    /// As iPXE writes it with `hexhyp`, and as its boot file is named: `aa-bb-cc-dd-ee-ff`.
    pub fn with_hyphens(&self) -> String {
        self.to_string().replace(':', "-")
    }
}

impl FromStr for MacAddress {
    type Err = MacAddressError;

    fn from_str(text: &str) -> Result<Self, MacAddressError> {
        let refuse = |fault| Err(MacAddressError { text: text.chars().take(60).collect(), fault });
        let Some(bytes) = bytes_of(text.trim()) else {
            return refuse("it is written as aa:bb:cc:dd:ee:ff, aa-bb-cc-dd-ee-ff or aabb.ccdd.eeff");
        };
        match bytes {
            [0, 0, 0, 0, 0, 0] => refuse("it is all zeros"),
            [first, ..] if first & 1 == 1 => refuse("it is an address of a group of cards"),
            bytes => Ok(Self(bytes)),
        }
    }
}

fn bytes_of(text: &str) -> Option<[u8; 6]> {
    let (sign, digits) = match text.bytes().find(|byte| !byte.is_ascii_hexdigit())? {
        sign @ (b':' | b'-') => (sign, 2),
        b'.' => (b'.', 4),
        _ => return None,
    };
    let mut bytes = [0; 6];
    let mut parts = text.as_bytes().split(|byte| *byte == sign);
    for chunk in bytes.chunks_mut(digits / 2) {
        let part = parts.next().filter(|part| part.len() == digits)?;
        for (byte, pair) in chunk.iter_mut().zip(part.chunks(2)) {
            let digit = |at: usize| char::from(pair[at]).to_digit(16);
            *byte = u8::try_from(digit(0)? * 16 + digit(1)?).ok()?;
        }
    }
    parts.next().is_none().then_some(bytes)
}

impl fmt::Display for MacAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl TryFrom<String> for MacAddress {
    type Error = MacAddressError;

    fn try_from(text: String) -> Result<Self, MacAddressError> {
        text.parse()
    }
}

impl From<MacAddress> for String {
    fn from(mac: MacAddress) -> Self {
        mac.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mac_addresses_are_read_in_three_forms_and_kept_in_one() {
        for text in ["52:54:00:AB:cd:0f", "52-54-00-ab-cd-0f", "5254.00ab.CD0F", " 52:54:00:ab:cd:0f "] {
            let mac: MacAddress = text.parse().unwrap();
            assert_eq!(mac.to_string(), "52:54:00:ab:cd:0f");
            assert_eq!(mac.with_hyphens(), "52-54-00-ab-cd-0f");
        }
    }

    #[test]
    fn what_no_card_of_a_node_has_is_refused_in_one_line() {
        for bad in [
            "",
            "525400abcd0f",
            "52:54:00:ab:cd",
            "52:54:00:ab:cd:0f:11",
            "52:54-00:ab:cd:0f",
            "52:54:00:ab:cd:0g",
            "5:254:00:ab:cd:0f",
            "5254.00ab",
            "00:00:00:00:00:00",
            "01:00:5e:00:00:01",
            "ff:ff:ff:ff:ff:ff",
            "52:54:00:ab:cd:é",
            "52:54:00:ab:cd:0f\n:",
            "+2:54:00:ab:cd:0f",
        ] {
            let error = bad.parse::<MacAddress>().expect_err(bad).to_string();
            assert!(error.contains("is not the MAC address") && !error.contains('\n'), "{error}");
        }
    }
}
