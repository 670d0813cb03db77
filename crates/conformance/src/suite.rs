//! The suite's files: YAML in the schema of go-ftw (CRS 4), or in that of its predecessor ftw (CRS 3).
//!
//! A key that is not known here is an error, so that a new release cannot bring an expectation that silently is not checked.

mod ftw;
mod go_ftw;

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};

pub(crate) use ftw::Input as FtwInput;
pub(crate) use go_ftw::Input as GoFtwInput;

/// A test with its name.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    /// `942100-3`, as go-ftw prints it.
    pub(crate) name: String,
    pub(crate) stages: Vec<Stage>,
}

/// A request and what is expected of it. The stages of a test are sent one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Stage {
    pub(crate) input: Input,
    pub(crate) output: Output,
}

/// What to send. Each of the runners builds its own bytes of the same words.
#[derive(Clone, Debug)]
pub(crate) enum Input {
    Ftw(FtwInput),
    GoFtw(GoFtwInput),
}

/// Fields in the order of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Headers(pub(crate) Vec<(String, String)>);

/// What is expected.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Output {
    /// Any of these; any at all when there is none.
    #[serde(default, deserialize_with = "one_or_several")]
    pub(crate) status: Vec<u16>,
    #[serde(default)]
    pub(crate) log: Log,
    /// No answer is expected: the connection ends, or what comes is not HTTP.
    #[serde(default)]
    pub(crate) expect_error: bool,
    /// The maintainers saw this test fail now and then for want of a log line: it is sent twice before it fails.
    #[serde(default)]
    pub(crate) retry_once: bool,
}

/// What is expected of the log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Log {
    #[serde(default)]
    pub(crate) expect_ids: Vec<u64>,
    #[serde(default)]
    pub(crate) no_expect_ids: Vec<u64>,
    pub(crate) match_regex: Option<String>,
    pub(crate) no_match_regex: Option<String>,
}

/// Every test of every file below `dir`, in order of paths.
///
/// # Errors
/// When a file cannot be read or does not fit its schema.
pub(crate) fn read(dir: &Path) -> Result<Vec<Case>, String> {
    let mut paths = Vec::new();
    collect(dir, &mut paths).map_err(|error| format!("{}: {error}", dir.display()))?;
    paths.sort();
    let mut cases = Vec::new();
    for path in paths {
        let text = std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        cases.extend(parse(&text).map_err(|error| format!("{}: {error}", path.display()))?);
    }
    Ok(cases)
}

fn parse(text: &str) -> Result<Vec<Case>, String> {
    // One file of release 4.28.0 holds nothing but comments.
    let comment = |line: &str| line == "---" || matches!(line.trim_start().chars().next(), None | Some('#'));
    if text.lines().all(comment) {
        return Ok(Vec::new());
    }
    // Every file of go-ftw names its rule, and none of ftw does.
    if text.lines().any(|line| line.starts_with("rule_id:")) { go_ftw::parse(text) } else { ftw::parse(text) }
}

fn yaml<T: DeserializeOwned>(text: &str) -> Result<T, String> {
    let options = serde_saphyr::options! {
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::PassThrough,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| error.to_string())
}

fn collect(dir: &Path, paths: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, paths)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(untagged)]
enum OneOrSeveral<T> {
    One(T),
    Several(Vec<T>),
}

impl<T> From<OneOrSeveral<T>> for Vec<T> {
    fn from(written: OneOrSeveral<T>) -> Self {
        match written {
            OneOrSeveral::One(one) => vec![one],
            OneOrSeveral::Several(several) => several,
        }
    }
}

fn one_or_several<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    OneOrSeveral::deserialize(deserializer).map(Vec::from)
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Headers;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a map of header fields")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Headers, A::Error> {
                let mut fields = Vec::new();
                while let Some(field) = map.next_entry::<String, String>()? {
                    fields.push(field);
                }
                Ok(Headers(fields))
            }

            fn visit_unit<E>(self) -> Result<Headers, E> {
                Ok(Headers::default())
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go_ftw(stage: &Stage) -> &GoFtwInput {
        match &stage.input {
            Input::GoFtw(input) => input,
            Input::Ftw(_) => panic!("read as the older schema"),
        }
    }

    #[test]
    fn fields_keep_their_order_and_numbers_their_text() {
        let cases = parse(
            "rule_id: 920100\ntests:\n  - test_id: 4\n    desc: d\n    stages:\n      - input:\n          dest_addr: 127.0.0.1\n          port: 80\n          headers:\n            Z: '1'\n            Content-Length: 007\n            A: \"x\\x01\"\n          uri: /\n          version: ''\n        output:\n          log:\n            expect_ids: [920100]\n",
        )
        .unwrap();
        assert_eq!(cases[0].name, "920100-4");
        let stage = &cases[0].stages[0];
        let input = go_ftw(stage);
        let fields: Vec<(&str, &str)> =
            input.headers.0.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(fields, [("Z", "1"), ("Content-Length", "007"), ("A", "x\u{1}")]);
        assert_eq!(input.version.as_deref(), Some(""));
        assert_eq!(stage.output.log.expect_ids, [920_100]);
    }

    #[test]
    fn an_unknown_expectation_is_an_error() {
        let text = "rule_id: 1\ntests:\n  - test_id: 1\n    stages:\n      - input: {}\n        output:\n          log:\n            expect_nothing: true\n";
        assert!(parse(text).unwrap_err().contains("expect_nothing"));
    }

    #[test]
    fn the_whole_suite_of_4_28_0_is_read() {
        let Some(dir) = portcullis_vectors::data("crs/4.28.0/tests/regression/tests") else { return };
        let cases = read(&dir).unwrap();
        assert_eq!(cases.len(), 5_003);
        assert_eq!(cases.iter().map(|case| case.stages.len()).sum::<usize>(), 5_009);
        let encoded = cases
            .iter()
            .flat_map(|case| &case.stages)
            .filter(|stage| go_ftw(stage).encoded_request.is_some())
            .count();
        assert_eq!(encoded, 10);
    }
}
