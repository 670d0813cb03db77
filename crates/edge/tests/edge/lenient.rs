//! HTTP/1.1 parsers with one bad habit each, as backends have had them. They read the same bytes and are compared.

/// One habit; all others as RFC 9112 says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Dialect {
    Strict,
    /// A lone LF ends a line.
    LfEndsLines,
    /// A lone CR does too.
    CrEndsLines,
    /// `Content-Length` goes before `Transfer-Encoding`.
    LengthFirst,
    /// Any coding with `chunked` somewhere in it is chunked.
    AnyChunked,
    /// Of several lengths the last holds, else the first.
    LastLength,
    /// A length is read as far as it has digits.
    DigitsOfLength,
    /// A line that begins with white space continues the one before.
    Folds,
    /// White space before a colon is part of nothing.
    SpaceBeforeColon,
    /// `_` in a name is `-`.
    Underscores,
    /// A chunk's size is read as far as it has hex digits, whatever ends the line.
    LenientChunks,
    /// HEAD and OPTIONS have no body.
    NoBodyOfHead,
    /// A NUL ends a value.
    NulEndsValues,
    /// The host of an absolute target goes before `Host`.
    TargetHost,
}

pub(crate) const DIALECTS: [Dialect; 14] = [
    Dialect::Strict,
    Dialect::LfEndsLines,
    Dialect::CrEndsLines,
    Dialect::LengthFirst,
    Dialect::AnyChunked,
    Dialect::LastLength,
    Dialect::DigitsOfLength,
    Dialect::Folds,
    Dialect::SpaceBeforeColon,
    Dialect::Underscores,
    Dialect::LenientChunks,
    Dialect::NoBodyOfHead,
    Dialect::NulEndsValues,
    Dialect::TargetHost,
];

/// What a parser makes of a request.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Reading {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) host: String,
    pub(crate) body: Vec<u8>,
    /// Its head and body were all there.
    pub(crate) is_whole: bool,
}

/// All requests in these bytes, up to the end or to one that is not whole.
pub(crate) fn read(bytes: &[u8], dialect: &Dialect) -> Vec<Reading> {
    let mut parser = Parser { bytes, dialect: *dialect };
    let mut readings = Vec::new();
    while !parser.bytes.is_empty() {
        let reading = parser.request();
        let ends = !reading.is_whole;
        readings.push(reading);
        if ends {
            break;
        }
    }
    readings
}

struct Parser<'a> {
    bytes: &'a [u8],
    dialect: Dialect,
}

impl<'a> Parser<'a> {
    fn is(&self, dialect: Dialect) -> bool {
        self.dialect == dialect
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let end = (0..self.bytes.len()).find_map(|at| match (self.bytes[at], self.bytes.get(at + 1)) {
            (b'\r', Some(b'\n')) => Some((at, at + 2)),
            (b'\n', _) if self.is(Dialect::LfEndsLines) => Some((at, at + 1)),
            (b'\r', _) if self.is(Dialect::CrEndsLines) => Some((at, at + 1)),
            _ => None,
        });
        let (end, next) = end?;
        let (line, rest) = (&self.bytes[..end], &self.bytes[next..]);
        self.bytes = rest;
        Some(line)
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.bytes.split_at_checked(count)?;
        self.bytes = rest;
        Some(taken)
    }

    fn request(&mut self) -> Reading {
        let mut reading = Reading {
            method: String::new(),
            target: String::new(),
            host: String::new(),
            body: Vec::new(),
            is_whole: false,
        };
        reading.is_whole = self.fill(&mut reading).is_some();
        reading
    }

    fn fill(&mut self, reading: &mut Reading) -> Option<()> {
        let first = String::from_utf8_lossy(self.line()?).into_owned();
        let mut words = first.splitn(3, ' ').map(str::to_owned);
        reading.method = words.next()?;
        reading.target = words.next()?;
        let fields = self.fields()?;
        let all = |wanted: &str| -> Vec<&String> {
            fields.iter().filter(|(name, _)| name == wanted).map(|(_, value)| value).collect()
        };
        reading.host = all("host").first().map_or(String::new(), |host| (*host).clone());
        if self.is(Dialect::TargetHost)
            && let Some((_, rest)) = reading.target.split_once("://")
        {
            reading.host = rest.split(['/', '?']).next().unwrap_or_default().to_owned();
        }
        let lengths = all("content-length");
        let length = if self.is(Dialect::LastLength) { lengths.last() } else { lengths.first() };
        let codings = all("transfer-encoding");
        let chunked = codings.iter().any(|coding| match self.dialect {
            Dialect::AnyChunked => coding.to_ascii_lowercase().contains("chunked"),
            _ => coding.eq_ignore_ascii_case("chunked"),
        });
        let bodiless =
            self.is(Dialect::NoBodyOfHead) && matches!(reading.method.as_str(), "HEAD" | "OPTIONS");
        match length {
            _ if bodiless => {}
            Some(length) if !chunked || self.is(Dialect::LengthFirst) => {
                let digits: String = length.chars().take_while(char::is_ascii_digit).collect();
                let digits = if self.is(Dialect::DigitsOfLength) { &digits } else { *length };
                reading.body = self.take(digits.parse().ok()?)?.to_vec();
            }
            _ if chunked => reading.body = self.chunks()?,
            _ => {}
        }
        Some(())
    }

    fn fields(&mut self) -> Option<Vec<(String, String)>> {
        let mut fields: Vec<(String, String)> = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Some(fields);
            }
            let text = String::from_utf8_lossy(line).into_owned();
            if self.is(Dialect::Folds) && text.starts_with([' ', '\t']) {
                if let Some((_, value)) = fields.last_mut() {
                    value.push_str(&text);
                }
                continue;
            }
            let Some((name, value)) = text.split_once(':') else { continue };
            let mut name = name.to_ascii_lowercase();
            if self.is(Dialect::SpaceBeforeColon) {
                name = name.trim().to_owned();
            }
            if self.is(Dialect::Underscores) {
                name = name.replace('_', "-");
            }
            let value = match value.split_once('\0') {
                Some((before, _)) if self.is(Dialect::NulEndsValues) => before,
                _ => value,
            };
            fields.push((name, value.trim().to_owned()));
        }
    }

    fn chunks(&mut self) -> Option<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8_lossy(self.line()?).into_owned();
            let size = line.split(';').next()?;
            let digits: String = size.trim().chars().take_while(char::is_ascii_hexdigit).collect();
            let digits = if self.is(Dialect::LenientChunks) { &digits } else { size };
            let size = usize::from_str_radix(digits, 16).ok()?;
            if size == 0 {
                while !self.line()?.is_empty() {}
                return Some(body);
            }
            body.extend_from_slice(self.take(size)?);
            self.line()?;
        }
    }
}

#[test]
fn the_parsers_do_disagree_where_they_can() {
    let differ = |bytes: &[u8], dialect| read(bytes, &dialect) != read(bytes, &Dialect::Strict);
    for (bytes, dialect) in [
        (&b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"[..], Dialect::LengthFirst),
        (b"POST / HTTP/1.1\r\nX: y\nContent-Length: 1\r\n\r\na", Dialect::LfEndsLines),
        (b"POST / HTTP/1.1\r\nX: y\rContent-Length: 1\r\n\r\na", Dialect::CrEndsLines),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", Dialect::AnyChunked),
        (b"POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 1\r\n\r\na", Dialect::LastLength),
        (b"POST / HTTP/1.1\r\nContent-Length: 1x\r\n\r\na", Dialect::DigitsOfLength),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\n 0\r\n\r\n0123456789", Dialect::Folds),
        (b"POST / HTTP/1.1\r\nContent-Length : 1\r\n\r\na", Dialect::SpaceBeforeColon),
        (b"POST / HTTP/1.1\r\nContent_Length: 1\r\n\r\na", Dialect::Underscores),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1 x\r\na\r\n0\r\n\r\n", Dialect::LenientChunks),
        (b"HEAD / HTTP/1.1\r\nContent-Length: 1\r\n\r\na", Dialect::NoBodyOfHead),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\x002\r\n\r\na", Dialect::NulEndsValues),
        (b"GET http://a/ HTTP/1.1\r\nHost: b\r\n\r\n", Dialect::TargetHost),
    ] {
        assert!(differ(bytes, dialect), "{dialect:?} is as strict as any");
    }
}
