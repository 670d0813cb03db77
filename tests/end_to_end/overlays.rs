//! Rules that differ by route and by customer: levels, thresholds, what is left out, by whom and until when.

use std::{
    fs, thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use portcullis_testkit::{EdgeConfig, free_port, resident_kib};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

use crate::{
    customers::{ASKED, BOUND, Office},
    support::{House, curl, house, portcullis},
};

/// Refused at every level.
const ATTACK: &str = "?q=%3Cscript%3Ealert(1)%3C/script%3E";

/// Refused from paranoia level 2 on (rule 942130).
const SUBTLE: &str = "?a=1=1";

fn crs() -> Option<String> {
    let dir = portcullis_vectors::data("crs/4.28.0")?;
    Some(dir.canonicalize().unwrap().to_string_lossy().into_owned())
}

/// Nobody is turned away because the machine is busy with other tests.
fn calm(config: &mut EdgeConfig) {
    config.limits = "queue_time = \"60s\"".to_owned();
}

fn route(id: &str, rest: &str) -> String {
    format!("[[route]]\nid = \"{id}\"\npath_prefix = \"/{id}\"\nupstream = \"backend\"\n{rest}\n")
}

fn status(house: &House, target: &str) -> u16 {
    house.edge.client().get(target).map_or(0, |answer| answer.status)
}

/// A moment so many seconds from now, as Unix time and as it is written.
fn moment(seconds: u64) -> (Duration, String) {
    let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + seconds;
    let written = OffsetDateTime::from_unix_timestamp(at.try_into().unwrap()).unwrap();
    (Duration::from_secs(at), written.format(&Rfc3339).unwrap())
}

fn exclusion(rules: &str, targets: &str, routes: &str, expires: &str) -> String {
    format!(
        "[[rule_exclusion]]\nrules = [{rules}]\ntargets = [{targets}]\nroutes = [{routes}]\n\
         reason = \"prose\"\nowner = \"api team\"\nexpires = {expires}\n"
    )
}

#[test]
fn routes_have_levels_thresholds_and_exclusions_of_their_own() {
    let Some(crs) = crs() else { return };
    let (_, later) = moment(3600);
    let house = house(|config| {
        calm(config);
        config.crs = crs;
        config.tail = route("strict", "waf = { paranoia = 2 }")
            + &route("watchful", "waf = { detection_paranoia = 4 }")
            + &route("lenient", "waf = { inbound_threshold = 1000 }")
            + &route("seen", "waf = { mode = \"detect\", paranoia = 4 }")
            + &route("prose", "")
            + &exclusion("\"tag:attack-xss\"", "\"ARGS:comment\"", "\"prose\"", &later)
            + &exclusion("942100, \"942130-942200\"", "", "\"prose\"", &later);
    });
    let all = |target: &str, expected: [(&str, u16); 6]| {
        for (route, expected) in expected {
            assert_eq!(status(&house, &format!("/{route}{target}")), expected, "/{route}{target}");
        }
    };
    let of = |base, strict, watchful, lenient, seen, prose| {
        [
            ("", base),
            ("strict", strict),
            ("watchful", watchful),
            ("lenient", lenient),
            ("seen", seen),
            ("prose", prose),
        ]
    };
    all("?q=ordinary+words", of(200, 200, 200, 200, 200, 200));
    all(SUBTLE, of(200, 403, 200, 200, 200, 200));
    all(ATTACK, of(403, 403, 403, 200, 200, 403));
    all("?comment=%3Cscript%3Ealert(1)%3C/script%3E", of(403, 403, 403, 200, 200, 200));

    // What a route only watches for is written down there, and nowhere else.
    let mut records = house.edge.access();
    let rules_of = |route: &str| {
        let mut records = house.edge.access();
        let record = records
            .wait_for(|record| {
                record["route"] == route
                    && record["path"].as_str().is_some()
                    && record["parameters"][0] == "a"
            })
            .unwrap_or_else(|seen| panic!("{seen:#?}"));
        record["waf"]["rules"].to_string()
    };
    assert!(rules_of("watchful").contains("942130") && rules_of("seen").contains("942130"));
    assert!(!rules_of("lenient").contains("942130"));
    assert!(records.wait_for(|record| record["route"] == "strict" && record["status"] == 403).is_ok());
}

#[test]
fn an_exclusion_of_a_route_ends_by_itself() {
    // A machine under load may take its time to start.
    for patience in [8, 25, 80] {
        let (end, written) = moment(patience);
        let house = house(|config| {
            calm(config);
            config.tail = exclusion("\"tag:attack-xss\"", "\"ARGS:q\", \"REQUEST_URI\"", "", &written);
        });
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let (before, answered) = (status(&house, &format!("/{ATTACK}")), now());
        if answered >= end {
            continue;
        }
        assert_eq!(before, 200, "left out until it ends\n{}", house.edge.log());
        thread::sleep(end.saturating_sub(now()) + Duration::from_millis(50));
        assert_eq!(status(&house, &format!("/{ATTACK}")), 403, "ended, without a reload");
        return;
    }
    panic!("the edge never started in time");
}

#[test]
fn exclusions_that_come_to_nothing_are_told() {
    let house = house(|_| {});
    let check = |exclusion: &str| {
        let path = house.edge.dir().join("checked.toml");
        let text = fs::read_to_string(house.edge.dir().join("config.toml")).unwrap() + exclusion;
        fs::write(&path, text).unwrap();
        let output = portcullis(&["check", "--config", path.to_str().unwrap()]);
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let (_, later) = moment(3600);
    let (code, said) = check(&exclusion("9220010, 77", "", "", &later));
    assert!(code == Some(78) && said.contains("E0940") && said.contains("there is no rule 77"), "{said}");
    let (code, said) = check(&exclusion("\"tag:attack-xss\"", "\"RESPONSE_BODY\"", "", &later));
    assert!(code == Some(78) && said.contains("none of these rules looks at RESPONSE_BODY"), "{said}");
    let (code, said) = check(&exclusion("9220010", "", "", "2026-01-01T00:00:00Z"));
    assert!(code == Some(0) && said.contains("W0940") && said.contains("api team"), "{code:?} {said}");
}

#[test]
fn one_request_is_refused_for_one_customer_and_recorded_for_another() {
    let Some(crs) = crs() else { return };
    let office = Office::open("test", |config| {
        calm(config);
        config.crs = crs;
    });
    let acme = office.by_request("issue", "acme", "acme");
    let bolt = office.by_request("issue", "bolt", "bolt");
    office.portcullis(&["customer", "set", "acme", "--waf-paranoia", "2"]);
    office.portcullis(&["customer", "set", "bolt", "--waf-mode", "detect", "--waf-detection-paranoia", "3"]);
    let ask = |held, target: &str| office.status(ASKED, &format!("/any{target}"), held);
    office.until("both are known", || ask(Some(&acme), SUBTLE) == 403 && ask(Some(&bolt), ATTACK) == 200);
    // The same route and request, for each as agreed, and for strangers as the route says.
    for (target, expected) in
        [("?q=words", [200, 200, 200]), (SUBTLE, [403, 200, 200]), (ATTACK, [403, 200, 403])]
    {
        let got = [ask(Some(&acme), target), ask(Some(&bolt), target), ask(None, target)];
        assert_eq!(got, expected, "{target}");
    }
    let mut records = office.house.edge.access();
    let seen = records.wait_for(|record| {
        record["customer"] == "bolt" && record["waf"]["rules"].to_string().contains("942130")
    });
    let seen = seen.unwrap_or_else(|records| panic!("{records:#?}"));
    assert_eq!((&seen["status"], &seen["waf"]["mode"]), (&200.into(), &"detect".into()), "{seen}");
    // Thresholds, and what the register takes back.
    office.portcullis(&["customer", "set", "acme", "--waf-inbound-threshold", "1000"]);
    office.until("a threshold holds", || ask(Some(&acme), ATTACK) == 200);
    office.portcullis(&[
        "customer",
        "set",
        "acme",
        "--waf-inbound-threshold",
        "route",
        "--waf-paranoia",
        "route",
    ]);
    office.until("it is as the route says", || {
        ask(Some(&acme), ATTACK) == 403 && ask(Some(&acme), SUBTLE) == 200
    });
}

#[test]
fn exclusions_of_a_customer_hold_for_it_alone() {
    let office = Office::open("test", calm);
    let acme = office.by_request("issue", "acme", "acme");
    let exclude =
        ["customer", "exclude", "acme", "--rule", "9220010,9220020", "--target", "ARGS:q,REQUEST_URI"];
    office.portcullis(
        &[&exclude[..], &["--reason", "prose", "--owner", "api", "--expires", "2090-01-01"]].concat(),
    );
    let ask = |held, target: &str| office.status(ASKED, &format!("/any{target}"), held);
    office.until("the exclusion holds", || ask(Some(&acme), ATTACK) == 200);
    assert_eq!(ask(None, ATTACK), 403);
    assert_eq!(ask(Some(&acme), &ATTACK.replace("?q", "?p")), 403);
    // Until it ends, which is seen without anybody touching a file then.
    let path = office.path("pki/customers/acme.toml");
    let (end, written) = moment(3);
    let text = fs::read_to_string(&path).expect("read").replace("2090-01-01T00:00:00Z", &written);
    assert!(text.contains(&written), "{text}");
    fs::write(&path, text).expect("written");
    let began = Instant::now();
    while ask(Some(&acme), ATTACK) != 403 {
        assert!(began.elapsed() < Duration::from_secs(20), "it does not end");
        thread::sleep(Duration::from_millis(50));
    }
    assert!(SystemTime::now().duration_since(UNIX_EPOCH).unwrap() >= end, "it ended too early");
}

#[test]
fn what_the_rules_cannot_do_for_a_customer_refuses_it_aloud() {
    let office = Office::open("test", |config| {
        calm(config);
        config.admin = Some(free_port());
    });
    let acme = office.by_request("issue", "acme", "acme");
    let bolt = office.by_request("issue", "bolt", "bolt");
    office.until("both are served", || {
        office.status(BOUND, "/acme", Some(&acme)) == 200 && office.status(BOUND, "/bolt", Some(&bolt)) == 200
    });
    let admin = office.house.edge.admin().expect("an admin listener");
    let told = |path: &str| {
        let output = std::process::Command::new("curl")
            .args(["--silent", "--max-time", "10", "--output", "-", "--write-out", "\n%{http_code}"])
            .arg(format!("http://{admin}{path}"))
            .output()
            .expect("curl");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let terms = ["--reason", "prose", "--owner", "api", "--expires", "2090-01-01"];
    office.portcullis(&[&["customer", "exclude", "acme", "--rule", "77"][..], &terms].concat());
    office.until("acme is refused", || office.status(BOUND, "/acme", Some(&acme)) == 503);
    office.until("it is told", || {
        office.house.edge.logged("customer `acme`: an exclusion would leave nothing out")
    });
    office.until("it is counted", || told("/metrics").contains("portcullis_customers_unmet 1"));
    let ready = told("/readyz");
    assert!(ready.contains("customer acme is refused") && ready.ends_with("\n200"), "{ready}");
    assert_eq!(office.status(BOUND, "/bolt", Some(&bolt)), 200, "the others are served");
    let mut records = office.house.edge.access();
    assert!(records.wait_for(|record| record["refusal"] == "customer_policy").is_ok());
    let config = office.house.edge.dir().join("config.toml");
    let output = portcullis(&["check", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success() && said.contains("W0941") && said.contains("there is no rule 77"),
        "{said}"
    );
    office.portcullis(&["customer", "exclude", "acme", "--clear"]);
    office.until("acme is served again", || office.status(BOUND, "/acme", Some(&acme)) == 200);
}

/// Resident memory of an edge that has served something, in KiB: the least of three, whose allocator gives back at once what is free. What
/// compiling leaves behind differs by more than a thousand routes from start to start.
fn resident(config: impl Fn(&mut EdgeConfig)) -> u64 {
    let one = || {
        let house = house(|of_edge| {
            calm(of_edge);
            of_edge.environment.push(("MIMALLOC_PURGE_DELAY".to_owned(), "0".to_owned()));
            config(of_edge);
        });
        for _ in 0..20 {
            assert_eq!(curl(&house.edge, &[&crate::support::url(&house.edge, "/")]).0, 200);
        }
        resident_kib(house.edge.pid()).expect("its memory")
    };
    (0..3).map(|_| one()).min().unwrap_or_default()
}

/// A route with an overlay: levels and thresholds of its own, and exclusions that hold until `later`.
fn with_overlay(config: &mut EdgeConfig, at: usize, later: &str) {
    let levels = format!(
        "waf = {{ paranoia = {}, detection_paranoia = {}, inbound_threshold = {}, outbound_threshold = {} }}",
        at % 2 + 1,
        at % 3 + 2,
        at + 5,
        at + 4
    );
    let id = format!("r-{at}");
    config.tail += &route(&id, &levels);
    let targets = format!("\"ARGS:field_{at}\", \"REQUEST_COOKIES:session_{at}\"");
    config.tail += &exclusion("942100, \"tag:attack-xss\"", &targets, &format!("\"{id}\""), later);
}

#[test]
fn two_hundred_routes_with_overlays_cost_under_eight_mebibytes_over_one() {
    let Some(crs) = crs() else { return };
    let (_, later) = moment(3600);
    let with = |routes: usize| {
        resident(|config| {
            config.crs.clone_from(&crs);
            (0..routes).for_each(|at| with_overlay(config, at, &later));
        })
    };
    let (one, many) = (with(1), with(200));
    println!("resident: {one} KiB with one route that has an overlay, {many} KiB with 200");
    assert!(
        many.saturating_sub(one) < 8 << 10,
        "{one} KiB with one route that has an overlay, {many} KiB with 200"
    );
}
