//! The API version as a literal, for notes: `concat!` takes no constants.

/// The version of this API as a literal; a test keeps it equal to the package's version.
#[doc(hidden)]
#[macro_export]
macro_rules! api_version {
    () => {
        "1.0.0"
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_literal_is_the_package_version() {
        assert_eq!(crate::api_version!(), crate::API_VERSION);
    }
}
