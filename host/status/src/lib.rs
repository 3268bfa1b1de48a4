//! What nodes do while they boot: told from what they fetch and from their own reports, kept over restarts, and shown.
//!
//! The boot server says what was fetched ([`Fetched`]) and what a node reported ([`Report`]); [`Watch`] makes of it what each node does
//! ([`Seen`]). Which nodes, pools and versions there are it asks of [`Known`], which [`SiteFiles`] make of the site's own files. An
//! [`Overview`] has both side by side, for `node status`, the page, the metrics and the same as JSON.

mod asked;
mod follower;
mod keep;
mod known;
mod metrics;
mod of_site;
mod overview;
mod page;
mod report;
mod seen;
mod unknown;
mod watch;

pub use asked::Asked;
pub use follower::{Answered, Follower, NotTaken, StatusPage};
pub use keep::{KeepError, Kept, read, write};
pub use known::{FileKind, FileOfVersions, Known, NodeFacts, VersionFacts};
pub use metrics::{CONTENT_TYPE as METRICS_CONTENT_TYPE, Traffic, metrics};
pub use of_site::SiteFiles;
pub use overview::{NodeLine, Overview, Reboot};
pub use page::{Filter, page};
pub use report::{LARGEST_REPORT, Report, ReportError};
pub use seen::{Seen, Stage};
pub use unknown::Unknown;
pub use watch::{Fetched, Refused, Watch};
