//! Whole requests through the loaded rules, phases 1, 2 and 5; the verdict of each is checked before it is timed.

mod shared;

use std::{net::SocketAddr, sync::Arc, time::Duration};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use portcullis_waf::{
    Clock, Collections, Connection, Header, Mode, Program, Report, RequestHead, Transaction, Verdict,
};

const BROWSER: [(&str, &str); 8] = [
    ("Host", "shop.example.com"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("Accept-Language", "en-GB,en;q=0.5"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Referer", "https://shop.example.com/"),
    ("Cookie", "session=3f2a9c17d0b84e5c; theme=dark; consent=yes"),
    ("Upgrade-Insecure-Requests", "1"),
];

struct Case {
    name: &'static str,
    method: &'static str,
    target: &'static str,
    content_type: &'static str,
    body: Vec<u8>,
    refused: bool,
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn cases() -> Vec<Case> {
    let case = |name, method, target, content_type, body: &str, refused| Case {
        name,
        method,
        target,
        content_type,
        body: body.as_bytes().to_vec(),
        refused,
    };
    let items: Vec<String> = (0..12)
        .map(|id| {
            format!(
                "{{\"id\":{id},\"name\":\"Red shoe, size {id}\",\"price\":59.9,\"tags\":[\"new\",\"sale\"]}}"
            )
        })
        .collect();
    let json = format!("{{\"order\":4711,\"items\":[{}]}}", items.join(","));
    let union = "id=1&name=x' UNION SELECT user, password FROM mysql.user-- ";
    vec![
        case("browser_get", "GET", "/shop/shoes?page=2&sort=price&q=red+shoes", "", "", false),
        case("json_1k", "POST", "/api/orders", JSON, &json, false),
        case(
            "form",
            "POST",
            "/login",
            FORM,
            "user=alice&remember=yes&comment=See+you+on+Monday%2C+Bob",
            false,
        ),
        case("attack_xss", "GET", "/?q=%3Cscript%3Ealert(document.cookie)%3C/script%3E", "", "", true),
        case("attack_sqli_form", "POST", "/", FORM, union, true),
        case("attack_traversal", "GET", "/?file=../../../../etc/passwd", "", "", true),
        case(
            "attack_sqli_json",
            "POST",
            "/api",
            JSON,
            "{\"id\":\"1' OR '1'='1' UNION SELECT a FROM b-- \"}",
            true,
        ),
    ]
}

fn run(
    program: &Arc<Program>,
    collections: &Arc<Collections>,
    clock: &Arc<dyn Clock>,
    case: &Case,
) -> (Verdict, Report) {
    let connection = Connection {
        client: SocketAddr::from(([192, 0, 2, 7], 4711)),
        server: SocketAddr::from(([198, 51, 100, 1], 443)),
        unique_id: "0197a5c2-7b1e-7c3d-9f00-5a1b2c3d4e5f".to_owned(),
    };
    let length = case.body.len().to_string();
    let mut fields = BROWSER.to_vec();
    if !case.content_type.is_empty() {
        fields.extend([("Content-Type", case.content_type), ("Content-Length", &length)]);
    }
    let headers: Vec<Header<'_>> = fields
        .iter()
        .map(|(name, value)| Header { name: name.as_bytes(), value: value.as_bytes() })
        .collect();
    let head = RequestHead {
        method: case.method.as_bytes(),
        target: case.target.as_bytes(),
        protocol: b"HTTP/1.1",
        headers: &headers,
    };
    let mut transaction = Transaction::begin(
        Arc::clone(program),
        Mode::Block,
        connection,
        Arc::clone(collections),
        Arc::clone(clock),
    );
    let mut verdict = transaction.request_head(&head);
    if verdict == Verdict::Pass {
        verdict = transaction.request_body(&case.body);
    }
    (verdict, transaction.finish())
}

fn transactions(criterion: &mut Criterion) {
    let rules = shared::RuleSet::installed();
    let program = Arc::new(rules.program());
    let collections = Arc::new(Collections::new(1024, 64));
    let clock: Arc<dyn Clock> = Arc::new(Standing);
    let mut group = criterion.benchmark_group(format!("transaction/{}", rules.name));
    group.sample_size(50).warm_up_time(Duration::from_secs(1));
    for case in cases() {
        let (verdict, report) = run(&program, &collections, &clock, &case);
        let matched: Vec<u64> = report.matched.iter().map(|rule| rule.id).collect();
        assert_eq!(verdict != Verdict::Pass, case.refused, "{}: {verdict:?} {matched:?}", case.name);
        group.bench_function(BenchmarkId::from_parameter(case.name), |bencher| {
            bencher.iter(|| run(&program, &collections, &clock, &case));
        });
    }
    group.finish();
}

/// A clock that always shows the same time.
struct Standing;

impl Clock for Standing {
    fn unix_time(&self) -> Duration {
        Duration::from_secs(1_700_000_000)
    }
}

criterion_group!(benches, transactions);
criterion_main!(benches);
