//! `@geoLookup`
//!
//! Would look the value up in a geographic database and fill `GEO`. There is no database reader here, so that it never matches and `GEO`
//! stays empty; rules of CRS 3.3 that use it (910100, off by default) load with a warning.
//!
//! Differences: v2 and v3 without `SecGeoLookupDb` do not match either; Coraza ignores the operator likewise.
//!
//! Example: `SecRule REMOTE_ADDR "@geoLookup" "id:1,pass"`

use super::{NO_GEO_DATABASE, Status};

pub(super) const STATUS: Status = Status::NeverMatches {
    code: NO_GEO_DATABASE,
    why: "there is no geographic database, GEO stays empty",
    instead: "match networks with @ipMatchFromFile, or remove the rule",
};
