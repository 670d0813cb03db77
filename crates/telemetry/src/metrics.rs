//! The numbers: one registry, one method per thing that happens.
//!
//! OpenTelemetry's HTTP names where they exist, seconds and bytes everywhere. Label values are closed sets, names from the
//! configuration, or capped: a stranger's bytes never become a label.

use std::{
    collections::HashSet,
    sync::{Arc, PoisonError, RwLock},
    time::Duration,
};

use prometheus::{
    Encoder, Error, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Boundaries that OpenTelemetry's HTTP conventions advise, in seconds.
const HTTP_SECONDS: &[f64] =
    &[0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// The engine takes microseconds for an ordinary request; what is above the last boundary is an incident.
const WAF_SECONDS: &[f64] =
    &[0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.1, 1.0];

/// Rule and route pairs that get a series of their own; matches beyond are counted under `_OTHER`.
const RULE_SERIES: usize = 4096;

/// Methods of RFC 9110 and RFC 5789; all others are `_OTHER`, as OpenTelemetry says.
const METHODS: &[&str] = &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

/// Route label of what fits no route.
const NO_ROUTE: &str = "_NONE";

/// Label value of what has none of its own.
const OTHER: &str = "_OTHER";

/// What was built.
#[derive(Clone, Copy, Debug)]
pub struct Build<'a> {
    /// Version of the binary.
    pub version: &'a str,
    /// Commit it was built from, `unknown` where that is so.
    pub revision: &'a str,
}

/// Labels of a finished request.
#[derive(Clone, Copy, Debug)]
pub struct RequestFacts<'a> {
    /// Route id from the configuration; `None` where no route fits.
    pub route: Option<&'a str>,
    /// Method as received; becomes `_OTHER` unless it is a registered one.
    pub method: &'a [u8],
    /// Status of the answer; zero where there was none.
    pub status: u16,
    /// `HTTP/1.0`, `HTTP/1.1`, `HTTP/2.0`, or the number alone.
    pub protocol: &'a str,
}

/// All metrics of one edge.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    request_duration: HistogramVec,
    active_requests: IntGauge,
    client_request_duration: HistogramVec,
    refusals: IntCounterVec,
    waf_decisions: IntCounterVec,
    waf_rule_matches: IntCounterVec,
    waf_work_spent: IntCounterVec,
    waf_rule_series: RwLock<HashSet<(u64, Box<str>)>>,
    waf_eval: Histogram,
    upstream_requests: IntCounterVec,
    upstream_plaintext_requests: IntCounterVec,
    tls_handshakes: IntCounterVec,
    certificate_reloads: IntCounterVec,
    certificate_expiry: IntGaugeVec,
    client_trust: IntGaugeVec,
    customers_unmet: IntGauge,
    h2_stream_errors: IntCounter,
    connections: IntGauge,
    buffered_bytes: IntGauge,
    queue_time: Gauge,
    reloads: IntCounterVec,
    reload_success: IntGauge,
    reload_timestamp: Gauge,
    log_dropped: IntCounterVec,
    address_lists: IntCounterVec,
    break_glass: IntCounterVec,
    rate_limited: IntCounterVec,
    rate_limit_forgotten: IntCounterVec,
    limit_store_up: IntGauge,
    limit_store_failures: IntCounter,
}

/// The counters of one limit.
#[derive(Clone, Debug)]
pub struct RateLimitCounters {
    refused: IntCounter,
    shadowed: IntCounter,
    forgotten: IntCounter,
}

impl RateLimitCounters {
    /// It refused a request.
    pub fn refused(&self) {
        self.refused.inc();
    }

    /// It would have refused a request, but only tells.
    pub fn shadowed(&self) {
        self.shadowed.inc();
    }

    /// So many more keys were forgotten before their quota had recovered.
    pub fn forgotten(&self, keys: u64) {
        self.forgotten.inc_by(keys);
    }
}

/// Something that is going on; it is over when this is dropped.
#[derive(Debug)]
pub struct InFlight {
    gauge: IntGauge,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.gauge.dec();
    }
}

impl Metrics {
    /// A registry of its own with everything in it.
    ///
    /// # Errors
    /// A metric is registered twice; a fault of this file, found by its test.
    pub fn new(build: Build<'_>) -> Result<Arc<Self>, Error> {
        let make = Make { registry: Registry::new() };
        let info =
            make.gauges("portcullis_build_info", "Always 1; labels say what runs", &["version", "revision"])?;
        info.with_label_values(&[build.version, build.revision]).set(1);
        Ok(Arc::new(Self {
            request_duration: make.histograms(
                "http_server_request_duration_seconds",
                "Time from the first byte of a request to the last of its answer",
                HTTP_SECONDS,
                &[
                    "http_route",
                    "http_request_method",
                    "http_response_status_code",
                    "network_protocol_version",
                ],
            )?,
            active_requests: make.gauge("http_server_active_requests", "Requests being served")?,
            client_request_duration: make.histograms(
                "http_client_request_duration_seconds",
                "Time from connecting to a backend to the end of its answer",
                HTTP_SECONDS,
                &["upstream"],
            )?,
            refusals: make.counters(
                "portcullis_refusals_total",
                "Requests refused by the edge",
                &["reason"],
            )?,
            waf_decisions: make.counters(
                "portcullis_waf_decisions_total",
                "What the engine decided",
                &["route", "action"],
            )?,
            waf_rule_matches: make.counters(
                "portcullis_waf_rule_matches_total",
                "Rules with log that matched",
                &["rule_id", "route"],
            )?,
            waf_work_spent: make.counters(
                "portcullis_waf_work_spent_total",
                "Requests that used up their budget of work, so that not all of them was inspected",
                &["route"],
            )?,
            waf_rule_series: RwLock::default(),
            waf_eval: make.histogram(
                "portcullis_waf_eval_seconds",
                "Time the engine took for one transaction",
                WAF_SECONDS,
            )?,
            upstream_requests: make.counters(
                "portcullis_upstream_requests_total",
                "Requests sent to a backend",
                &["upstream", "result"],
            )?,
            upstream_plaintext_requests: make.counters(
                "portcullis_upstream_plaintext_requests_total",
                "Requests sent to a backend without TLS, as allow_plaintext asked",
                &["upstream"],
            )?,
            tls_handshakes: make.counters(
                "portcullis_tls_handshakes_total",
                "TLS handshakes",
                &["result"],
            )?,
            certificate_reloads: make.counters(
                "portcullis_tls_certificate_reloads_total",
                "Changes of server certificate files that were noticed",
                &["result"],
            )?,
            certificate_expiry: make.gauges(
                "portcullis_tls_certificate_expiry_timestamp_seconds",
                "When a server certificate or its chain ends, Unix time",
                &["certificate"],
            )?,
            client_trust: make.gauges(
                "portcullis_client_trust_up",
                "1 while the register or an authority's files can be used and no CRL is stale, 0 while the last good state counts",
                &["source"],
            )?,
            customers_unmet: make.gauge(
                "portcullis_customers_unmet",
                "Customers who are refused because what the register asks of the rules for them cannot be had",
            )?,
            h2_stream_errors: make.counter(
                "portcullis_h2_stream_errors_total",
                "HTTP/2 streams that ended in a protocol error before they became a request",
            )?,
            connections: make.gauge("portcullis_connections", "Client connections open")?,
            buffered_bytes: make.gauge("portcullis_buffered_bytes", "Bytes of bodies and answers held")?,
            queue_time: make.time(
                "portcullis_queue_seconds",
                "Time that work waited for a processor when it was last looked at",
            )?,
            reloads: make.counters("portcullis_reloads_total", "Reloads asked for", &["result"])?,
            reload_success: make.gauge(
                "portcullis_config_reload_success",
                "1 when the last reload took effect, 0 when it was refused and the state before it kept",
            )?,
            reload_timestamp: make.time(
                "portcullis_config_reload_success_timestamp_seconds",
                "When the running configuration took effect, Unix time",
            )?,
            log_dropped: make.counters("portcullis_log_dropped_total", "Records lost", &["sink"])?,
            address_lists: make.counters(
                "portcullis_address_list_reads_total",
                "Address lists read anew because a file of theirs changed",
                &["result"],
            )?,
            break_glass: make.counters(
                "portcullis_break_glass_uses_total",
                "Connections and requests that a break-glass entry let in",
                &["entry"],
            )?,
            rate_limited: make.counters(
                "portcullis_rate_limited_total",
                "Requests that a limit refused, or would have in shadow mode",
                &["limit", "decision"],
            )?,
            rate_limit_forgotten: make.counters(
                "portcullis_rate_limit_keys_forgotten_total",
                "Keys of a limit that made room for others before their quota had recovered",
                &["limit"],
            )?,
            limit_store_up: make.gauge(
                "portcullis_limit_store_up",
                "1 while limits are counted with other edges, 0 while they hold for this edge alone or there is no store",
            )?,
            limit_store_failures: make.counter(
                "portcullis_limit_store_failures_total",
                "Requests that the store of rate limits did not answer in time",
            )?,
            registry: make.registry,
        }))
    }

    /// Everything in Prometheus' text format, version 0.0.4.
    #[must_use]
    pub fn render(&self) -> Vec<u8> {
        let mut text = Vec::new();
        // Writing to memory cannot fail, and every family here has metrics of one type.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        text
    }

    /// A request begins; it is active until the return value is dropped.
    #[must_use]
    pub fn request(&self) -> InFlight {
        in_flight(&self.active_requests)
    }

    /// A connection is open until the return value is dropped.
    #[must_use]
    pub fn connection(&self) -> InFlight {
        in_flight(&self.connections)
    }

    /// A request has been answered or given up.
    pub fn request_finished(&self, facts: RequestFacts<'_>, duration: Duration) {
        let status = status_label(facts.status);
        self.request_duration
            .with_label_values(&[
                facts.route.unwrap_or(NO_ROUTE),
                method_label(facts.method),
                &*status,
                protocol_label(facts.protocol),
            ])
            .observe(duration.as_secs_f64());
    }

    /// Shows a reason's counter before it first counts, so that a rate over it has a beginning.
    pub fn reason(&self, reason: &'static str) {
        let _ = self.refusals.with_label_values(&[reason]);
    }

    /// The edge refused a request or a connection.
    pub fn refused(&self, reason: &'static str) {
        self.refusals.with_label_values(&[reason]).inc();
    }

    /// The engine decided: `pass`, `detect` (would have been refused) or `block`.
    pub fn waf_decision(&self, route: Option<&str>, action: &'static str) {
        self.waf_decisions.with_label_values(&[route.unwrap_or(NO_ROUTE), action]).inc();
    }

    /// A request used up its budget of work.
    pub fn waf_work_spent(&self, route: Option<&str>) {
        self.waf_work_spent.with_label_values(&[route.unwrap_or(NO_ROUTE)]).inc();
    }

    /// A rule with `log` matched. The first 4096 pairs of rule and route have their own series.
    pub fn waf_rule_matched(&self, rule: u64, route: Option<&str>) {
        let route = route.unwrap_or(NO_ROUTE);
        let known = |series: &HashSet<(u64, Box<str>)>| series.contains(&(rule, Box::from(route)));
        let mut own = known(&self.waf_rule_series.read().unwrap_or_else(PoisonError::into_inner));
        if !own {
            let mut series = self.waf_rule_series.write().unwrap_or_else(PoisonError::into_inner);
            own = series.len() < RULE_SERIES && { series.insert((rule, Box::from(route))) || known(&series) };
        }
        if own {
            self.waf_rule_matches.with_label_values(&[&*rule.to_string(), route]).inc();
        } else {
            self.waf_rule_matches.with_label_values(&[OTHER, OTHER]).inc();
        }
    }

    /// The engine is done with a transaction; time of all phases together.
    pub fn waf_evaluated(&self, duration: Duration) {
        self.waf_eval.observe(duration.as_secs_f64());
    }

    /// A backend answered or failed: `ok`, `connect`, `tls`, `timeout`, `reset` or another of the edge's words.
    pub fn upstream_finished(&self, upstream: &str, result: &'static str, duration: Duration) {
        self.upstream_requests.with_label_values(&[upstream, result]).inc();
        self.client_request_duration.with_label_values(&[upstream]).observe(duration.as_secs_f64());
    }

    /// A request goes to a backend without TLS.
    pub fn upstream_plaintext(&self, upstream: &str) {
        self.upstream_plaintext_requests.with_label_values(&[upstream]).inc();
    }

    /// A handshake ended: `ok`, `timeout`, `failed` or another of the edge's words.
    pub fn tls_handshake(&self, result: &'static str) {
        self.tls_handshakes.with_label_values(&[result]).inc();
    }

    /// These server certificates are shown now: file of the configuration and last moment in Unix time.
    pub fn certificates_taken(&self, expiries: &[(String, i64)]) {
        self.certificate_reloads.with_label_values(&["ok"]).inc();
        self.certificate_expiry.reset();
        for (file, last) in expiries {
            self.certificate_expiry.with_label_values(&[file.as_str()]).set(*last);
        }
    }

    /// Whether a source of trust in clients' certificates is as it should be.
    pub fn client_trust(&self, source: &str, up: bool) {
        self.client_trust.with_label_values(&[source]).set(i64::from(up));
    }

    /// Customers who are refused because what the register asks of the rules for them cannot be had.
    pub fn customers_unmet(&self, count: usize) {
        self.customers_unmet.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// Changed certificate files could not be used.
    pub fn certificates_refused(&self) {
        self.certificate_reloads.with_label_values(&["failed"]).inc();
    }

    /// An HTTP/2 stream ended in a protocol error before it became a request.
    pub fn h2_stream_error(&self) {
        self.h2_stream_errors.inc();
    }

    /// Bytes held at this moment, over all connections.
    pub fn set_buffered_bytes(&self, bytes: usize) {
        self.buffered_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    /// What work waited for a processor when it was last looked at.
    pub fn set_queue_time(&self, waited: Duration) {
        self.queue_time.set(waited.as_secs_f64());
    }

    /// The first load or a reload took effect at this Unix time.
    pub fn reload_succeeded(&self, unix_time: Duration) {
        self.reloads.with_label_values(&["ok"]).inc();
        self.reload_success.set(1);
        self.reload_timestamp.set(unix_time.as_secs_f64());
    }

    /// A reload was refused; the state before it is kept.
    pub fn reload_failed(&self) {
        self.reloads.with_label_values(&["failed"]).inc();
        self.reload_success.set(0);
    }

    /// An address list was read anew: `ok` or `failed`.
    pub fn address_list(&self, result: &'static str) {
        self.address_lists.with_label_values(&[result]).inc();
    }

    /// A break-glass entry let somebody in.
    pub fn break_glass(&self, entry: &str) {
        self.break_glass.with_label_values(&[entry]).inc();
    }

    /// The counters of a limit of the configuration.
    #[must_use]
    pub fn rate_limit(&self, id: &str) -> RateLimitCounters {
        RateLimitCounters {
            refused: self.rate_limited.with_label_values(&[id, "refuse"]),
            shadowed: self.rate_limited.with_label_values(&[id, "shadow"]),
            forgotten: self.rate_limit_forgotten.with_label_values(&[id]),
        }
    }

    /// The store of rate limits is there or away.
    pub fn limit_store_up(&self, up: bool) {
        self.limit_store_up.set(up.into());
    }

    /// The store of rate limits did not answer a request in time.
    pub fn limit_store_failed(&self) {
        self.limit_store_failures.inc();
    }

    /// The counter for a [`crate::Writer`] called `sink`.
    #[must_use]
    pub fn log_dropped(&self, sink: &'static str) -> IntCounter {
        self.log_dropped.with_label_values(&[sink])
    }
}

struct Make {
    registry: Registry,
}

impl Make {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, Error> {
        let metric = IntCounter::new(name, help)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, Error> {
        let metric = IntGauge::new(name, help)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn time(&self, name: &str, help: &str) -> Result<Gauge, Error> {
        let metric = Gauge::new(name, help)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram, Error> {
        let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn histograms(
        &self,
        name: &str,
        help: &str,
        buckets: &[f64],
        labels: &[&str],
    ) -> Result<HistogramVec, Error> {
        let metric = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }
}

fn in_flight(gauge: &IntGauge) -> InFlight {
    gauge.inc();
    InFlight { gauge: gauge.clone() }
}

fn method_label(method: &[u8]) -> &'static str {
    METHODS.iter().find(|known| known.as_bytes() == method).copied().unwrap_or(OTHER)
}

fn protocol_label(protocol: &str) -> &'static str {
    match protocol.strip_prefix("HTTP/").unwrap_or(protocol) {
        "1.0" => "1.0",
        "1.1" => "1.1",
        "2" | "2.0" => "2",
        _ => OTHER,
    }
}

/// A backend may answer with any number: those that nobody has registered share one label for each class.
fn status_label(status: u16) -> Box<str> {
    match status {
        0 => Box::from("0"),
        100..=103
        | 200..=208
        | 226
        | 300..=308
        | 400..=418
        | 421..=426
        | 428
        | 429
        | 431
        | 451
        | 499
        | 500..=508
        | 510
        | 511 => status.to_string().into_boxed_str(),
        _ => format!("{}xx", status / 100 % 10).into_boxed_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics() -> Arc<Metrics> {
        Metrics::new(Build { version: "1.2.3", revision: "abc" }).unwrap()
    }

    fn rendered(metrics: &Metrics) -> String {
        String::from_utf8(metrics.render()).unwrap()
    }

    #[test]
    fn every_event_arrives_under_its_name() {
        let metrics = metrics();
        let _request = metrics.request();
        let _connection = metrics.connection();
        drop(metrics.connection());
        let facts = RequestFacts { route: Some("all"), method: b"GET", status: 200, protocol: "HTTP/2.0" };
        metrics.request_finished(facts, Duration::from_millis(7));
        metrics.refused("waf");
        metrics.waf_decision(Some("all"), "block");
        metrics.waf_rule_matched(942_100, Some("all"));
        metrics.waf_rule_matched(942_100, Some("all"));
        metrics.waf_evaluated(Duration::from_micros(30));
        metrics.upstream_finished("demo", "ok", Duration::from_millis(3));
        metrics.upstream_plaintext("demo");
        metrics.tls_handshake("ok");
        metrics.certificates_taken(&[(String::from("a.pem"), 9)]);
        metrics.certificates_taken(&[(String::from("b.pem"), 1_700_000_001)]);
        metrics.certificates_refused();
        metrics.client_trust("pki", true);
        metrics.client_trust("partners", false);
        metrics.customers_unmet(3);
        metrics.h2_stream_error();
        metrics.set_buffered_bytes(12);
        metrics.set_queue_time(Duration::from_millis(500));
        metrics.reload_failed();
        metrics.reload_succeeded(Duration::from_secs(1_700_000_000));
        metrics.log_dropped("access").inc();
        let text = rendered(&metrics);
        for line in [
            r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="all",network_protocol_version="2",le="0.005"} 0"#,
            r#"http_server_request_duration_seconds_bucket{http_request_method="GET",http_response_status_code="200",http_route="all",network_protocol_version="2",le="0.01"} 1"#,
            "http_server_active_requests 1",
            r#"http_client_request_duration_seconds_count{upstream="demo"} 1"#,
            r#"portcullis_refusals_total{reason="waf"} 1"#,
            r#"portcullis_waf_decisions_total{action="block",route="all"} 1"#,
            r#"portcullis_waf_rule_matches_total{route="all",rule_id="942100"} 2"#,
            r#"portcullis_waf_eval_seconds_bucket{le="0.00005"} 1"#,
            r#"portcullis_upstream_requests_total{result="ok",upstream="demo"} 1"#,
            r#"portcullis_upstream_plaintext_requests_total{upstream="demo"} 1"#,
            r#"portcullis_tls_handshakes_total{result="ok"} 1"#,
            r#"portcullis_tls_certificate_reloads_total{result="ok"} 2"#,
            r#"portcullis_tls_certificate_reloads_total{result="failed"} 1"#,
            r#"portcullis_tls_certificate_expiry_timestamp_seconds{certificate="b.pem"} 1700000001"#,
            r#"portcullis_client_trust_up{source="pki"} 1"#,
            "portcullis_customers_unmet 3",
            r#"portcullis_client_trust_up{source="partners"} 0"#,
            "portcullis_h2_stream_errors_total 1",
            "portcullis_connections 1",
            "portcullis_buffered_bytes 12",
            "portcullis_queue_seconds 0.5",
            r#"portcullis_reloads_total{result="ok"} 1"#,
            r#"portcullis_reloads_total{result="failed"} 1"#,
            "portcullis_config_reload_success 1",
            "portcullis_config_reload_success_timestamp_seconds 1700000000",
            r#"portcullis_log_dropped_total{sink="access"} 1"#,
            r#"portcullis_build_info{revision="abc",version="1.2.3"} 1"#,
        ] {
            assert!(text.lines().any(|drawn| drawn == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn strangers_cannot_grow_the_labels() {
        let metrics = metrics();
        for n in 0..2000_u16 {
            let method = format!("M{n}");
            let facts = RequestFacts { route: None, method: method.as_bytes(), status: n, protocol: &method };
            metrics.request_finished(facts, Duration::ZERO);
        }
        let counted = rendered(&metrics)
            .lines()
            .filter(|line| line.starts_with("http_server_request_duration_seconds_count"))
            .count();
        assert!(counted < 100, "{counted}");
    }

    #[test]
    fn rule_series_are_capped() {
        let metrics = metrics();
        for rule in 0..RULE_SERIES as u64 + 500 {
            metrics.waf_rule_matched(rule, Some("all"));
        }
        metrics.waf_rule_matched(0, Some("all"));
        let text = rendered(&metrics);
        let series =
            text.lines().filter(|line| line.starts_with("portcullis_waf_rule_matches_total{")).count();
        assert_eq!(series, RULE_SERIES + 1);
        assert!(text.contains(r#"portcullis_waf_rule_matches_total{route="_OTHER",rule_id="_OTHER"} 500"#));
        assert!(text.contains(r#"portcullis_waf_rule_matches_total{route="all",rule_id="0"} 2"#));
    }
}
