//! Records: one line for a request, one event for a refusal, and no value of a request in either.

use portcullis_testkit::{Client, free_port};

use crate::support::{house, post};

#[test]
fn a_clean_request_has_a_line_and_a_refused_one_an_event() {
    let house = house(|_| {});
    let clean = house.edge.client().get("/shop?page=2").unwrap();
    let refused = house.edge.client().get("/shop?q=%3Cscript%3Ealert(1)%3C/script%3E").unwrap();
    let mut access = house.edge.access();
    let id = |answer: &portcullis_testkit::Answer| answer.header("x-request-id").unwrap_or_default();
    let line = access.wait_for(|line| line["status"] == 200).unwrap();
    assert_eq!(line["method"], "GET");
    assert_eq!(line["path"], "/shop");
    assert_eq!(line["parameters"][0], "page");
    if clean.header("x-request-id").is_some() {
        assert_eq!(line["request_id"], id(&clean).as_str());
    }
    let line = access.wait_for(|line| line["status"] == 403).unwrap();
    assert_eq!(line["request_id"], id(&refused).as_str());
    let event = house.edge.audit().wait_for(|event| event["request_id"] == id(&refused).as_str()).unwrap();
    assert_eq!(event["blocked"], true, "{event}");
    let rules = event["rules"].as_array().unwrap();
    let rule = rules.iter().find(|rule| rule["targets"][0]["variable"] == "ARGS:q").unwrap();
    assert!(
        rule["id"].as_u64().is_some() && rule["tags"].as_array().is_some_and(|tags| !tags.is_empty()),
        "{rule}"
    );
    assert!(rule["targets"][0]["offset"].is_u64() && rule["targets"][0]["length"].is_u64(), "{rule}");
    // One event, for the refusal alone.
    assert_eq!(house.edge.audit().entries().unwrap().len(), 1);
}

#[test]
fn no_record_holds_a_value_that_was_sent() {
    let house = house(|_| {});
    let secret = "s3cr3tValue";
    let requests = [
        format!("GET /?token={secret} HTTP/1.1\r\nHost: localhost\r\nUser-Agent: {secret}\r\nAccept: */*\r\nAuthorization: Bearer {secret}\r\nCookie: session={secret}\r\nConnection: close\r\n\r\n").into_bytes(),
        post("/", "application/x-www-form-urlencoded", &format!("password={secret}%3Cscript%3Ealert(1)%3C/script%3E")),
        post("/", "application/json", &format!("{{\"password\":\"{secret}<script>alert(1)</script>\"}}")),
        format!("GET /?x={secret} {secret}\r\n\r\n").into_bytes(),
    ];
    for request in &requests {
        house.edge.client().exchange(request).unwrap();
    }
    let mut access = house.edge.access();
    access.wait_for(|line| line["status"] == 400).unwrap();
    assert!(access.entries().unwrap().len() >= 4);
    for name in ["access.log", "audit.log"] {
        let text = std::fs::read_to_string(house.edge.dir().join(name)).unwrap();
        assert!(!text.contains(secret), "{name}: {text}");
    }
    assert!(!house.edge.log().contains(secret), "{}", house.edge.log());
}

#[test]
fn a_request_that_causes_too_much_work_is_refused_counted_and_logged() {
    for (action, status) in [("refuse", 403), ("detect", 200)] {
        let admin = free_port();
        let house = house(|config| {
            config.admin = Some(admin);
            config.waf = format!("work_budget = 20_000\nwork_spent = \"{action}\"");
        });
        assert_eq!(house.edge.client().get("/?q=short").unwrap().status, 200);
        let long =
            post("/", "application/x-www-form-urlencoded", &format!("q={}", "select union ".repeat(2_000)));
        assert_eq!(house.edge.client().exchange(&long).unwrap().status, status, "{action}");
        let line = house.edge.access().wait_for(|line| line["waf"]["work_spent"] == true).unwrap();
        assert_eq!(line["status"], status);
        assert_eq!(
            line["refusal"],
            if status == 403 { "work_budget".into() } else { serde_json::Value::Null }
        );
        let event = house.edge.audit().wait_for(|event| event["work_spent"] == true).unwrap();
        assert_eq!(event["blocked"], status == 403, "{event}");
        let metrics = Client::plain(admin).get("/metrics").unwrap().text();
        assert!(metrics.contains("portcullis_waf_work_spent_total{route=\"r0\"} 1"), "{metrics}");
    }
}

#[test]
fn metrics_and_readiness_are_served_on_the_admin_listener_alone() {
    let admin = free_port();
    let house = house(|config| config.admin = Some(admin));
    house.edge.client().get("/").unwrap();
    house.edge.client().get("/?q=%3Cscript%3Ealert(1)%3C/script%3E").unwrap();
    let client = Client::plain(admin);
    let metrics = client.get("/metrics").unwrap();
    assert_eq!(metrics.status, 200);
    let text = metrics.text();
    for family in ["http_server_request_duration_seconds", "refus", "reload"] {
        assert!(text.contains(family), "{family}:\n{text}");
    }
    // The public listener forwards the path like any other.
    assert!(house.edge.client().get("/metrics").unwrap().text().starts_with("GET /metrics"));
}
