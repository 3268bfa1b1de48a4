//! Apache as the web server of nodes.

use crate::place::Place;
use std::fmt::Write;

pub(crate) fn configuration(place: &Place) -> String {
    let directories = place.directories();
    let (root, oci) = (place.root(), &directories.oci);
    let mut text = format!(
        "# A web server for nodes, printed by `disklessset serve config apache`: a site of its own, or in one that is there.\n\
         <VirtualHost *:80>
    DocumentRoot {root}
    <Directory {root}>
        Options None
        AllowOverride None
        Require all denied
    </Directory>
"
    );
    for directory in [&directories.images, &directories.kernels, &directories.boot, &directories.loaders] {
        let _ = write!(text, "    <Directory {directory}>\n        Require all granted\n    </Directory>\n");
    }
    let _ = write!(
        text,
        "    <Directory {oci}/blobs/sha256>
        Require all granted
        # Never changes.
        <IfModule headers_module>
            Header set Cache-Control \"public, max-age=31536000, immutable\"
        </IfModule>
    </Directory>
    # Attributes of images are not for nodes.
    <FilesMatch \"^(image_data\\.yml|\\..*)$\">
        Require all denied
    </FilesMatch>
    EnableSendfile On
</VirtualHost>
"
    );
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::example;

    #[test]
    fn directories_of_nodes_are_open_and_attributes_are_not() {
        let text = configuration(&example());
        assert_eq!(text.matches("Require all granted").count(), 5);
        assert!(text.contains("<FilesMatch \"^(image_data\\.yml|\\..*)$\">"), "{text}");
    }
}
