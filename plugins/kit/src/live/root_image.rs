//! How a class of images that nodes download is built on `LivenetImage` of the module livenet with a root image of its own making.
//!
//! The base asks for everything about the root image by four steps, so that a class built on it only defines these: it implements
//! [`RootImage`] and hands its steps to [`answer`]. Sources, kernels, accounts, the boot file, editing, cloning and sizes stay
//! the base's.
//!
//! ```
//! # use camino::Utf8Path;
//! # use disklessset_plugin_api::{Attributes, Command, DerivedImageClass, Host, Image, Result, serde_json::Value};
//! # use disklessset_kit::{live::root_image::{self, Format, RootFile, RootImage, Whole, Write}, squashfs::Layout};
//! struct Xfs;
//!
//! impl RootImage for Xfs {
//!     fn format(&self) -> Result<Format> {
//!         Ok(Format {
//!             module: "xfs".to_owned(),
//!             file: RootFile::parse("xfs.img")?,
//!             layouts: vec![Layout::Flat],
//!             drivers: vec!["xfs".to_owned()],
//!         })
//!     }
//!     fn write(&self, _image: &mut Image, write: &Write, host: &Host<'_>) -> Result<()> {
//!         let size = format!("size={}m", write.size.as_mebibytes());
//!         host.run(&Command::new("mkfs.xfs").args(["-d", &size, "-p", write.tree.as_str(), write.file.as_str()])).map(drop)
//!     }
//!     fn check(&self, _image: &Image, file: &Utf8Path, host: &Host<'_>) -> Result<Whole> {
//!         host.run(&Command::new("xfs_repair").args(["-n", "-f", file.as_str()]))?;
//!         Ok(Whole { bytes: file.metadata()?.len(), files: None })
//!     }
//!     fn names(&self, _image: &Image, file: &Utf8Path, directory: &str, host: &Host<'_>) -> Result<Vec<String>> {
//!         let list = Command::new("xfs_db").args(["-r", "-c", &format!("ls /{directory}"), file.as_str()]).capture();
//!         Ok(host.run(&list)?.stdout.lines().filter_map(|line| line.split_whitespace().nth(4)).map(str::to_owned).collect())
//!     }
//! }
//!
//! impl DerivedImageClass for Xfs {
//!     fn step(&self, step: &str, image: &mut Image, attrs: &Attributes, host: &Host<'_>) -> Result<Value> {
//!         match root_image::answer(self, step, image, attrs, host)? {
//!             Some(answer) => Ok(answer),
//!             None => host.base().step(step, image, attrs.clone()),
//!         }
//!     }
//! }
//! # fn main() {}
//! ```

use crate::{
    content::Content,
    squashfs::{Compression, Layout},
};
use camino::{Utf8Path, Utf8PathBuf};
use disklessset_plugin_api::{Attributes, Error, Host, Image, Result, Size};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::fmt;

/// The names of the steps.
pub mod steps {
    /// What the root image is: nothing → [`super::Format`].
    pub const FORMAT: &str = "root_image_format";
    /// Make a root image of a tree: [`super::Write`] → null; attributes may be set.
    pub const WRITE: &str = "write_root_image";
    /// Look whether a root image is whole: [`super::OneFile`] → [`super::Whole`].
    pub const CHECK: &str = "check_root_image";
    /// What lies in a directory of a root image: [`super::OneDirectory`] → list of names.
    pub const NAMES: &str = "names_in_root_image";
}

/// The name of a root image in the image's directory: one that stands in an address as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RootFile(String);

impl RootFile {
    /// Checks a name: letters, digits, `.`, `_` and `-`, ending with `.img`.
    ///
    /// # Errors
    /// Says the rule.
    pub fn parse(name: &str) -> Result<Self> {
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let good = name.starts_with(|c: char| c.is_ascii_alphanumeric())
            && name.len() <= 64
            && name.ends_with(".img")
            && name.chars().all(plain);
        if good {
            return Ok(Self(name.to_owned()));
        }
        Err(Error::usage(format!(
            "{name:?} is no name for a root image: letters, digits, '.', '_' and '-', ending with .img"
        )))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Where it lies in an image.
    pub fn of(&self, image: &Image) -> Utf8PathBuf {
        image.directory().join(&self.0)
    }
}

impl fmt::Display for RootFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for RootFile {
    type Error = Error;
    fn try_from(name: String) -> Result<Self> {
        Self::parse(&name)
    }
}

impl From<RootFile> for String {
    fn from(name: RootFile) -> Self {
        name.0
    }
}

/// What the root image of a class is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Format {
    /// The module, which is the first word of commands that users are told to type.
    pub module: String,
    /// The name of its file.
    pub file: RootFile,
    /// How the tree may lie in it. Without [`Layout::Classic`] a kernel must boot flat images.
    pub layouts: Vec<Layout>,
    /// Drivers that the initramfs needs beside what every livenet one has, such as `erofs`.
    #[serde(default)]
    pub drivers: Vec<String>,
}

/// A root image to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Write {
    /// The tree. What [`crate::content::LEFT_OUT`] names stays out of the image.
    pub tree: Utf8PathBuf,
    /// The file: there and empty, or not there yet. Its mode is set afterwards.
    pub file: Utf8PathBuf,
    /// One of the layouts of the [`Format`].
    pub layout: Layout,
    /// The size that was agreed on; the content fits.
    pub size: Size,
    /// What was found in the tree.
    pub content: Content,
    /// A private empty directory, empty again afterwards.
    pub scratch: Utf8PathBuf,
    /// How the data is to be compressed: one of [`RootImage::compressions`]. `None` for a class that gives no choice.
    #[serde(default)]
    pub compression: Option<Compression>,
}

/// A request about one file.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneFile {
    /// The file.
    pub file: Utf8PathBuf,
}

/// A request about one directory inside a root image.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct OneDirectory {
    /// The root image.
    pub file: Utf8PathBuf,
    /// The directory, relative to its top.
    pub directory: String,
}

/// A root image that is whole. Two files of the same content are equal in this.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// Bytes that its file system takes.
    pub bytes: u64,
    /// How many files of all kinds it holds, hard links once, where that can be told.
    #[serde(default)]
    pub files: Option<u64>,
}

/// What a class built on `LivenetImage` defines to have a root image of its own.
pub trait RootImage {
    /// What it is.
    ///
    /// # Errors
    /// When the file's name breaks the rule.
    fn format(&self) -> Result<Format>;

    /// The compressions of squashfs that a user may choose from; none for another file system, or a class that decides by itself.
    fn compressions(&self) -> Vec<Compression> {
        Vec::new()
    }

    /// Makes a root image and checks that it holds everything.
    ///
    /// # Errors
    /// Any error: the file is thrown away, and an image in service stays.
    fn write(&self, image: &mut Image, write: &Write, host: &Host<'_>) -> Result<()>;

    /// Looks whether a file is a whole root image, without reading all of it.
    ///
    /// # Errors
    /// When it is something else or truncated.
    fn check(&self, image: &Image, file: &Utf8Path, host: &Host<'_>) -> Result<Whole>;

    /// The names of what lies right in a directory of a root image, without `.` and `..`; none when it has no such directory.
    ///
    /// # Errors
    /// When it cannot be read.
    fn names(&self, image: &Image, file: &Utf8Path, directory: &str, host: &Host<'_>) -> Result<Vec<String>>;
}

/// Runs a step about the root image; `None` for all other steps.
///
/// # Errors
/// The step's own, and when its request cannot be read.
pub fn answer(
    root_image: &impl RootImage,
    step: &str,
    image: &mut Image,
    attrs: &Attributes,
    host: &Host<'_>,
) -> Result<Option<Value>> {
    let value = match step {
        steps::FORMAT => {
            let mut answer = serde_json::to_value(root_image.format()?)?;
            answer["compressions"] = serde_json::to_value(root_image.compressions())?;
            answer
        }
        steps::WRITE => {
            root_image.write(image, &read(attrs)?, host)?;
            Value::Null
        }
        steps::CHECK => {
            let request: OneFile = read(attrs)?;
            serde_json::to_value(root_image.check(image, &request.file, host)?)?
        }
        steps::NAMES => {
            let request: OneDirectory = read(attrs)?;
            root_image.names(image, &request.file, &request.directory, host)?.into()
        }
        _ => return Ok(None),
    };
    Ok(Some(value))
}

/// What the root image of an image is, as its class says. For the base.
///
/// # Errors
/// When no class of the image defines it.
pub fn format(image: &Image, host: &Host<'_>) -> Result<Format> {
    ask(steps::FORMAT, &mut image.clone(), &Value::Null, host)
}

/// The compressions of squashfs that a user may choose from for an image. For the base.
///
/// # Errors
/// When no class of the image defines its root image.
pub fn compressions(image: &Image, host: &Host<'_>) -> Result<Vec<Compression>> {
    /// Beside the format in the same answer.
    #[derive(Deserialize)]
    struct Choice {
        #[serde(default)]
        compressions: Vec<Compression>,
    }
    let choice: Choice = ask(steps::FORMAT, &mut image.clone(), &Value::Null, host)?;
    Ok(choice.compressions)
}

/// Has the image's class make a root image. For the base.
///
/// # Errors
/// The step's own.
pub fn write(image: &mut Image, write: &Write, host: &Host<'_>) -> Result<()> {
    ask(steps::WRITE, image, write, host)
}

/// Has the image's class look whether a root image is whole. For the base.
///
/// # Errors
/// The step's own.
pub fn check(image: &Image, file: &Utf8Path, host: &Host<'_>) -> Result<Whole> {
    ask(steps::CHECK, &mut image.clone(), &OneFile { file: file.to_owned() }, host)
}

/// Has the image's class look into a directory of a root image. For the base.
///
/// # Errors
/// The step's own.
pub fn names(image: &Image, file: &Utf8Path, directory: &str, host: &Host<'_>) -> Result<Vec<String>> {
    let request = OneDirectory { file: file.to_owned(), directory: directory.to_owned() };
    ask(steps::NAMES, &mut image.clone(), &request, host)
}

fn ask<T: DeserializeOwned>(
    step: &str,
    image: &mut Image,
    request: &impl Serialize,
    host: &Host<'_>,
) -> Result<T> {
    let attrs = match serde_json::to_value(request)? {
        Value::Object(fields) => fields.into_iter().collect(),
        _ => Attributes::new(),
    };
    Ok(serde_json::from_value(host.step(step, image, attrs)?)?)
}

fn read<T: DeserializeOwned>(attrs: &Attributes) -> Result<T> {
    Ok(serde_json::from_value(Value::Object(attrs.clone().into_iter().collect()))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_file_stands_in_an_address_as_it_is() {
        assert_eq!(RootFile::parse("squashfs.img").unwrap().as_str(), "squashfs.img");
        for bad in ["", "erofs", ".img", "../x.img", "a b.img", "a/b.img", "${x}.img", "boot.ipxe", "é.img"]
        {
            assert!(RootFile::parse(bad).is_err(), "{bad:?}");
        }
        let format = serde_json::json!({ "module": "x", "file": "../x.img", "layouts": [] });
        assert!(serde_json::from_value::<Format>(format).is_err(), "also from another module");
    }
}
