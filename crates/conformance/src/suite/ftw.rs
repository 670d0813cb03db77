//! The schema of ftw, version 1, which the Core Rule Set 3 is tested with: tests with titles, log lines instead of rule ids.

use std::collections::HashSet;

use serde::{Deserialize, de::IgnoredAny};

use super::{Case, Headers, Log, Output, Stage, one_or_several, yaml};

/// One file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[expect(
        dead_code,
        reason = "files that ftw leaves out (`enabled: false`) ask for settings that the run makes"
    )]
    meta: IgnoredAny,
    tests: Vec<Test>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Test {
    test_title: String,
    #[serde(default)]
    #[expect(dead_code, reason = "for human readers")]
    desc: Option<IgnoredAny>,
    stages: Vec<Wrapped>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrapped {
    stage: Written,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    input: Input,
    output: Expected,
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
    /// See `dest_addr`.
    #[serde(default)]
    #[expect(dead_code, reason = "every test goes to the edge under test")]
    pub(crate) protocol: Option<IgnoredAny>,
    pub(crate) method: Option<String>,
    pub(crate) uri: Option<String>,
    pub(crate) version: Option<String>,
    #[serde(default)]
    pub(crate) headers: Headers,
    /// Lines are joined by CRLF.
    #[serde(default, deserialize_with = "one_or_several")]
    pub(crate) data: Vec<String>,
    /// A whole request in Base64, sent as it is.
    pub(crate) encoded_request: Option<String>,
    /// A whole request.
    pub(crate) raw_request: Option<String>,
    /// Nothing is added to the fields, and the body stays as it is.
    #[serde(default)]
    pub(crate) stop_magic: bool,
}

/// What is expected; expressions for lines of the log.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(default, deserialize_with = "one_or_several")]
    status: Vec<u16>,
    log_contains: Option<String>,
    no_log_contains: Option<String>,
    #[serde(default)]
    expect_error: bool,
}

/// The tests of a file. Titles that stand there twice are told apart by a number.
///
/// # Errors
/// When it does not fit the schema.
pub(super) fn parse(text: &str) -> Result<Vec<Case>, String> {
    let file: File = yaml(text)?;
    let mut seen = HashSet::new();
    let mut named = |title: String| {
        let mut name = title.clone();
        let mut count = 1;
        while !seen.insert(name.clone()) {
            count += 1;
            name = format!("{title}.{count}");
        }
        name
    };
    let case = |test: Test| Case {
        name: named(test.test_title),
        stages: test.stages.into_iter().map(|wrapped| stage(wrapped.stage)).collect(),
    };
    Ok(file.tests.into_iter().map(case).collect())
}

fn stage(written: Written) -> Stage {
    let expected = written.output;
    let log = Log {
        match_regex: expected.log_contains,
        no_match_regex: expected.no_log_contains,
        ..Log::default()
    };
    let output =
        Output { status: expected.status, log, expect_error: expected.expect_error, retry_once: false };
    Stage { input: super::Input::Ftw(written.input), output }
}

#[cfg(test)]
mod tests {
    use super::super::{Input, parse};

    const FILE: &str = r#"---
  meta:
    author: "a"
    enabled: true
    name: "920100.yaml"
  tests:
    -
      test_title: 920100-1
      desc: d
      stages:
        -
          stage:
            input:
              dest_addr: "127.0.0.1"
              port: 80
              headers:
                  Host: "localhost"
                  Content-Length: 7
              data:
                  - "7"
                  - ""
            output:
              status: [403, 400]
              log_contains: "id \"920100\""
    -
      test_title: 920100-1
      stages:
        - stage:
            input:
              data: "a=b"
              stop_magic: true
            output:
              status: 200
              no_log_contains: "id \"920100\""
"#;

    #[test]
    fn lines_of_the_log_are_expectations_and_titles_are_told_apart() {
        let cases = parse(FILE).unwrap();
        let names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
        assert_eq!(names, ["920100-1", "920100-1.2"]);
        let [first, second] = [&cases[0].stages[0], &cases[1].stages[0]];
        assert_eq!((&first.output.status[..], &second.output.status[..]), (&[403, 400][..], &[200][..]));
        assert_eq!(first.output.log.match_regex.as_deref(), Some("id \"920100\""));
        assert_eq!(second.output.log.no_match_regex.as_deref(), Some("id \"920100\""));
        let Input::Ftw(input) = &first.input else { panic!("read as the newer schema") };
        assert_eq!(input.data, ["7", ""]);
        assert_eq!(input.headers.0[1], ("Content-Length".to_owned(), "7".to_owned()));
    }

    #[test]
    fn an_unknown_expectation_is_an_error() {
        let unknown = FILE.replace("no_log_contains", "response_contains");
        assert!(parse(&unknown).unwrap_err().contains("response_contains"));
    }
}
