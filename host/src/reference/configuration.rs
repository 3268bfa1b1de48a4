//! The page about the configuration file.

use super::table;
use crate::configuration::{DEFAULT_PATH, KEYS};

pub(super) fn page() -> String {
    let rows: Vec<[String; 4]> =
        KEYS.iter().map(|key| [key.name, key.value, key.default, key.help].map(str::to_owned)).collect();
    let table = table(["KEY", "VALUE", "DEFAULT", "MEANING"], &rows);
    format!(
        "# Configuration: diskless_parameters.yml\n\n\
         The file is `{DEFAULT_PATH}`; `--config FILE` names another one. It is YAML. Each key may be left out.\n\
         A key that is not in this table is refused, with its line.\n\n\
         Directories are absolute paths. With `--root DIR` they lie below DIR. disklessset deletes below `images_directory`,\n\
         `kernels_directory`, `work_directory`, `state_directory` and the two NFS directories: each is a directory of its own.\n\n\
         {table}\n\
         ## Example\n\n\
         ```yaml\n\
         images_directory: /srv/preboot_execution_environment/diskless/images\n\
         http_base_url: http://10.0.0.1:8080\n\
         signing:\n  key: /etc/disklessset/site.key\n  certificate: /etc/disklessset/site.crt\n\
         ```\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::Configuration;

    #[test]
    fn the_example_is_read() {
        let page = page();
        let example = page.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
        let read = Configuration::parse(example).unwrap();
        assert_eq!(read.http_base_url(), "http://10.0.0.1:8080");
        assert!(read.signing.is_some());
    }
}
