//! nginx as the web server of nodes.

use crate::place::Place;

pub(crate) fn configuration(place: &Place) -> String {
    let directories = place.directories();
    let [images, kernels, boot, loaders] =
        [&directories.images, &directories.kernels, &directories.boot, &directories.loaders]
            .map(|directory| place.path(directory));
    let (root, oci) = (place.root(), place.path(&directories.oci));
    format!(
        "# A web server for nodes, printed by `disklessset serve config nginx`: /etc/nginx/conf.d/diskless.conf.\n\
         server {{
    listen 80;
    listen [::]:80;
    root {root};
    disable_symlinks on from={root};
    sendfile on;
    tcp_nopush on;

    # Attributes of images are not for nodes.
    location ~ \"/(image_data\\.yml|\\.[^/]*)$\" {{
        return 404;
    }}

    # Never changes.
    location ~ \"^{oci}/blobs/sha256/[0-9a-f]{{64}}$\" {{
        add_header Cache-Control \"public, max-age=31536000, immutable\";
    }}

    # Changes: caches ask each time.
    location ~ \"^({images}|{kernels}|{boot}|{loaders})/\" {{
        add_header Cache-Control \"no-cache\";
    }}

    location / {{
        return 404;
    }}
}}
"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::tests::example;

    #[test]
    fn nodes_get_blobs_and_boot_files_and_nothing_else() {
        let text = configuration(&example());
        for part in [
            "root /var/www/html;",
            "^/preboot_execution_environment/diskless/oci/blobs/sha256/[0-9a-f]{64}$",
            "image_data\\.yml",
            "disable_symlinks on",
        ] {
            assert!(text.contains(part), "{part} in:\n{text}");
        }
    }
}
