//! Sources of values and the kinds of values in them: which rules look at a value, and what of it they need to see changed.

use portcullis_seclang::vocabulary::Variable;

use super::{
    mesh::set,
    sift::{Origin, Wanted},
    transform_plan::{brings_nothing, never_lengthens, stirs, touched},
    usual,
};
use crate::{
    ir::{
        ByName, Link, Selector,
        mark::Mark,
        sieve::{Change, Kind, Mesh, Node, Signs, Source},
    },
    variables::{Meaning, meaning},
    vm::scan,
};

/// The sources of a mesh, of which all else is known.
pub(super) fn sources<const W: usize>(
    mesh: &Mesh<W>,
    wanted: &[&Wanted<'_>],
    origins: &[&Origin],
) -> Vec<Source<W>> {
    let (mut searched, mut marked) = (mesh.phrases.rules, [0; W]);
    for (bit, sifted) in mesh.rules.iter().enumerate() {
        let is_anchored = || sifted.automaton.as_ref().is_some_and(|automaton| automaton.is_anchored());
        match sifted.mark {
            Some(Mark::Letter { .. }) => set(&mut marked, bit),
            Some(Mark::Text(_)) => set(&mut searched, bit),
            None if sifted.echo.is_none() && is_anchored() => set(&mut searched, bit),
            None => {}
        }
    }
    let known = Known { mesh, searched, marked };
    origins.iter().filter_map(|origin| source(origin, wanted, &known)).collect()
}

/// What is known of a mesh before its sources are.
struct Known<'a, const W: usize> {
    mesh: &'a Mesh<W>,
    /// Rules that have phrases or literals, or are cheap to ask.
    searched: [u64; W],
    /// Rules that have a mark in the value as it came, and see it changed.
    marked: [u64; W],
}

fn source<const W: usize>(
    origin: &Origin,
    wanted: &[&Wanted<'_>],
    known: &Known<'_, W>,
) -> Option<Source<W>> {
    let kind_of = |name: Option<&[u8]>| {
        let (mut rules, mut choosy) = ([0; W], [0; W]);
        for (bit, wanted) in wanted.iter().enumerate() {
            let silent = || name.is_some_and(|name| is_silent(origin, wanted, name));
            if looks_at(origin, wanted.link(), name) && !silent() {
                set(&mut rules, bit);
                if chooses(origin, wanted.link()) {
                    set(&mut choosy, bit);
                }
            }
        }
        let made = kind(rules, choosy, known);
        let mut made = match name.filter(|_| matches!(meaning(origin.variable), Meaning::Names(_))) {
            Some(name) => of_name(made, name, known),
            None => made,
        };
        let has = |bit: usize| made.rules.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        let concerned = wanted.iter().enumerate().filter(|(bit, _)| has(*bit));
        let concerned: Vec<(usize, &Wanted<'_>)> = concerned.map(|(bit, wanted)| (bit, *wanted)).collect();
        made.usual = usual::woken(origin.variable, name, &concerned);
        made
    };
    let others = kind_of(None);
    let mut named = ByName::default();
    for name in names_of(origin, wanted) {
        named.insert(name, kind_of(Some(name)));
    }
    let empty = others.rules == [0; W] && named.iter().all(|(_, kind)| kind.rules == [0; W]);
    (!empty).then(|| Source {
        when: origin.when,
        meaning: meaning(origin.variable),
        reaches: origin.reaches,
        stays: stays(origin.variable),
        recurs: recurs(origin.variable),
        others,
        named,
    })
}

/// Names that have kinds of their own: rules name them, or they are usual.
fn names_of<'a>(origin: &Origin, wanted: &'a [&Wanted<'_>]) -> Vec<&'a [u8]> {
    let mut names: Vec<&[u8]> = Vec::new();
    for wanted in wanted {
        let link = wanted.link();
        let targets = link.targets.iter().map(|target| (target.variable, &target.selector));
        let exclusions = link.exclusions.iter().map(|exclusion| (exclusion.variable, &exclusion.selector));
        for (variable, selector) in targets.chain(exclusions) {
            if let (true, Some(Selector::Name(name))) = (origin.reaches.contains(&variable), selector) {
                names.push(name);
            }
        }
    }
    if origin.variable == Variable::RequestHeadersNames && wanted.iter().any(|wanted| wanted.echo.is_some()) {
        names.extend(usual::FIELDS.iter().map(|name| name.as_bytes()));
    }
    for name in usual::names(origin.variable) {
        names.push(name);
    }
    names
}

/// Of a kind that is one name, in either case: without rules whose clauses do not hold in it.
fn of_name<const W: usize>(made: Kind<W>, name: &[u8], known: &Known<'_, W>) -> Kind<W> {
    let scanned = scan(known.mesh, name);
    if scanned.signs.show_folded(made.touched) {
        return made;
    }
    let mut rules = made.rules;
    for (word, rules) in rules.iter_mut().enumerate() {
        let of = |set: &[u64; W]| set.get(word).copied().unwrap_or_default();
        *rules &= of(&scanned.hits) | of(&known.mesh.inverted) | of(&made.decoding);
    }
    let mut choosy = made.choosy;
    choosy.iter_mut().zip(&rules).for_each(|(choosy, rules)| *choosy &= rules);
    kind(rules, choosy, known)
}

/// Whether a header field of this name, in any case, can do nothing for a chain whose head looks at names.
fn is_silent(origin: &Origin, wanted: &Wanted<'_>, name: &[u8]) -> bool {
    let Some(echo) = wanted.echo.as_ref().filter(|_| origin.variable == Variable::RequestHeadersNames) else {
        return false;
    };
    match wanted.link().transformations.as_slice() {
        [only] if only.name == "lowercase" => !echo.is_heard(wanted.rule, &name.to_ascii_lowercase()),
        _ => false,
    }
}

/// Whether the values of a collection are members that the transaction keeps.
fn stays(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::RequestHeaders
            | Variable::RequestHeadersNames
            | Variable::RequestCookies
            | Variable::RequestCookiesNames
            | Variable::ArgsGet
            | Variable::ArgsGetNames
            | Variable::ArgsPost
            | Variable::ArgsPostNames
    )
}

/// Whether many values of a collection come with request after request. Values of arguments and cookies do not, and may be secrets.
fn recurs(variable: Variable) -> bool {
    matches!(
        variable,
        Variable::RequestMethod
            | Variable::RequestProtocol
            | Variable::RequestFilename
            | Variable::RequestHeaders
            | Variable::RequestHeadersNames
            | Variable::RequestCookiesNames
            | Variable::ArgsGetNames
            | Variable::ArgsPostNames
            | Variable::ServerName
            | Variable::ResponseHeaders
            | Variable::ResponseHeadersNames
            | Variable::ResponseProtocol
            | Variable::ResponseContentType
    )
}

/// Whether a link chooses among members by a pattern over their names.
fn chooses(origin: &Origin, link: &Link) -> bool {
    let targets = link.targets.iter().map(|target| (target.variable, &target.selector));
    let exclusions = link.exclusions.iter().map(|exclusion| (exclusion.variable, &exclusion.selector));
    targets.chain(exclusions).any(|(variable, selector)| {
        origin.reaches.contains(&variable) && matches!(selector, Some(Selector::Regex(_)))
    })
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

fn kind<const W: usize>(rules: [u64; W], choosy: [u64; W], known: &Known<'_, W>) -> Kind<W> {
    let (nodes, by_bit) = (&known.mesh.nodes, &known.mesh.rules);
    let needed = needed(&rules, nodes);
    let mut kind = of_rules(rules, choosy);
    // Of an empty value nothing becomes anything, so what is decoded to nothing stays nothing.
    let mut decoding = vec![false; nodes.len()];
    let mut lowering = vec![false; nodes.len()];
    let (mut simple, mut shrinks) = (true, true);
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| *at == 0 || needed.get(*at) == Some(&true)) {
        let below = at > 0 && decoding.get(node.parent) == Some(&true);
        let lowered = at > 0 && lowering.get(node.parent) == Some(&true);
        if at > 0 {
            note_change(&mut kind, node, below);
        }
        if let Change::Decodes(classes) = node.change {
            kind.decoded &= classes;
            // One decoding, of the value as it came or without its blanks.
            simple &= !below && !lowered && keeps_code(nodes, node.parent);
            simple &= kind
                .decoder
                .is_none_or(|known| node.transformation.is_some_and(|own| std::ptr::eq(known, own)));
            kind.decoder = node.transformation;
        }
        shrinks &= !below || node.transformation.is_some_and(never_lengthens);
        simple &= !below || node.change != Change::Any;
        let decodes = below || matches!(node.change, Change::Decodes(_));
        if let Some(place) = decoding.get_mut(at) {
            *place = decodes;
        }
        if let Some(place) = lowering.get_mut(at) {
            *place = lowered || matches!(node.change, Change::LowerCase | Change::LowerCaseAnd(_));
        }
        let seen = if decodes { &mut kind.decoding } else { &mut kind.plain };
        for (seen, (rules, tested)) in seen.iter_mut().zip(rules.iter().zip(&node.rules)) {
            *seen |= rules & tested;
        }
    }
    let has = |bit: usize| kind.decoding.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
    let decoded = || by_bit.iter().enumerate().filter(|(bit, _)| has(*bit)).map(|(_, sifted)| sifted);
    simple &= decoded().all(|sifted| !sifted.negated && sifted.shortest > 0);
    if shrinks {
        kind.decoded_from = decoded().map(|sifted| sifted.shortest).min().unwrap_or(0);
    }
    if !simple && kind.decoding != [0; W] {
        kind.touched = Signs::ALL;
        kind.brings = vec![(Signs::ALL, rules)];
        kind.stirred = rules;
        kind.decoder = None;
    }
    (kind.searched, kind.marked) = searched(&rules, known);
    kind
}

/// A kind of which nothing but its rules is known.
fn of_rules<const W: usize>(rules: [u64; W], choosy: [u64; W]) -> Kind<W> {
    Kind {
        rules,
        choosy,
        touched: Signs::default(),
        brings: Vec::new(),
        stirs: Vec::new(),
        stirred: [0; W],
        decoding: [0; W],
        plain: [0; W],
        decoded: u64::MAX,
        decoded_from: 0,
        touched_decoded: Signs::default(),
        brings_decoded: Signs::default(),
        decoder: None,
        searched: None,
        marked: Vec::new(),
        usual: Vec::new(),
    }
}

/// Notes what a transformation changes, of the value or (`below`) of what it decodes to.
fn note_change<const W: usize>(kind: &mut Kind<W>, node: &Node<W>, below: bool) {
    let seen = if below { &mut kind.touched_decoded } else { &mut kind.touched };
    *seen = seen.with(touched(node.change));
    let stirring = node.transformation.map_or(Some(Signs::default()), stirs);
    match node.change {
        _ if node.transformation.is_some_and(brings_nothing) => {}
        Change::Decodes(_) => {}
        change if below => kind.brings_decoded = kind.brings_decoded.with(touched(change)),
        change => bring(&mut kind.brings, stirring.unwrap_or(touched(change)), node, &kind.rules),
    }
    match stirring {
        Some(signs) if signs == Signs::default() => {}
        Some(signs) => bring(&mut kind.stirs, signs, node, &kind.rules),
        None => {
            let stirred = kind.stirred.iter_mut().zip(node.below.iter().zip(&kind.rules));
            stirred.for_each(|(stirred, (below, rules))| *stirred |= below & rules);
        }
    }
}

/// Rules that a search finds in values of a kind, if that is all but those with marks, and these.
fn searched<const W: usize>(rules: &[u64; W], known: &Known<'_, W>) -> (Option<[u64; W]>, Vec<u16>) {
    let mut others = *rules;
    others.iter_mut().zip(&known.marked).for_each(|(others, marked)| *others &= !marked);
    let is_of = |set: &[u64; W], all: &[u64; W]| set.iter().zip(all).all(|(set, all)| set & !all == 0);
    let concerns = |node: &Node<W>| node.below.iter().zip(&others).any(|(below, others)| below & others != 0);
    let changes = |node: &Node<W>| match node.change {
        Change::LowerCase => false,
        change => touched(change) != Signs::default() || matches!(change, Change::Decodes(_)),
    };
    let inner = known.mesh.nodes.iter().skip(1);
    if !is_of(&others, &known.searched) || inner.into_iter().any(|node| concerns(node) && changes(node)) {
        return (None, Vec::new());
    }
    let has = |bit: &usize| {
        let word = |set: &[u64; W]| set.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1);
        word(rules) && word(&known.marked)
    };
    let marked = (0..known.mesh.rules.len()).filter(has);
    (Some(others), marked.filter_map(|bit| u16::try_from(bit).ok()).collect())
}

/// Whether the transformations up to a node either bring forth other bytes or take away blanks, and nothing else.
fn keeps_code<const W: usize>(nodes: &[Node<W>], mut at: usize) -> bool {
    while at > 0 {
        let Some(node) = nodes.get(at) else { return false };
        let takes_away = node
            .transformation
            .is_some_and(|known| brings_nothing(known) && known.name != "removeWhitespace");
        if takes_away {
            return false;
        }
        at = node.parent;
    }
    true
}

/// Notes what a node does that rules below it are concerned with.
fn bring<const W: usize>(
    brings: &mut Vec<(Signs, [u64; W])>,
    signs: Signs,
    node: &Node<W>,
    rules: &[u64; W],
) {
    let at = brings.iter().position(|(known, _)| *known == signs).unwrap_or(brings.len());
    if at == brings.len() {
        brings.push((signs, [0; W]));
    }
    if let Some((_, brought)) = brings.get_mut(at) {
        for (brought, (below, rules)) in brought.iter_mut().zip(node.below.iter().zip(rules)) {
            *brought |= below & rules;
        }
    }
}

/// Nodes that rules need, and those on the way to them.
fn needed<const W: usize>(rules: &[u64; W], nodes: &[Node<W>]) -> Vec<bool> {
    let mut needed = vec![false; nodes.len()];
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
    needed
}
