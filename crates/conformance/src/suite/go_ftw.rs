//! The schema of go-ftw, version 2: one rule a file, tests with numbers.

use serde::{Deserialize, de::IgnoredAny};

use super::{Case, Headers, Output, Stage, yaml};

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    #[expect(dead_code, reason = "known, and of no meaning to a run")]
    meta: Option<IgnoredAny>,
    #[serde(default)]
    #[expect(dead_code, reason = "one file has it outside of meta")]
    author: Option<IgnoredAny>,
    rule_id: u64,
    #[serde(default)]
    tests: Vec<Test>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    test_id: u64,
    #[serde(default)]
    #[expect(dead_code, reason = "for human readers")]
    desc: Option<IgnoredAny>,
    stages: Vec<Written>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input: Input,
    output: Output,
}

/// What to send.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Input {
    /// Where to send it; the edge under test stands in for every address.
    #[serde(default)]
    #[expect(dead_code, reason = "every test goes to the edge under test")]
    pub(crate) dest_addr: Option<IgnoredAny>,
    /// See `dest_addr`.
    #[serde(default)]
    #[expect(dead_code, reason = "every test goes to the edge under test")]
    pub(crate) port: Option<IgnoredAny>,
    pub(crate) method: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) headers: Headers,
    pub(crate) data: Option<String>,
    /// A whole request in Base64, sent as it is.
    pub(crate) encoded_request: Option<String>,
    pub(crate) autocomplete_headers: Option<bool>,
}

/// The tests of a file.
///
/// # Errors
/// When it does not fit the schema.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, String> {
    let file: File = yaml(text)?;
    let stage =
        |written: Written| Stage { input: super::Input::GoFtw(written.input), output: written.output };
    let case = |test: Test| Case {
        name: format!("{}-{}", file.rule_id, test.test_id),
        stages: test.stages.into_iter().map(stage).collect(),
    };
    Ok(file.tests.into_iter().map(case).collect())
}
