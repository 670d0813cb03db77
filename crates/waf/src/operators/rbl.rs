//! `@rbl`
//!
//! Would ask a block list by DNS. The engine opens no sockets and a request would wait for a stranger's name server, so that it never
//! matches; rules of CRS 3.3 that use it (910180, off by default) load with a warning.
//!
//! Differences: v2, v3 and Coraza do the lookup, v2 and v3 without a time limit of their own.
//!
//! Example: `SecRule REMOTE_ADDR "@rbl sbl-xbl.spamhaus.org" "id:1,deny"`

use super::{NO_DNS_LOOKUPS, Status};

pub(super) const STATUS: Status = Status::NeverMatches {
    code: NO_DNS_LOOKUPS,
    why: "the engine makes no DNS lookups",
    instead: "load the list as a file with @ipMatchFromFile, or remove the rule",
};
