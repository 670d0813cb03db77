//! Builds the sieves: which values wake which rules.
//!
//! A rule is sifted if all that its head looks at is fixed before its phase begins, so that its values can be looked at ahead, together
//! with those of all others. What `ctl` excludes for one request is not looked at here: a rule that is woken for nothing is evaluated and
//! does not match.

use portcullis_seclang::vocabulary::Variable as V;
use regex_automata::dfa::dense;

use super::{
    prefilter::{Clause, best},
    profile::Profile,
    transform_plan::{Tree, change, touched},
};
use crate::{
    ir::{
        ByName, Control, Effect, Link, Rule, RuleId, Selector,
        phrases::{Phrases, SHORTEST},
        sieve::{
            CLASSES, Change, Kind, MOST_RULES, Mesh, Node, PAIRS, Row, Sieve, Sifted, Source, UPPER, When,
        },
    },
    operators::Superset,
    variables::meaning,
};

/// A collection that is looked at, and the variables that its values belong to.
pub(super) struct Origin {
    when: When,
    variable: V,
    reaches: &'static [V],
}

const fn origin(when: When, variable: V, reaches: &'static [V]) -> Origin {
    Origin { when, variable, reaches }
}

/// What of a request is fixed.
pub(super) const REQUEST: &[Origin] = &[
    origin(When::Head, V::RequestMethod, &[V::RequestMethod]),
    origin(When::Head, V::RequestProtocol, &[V::RequestProtocol]),
    origin(When::Head, V::RequestLine, &[V::RequestLine]),
    origin(When::Head, V::RequestUri, &[V::RequestUri]),
    origin(When::Head, V::RequestUriRaw, &[V::RequestUriRaw]),
    origin(When::Head, V::RequestFilename, &[V::RequestFilename, V::PathInfo]),
    origin(When::Head, V::RequestBasename, &[V::RequestBasename]),
    origin(When::Head, V::QueryString, &[V::QueryString]),
    origin(When::Head, V::RequestHeaders, &[V::RequestHeaders]),
    origin(When::Head, V::RequestHeadersNames, &[V::RequestHeadersNames]),
    origin(When::Head, V::RequestCookies, &[V::RequestCookies]),
    origin(When::Head, V::RequestCookiesNames, &[V::RequestCookiesNames]),
    origin(When::Head, V::ServerName, &[V::ServerName]),
    origin(When::Head, V::AuthType, &[V::AuthType]),
    origin(When::Head, V::RemoteUser, &[V::RemoteUser]),
    origin(When::Head, V::RemoteAddr, &[V::RemoteAddr, V::RemoteHost]),
    origin(When::Head, V::ArgsGet, &[V::Args, V::ArgsGet]),
    origin(When::Head, V::ArgsGetNames, &[V::ArgsNames, V::ArgsGetNames]),
    origin(When::Body, V::ArgsPost, &[V::Args, V::ArgsPost]),
    origin(When::Body, V::ArgsPostNames, &[V::ArgsNames, V::ArgsPostNames]),
    origin(When::Body, V::Files, &[V::Files, V::MultipartFilename]),
    origin(When::Body, V::FilesNames, &[V::FilesNames, V::MultipartName]),
    origin(When::Body, V::FilesTmpContent, &[V::FilesTmpContent]),
    origin(When::Body, V::MultipartPartHeaders, &[V::MultipartPartHeaders]),
    origin(When::Body, V::Xml, &[V::Xml]),
    origin(When::Body, V::RequestBody, &[V::RequestBody]),
];

/// What of an answer is fixed.
pub(super) const RESPONSE: &[Origin] = &[
    origin(When::Head, V::ResponseHeaders, &[V::ResponseHeaders]),
    origin(When::Head, V::ResponseHeadersNames, &[V::ResponseHeadersNames]),
    origin(When::Head, V::ResponseProtocol, &[V::ResponseProtocol]),
    origin(When::Head, V::ResponseContentType, &[V::ResponseContentType]),
    origin(When::Body, V::ResponseBody, &[V::ResponseBody]),
];

/// A rule that is to be sifted.
pub(super) struct Wanted<'a> {
    pub(super) id: RuleId,
    pub(super) rule: &'a Rule,
    pub(super) step: u16,
}

/// Whether a rule can be sifted.
pub(super) fn is_siftable(rule: &Rule, all: &[Rule]) -> bool {
    let Some(link) = rule.links.first() else { return false };
    let Some(test) = &link.test else { return false };
    test.argument.is_none()
        && !link.targets.is_empty()
        && link.targets.iter().all(|target| !target.count && is_fixed(target.variable, all))
}

fn is_fixed(variable: V, all: &[Rule]) -> bool {
    let listed = |origins: &[Origin]| origins.iter().any(|origin| origin.reaches.contains(&variable));
    // Rules may show or hide the raw body until it is looked at.
    let moves = |rule: &Rule| {
        rule.phase > 1
            && rule.links.iter().flat_map(|link| &link.effects).any(|effect| {
                matches!(effect, Effect::Control(Control::BodyProcessor(_) | Control::ForceRequestBody(_)))
            })
    };
    (listed(REQUEST) || listed(RESPONSE)) && (variable != V::RequestBody || !all.iter().any(moves))
}

/// Those of `wanted` that a sieve over `origins` looks after. The rest of 512 do not fit: their positions.
pub(super) fn build(wanted: &[Wanted<'_>], origins: &[Origin], profile: &Profile) -> Sieve {
    let concerned: Vec<&Wanted<'_>> = wanted
        .iter()
        .filter(|wanted| {
            let reaches = |variable| origins.iter().any(|origin| origin.reaches.contains(&variable));
            head(wanted).targets.iter().any(|target| reaches(target.variable))
        })
        .take(MOST_RULES)
        .collect();
    match concerned.len().div_ceil(64) {
        0 | 1 => Sieve::W1(Box::new(mesh(&concerned, origins, profile))),
        2 => Sieve::W2(Box::new(mesh(&concerned, origins, profile))),
        3 => Sieve::W3(Box::new(mesh(&concerned, origins, profile))),
        4 => Sieve::W4(Box::new(mesh(&concerned, origins, profile))),
        5 | 6 => Sieve::W6(Box::new(mesh(&concerned, origins, profile))),
        _ => Sieve::W8(Box::new(mesh(&concerned, origins, profile))),
    }
}

fn head<'a>(wanted: &Wanted<'a>) -> &'a Link {
    // `is_siftable` has seen it.
    wanted.rule.links.first().unwrap_or_else(|| no_link())
}

fn no_link() -> &'static Link {
    static EMPTY: Link = Link {
        targets: Vec::new(),
        exclusions: Vec::new(),
        transformations: Vec::new(),
        multi_match: false,
        capture: false,
        test: None,
        set_vars: Vec::new(),
        effects: Vec::new(),
    };
    &EMPTY
}

fn set<const W: usize>(bits: &mut [u64; W], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

fn mesh<const W: usize>(wanted: &[&Wanted<'_>], origins: &[Origin], profile: &Profile) -> Mesh<W> {
    let mut tree = Tree::default();
    tree.path(&[]);
    let mut sieve = Mesh {
        rules: Vec::new(),
        sources: Vec::new(),
        nodes: Vec::new(),
        table: empty_table(),
        absent: [[0; W]; 2],
        phrases: Phrases::new(&[], |_| 0.0),
        lowered: [0; W],
        unlowered: [0; W],
    };
    let mut tested = Vec::new();
    let mut phrases: Vec<(usize, &[u8])> = Vec::new();
    for (bit, wanted) in wanted.iter().enumerate() {
        let link = head(wanted);
        let path = tree.path(&link.transformations);
        let last = path.last().copied().unwrap_or_default();
        let mut sifted = add_rule(&mut sieve.table, &mut sieve.absent, bit, wanted, profile);
        tested.push(if link.multi_match { path } else { vec![last] });
        sifted.nodes = tested.last().into_iter().flatten().filter_map(|at| u16::try_from(*at).ok()).collect();
        sieve.rules.push(sifted);
        phrases.extend(phrases_of(link).iter().map(|phrase| (bit, &**phrase)));
        let lowers = |transformation: &&portcullis_transform::Transformation| {
            matches!(change(transformation), Change::LowerCase | Change::LowerCaseAnd(_))
        };
        if link.transformations.iter().any(lowers) {
            set(&mut sieve.lowered, bit);
        }
        if link.multi_match {
            set(&mut sieve.unlowered, bit);
        }
    }
    sieve.phrases = Phrases::new(&phrases, |text| profile.of_text(text));
    sieve.nodes = nodes(&tree, &tested);
    sieve.sources =
        origins.iter().filter_map(|origin| source(origin, wanted, &sieve.nodes, &sieve.rules)).collect();
    sieve
}

/// The phrases a rule looks for; none if it looks for anything else.
fn phrases_of(link: &Link) -> &[Box<[u8]>] {
    let test = link.test.as_ref().filter(|test| !test.negated);
    test.and_then(|test| test.operate.phrases()).unwrap_or(&[])
}

fn empty_table<const W: usize>() -> Box<[Row<W>; PAIRS]> {
    match vec![[[0; W]; 2]; PAIRS].into_boxed_slice().try_into() {
        Ok(table) => table,
        Err(_) => Box::new([[[0; W]; 2]; PAIRS]),
    }
}

fn nodes<const W: usize>(tree: &Tree, tested: &[Vec<usize>]) -> Vec<Node<W>> {
    let mut nodes: Vec<Node<W>> = tree
        .nodes
        .iter()
        .map(|(parent, transformation)| Node {
            parent: *parent,
            transformation: *transformation,
            change: transformation.map_or(Change::Classes(0), change),
            touched: match transformation.map_or(Change::Classes(0), change) {
                Change::Classes(classes) => Some(classes),
                Change::LowerCase => Some(UPPER),
                Change::LowerCaseAnd(classes) => Some(classes | UPPER),
                Change::Decodes(_) | Change::Any => None,
            },
            rules: [0; W],
        })
        .collect();
    for (bit, tested) in tested.iter().enumerate() {
        for at in tested {
            if let Some(node) = nodes.get_mut(*at) {
                set(&mut node.rules, bit);
            }
        }
    }
    nodes
}

/// Largest automaton that is built ahead for one rule, in bytes.
const LARGEST_AUTOMATON: usize = 96 << 10;
/// Most states of the nondeterministic automaton from which it is built: more take long, and do not fit.
const MOST_STATES: usize = 1_500;

fn add_rule<const W: usize>(
    table: &mut [Row<W>; PAIRS],
    absent: &mut Row<W>,
    bit: usize,
    wanted: &Wanted<'_>,
    profile: &Profile,
) -> Sifted {
    let link = head(wanted);
    let negated = link.test.as_ref().is_some_and(|test| test.negated);
    let mut superset = link.test.as_ref().and_then(|test| test.operate.superset());
    let phrases = phrases_of(link);
    if !phrases.is_empty() {
        // Long phrases are found by other means.
        let short = phrases.iter().map(|phrase| &**phrase).filter(|phrase| phrase.len() < SHORTEST);
        superset = Some(Superset { hir: Superset::phrases(short), exact: false });
    }
    // A negated operator matches what its expression is not found in: there is nothing to look for.
    let sought = superset.as_ref().filter(|_| !negated);
    let clauses = sought.map_or([None, None], |superset| best(&superset.hir, profile));
    let found_elsewhere = !phrases.is_empty() && phrases.iter().all(|phrase| phrase.len() >= SHORTEST);
    let shortest =
        sought.filter(|_| phrases.is_empty()).and_then(|superset| superset.hir.properties().minimum_len());
    for (clause, (at, absent)) in clauses.iter().zip(absent.iter_mut().enumerate()) {
        match clause {
            None if found_elsewhere => {}
            None => set(absent, bit),
            Some(clause) => enter(table, clause, at, bit),
        }
    }
    Sifted {
        rule: wanted.id,
        phase: wanted.rule.phase,
        step: wanted.step,
        nodes: Vec::new(),
        shortest: shortest.unwrap_or(0),
        negated,
        automaton: superset.as_ref().and_then(automaton),
    }
}

fn enter<const W: usize>(table: &mut [Row<W>; PAIRS], clause: &Clause, at: usize, bit: usize) {
    for (first, seconds) in clause.follow.iter().enumerate() {
        for second in (0..CLASSES).filter(|second| seconds >> second & 1 == 1) {
            if let Some(row) = table.get_mut(first * CLASSES + second).and_then(|row| row.get_mut(at)) {
                set(row, bit);
            }
        }
    }
}

fn automaton(superset: &Superset) -> Option<dense::DFA<Vec<u32>>> {
    if !superset.exact {
        return None;
    }
    let nfa = regex_automata::nfa::thompson::Compiler::new()
        .configure(
            regex_automata::nfa::thompson::Config::new()
                .utf8(false)
                .which_captures(regex_automata::nfa::thompson::WhichCaptures::None)
                .nfa_size_limit(Some(1 << 20)),
        )
        .build_from_hir(&superset.hir)
        .ok()?;
    if nfa.states().len() > MOST_STATES {
        return None;
    }
    dense::Builder::new()
        .configure(
            dense::Config::new()
                .start_kind(regex_automata::dfa::StartKind::Unanchored)
                .accelerate(false)
                .dfa_size_limit(Some(LARGEST_AUTOMATON))
                .determinize_size_limit(Some(2 * LARGEST_AUTOMATON)),
        )
        .build_from_nfa(&nfa)
        .ok()
}

fn source<const W: usize>(
    origin: &Origin,
    wanted: &[&Wanted<'_>],
    nodes: &[Node<W>],
    by_bit: &[Sifted],
) -> Option<Source<W>> {
    let mut names: Vec<&[u8]> = Vec::new();
    for wanted in wanted {
        let link = head(wanted);
        let targets = link.targets.iter().map(|target| (target.variable, &target.selector));
        let exclusions = link.exclusions.iter().map(|exclusion| (exclusion.variable, &exclusion.selector));
        for (variable, selector) in targets.chain(exclusions) {
            if let (true, Some(Selector::Name(name))) = (origin.reaches.contains(&variable), selector) {
                names.push(name);
            }
        }
    }
    let kind_of = |name: Option<&[u8]>| {
        let mut rules = [0; W];
        for (bit, wanted) in wanted.iter().enumerate() {
            if looks_at(origin, head(wanted), name) {
                set(&mut rules, bit);
            }
        }
        kind(rules, nodes, by_bit)
    };
    let others = kind_of(None);
    let mut named = ByName::default();
    for name in names {
        named.insert(name, kind_of(Some(name)));
    }
    let empty = others.rules == [0; W] && named.iter().all(|(_, kind)| kind.rules == [0; W]);
    (!empty).then(|| Source { when: origin.when, meaning: meaning(origin.variable), others, named })
}

/// Whether a rule may look at a member: of this name, or of one that no rule names. Patterns over names are taken to cover it.
fn looks_at(origin: &Origin, link: &Link, name: Option<&[u8]>) -> bool {
    let is = |selector: &Option<Selector>, pattern: bool| match selector {
        None => true,
        Some(Selector::Name(named)) => name.is_some_and(|name| name.eq_ignore_ascii_case(named)),
        Some(Selector::Regex(_)) => pattern,
    };
    link.targets.iter().any(|target| {
        origin.reaches.contains(&target.variable)
            && is(&target.selector, true)
            && !link
                .exclusions
                .iter()
                .any(|exclusion| exclusion.variable == target.variable && is(&exclusion.selector, false))
    })
}

fn kind<const W: usize>(rules: [u64; W], nodes: &[Node<W>], by_bit: &[Sifted]) -> Kind<W> {
    let mut needed = vec![false; nodes.len()];
    let mut kind =
        Kind { rules, touched: 0, decoding: [0; W], plain: [0; W], decoded: u64::MAX, nodes: Vec::new() };
    for (at, node) in nodes.iter().enumerate().rev() {
        let tests = rules.iter().zip(&node.rules).any(|(rules, tested)| rules & tested != 0);
        if tests || needed.get(at) == Some(&true) {
            for place in [at, node.parent] {
                if let Some(needed) = needed.get_mut(place) {
                    *needed = true;
                }
            }
        }
    }
    // Of an empty value nothing becomes anything, so what is decoded to nothing stays nothing.
    let mut decoding = vec![false; nodes.len()];
    let (mut plain, mut decoded, mut simple) = ([0; W], [0; W], true);
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| *at == 0 || needed.get(*at) == Some(&true)) {
        let below = at > 0 && decoding.get(node.parent) == Some(&true);
        if at > 0 {
            kind.nodes.extend(u16::try_from(at));
            kind.touched |= if below { 0 } else { touched(node.change) };
        }
        if let Change::Decodes(classes) = node.change {
            kind.decoded &= classes;
        }
        simple &= !below || node.change != Change::Any;
        let decodes = below || matches!(node.change, Change::Decodes(_));
        if let Some(place) = decoding.get_mut(at) {
            *place = decodes;
        }
        let seen = if decodes { &mut decoded } else { &mut plain };
        for (seen, (rules, tested)) in seen.iter_mut().zip(kind.rules.iter().zip(&node.rules)) {
            *seen |= rules & tested;
        }
    }
    let in_decoded = |bit: usize| decoded.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
    simple &= by_bit
        .iter()
        .enumerate()
        .filter(|(bit, _)| in_decoded(*bit))
        .all(|(_, sifted)| !sifted.negated && sifted.shortest > 0);
    kind.decoding = decoded;
    if !simple && decoded != [0; W] {
        kind.touched = !UPPER;
    }
    kind.plain = plain;
    kind
}
