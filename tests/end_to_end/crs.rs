//! The Core Rule Set, unmodified: release 4.28.0 from the data sets, 3.3.4 from Debian's package.

use std::path::Path;

use portcullis_testkit::EdgeConfig;

use crate::support::{House, assert_refusal, house, portcullis, post};

/// Debian's package.
const DEBIAN: &str = "/usr/share/modsecurity-crs";

fn release(version: &str) -> Option<String> {
    match version {
        // What `auto` takes where no rules are installed beside the configuration.
        "3.3.4" if Path::new(DEBIAN).join("rules").is_dir() => Some("auto".to_owned()),
        "3.3.4" => {
            eprintln!("NOT RUN: the package modsecurity-crs is not installed");
            None
        }
        version => {
            let dir = portcullis_vectors::data(&format!("crs/{version}"))?;
            Some(dir.canonicalize().unwrap().to_string_lossy().into_owned())
        }
    }
}

fn ordinary_traffic_passes(house: &House) {
    let client = house.edge.client();
    for target in ["/", "/index.html", "/shop/items?page=2&sort=price", "/static/app.js?v=1.2.3"] {
        let answer = client.get(target).unwrap();
        assert_eq!(answer.status, 200, "{target}: {}", answer.text());
    }
    let invoice = serde_json::json!({
        "number": "INV-2041",
        "customer": { "name": "Example Ltd", "email": "accounts@example.com" },
        "lines": [{ "sku": "A-1", "text": "Blue pen, 10 pcs", "net": 12.5 }, { "sku": "B-2", "text": "Paper", "net": 4 }],
        "due": "2026-12-01",
        "paid": false
    })
    .to_string();
    let answer = client.exchange(&post("/invoices", "application/json", &invoice)).unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn attacks_are_refused(house: &House) {
    let client = house.edge.client();
    let before = house.upstream.bytes().len();
    for target in [
        "/?q=<script>alert(1)</script>",
        "/?q=%3Cscript%3Ealert(1)%3C/script%3E",
        "/?id=1%27%20OR%20%271%27=%271",
        "/?file=../../../../etc/passwd",
        "/?cmd=;cat%20/etc/passwd",
    ] {
        let answer = client.get(target).unwrap();
        println!("{target}");
        assert_refusal(&answer, 403);
    }
    for (kind, body) in [
        ("application/x-www-form-urlencoded", "q=%3Cscript%3Ealert(1)%3C%2Fscript%3E"),
        ("application/json", "{\"a\":{\"b\":\"<script>alert(1)</script>\"}}"),
        (
            "multipart/form-data; boundary=b0undary",
            "--b0undary\r\nContent-Disposition: form-data; name=\"n\"\r\n\r\n<script>alert(1)</script>\r\n--b0undary--\r\n",
        ),
    ] {
        println!("{kind}");
        assert_refusal(&client.exchange(&post("/", kind, body)).unwrap(), 403);
    }
    assert_eq!(house.upstream.bytes().len(), before);
    let event = house.edge.audit().wait_for(|event| event["blocked"] == true).unwrap();
    let crs_rule =
        |rule: &serde_json::Value| rule["id"].as_u64().is_some_and(|id| (910_000..1_000_000).contains(&id));
    assert!(event["rules"].as_array().unwrap().iter().any(crs_rule), "{event}");
}

fn works(version: &str) {
    let Some(crs) = release(version) else { return };
    let house = house(|config: &mut EdgeConfig| config.crs = crs);
    assert!(
        house.edge.log().lines().any(|line| line.contains("ready") && line.contains(version)),
        "{}",
        house.edge.log()
    );
    ordinary_traffic_passes(&house);
    attacks_are_refused(&house);
}

#[test]
fn release_4_28_0_passes_the_ordinary_and_refuses_attacks() {
    works("4.28.0");
}

#[test]
fn release_3_3_4_passes_the_ordinary_and_refuses_attacks() {
    works("3.3.4");
}

#[test]
fn rules_check_accepts_every_file_of_4_28_0() {
    let Some(dir) = release("4.28.0") else { return };
    let output = portcullis(&["rules", "check", &dir]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
