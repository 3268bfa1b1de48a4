//! The text nfs-ganesha is configured with.

use std::fmt::Write;

use camino::Utf8Path;

/// A tree as the server sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Export<'a> {
    /// The path clients mount.
    pub(super) pseudo: &'a Utf8Path,
    /// Where it lies.
    pub(super) directory: &'a Utf8Path,
}

/// A path that cannot stand in a configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be exported: it holds quotes, backslashes or control characters")]
pub(super) struct Unquotable(String);

/// NFS 4 alone, over TCP, without rpcbind, locks of NFS 3, quotas, Kerberos and grace: clients of an earlier server, who
/// would need that time, there are none. `state` is a directory for what clients hold.
///
/// # Errors
/// When a path cannot be written between quotes.
pub(super) fn text(
    exports: &[Export<'_>],
    plugins: &Utf8Path,
    state: &Utf8Path,
) -> Result<String, Unquotable> {
    let mut text = format!(
        "NFS_CORE_PARAM {{\n  Protocols = 4;\n  NFS_Port = {port};\n  Enable_NLM = false;\n  Enable_RQUOTA = false;\n  \
         Enable_UDP = false;\n  Plugins_Dir = {plugins};\n}}\n\
         NFSV4 {{\n  Minor_Versions = 1, 2;\n  RecoveryBackend = fs;\n  RecoveryRoot = {state};\n  Graceless = true;\n  \
         Only_Numeric_Owners = true;\n}}\n\
         NFS_KRB5 {{\n  Active_krb5 = false;\n}}\n",
        port = super::PORT,
        plugins = quoted(plugins)?,
        state = quoted(state)?,
    );
    for (number, export) in (1..).zip(exports) {
        let (path, pseudo) = (quoted(export.directory)?, quoted(export.pseudo)?);
        let _ = write!(
            text,
            "EXPORT {{\n  Export_Id = {number};\n  Path = {path};\n  Pseudo = {pseudo};\n  Access_Type = RW;\n  \
             Squash = No_Root_Squash;\n  SecType = sys;\n  Protocols = 4;\n  Transports = TCP;\n  \
             FSAL {{\n    Name = VFS;\n  }}\n}}\n"
        );
    }
    Ok(text)
}

fn quoted(path: &Utf8Path) -> Result<String, Unquotable> {
    match path.as_str().contains(|c: char| c.is_control() || matches!(c, '"' | '\'' | '\\')) {
        true => Err(Unquotable(path.to_string())),
        false => Ok(format!("\"{path}\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(pseudo: &str, directory: &str) -> Result<String, Unquotable> {
        let export = Export { pseudo: pseudo.into(), directory: directory.into() };
        text(&[export], "/usr/lib/ganesha".into(), "/run/state".into())
    }

    #[test]
    fn each_tree_is_an_export_with_a_number_of_its_own() {
        let export = |pseudo: &'static str| Export { pseudo: pseudo.into(), directory: "/run/1".into() };
        let text = text(&[export("/d/c001"), export("/d/c 2#;{")], "/p".into(), "/s".into()).unwrap();
        assert_eq!(text.matches("EXPORT {").count(), 2);
        for line in ["Export_Id = 1;", "Pseudo = \"/d/c001\";", "Export_Id = 2;", "Pseudo = \"/d/c 2#;{\";"] {
            assert!(text.lines().any(|found| found.trim() == line), "no {line} in {text}");
        }
        assert_eq!(
            text.matches('{').count() - 1,
            text.matches('}').count(),
            "the one in a path counts for nothing"
        );
    }

    #[test]
    fn a_path_never_ends_its_quotes() {
        assert!(with("/d/a", "/d/a").is_ok());
        for hostile in ["/d/\";} EXPORT {", "/d/a\nSquash", "/d/a\\", "/d/'a", "/d/\u{7f}"] {
            assert!(with(hostile, "/d/a").is_err(), "{hostile:?}");
            assert!(with("/d/a", hostile).is_err(), "{hostile:?}");
        }
    }
}
