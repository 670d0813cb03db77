//! `SecGeoLookupDb`: where in the world an address is, out of a MaxMind database (GeoIP2 or GeoLite2, City or Country).
//!
//! The file is read whole when rules are compiled. A record that cannot be read is as good as none.

use std::{fmt, net::IpAddr};

use maxminddb::{Reader, geoip2::City};

/// Members of `GEO`, in this order. `COUNTRY_CODE3` and `AREA_CODE` of ModSecurity v2 stood in a format that is no longer published.
pub(crate) const MEMBERS: [&str; 9] = [
    "COUNTRY_CODE",
    "COUNTRY_CONTINENT",
    "COUNTRY_NAME",
    "REGION",
    "CITY",
    "POSTAL_CODE",
    "LATITUDE",
    "LONGITUDE",
    "DMA_CODE",
];

/// A database in memory.
pub struct GeoDatabase {
    reader: Reader<Vec<u8>>,
}

impl GeoDatabase {
    /// Takes the bytes of a file in MaxMind's format.
    ///
    /// # Errors
    /// What is wrong with it, or that it holds no countries.
    pub fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let reader = Reader::from_source(bytes).map_err(|error| format!("no MaxMind database: {error}"))?;
        let kind = &reader.metadata().database_type;
        if !["City", "Country", "Enterprise"].iter().any(|known| kind.contains(known)) {
            return Err(format!("a database of the type {kind}, which holds no countries"));
        }
        Ok(Self { reader })
    }

    /// What is known of an address, by member of `GEO`; nothing when the address is in no network of the database.
    pub(crate) fn locate(&self, address: IpAddr) -> Vec<(&'static str, String)> {
        let found = self.reader.lookup(address.to_canonical()).and_then(|found| found.decode::<City<'_>>());
        let Ok(Some(record)) = found else { return Vec::new() };
        let text = |text: Option<&str>| text.map(str::to_owned);
        let region = record.subdivisions.first();
        let values = [
            text(record.country.iso_code),
            text(record.continent.code),
            text(record.country.names.english),
            region.and_then(|region| text(region.iso_code)),
            text(record.city.names.english),
            text(record.postal.code),
            record.location.latitude.map(|degrees| degrees.to_string()),
            record.location.longitude.map(|degrees| degrees.to_string()),
            record.location.metro_code.map(|code| code.to_string()),
        ];
        MEMBERS.into_iter().zip(values).filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

impl fmt::Debug for GeoDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "GeoDatabase({})", self.reader.metadata().database_type)
    }
}
