//! Kernel parameters that a user adds to the boot file of an image.

use disklessset_plugin_api::Error;
use disklessset_system::boot_line::{BootLineError, LONGEST_PARAMETERS, checked};

/// What has an initramfs bring the network up. Without an `ip=` dracut asks for an address by DHCP, on every interface; with one of ours beside the
/// `ip=` of the site's own parameters it would not boot at all.
pub const NETWORK: &str = "rd.neednet=1";

/// What a slow switch port needs before it passes traffic, as in 1.x.
pub const PATIENCE: &str = "rd.net.timeout.carrier=30 rd.net.timeout.ifup=60 rd.net.dhcp.retry=4";

/// Why kernel parameters are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(transparent)]
pub struct ParametersError(#[from] BootLineError);

impl From<ParametersError> for Error {
    fn from(error: ParametersError) -> Self {
        Self::usage(error.to_string())
    }
}

/// Checks kernel parameters: one line that the boot loader hands on as it is.
///
/// # Errors
/// Names what is wrong.
pub fn check(parameters: &str) -> Result<String, ParametersError> {
    Ok(checked(parameters, "kernel parameters", LONGEST_PARAMETERS)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_errors_of_usage_that_name_what_the_boot_loader_reads() {
        assert_eq!(check(" console=ttyS1,115200n8  quiet ").unwrap(), "console=ttyS1,115200n8 quiet");
        let error = Error::from(check("a || shell").unwrap_err());
        assert_eq!(error.kind, disklessset_plugin_api::ErrorKind::USAGE);
        assert!(error.to_string().contains("kernel parameters may not hold \"||\""), "{error}");
    }
}
