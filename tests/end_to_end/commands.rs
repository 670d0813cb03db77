//! Commands: exit codes and what they say.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use portcullis_testkit::{Backend, Edge, EdgeConfig, RecordingUpstream, Reply};

use crate::support::{BINARY, portcullis};

/// A configuration in a directory with everything it names.
fn prepared(change: impl FnOnce(&mut EdgeConfig)) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let upstream = RecordingUpstream::plain(|_| Reply::new(200, "")).unwrap();
    let mut config = EdgeConfig::with_backend(Backend::plain("backend", &upstream));
    change(&mut config);
    let authority = portcullis_testkit::Authority::new("test");
    authority.leaf(&["localhost"]).write(dir.path(), "edge").unwrap();
    std::fs::write(dir.path().join("before.conf"), &config.before).unwrap();
    std::fs::write(dir.path().join("after.conf"), &config.after).unwrap();
    std::fs::write(dir.path().join("config.toml"), config.text(dir.path())).unwrap();
    dir
}

fn check(dir: &Path, flag: &[&str]) -> (Option<i32>, String) {
    let config = dir.join("config.toml");
    let mut arguments = flag.to_vec();
    let config = config.to_string_lossy().into_owned();
    arguments.extend(["--config", &config]);
    let output = portcullis(&arguments);
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr),
    )
}

#[test]
fn a_good_configuration_checks_with_0() {
    let dir = prepared(|_| {});
    let (code, said) = check(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{said}");
    let (code, said) = check(dir.path(), &["-t"]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn every_problem_of_a_bad_configuration_is_told_at_once_with_78() {
    let dir = prepared(|config| {
        config.limits = "conections = 5\nhead_timeout = \"soon\"".to_owned();
        config.routes = vec![("/".to_owned(), "nobody".to_owned())];
    });
    let (code, said) = check(dir.path(), &["check"]);
    assert_eq!(code, Some(78), "{said}");
    for part in ["config.toml:", "conections", "connections", "head_timeout", "nobody"] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

#[test]
fn missing_files_stop_the_start() {
    for (name, what) in [("edge.pem", "certificate"), ("edge.key", "key"), ("after.conf", "rules")] {
        let dir = prepared(|config| config.after = "# own rules\n".to_owned());
        std::fs::remove_file(dir.path().join(name)).unwrap();
        let (code, said) = check(dir.path(), &["check"]);
        assert_eq!(code, Some(78), "{what}: {said}");
        assert!(said.contains(name), "{what}: {said}");
    }
}

#[test]
fn a_rule_that_cannot_work_stops_the_start_and_is_shown() {
    let rule = "SecRule ARGS \"@rx (\" \"id:1000001,phase:2,deny\"\n";
    let upstream = RecordingUpstream::plain(|_| Reply::new(200, "")).unwrap();
    let config = EdgeConfig {
        after: rule.to_owned(),
        ..EdgeConfig::with_backend(Backend::plain("backend", &upstream))
    };
    let start = Edge::start(Path::new(BINARY), config).err().unwrap();
    assert_eq!(start.status.unwrap().code(), Some(78), "{}", start.log);
    assert!(start.log.contains("after.conf:1"), "{}", start.log);
}

#[test]
fn an_address_in_use_is_told_with_78() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let upstream = RecordingUpstream::plain(|_| Reply::new(200, "")).unwrap();
    let config =
        EdgeConfig { https: address, ..EdgeConfig::with_backend(Backend::plain("backend", &upstream)) };
    let start = Edge::start(Path::new(BINARY), config).err().unwrap();
    assert_eq!(start.status.unwrap().code(), Some(78), "{}", start.log);
    for part in ["E0912", &address.to_string(), "[listen]"] {
        assert!(start.log.contains(part), "{part} in:\n{}", start.log);
    }
}

/// Ended by its id when a test fails.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !holds() {
        assert!(Instant::now() < deadline, "{what} did not happen");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the process catches SIGHUP, the first of the signals.
fn catches_hangup(pid: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 == 1)
}

#[test]
fn sighup_waits_for_the_start_and_sigterm_not_for_a_reload() {
    let dir = prepared(|config| config.before = "# settings\n".to_owned());
    // Whoever reads the rules waits until somebody writes them.
    let rules = dir.path().join("before.conf");
    std::fs::remove_file(&rules).unwrap();
    assert!(Command::new("mkfifo").arg(&rules).status().unwrap().success());
    let mut edge = Command::new(BINARY);
    edge.args(["run", "--config"]).arg(dir.path().join("config.toml")).stdout(Stdio::null());
    let mut edge = Killed(edge.stderr(Stdio::piped()).spawn().unwrap());
    let pid = edge.0.id();
    let signal = |name: &str| {
        assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
    };
    wait_until("a handler of SIGHUP", || catches_hangup(pid));
    signal("-HUP");
    // Opening it to write waits for a reader: the start, and later the reload that was asked for.
    let write = || std::fs::OpenOptions::new().write(true).open(&rules).unwrap().write_all(b"# nothing\n");
    write().unwrap();
    let mut said = String::new();
    let mut log = BufReader::new(edge.0.stderr.take().unwrap());
    while !said.starts_with("ready ") {
        said.clear();
        assert!(log.read_line(&mut said).unwrap() > 0, "it ended before it was ready");
    }
    let reading = std::fs::OpenOptions::new().write(true).open(&rules).unwrap();
    signal("-TERM");
    let began = Instant::now();
    wait_until("the end", || edge.0.try_wait().unwrap().is_some());
    assert_eq!(edge.0.try_wait().unwrap().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(20), "the reload was waited for");
    drop(reading);
}

#[test]
fn version_names_the_product() {
    let output = portcullis(&["version"]);
    assert!(output.status.success());
    assert!(String::from_utf8_lossy(&output.stdout).contains(env!("CARGO_PKG_VERSION")));
}

#[test]
fn rules_check_accepts_good_files_and_shows_bad_ones() {
    let dir = tempfile::tempdir().unwrap();
    let good = dir.path().join("good.conf");
    std::fs::write(&good, "SecRule ARGS \"@contains x\" \"id:1,phase:2,pass\"\n").unwrap();
    let output = portcullis(&["rules", "check", &good.to_string_lossy()]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let bad = dir.path().join("bad.conf");
    std::fs::write(&bad, "SecRule ARGS \"@contians x\" \"id:1,phase:2,pass\"\n").unwrap();
    let output = portcullis(&["rules", "check", &bad.to_string_lossy()]);
    assert!(!output.status.success());
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("bad.conf:1") && said.contains("contains"), "{said}");
}

#[test]
fn a_break_glass_entry_that_has_ended_is_told_of() {
    let dir = prepared(|config| {
        config.tail =
            "[[break_glass]]\nid = \"old\"\nprefixes = [\"192.0.2.1\"]\nexpires = 2026-01-01T00:00:00Z\n\
            reason = \"r\"\nticket = \"OPS-1\"\napproved_by = \"j.doe\"\n"
                .to_owned();
    });
    let (code, said) = check(dir.path(), &["check"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("W0910") && said.contains("OPS-1"), "{said}");
}

#[test]
fn a_store_whose_files_are_not_there_is_told_of() {
    let dir = prepared(|config| {
        config.tail =
            "[rate_limits]\nstore = \"redis://127.0.0.1:6379\"\nstore_secret_file = \"nowhere\"\n".to_owned();
    });
    let (code, said) = check(dir.path(), &["check"]);
    assert_eq!(code, Some(78), "{said}");
    assert!(said.contains("E0922") && said.contains("nowhere"), "{said}");
}

#[test]
fn rules_explain_and_stats_show_what_the_compiler_made() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("own.conf");
    std::fs::write(&file, "SecRule ARGS \"@rx union\\s+select\" \"id:17,phase:2,pass,t:lowercase\"\n")
        .unwrap();
    let file = file.to_string_lossy().into_owned();
    let run = |arguments: &[&str]| {
        let output = portcullis(arguments);
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (code, said) = run(&["rules", "explain", "17", &file]);
    assert_eq!(code, Some(0), "{said}");
    for part in ["own.conf:1", "asleep", "ARGS", "lowercase", "@rx", "pairs", "automaton"] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
    let (_, said) = run(&["rules", "explain", "17", &file, "--json"]);
    let explained: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(explained["sieves"][0]["name"], "request");
    assert_eq!(run(&["rules", "explain", "18", &file]).0, Some(1));
    let (code, said) = run(&["rules", "stats", &file, "--json"]);
    let statistics: serde_json::Value = serde_json::from_str(&said).unwrap();
    assert_eq!(code, Some(0));
    assert!(statistics["bytes"]["total"].as_u64().unwrap() > 0, "{said}");
    let config =
        prepared(|config| config.before = "SecRule ARGS \"@pm nikto\" \"id:19,phase:2,pass\"\n".to_owned());
    let config = config.path().join("config.toml").to_string_lossy().into_owned();
    let (code, said) = run(&["rules", "explain", "19", "--config", &config]);
    assert!(code == Some(0) && said.contains("1 phrase"), "{said}");
    assert_eq!(run(&["rules", "stats", "--config", "none.toml"]).0, Some(78));
}
