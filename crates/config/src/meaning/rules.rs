//! `[waf]`, `waf` of a route, `[[rule_exclusion]]` and `[log]`.

use portcullis_diag::Label;
use toml::de::DeTable;

use super::admission::route_ids;
use crate::{
    AuditScope, CrsSource, Log, Route, RuleExclusion, Sink, Waf, WafMode, WafPolicy, WorkBudget, WorkSpent,
    codes,
    written::{Found, Reader, Section, WordOrPath},
};

pub(crate) fn waf(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Waf {
    let section = reader.table(root, "waf");
    let mode = mode(reader, section).unwrap_or(Found { value: WafMode::Block, span: None });
    if mode.value == WafMode::Off {
        let message = "the engine is off: requests are forwarded without inspection";
        reader.warning(codes::NOT_INSPECTED, mode.span, message);
    }
    let crs = reader.word_or_path(section, "crs").map(|crs| match crs.value {
        WordOrPath::Word("baseline") => CrsSource::Baseline,
        WordOrPath::Word("none") => CrsSource::None,
        WordOrPath::Word(_) => CrsSource::Auto,
        WordOrPath::Path(path) => CrsSource::Directory(path),
    });
    let paranoia = reader.count::<u8>(section, "paranoia").unwrap_or(Found { value: 1, span: None });
    let detection = reader.count::<u8>(section, "detection_paranoia");
    let detection = detection.unwrap_or_else(|| paranoia.clone());
    levels_agree(reader, &paranoia, &detection);
    Waf {
        mode: mode.value,
        engine: reader.path(section, "engine").map(|path| path.value),
        crs: crs.unwrap_or(CrsSource::Auto),
        paranoia: paranoia.value,
        detection_paranoia: detection.value,
        inbound_threshold: reader.count(section, "inbound_threshold").map_or(5, |found| found.value),
        outbound_threshold: reader.count(section, "outbound_threshold").map_or(4, |found| found.value),
        include_before: reader.patterns(section, "include_before"),
        include_after: reader.patterns(section, "include_after"),
        inspect_responses: reader.flag(section, "inspect_responses"),
        work_budget: work_budget(reader, section),
        verdict_cache: reader.flag(section, "verdict_cache"),
    }
}

fn levels_agree(reader: &mut Reader<'_>, blocking: &Found<u8>, detection: &Found<u8>) {
    if detection.value < blocking.value {
        let message = "`detection_paranoia` is below `paranoia`: rules cannot block without being run";
        let diagnostic = reader.error(codes::CONTRADICTION, detection.span, message);
        diagnostic
            .labels
            .extend(blocking.span.map(|span| Label { span, text: String::from("blocks at this level") }));
        diagnostic.help.push(format!("write `detection_paranoia = {}` or leave it out", blocking.value));
    }
}

/// `waf` of a route. What it does not say is as `[waf]` says.
pub(crate) fn policy(reader: &mut Reader<'_>, route: Section<'_>, waf: &Waf) -> WafPolicy {
    let outside = waf.policy();
    let Some(section) = reader.inline(route, "waf") else { return outside };
    let mode = mode(reader, section);
    if let Some(mode) = &mode {
        if waf.mode == WafMode::Off && mode.value != WafMode::Off {
            let message = "this route asks for inspection, but `waf.mode` is \"off\" for the whole edge";
            reader.error(codes::CONTRADICTION, mode.span, message);
        } else if mode.value == WafMode::Off && waf.mode != WafMode::Off {
            let message = "the engine is off on this route: its requests are forwarded without inspection";
            reader.warning(codes::NOT_INSPECTED, mode.span, message);
        }
    }
    let mode = mode.map_or(outside.mode, |mode| mode.value);
    let blocking = reader.count::<u8>(section, "paranoia");
    let blocking = blocking.unwrap_or(Found { value: outside.paranoia, span: None });
    let detection = reader
        .count::<u8>(section, "detection_paranoia")
        .unwrap_or(Found { value: outside.detection_paranoia.max(blocking.value), span: None });
    levels_agree(reader, &blocking, &detection);
    let mut threshold =
        |name, outside| reader.count::<u32>(section, name).map_or(outside, |threshold| threshold.value);
    let policy = WafPolicy {
        mode,
        paranoia: blocking.value,
        detection_paranoia: detection.value,
        inbound_threshold: threshold("inbound_threshold", outside.inbound_threshold),
        outbound_threshold: threshold("outbound_threshold", outside.outbound_threshold),
    };
    if mode == WafMode::Off && policy != (WafPolicy { mode, ..outside }) {
        let message = "the engine is off on this route: levels and thresholds have no effect";
        reader.warning(codes::NO_EFFECT, Reader::section_span(section), message);
    }
    policy
}

pub(crate) fn exclusions(
    root: &DeTable<'_>,
    reader: &mut Reader<'_>,
    routes: &[Route],
) -> Vec<RuleExclusion> {
    let mut exclusions = Vec::new();
    for section in reader.tables(root, "rule_exclusion") {
        let placed = |found: Found<_>| (found.value, found.span);
        let rules = reader.rules(section, "rules").into_iter().map(placed).collect();
        let targets = reader.texts(section, "targets");
        let targets = targets.into_iter().map(|target| (target.value, target.span)).collect();
        let routes = route_ids(section, reader, routes);
        let mut text = |name| reader.text(section, name).map(|text| text.value).unwrap_or_default();
        let (reason, owner) = (text("reason"), text("owner"));
        let expires = reader.moment(section, "expires");
        let expires_span = expires.as_ref().and_then(|expires| expires.span);
        let expires = expires.map(|expires| expires.value).unwrap_or_default();
        exclusions.push(RuleExclusion { rules, targets, routes, reason, owner, expires, expires_span });
    }
    exclusions
}

fn work_budget(reader: &mut Reader<'_>, section: Section<'_>) -> Option<WorkBudget> {
    let units = reader.count(section, "work_budget").map_or(DEFAULT_WORK, |found| found.value);
    let action = match reader.choice(section, "work_spent").map(|found| found.value) {
        Some("detect") => WorkSpent::Detect,
        _ => WorkSpent::Refuse,
    };
    (units > 0).then_some(WorkBudget { units, action })
}

/// Of a request that the reader could not make out the budget of.
const DEFAULT_WORK: u64 = 200_000_000;

/// `mode` of `[waf]` or of a route.
fn mode(reader: &mut Reader<'_>, section: Section<'_>) -> Option<Found<WafMode>> {
    let word = reader.choice(section, "mode")?;
    let value = match word.value {
        "detect" => WafMode::Detect,
        "off" => WafMode::Off,
        _ => WafMode::Block,
    };
    Some(Found { value, span: word.span })
}

pub(crate) fn log(root: &DeTable<'_>, reader: &mut Reader<'_>) -> Log {
    let section = reader.table(root, "log");
    let access = sink(reader, section, "access");
    let audit = sink(reader, section, "audit");
    let scope = reader.choice(section, "audit_scope");
    let level = reader.choice(section, "level");
    let audit_values = reader.flag(section, "audit_values");
    if audit_values {
        let span = reader.span_of(section, "audit_values");
        let message = "the audit log will hold values of requests, passwords among them";
        let help = "for tests of rules only, never with requests of real users";
        reader.warning(codes::VALUES_RECORDED, span, message).help.push(help.to_owned());
    }
    Log {
        access,
        audit,
        audit_scope: match scope.map(|scope| scope.value) {
            Some("matched") => AuditScope::Matched,
            Some("all") => AuditScope::All,
            _ => AuditScope::Refused,
        },
        level: level.map_or("info", |level| level.value).to_owned(),
        audit_values,
    }
}

fn sink(reader: &mut Reader<'_>, section: Section<'_>, name: &str) -> Sink {
    match reader.word_or_path(section, name).map(|sink| sink.value) {
        Some(WordOrPath::Path(path)) => Sink::File(path),
        Some(WordOrPath::Word("stdout")) => Sink::Stdout,
        Some(WordOrPath::Word("stderr")) => Sink::Stderr,
        _ => Sink::Off,
    }
}
