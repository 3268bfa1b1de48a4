//! The root image: made with mkfs.erofs, looked at through its superblock.

use crate::{compression::Compression, superblock::Superblock};
use camino::Utf8Path;
use disklessset_kit::{
    content::LEFT_OUT,
    live::root_image::{Format, RootFile, RootImage, Whole, Write},
    space,
    squashfs::Layout,
};
use disklessset_plugin_api::{Command, Error, Hold, Host, Image, Result};

/// What the class makes its root images with.
pub(crate) struct Erofs;

impl RootImage for Erofs {
    fn format(&self) -> Result<Format> {
        Ok(Format {
            module: "erofs".to_owned(),
            file: RootFile::parse("erofs.img")?,
            layouts: vec![Layout::Flat],
            drivers: vec!["erofs".to_owned()],
        })
    }

    fn write(&self, image: &mut Image, write: &Write, host: &Host<'_>) -> Result<()> {
        host.progress("packing", 0, 0);
        // Paths are told from the top of the tree, and the directories themselves stay.
        let left_out = format!("--exclude-regex=^({})/", LEFT_OUT.join("|"));
        let mkfs = mkfs(&write.tree, &write.file, Compression::of(image)?).arg(left_out);
        host.run(&mkfs).map_err(space::writing(&write.file))?;
        Superblock::read(&write.file)?.must_hold(write.content.inodes, &write.file)
    }

    fn check(&self, _image: &Image, file: &Utf8Path, _host: &Host<'_>) -> Result<Whole> {
        let found = Superblock::read(file)?;
        Ok(Whole { bytes: found.bytes, files: Some(found.inodes) })
    }

    fn names(
        &self,
        _image: &Image,
        file: &Utf8Path,
        directory: &str,
        host: &Host<'_>,
    ) -> Result<Vec<String>> {
        Superblock::read(file)?;
        let path = format!("--path=/{directory}");
        let list = Command::new("dump.erofs").args(["--ls", &path, file.as_str()]).capture();
        // It ends well whether or not there is such a directory.
        Ok(listed(&host.run(&list)?.stdout))
    }
}

/// The names in what dump.erofs prints: a table of number, type and name after lines about the directory itself.
fn listed(text: &str) -> Vec<String> {
    let table = text.lines().skip_while(|line| !line.trim_end().ends_with("FILENAME")).skip(1);
    let name = |line: &str| {
        let (_, kind) = line.trim_start().split_once(' ')?;
        let (_, name) = kind.trim_start().split_once("  ")?;
        (name != "." && name != "..").then(|| name.to_owned())
    };
    table.filter_map(name).collect()
}

fn mkfs(tree: &Utf8Path, file: &Utf8Path, compression: Compression) -> Command {
    let paths = [file, tree].map(Utf8Path::as_str);
    // The options end with the paths; getopt moves what is added behind them.
    Command::new("mkfs.erofs").arg("--quiet").args(compression.options()).args(paths)
}

/// Refuses before minutes of work what mkfs.erofs of this server cannot do: an empty tree is packed.
pub(crate) fn check_tool(image: &Image, compression: Compression, host: &Host<'_>) -> Result<()> {
    let area = host.work_area(image.name(), Hold::Action)?;
    let (tree, file) = (area.join("nothing"), area.join("nothing.img"));
    std::fs::create_dir(&tree)
        .map_err(|cause| Error::failed(format!("cannot make {tree}")).because(cause))?;
    host.run(&mkfs(&tree, &file, compression)).map_err(|error| {
        error
            .context(format!("this server cannot make EROFS images compressed with {compression}"))
            .hint("install erofs-utils, or a newer one; or take another --compression")
    })?;
    host.remove(&file)?;
    host.remove(&tree)
}
