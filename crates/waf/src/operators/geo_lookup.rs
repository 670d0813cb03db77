//! `@geoLookup`
//!
//! Matches when the database of `SecGeoLookupDb` knows the value, an address, and fills `GEO` with what it knows. A value that is no address
//! or that it does not know is no match, and leaves `GEO` as it was. Without a database it never matches; rules of CRS 3.3 that use it
//! (910100, off by default) load with a warning then.
//!
//! Differences: host names are not looked up (v2 and v3 ask DNS). Databases of the old format (GeoIP.dat) are refused, as they are no
//! longer published. Coraza ignores the operator.
//!
//! Example: `SecRule REMOTE_ADDR "@geoLookup" "id:1,phase:1,deny,chain"` with `SecRule GEO:COUNTRY_CODE "@streq XX"`

use std::sync::Arc;

use super::{Found, NO_GEO_DATABASE, Operate, Status};
use crate::geo::GeoDatabase;

pub(super) const STATUS: Status = Status::NeverMatches {
    code: NO_GEO_DATABASE,
    why: "there is no geographic database, GEO stays empty",
    instead: "name a MaxMind database with SecGeoLookupDb, or remove the rule",
};

#[derive(Debug)]
struct GeoLookup {
    database: Arc<GeoDatabase>,
}

pub(super) fn build(database: Arc<GeoDatabase>) -> Box<dyn Operate> {
    Box::new(GeoLookup { database })
}

impl Operate for GeoLookup {
    fn acts(&self) -> bool {
        true
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let address = std::str::from_utf8(input).ok().and_then(|text| text.parse().ok());
        found.geo = address.map(|address| self.database.locate(address)).unwrap_or_default();
        if found.geo.is_empty() {
            return false;
        }
        found.all(input);
        true
    }
}
