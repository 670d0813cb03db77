//! Requests to run: the regression suite of the CRS, the benchmark corpus, and seeded mutations of both.

use std::path::Path;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use portcullis_waf::{Header, RequestHead};
use serde::{
    Deserialize, Deserializer,
    de::{IgnoredAny, MapAccess, Visitor},
};

/// A request and its answer.
#[derive(Clone, Debug, Default)]
pub struct Case {
    pub name: String,
    pub method: Vec<u8>,
    pub target: Vec<u8>,
    pub protocol: Vec<u8>,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
    pub response: Option<Answer>,
}

/// What the backend says.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(Vec<u8>, Vec<u8>)>,
    pub body: Vec<u8>,
}

pub fn fields(all: &[(Vec<u8>, Vec<u8>)]) -> Vec<Header<'_>> {
    all.iter().map(|(name, value)| Header { name, value }).collect()
}

impl Case {
    pub fn head<'a>(&'a self, headers: &'a [Header<'a>]) -> RequestHead<'a> {
        RequestHead { method: &self.method, target: &self.target, protocol: &self.protocol, headers }
    }

    /// Takes the bytes of a request apart; what no server would read as one is kept as far as it goes.
    pub fn of_bytes(name: String, bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        let (head, body) = match end {
            Some(end) => (&bytes[..end], &bytes[end + 4..]),
            None => (bytes, &[][..]),
        };
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        let line: Vec<&[u8]> = lines.next().unwrap_or(&[]).splitn(3, |byte| *byte == b' ').collect();
        let word = |at: usize| line.get(at).map_or(Vec::new(), |word| word.to_vec());
        let pair = |line: &[u8]| {
            let colon = line.iter().position(|byte| *byte == b':').unwrap_or(line.len());
            (line[..colon].to_vec(), line.get(colon + 1..).unwrap_or(&[]).trim_ascii().to_vec())
        };
        Self {
            name,
            method: word(0),
            target: word(1),
            protocol: word(2),
            headers: lines.map(pair).collect(),
            body: body.to_vec(),
            response: None,
        }
    }

    /// Changes some bytes of what the client chose.
    pub fn mutated(&self, random: &mut Random) -> Self {
        let mut case = self.clone();
        case.name = format!("{} mutated", self.name);
        for _ in 0..=random.below(3) {
            let fields = case.headers.len();
            match random.below(4) {
                0 => random.mutate(&mut case.target),
                1 | 2 if !case.body.is_empty() => random.mutate(&mut case.body),
                3 if fields > 0 => {
                    let field = random.below(fields);
                    random.mutate(&mut case.headers[field].1);
                }
                _ => random.mutate(&mut case.target),
            }
        }
        if let Some(answer) = &mut case.response {
            random.mutate(&mut answer.body);
        }
        case
    }
}

/// A generator whose seed is written down.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        const PIECES: [&[u8]; 24] = [
            b"%00",
            b"%27",
            b"<script>",
            b"' or 1=1--",
            b"../",
            b"/etc/passwd",
            b"\\u0041",
            b"%u0027",
            b"&lt;",
            b"/**/",
            b"\xc2\xa0",
            b"+",
            b" union select ",
            b"$(id)",
            b"\\x3c",
            b";cat ",
            b"%252e",
            b"javascript:",
            b"YWFhPHNjcmlwdD4=",
            b"\"",
            b"&#60;",
            b"<?php",
            b"\r\n",
            b"^t^y^pe",
        ];
        let at = self.below(bytes.len() + 1);
        match self.below(6) {
            0 => bytes.insert(at, self.next() as u8),
            1 if at < bytes.len() => bytes[at] = self.next() as u8,
            2 if at < bytes.len() => bytes[at] ^= 0x20,
            3 if at < bytes.len() => {
                bytes.remove(at);
            }
            4 => {
                let end = (at + self.below(12)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                let to = self.below(bytes.len() + 1);
                bytes.splice(to..to, copy);
            }
            _ => {
                let piece = PIECES[self.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

#[derive(Deserialize)]
struct Line {
    name: String,
    method: String,
    uri: String,
    version: String,
    headers: Vec<(String, String)>,
    body_b64: String,
    response: LineAnswer,
}

#[derive(Deserialize)]
struct LineAnswer {
    status: u16,
    headers: Vec<(String, String)>,
    body_b64: String,
}

/// The requests of the benchmark corpus.
pub fn bench() -> Option<Vec<Case>> {
    let path = portcullis_vectors::data("bench/corpus.jsonl")?;
    let owned = |fields: Vec<(String, String)>| {
        fields.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect()
    };
    let text = std::fs::read_to_string(path).unwrap();
    let cases = text.lines().map(|line| {
        let line: Line = serde_json::from_str(line).unwrap();
        Case {
            name: line.name,
            method: line.method.into_bytes(),
            target: line.uri.into_bytes(),
            protocol: format!("HTTP/{}", line.version).into_bytes(),
            headers: owned(line.headers),
            body: STANDARD.decode(line.body_b64).unwrap(),
            response: Some(Answer {
                status: line.response.status,
                headers: owned(line.response.headers),
                body: STANDARD.decode(line.response.body_b64).unwrap(),
            }),
        }
    });
    Some(cases.collect())
}

#[derive(Deserialize)]
struct File {
    rule_id: u64,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Deserialize)]
struct Test {
    test_id: u64,
    stages: Vec<Stage>,
}

#[derive(Deserialize)]
struct Stage {
    input: Input,
    #[serde(default)]
    #[expect(dead_code, reason = "what the suite expects is checked elsewhere")]
    output: Option<IgnoredAny>,
}

#[derive(Deserialize)]
struct Input {
    method: Option<String>,
    uri: Option<String>,
    version: Option<String>,
    #[serde(default)]
    headers: InOrder,
    data: Option<String>,
    encoded_request: Option<String>,
}

#[derive(Default)]
struct InOrder(Vec<(String, String)>);

impl<'de> Deserialize<'de> for InOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = InOrder;
            fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.write_str("a map of header fields")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<InOrder, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(InOrder(fields))
            }
            fn visit_unit<E>(self) -> Result<InOrder, E> {
                Ok(InOrder::default())
            }
        }
        deserializer.deserialize_map(Fields)
    }
}

/// Every request of the regression suite of the CRS, the quirks of its runner left out: engines are compared, not verdicts.
///
/// The body of a request to `/reflect` is the answer it asks for.
pub fn suite() -> Option<Vec<Case>> {
    let root = portcullis_vectors::data("crs/4.28.0/tests/regression/tests")?;
    let mut paths = Vec::new();
    collect(&root, &mut paths);
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).unwrap();
        if text
            .lines()
            .all(|line| line == "---" || line.trim_start().starts_with('#') || line.trim().is_empty())
        {
            continue;
        }
        let options = serde_saphyr::options! {
            duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
        };
        let file: File = serde_saphyr::from_str_with_options(&text, options)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        for test in file.tests {
            for stage in test.stages {
                cases.push(of_input(format!("{}-{}", file.rule_id, test.test_id), stage.input));
            }
        }
    }
    Some(cases)
}

fn of_input(name: String, input: Input) -> Case {
    if let Some(encoded) = &input.encoded_request {
        let packed: String = encoded.split_whitespace().collect();
        return Case::of_bytes(name, &STANDARD.decode(packed).unwrap());
    }
    let mut headers: Vec<(Vec<u8>, Vec<u8>)> =
        input.headers.0.into_iter().map(|(name, value)| (name.into_bytes(), value.into_bytes())).collect();
    let body = input.data.unwrap_or_default().into_bytes();
    let has = |headers: &[(Vec<u8>, Vec<u8>)], wanted: &[u8]| {
        headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
    };
    if !body.is_empty() && !has(&headers, b"content-type") {
        headers.push((b"Content-Type".to_vec(), b"application/x-www-form-urlencoded".to_vec()));
    }
    if !body.is_empty() && !has(&headers, b"content-length") {
        headers.push((b"Content-Length".to_vec(), body.len().to_string().into_bytes()));
    }
    let target = input.uri.unwrap_or_else(|| "/".to_owned()).into_bytes();
    let response = if target.starts_with(b"/reflect") { reflected(&body) } else { None };
    Case {
        name,
        method: input.method.unwrap_or_else(|| "GET".to_owned()).into_bytes(),
        target,
        protocol: input.version.unwrap_or_else(|| "HTTP/1.1".to_owned()).into_bytes(),
        headers,
        body,
        response: Some(response.unwrap_or(Answer { status: 200, ..Answer::default() })),
    }
}

fn reflected(body: &[u8]) -> Option<Answer> {
    let wanted: serde_json::Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| wanted.get(name).and_then(serde_json::Value::as_str);
    let body = match text("encodedBody") {
        Some(encoded) => STANDARD.decode(encoded).ok()?,
        None => text("body").unwrap_or_default().as_bytes().to_vec(),
    };
    let headers = wanted.get("headers").and_then(serde_json::Value::as_object).map_or(Vec::new(), |fields| {
        let pair = |(name, value): (&String, &serde_json::Value)| {
            (name.clone().into_bytes(), value.as_str().unwrap_or_default().as_bytes().to_vec())
        };
        fields.iter().map(pair).collect()
    });
    let status = wanted.get("status").and_then(serde_json::Value::as_u64).unwrap_or(200);
    Some(Answer { status: u16::try_from(status).unwrap_or(200), headers, body })
}

fn collect(dir: &Path, paths: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
}

/// The engine's settings and the CRS at a paranoia level, as the peers are measured.
pub fn rules(paranoia: u8, mode: &str) -> Option<String> {
    let root = portcullis_vectors::data("crs/4.28.0")?;
    let root = root.to_str().unwrap();
    Some(format!(
        "SecRuleEngine {mode}\nSecRequestBodyAccess On\nSecResponseBodyAccess On\n\
         SecResponseBodyMimeType text/plain text/html text/xml application/json\n\
         SecRequestBodyLimit 13107200\nSecRequestBodyNoFilesLimit 131072\nSecResponseBodyLimit 524288\n\
         SecRule REQBODY_ERROR \"!@eq 0\" \"id:200002,phase:2,t:none,log,deny,status:400,msg:'m',logdata:'%{{reqbody_error_msg}}',severity:2\"\n\
         SecRule MULTIPART_STRICT_ERROR \"!@eq 0\" \"id:200003,phase:2,t:none,log,deny,status:400\"\n\
         SecRule MULTIPART_UNMATCHED_BOUNDARY \"@eq 1\" \"id:200004,phase:2,t:none,log,deny,status:400\"\n\
         Include {root}/crs-setup.conf.example\n\
         SecAction \"id:900000,phase:1,pass,nolog,setvar:tx.blocking_paranoia_level={paranoia},setvar:tx.detection_paranoia_level={paranoia}\"\n\
         Include {root}/rules/*.conf\n"
    ))
}
