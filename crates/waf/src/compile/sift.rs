//! Which values can be looked at ahead, and which rules are looked for in them.
//!
//! A link is sifted if all that it looks at is fixed before its phase begins, so that its values can be looked at ahead, together with those
//! of all others. What `ctl` excludes for one request is not looked at here: a rule that is woken for nothing is evaluated and does not
//! match.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use portcullis_seclang::vocabulary::Variable as V;
use regex_automata::{MatchKind, util::prefilter::Prefilter};

use super::{
    mesh::mesh,
    profile::Profile,
    rough::{LENGTHS, beginning},
};
use crate::{
    ir::{
        Control, Echo, Effect, Link, Plan, Rule, RuleId,
        automaton::Automaton,
        sieve::{AnyMesh, MOST_RULES, SIGN_BITS, Sieve, When},
    },
    operators::Superset,
    state::Value,
};

/// A collection that is looked at, and the variables that its values belong to.
pub(super) struct Origin {
    pub(super) when: When,
    pub(super) variable: V,
    pub(super) reaches: &'static [V],
    /// Values of one group share a mesh.
    group: u8,
}

const fn origin(group: u8, when: When, variable: V, reaches: &'static [V]) -> Origin {
    Origin { when, variable, reaches, group }
}

/// The request line, and who speaks to whom.
const LINE: u8 = 0;
/// Header fields.
const FIELDS: u8 = 1;
/// What an application takes as its arguments.
const ARGUMENTS: u8 = 2;
/// The head of the answer.
const STATUS: u8 = 3;
/// Its body.
const CONTENT: u8 = 4;
const GROUPS: u8 = 5;

/// What of a request is fixed. Values in front of their parts: what is shown of the former is not looked for in the latter.
pub(super) const REQUEST: &[Origin] = &[
    origin(LINE, When::Head, V::RequestMethod, &[V::RequestMethod]),
    origin(LINE, When::Head, V::RequestProtocol, &[V::RequestProtocol]),
    origin(LINE, When::Head, V::RequestLine, &[V::RequestLine]),
    origin(LINE, When::Head, V::RequestUri, &[V::RequestUri]),
    origin(LINE, When::Head, V::RequestUriRaw, &[V::RequestUriRaw]),
    origin(ARGUMENTS, When::Head, V::RequestFilename, &[V::RequestFilename, V::PathInfo]),
    origin(LINE, When::Head, V::RequestBasename, &[V::RequestBasename]),
    origin(LINE, When::Head, V::QueryString, &[V::QueryString]),
    origin(FIELDS, When::Head, V::RequestHeaders, &[V::RequestHeaders]),
    origin(FIELDS, When::Head, V::RequestHeadersNames, &[V::RequestHeadersNames]),
    origin(ARGUMENTS, When::Head, V::RequestCookies, &[V::RequestCookies]),
    origin(ARGUMENTS, When::Head, V::RequestCookiesNames, &[V::RequestCookiesNames]),
    origin(LINE, When::Head, V::ServerName, &[V::ServerName]),
    origin(LINE, When::Head, V::AuthType, &[V::AuthType]),
    origin(LINE, When::Head, V::RemoteUser, &[V::RemoteUser]),
    origin(LINE, When::Head, V::RemoteAddr, &[V::RemoteAddr, V::RemoteHost]),
    origin(ARGUMENTS, When::Head, V::ArgsGet, &[V::Args, V::ArgsGet]),
    origin(ARGUMENTS, When::Head, V::ArgsGetNames, &[V::ArgsNames, V::ArgsGetNames]),
    origin(ARGUMENTS, When::Body, V::RequestBody, &[V::RequestBody]),
    origin(ARGUMENTS, When::Body, V::ArgsPost, &[V::Args, V::ArgsPost]),
    origin(ARGUMENTS, When::Body, V::ArgsPostNames, &[V::ArgsNames, V::ArgsPostNames]),
    origin(ARGUMENTS, When::Body, V::Files, &[V::Files, V::MultipartFilename]),
    origin(ARGUMENTS, When::Body, V::FilesNames, &[V::FilesNames, V::MultipartName]),
    origin(ARGUMENTS, When::Body, V::FilesTmpContent, &[V::FilesTmpContent]),
    origin(ARGUMENTS, When::Body, V::MultipartPartHeaders, &[V::MultipartPartHeaders]),
    origin(ARGUMENTS, When::Body, V::Xml, &[V::Xml]),
];

/// What of an answer is fixed.
pub(super) const RESPONSE: &[Origin] = &[
    origin(STATUS, When::Head, V::ResponseHeaders, &[V::ResponseHeaders]),
    origin(STATUS, When::Head, V::ResponseHeadersNames, &[V::ResponseHeadersNames]),
    origin(STATUS, When::Head, V::ResponseProtocol, &[V::ResponseProtocol]),
    origin(STATUS, When::Head, V::ResponseContentType, &[V::ResponseContentType]),
    origin(CONTENT, When::Body, V::ResponseBody, &[V::ResponseBody]),
];

/// A link that is looked for.
pub(super) struct Wanted<'a> {
    pub(super) id: RuleId,
    pub(super) rule: &'a Rule,
    /// 0 is the head.
    pub(super) link: usize,
    /// What it wakes: a part of this step, or the step itself.
    pub(super) part: u16,
    pub(super) step: u16,
    /// Steps that its rule's `skipAfter` passes over.
    pub(super) skips: Option<Range<u16>>,
    /// The operator's argument as the plan has it, if it holds macros.
    pub(super) argument: Option<Value>,
    /// What the links behind make of a match, if the head matches nearly everything.
    pub(super) echo: Option<Arc<Echo>>,
}

impl<'a> Wanted<'a> {
    pub(super) fn link(&self) -> &'a Link {
        // `is_siftable` has seen it.
        self.rule.links.get(self.link).unwrap_or_else(|| no_link())
    }
}

/// Whether the values of a link can be looked at ahead. `argument` says whether the argument of its operator is known ahead.
pub(super) fn is_siftable(link: &Link, argument: bool, all: &[Rule]) -> bool {
    let Some(test) = &link.test else { return false };
    (test.argument.is_none() || argument)
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

/// A sieve over `origins` that looks after `wanted`, and the positions of those that found no room in it.
pub(super) fn build(
    wanted: &[Wanted<'_>],
    origins: &[Origin],
    profile: &Profile,
    automata: &mut Automata,
) -> (Sieve, Vec<usize>) {
    static GENERATION: AtomicU64 = AtomicU64::new(1);
    let mut sieve = Sieve { generation: GENERATION.fetch_add(1, Ordering::Relaxed), meshes: Vec::new() };
    let mut left = Vec::new();
    for group in 0..GROUPS {
        let origins: Vec<&Origin> = origins.iter().filter(|origin| origin.group == group).collect();
        let reaches = |variable| origins.iter().any(|origin| origin.reaches.contains(&variable));
        let concerned: Vec<usize> = wanted
            .iter()
            .enumerate()
            .filter(|(_, wanted)| wanted.link().targets.iter().any(|target| reaches(target.variable)))
            .map(|(at, _)| at)
            .collect();
        let (taken, more) = concerned.split_at(concerned.len().min(MOST_RULES));
        left.extend_from_slice(more);
        let taken: Vec<&Wanted<'_>> = taken.iter().filter_map(|at| wanted.get(*at)).collect();
        if !taken.is_empty() {
            sieve.meshes.push(any_mesh(&taken, &origins, profile, automata));
        }
    }
    (sieve, left)
}

fn any_mesh(
    wanted: &[&Wanted<'_>],
    origins: &[&Origin],
    profile: &Profile,
    automata: &mut Automata,
) -> AnyMesh {
    match (wanted.len() + SIGN_BITS).div_ceil(64) {
        0 | 1 => AnyMesh::W1(Box::new(mesh(wanted, origins, profile, automata))),
        2 => AnyMesh::W2(Box::new(mesh(wanted, origins, profile, automata))),
        3 => AnyMesh::W3(Box::new(mesh(wanted, origins, profile, automata))),
        4 => AnyMesh::W4(Box::new(mesh(wanted, origins, profile, automata))),
        5 | 6 => AnyMesh::W6(Box::new(mesh(wanted, origins, profile, automata))),
        _ => AnyMesh::W8(Box::new(mesh(wanted, origins, profile, automata))),
    }
}

fn no_link() -> &'static Link {
    static EMPTY: Link = Link {
        targets: Vec::new(),
        exclusions: Vec::new(),
        transformations: Vec::new(),
        multi_match: false,
        capture: false,
        captures_unseen: false,
        test: None,
        set_vars: Vec::new(),
        effects: Vec::new(),
    };
    &EMPTY
}

/// Largest automaton that is built ahead for one rule, in bytes.
const LARGEST_AUTOMATON: usize = 96 << 10;
/// The same of one for how a match begins.
const LARGEST_ROUGH: usize = 32 << 10;

/// Automata of links, each built once however many meshes look for it.
#[derive(Default)]
pub(super) struct Automata {
    built: HashMap<(RuleId, usize), Built>,
}

/// What is asked instead of a link's operator, or before it.
#[derive(Clone, Default)]
pub(super) struct Built {
    pub(super) exact: Option<Arc<Automaton>>,
    /// Is found wherever the operator matches.
    pub(super) rough: Option<Arc<Automaton>>,
}

impl Automata {
    /// Those of other plans of the same program.
    pub(super) fn of_plans(plans: &[&Plan]) -> Self {
        let mut automata = Self::default();
        for mesh in plans.iter().flat_map(|plan| plan.request.meshes.iter().chain(&plan.response.meshes)) {
            for sifted in mesh.rules() {
                let built = Built { exact: sifted.automaton.clone(), rough: sifted.rough.clone() };
                automata.built.entry((sifted.rule, sifted.link)).or_insert(built);
            }
        }
        automata
    }

    pub(super) fn of(&mut self, wanted: &Wanted<'_>, superset: &Superset) -> Built {
        self.built.entry((wanted.id, wanted.link)).or_insert_with(|| Built::of(superset)).clone()
    }
}

impl Built {
    fn of(superset: &Superset) -> Self {
        if !superset.exact {
            return Self::default();
        }
        if let Some(exact) = Automaton::new(&superset.hir, LARGEST_AUTOMATON) {
            return Self { exact: Some(Arc::new(exact)), rough: None };
        }
        // Where few literals begin a match, the operator looks for them faster than any automaton.
        let literals = Prefilter::from_hir_prefix(MatchKind::LeftmostFirst, &superset.hir);
        if literals.is_some_and(|literals| literals.is_fast()) {
            return Self::default();
        }
        let beginnings = LENGTHS.iter().map(|bytes| beginning(&superset.hir, *bytes));
        let rough = beginnings.filter_map(|hir| Automaton::new(&hir, LARGEST_ROUGH)).next();
        Self { exact: None, rough: rough.map(Arc::new) }
    }
}
