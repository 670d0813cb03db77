//! Writes a small database in MaxMind's format (version 2.0), so that none has to be at hand.

/// What a database holds.
pub enum Value<'a> {
    Text(&'a str),
    Double(f64),
    Short(u16),
    Long(u32),
    Epoch(u64),
    Map(Vec<(&'a str, Value<'a>)>),
    List(Vec<Value<'a>>),
}

impl Value<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Text(text) => {
                control(out, 2, text.len());
                out.extend_from_slice(text.as_bytes());
            }
            Self::Double(number) => {
                control(out, 3, 8);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Short(number) => {
                control(out, 5, 2);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Long(number) => {
                control(out, 6, 4);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Epoch(number) => {
                control(out, 9, 8);
                out.extend_from_slice(&number.to_be_bytes());
            }
            Self::Map(members) => {
                control(out, 7, members.len());
                for (name, value) in members {
                    Value::Text(name).write(out);
                    value.write(out);
                }
            }
            Self::List(values) => {
                control(out, 11, values.len());
                values.iter().for_each(|value| value.write(out));
            }
        }
    }
}

/// Type and size; types from 8 on take a byte of their own.
fn control(out: &mut Vec<u8>, kind: u8, size: usize) {
    let size = u8::try_from(size).ok().filter(|size| *size < 29).expect("a small value");
    if kind < 8 {
        out.push(kind << 5 | size);
    } else {
        out.extend_from_slice(&[size, kind - 7]);
    }
}

/// A database of IPv4 networks: address, length of the prefix, record.
pub fn database(kind: &str, networks: &[([u8; 4], usize, Value<'_>)]) -> Vec<u8> {
    const NOTHING: usize = usize::MAX;
    let mut nodes = vec![[NOTHING; 2]];
    let mut data = Vec::new();
    let mut leaves = Vec::new();
    for (address, length, record) in networks {
        let bits = u32::from_be_bytes(*address);
        let mut node = 0;
        for depth in 0..*length {
            let side = usize::from(bits >> (31 - depth) & 1 == 1);
            if depth + 1 == *length {
                leaves.push((node, side, data.len()));
            } else {
                if nodes[node][side] == NOTHING {
                    nodes.push([NOTHING; 2]);
                    nodes[node][side] = nodes.len() - 1;
                }
                node = nodes[node][side];
            }
        }
        record.write(&mut data);
    }
    let count = nodes.len();
    for (node, side, offset) in leaves {
        nodes[node][side] = count + 16 + offset;
    }
    let mut out = Vec::new();
    for record in nodes.iter().flatten() {
        let record = u32::try_from(if *record == NOTHING { count } else { *record }).unwrap();
        out.extend_from_slice(&record.to_be_bytes()[1..]);
    }
    out.extend_from_slice(&[0; 16]);
    out.extend_from_slice(&data);
    out.extend_from_slice(b"\xab\xcd\xefMaxMind.com");
    Value::Map(vec![
        ("binary_format_major_version", Value::Short(2)),
        ("binary_format_minor_version", Value::Short(0)),
        ("build_epoch", Value::Epoch(1_700_000_000)),
        ("database_type", Value::Text(kind)),
        ("description", Value::Map(vec![("en", Value::Text("a test"))])),
        ("ip_version", Value::Short(4)),
        ("languages", Value::List(vec![Value::Text("en")])),
        ("node_count", Value::Long(u32::try_from(count).unwrap())),
        ("record_size", Value::Short(24)),
    ])
    .write(&mut out);
    out
}

/// The documentation networks: 192.0.2.0/24 in a town, 198.51.100.0/25 in a country alone.
pub fn documentation() -> Vec<u8> {
    let named = |code: &'static str, name: &'static str| {
        let names = Value::Map(vec![("en", Value::Text(name))]);
        Value::Map(vec![("iso_code", Value::Text(code)), ("names", names)])
    };
    let town = Value::Map(vec![
        ("city", Value::Map(vec![("names", Value::Map(vec![("en", Value::Text("Linz"))]))])),
        ("continent", Value::Map(vec![("code", Value::Text("EU"))])),
        ("country", named("AT", "Austria")),
        (
            "location",
            Value::Map(vec![
                ("latitude", Value::Double(48.25)),
                ("longitude", Value::Double(-14.5)),
                ("metro_code", Value::Short(501)),
            ]),
        ),
        ("postal", Value::Map(vec![("code", Value::Text("4020"))])),
        ("subdivisions", Value::List(vec![named("4", "Upper Austria")])),
    ]);
    let country = Value::Map(vec![("country", named("XX", "Nowhere"))]);
    database("GeoLite2-City", &[([192, 0, 2, 0], 24, town), ([198, 51, 100, 0], 25, country)])
}
