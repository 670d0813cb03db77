//! Builds a mesh: bits, clauses, chains of transformations and kinds of values of one group of collections.

use portcullis_seclang::vocabulary::Variable;
use regex_syntax::hir::Hir;

use super::{
    prefilter::{Clause, best, needs},
    profile::Profile,
    sift::{Automata, Origin, Wanted},
    transform_plan::{Tree, brings_nothing, change, never_lengthens, stirs, touched},
};
use crate::{
    ir::{
        ByName, Link, Selector,
        phrases::{Phrases, SHORTEST},
        sieve::{
            CLASSES, Change, Kind, Mesh, NEEDS, Node, PAIRS, Row, SIGN_SHIFT, SIGNS, Sifted, Signs, Source,
            UPPER, class,
        },
    },
    operators::Superset,
    variables::{Meaning, meaning},
};

fn set<const W: usize>(bits: &mut [u64; W], at: usize) {
    if let Some(word) = bits.get_mut(at / 64) {
        *word |= 1 << (at % 64);
    }
}

pub(super) fn mesh<const W: usize>(
    wanted: &[&Wanted<'_>],
    origins: &[&Origin],
    profile: &Profile,
    automata: &mut Automata,
) -> Mesh<W> {
    let mut tree = Tree::default();
    tree.path(&[]);
    let mut mesh = Mesh {
        rules: Vec::new(),
        sources: Vec::new(),
        nodes: Vec::new(),
        table: empty_table(),
        absent: [[0; W]; 2],
        blank: [[0; W]; 2],
        phrases: Phrases::new(&[], |_| 0.0),
        inverted: [0; W],
        content_with: Box::new([[[0; W]; NEEDS]; CLASSES]),
        content: [[0; W]; NEEDS],
        lowered: [0; W],
        unlowered: [0; W],
    };
    let mut tested = Vec::new();
    let mut phrases: Vec<(usize, &[u8])> = Vec::new();
    for (bit, wanted) in wanted.iter().enumerate() {
        let link = wanted.link();
        let path = tree.path(&link.transformations);
        let last = path.last().copied().unwrap_or_default();
        let mut sifted = add_rule(&mut mesh.table, &mut mesh.absent, bit, wanted, profile, automata);
        tested.push(if link.multi_match { path } else { vec![last] });
        sifted.nodes = tested.last().into_iter().flatten().filter_map(|at| u16::try_from(*at).ok()).collect();
        let (negated, needs) = (sifted.negated, sifted.needs);
        mesh.rules.push(sifted);
        // A rule whose phrases are not all kept here is asked itself.
        let its = phrases_of(link);
        if its.iter().all(|phrase| phrase.len() >= SHORTEST) {
            phrases.extend(its.iter().map(|phrase| (bit, &**phrase)));
            if negated && !its.is_empty() {
                set(&mut mesh.inverted, bit);
            }
        }
        note_needs(&mut mesh, bit, needs);
        let lowers = |transformation: &&portcullis_transform::Transformation| {
            matches!(change(transformation), Change::LowerCase | Change::LowerCaseAnd(_))
        };
        if link.transformations.iter().any(lowers) {
            set(&mut mesh.lowered, bit);
        }
        if link.multi_match {
            set(&mut mesh.unlowered, bit);
        }
    }
    for bit in 0..mesh.rules.len() {
        let spares = spared(wanted, bit);
        if let Some(sifted) = mesh.rules.get_mut(bit) {
            sifted.spares = spares;
        }
    }
    mesh.blank = beside_blanks(&mesh.table);
    enter_signs(&mut mesh.table);
    mesh.phrases = Phrases::new(&phrases, |text| profile.of_text(text));
    mesh.nodes = nodes(&tree, &tested);
    mesh.sources =
        origins.iter().filter_map(|origin| source(origin, wanted, &mesh.nodes, &mesh.rules)).collect();
    mesh
}

/// Bits that wake steps which a match of a bit's rule skips. Only of a rule that is one link over one value as it comes.
fn spared(wanted: &[&Wanted<'_>], bit: usize) -> Vec<u16> {
    let Some((own, steps)) = wanted.get(bit).and_then(|own| Some((own, own.skips.as_ref()?))) else {
        return Vec::new();
    };
    let link = own.link();
    let is_one_value =
        matches!(link.targets.as_slice(), [target] if matches!(target.meaning, Meaning::Single(_)));
    if own.rule.links.len() != 1
        || !is_one_value
        || !link.exclusions.is_empty()
        || !link.transformations.is_empty()
    {
        return Vec::new();
    }
    let all = wanted.iter().enumerate();
    all.filter(|(_, other)| other.rule.phase == own.rule.phase && steps.contains(&other.step))
        .filter_map(|(at, _)| u16::try_from(at).ok())
        .collect()
}

/// The phrases a rule looks for; none if it looks for anything else.
fn phrases_of(link: &Link) -> &[Box<[u8]>] {
    link.test.as_ref().and_then(|test| test.operate.phrases()).unwrap_or(&[])
}

fn note_needs<const W: usize>(mesh: &mut Mesh<W>, bit: usize, needs: [u64; NEEDS]) {
    for (at, needs) in needs.into_iter().enumerate() {
        if let (0, Some(content)) = (needs, mesh.content.get_mut(at)) {
            set(content, bit);
        }
        for (class, rules) in mesh.content_with.iter_mut().enumerate() {
            if let (1, Some(rules)) = (needs >> class & 1, rules.get_mut(at)) {
                set(rules, bit);
            }
        }
    }
}

fn empty_table<const W: usize>() -> Box<[Row<W>; PAIRS]> {
    match vec![[[0; W]; 2]; PAIRS].into_boxed_slice().try_into() {
        Ok(table) => table,
        Err(_) => Box::new([[[0; W]; 2]; PAIRS]),
    }
}

/// All that a space beside some byte fulfils.
fn beside_blanks<const W: usize>(table: &[Row<W>; PAIRS]) -> Row<W> {
    let space = usize::from(class(b' '));
    let mut all = [[0; W]; 2];
    let rows = table.iter().enumerate().filter(|(at, _)| at / CLASSES == space || at % CLASSES == space);
    for (_, row) in rows {
        for (all, row) in all.iter_mut().zip(row) {
            all.iter_mut().zip(row).for_each(|(all, row)| *all |= row);
        }
    }
    all
}

fn enter_signs<const W: usize>(table: &mut [Row<W>; PAIRS]) {
    for (number, pairs) in SIGNS.iter().enumerate() {
        for (at, [first_clause, _]) in table.iter_mut().enumerate() {
            let (first, second) = (at / CLASSES, at % CLASSES);
            let shows = pairs.iter().any(|(one, other)| one >> first & 1 == 1 && other >> second & 1 == 1);
            if let (true, Some(word)) = (shows, first_clause.last_mut()) {
                *word |= 1 << (SIGN_SHIFT + number);
            }
        }
    }
}

fn nodes<const W: usize>(tree: &Tree, tested: &[Vec<usize>]) -> Vec<Node<W>> {
    let mut nodes: Vec<Node<W>> = tree
        .nodes
        .iter()
        .map(|(parent, transformation)| Node {
            parent: *parent,
            transformation: *transformation,
            change: transformation.map_or(Change::If(Signs::default()), change),
            touched: match transformation.map_or(Change::If(Signs::default()), change) {
                Change::If(signs) => Some(signs),
                Change::LowerCase => Some(Signs { classes: UPPER, pairs: 0 }),
                Change::LowerCaseAnd(signs) => Some(signs.with(Signs { classes: UPPER, pairs: 0 })),
                Change::Decodes(_) | Change::Any => None,
            },
            rules: [0; W],
            below: [0; W],
        })
        .collect();
    for (bit, tested) in tested.iter().enumerate() {
        for at in tested {
            if let Some(node) = nodes.get_mut(*at) {
                set(&mut node.rules, bit);
            }
        }
    }
    for at in (0..nodes.len()).rev() {
        let Some((parent, below)) = nodes.get_mut(at).map(|node| {
            node.below.iter_mut().zip(&node.rules).for_each(|(below, rules)| *below |= rules);
            (node.parent, node.below)
        }) else {
            continue;
        };
        if let Some(parent) = nodes.get_mut(parent).filter(|_| at > 0) {
            parent.below.iter_mut().zip(&below).for_each(|(parent, below)| *parent |= below);
        }
    }
    nodes
}

fn add_rule<const W: usize>(
    table: &mut [Row<W>; PAIRS],
    absent: &mut Row<W>,
    bit: usize,
    wanted: &Wanted<'_>,
    profile: &Profile,
    automata: &mut Automata,
) -> Sifted {
    let link = wanted.link();
    let test = link.test.as_ref();
    let negated = test.is_some_and(|test| test.negated);
    let mut superset = test.filter(|test| test.argument.is_none()).and_then(|test| test.operate.superset());
    let phrases = phrases_of(link);
    if !phrases.is_empty() {
        superset =
            Some(Superset { hir: Superset::phrases(phrases.iter().map(|phrase| &**phrase)), exact: false });
    }
    // A negated operator matches what its expression is not found in: there is nothing to look for, but phrases, of which none is wanted.
    let sought: Option<&Hir> = superset.as_ref().filter(|_| !negated).map(|superset| &superset.hir);
    let kept = !phrases.is_empty() && phrases.iter().all(|phrase| phrase.len() >= SHORTEST);
    let clauses = superset
        .as_ref()
        .filter(|_| !negated || kept)
        .map_or([None, None], |superset| best(&superset.hir, profile));
    for (clause, (at, absent)) in clauses.iter().zip(absent.iter_mut().enumerate()) {
        match clause {
            None => set(absent, bit),
            Some(clause) => enter(table, clause, at, bit),
        }
    }
    let automata = superset.as_ref().map(|superset| automata.of(wanted, superset)).unwrap_or_default();
    Sifted {
        rule: wanted.id,
        link: wanted.link,
        phase: wanted.rule.phase,
        step: wanted.step,
        part: wanted.part,
        nodes: Vec::new(),
        shortest: sought.and_then(|hir| hir.properties().minimum_len()).unwrap_or(0),
        needs: sought.map_or([0; NEEDS], |hir| needs(hir, profile)),
        negated,
        argument: wanted.argument.clone(),
        spares: Vec::new(),
        echo: wanted.echo.clone(),
        automaton: automata.exact,
        rough: automata.rough.filter(|_| !negated),
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

fn source<const W: usize>(
    origin: &Origin,
    wanted: &[&Wanted<'_>],
    nodes: &[Node<W>],
    by_bit: &[Sifted],
) -> Option<Source<W>> {
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
        names.extend(USUAL_FIELDS.iter().map(|name| name.as_bytes()));
    }
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
        kind(rules, choosy, nodes, by_bit)
    };
    let others = kind_of(None);
    let mut named = ByName::default();
    for name in names {
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

/// Header fields that most requests have: what their names come to is found out when rules are compiled.
const USUAL_FIELDS: &[&str] = &[
    "accept",
    "accept-encoding",
    "accept-language",
    "authorization",
    "cache-control",
    "connection",
    "content-length",
    "content-type",
    "cookie",
    "dnt",
    "host",
    "idempotency-key",
    "if-modified-since",
    "if-none-match",
    "keep-alive",
    "origin",
    "pragma",
    "priority",
    "referer",
    "sec-ch-ua",
    "sec-ch-ua-mobile",
    "sec-ch-ua-platform",
    "sec-fetch-dest",
    "sec-fetch-mode",
    "sec-fetch-site",
    "sec-fetch-user",
    "te",
    "traceparent",
    "tracestate",
    "upgrade-insecure-requests",
    "user-agent",
    "x-api-key",
    "x-correlation-id",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "x-requested-with",
];

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

fn kind<const W: usize>(rules: [u64; W], choosy: [u64; W], nodes: &[Node<W>], by_bit: &[Sifted]) -> Kind<W> {
    let needed = needed(&rules, nodes);
    let mut kind = Kind {
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
        nodes: Vec::new(),
    };
    // Of an empty value nothing becomes anything, so what is decoded to nothing stays nothing.
    let mut decoding = vec![false; nodes.len()];
    let mut lowering = vec![false; nodes.len()];
    let (mut simple, mut shrinks) = (true, true);
    for (at, node) in nodes.iter().enumerate().filter(|(at, _)| *at == 0 || needed.get(*at) == Some(&true)) {
        let below = at > 0 && decoding.get(node.parent) == Some(&true);
        let lowered = at > 0 && lowering.get(node.parent) == Some(&true);
        if at > 0 {
            kind.nodes.extend(u16::try_from(at));
            let seen = if below { &mut kind.touched_decoded } else { &mut kind.touched };
            *seen = seen.with(touched(node.change));
            let stirring = node.transformation.map_or(Some(Signs::default()), stirs);
            match node.change {
                _ if node.transformation.is_some_and(brings_nothing) => {}
                Change::Decodes(_) => {}
                change if below => kind.brings_decoded = kind.brings_decoded.with(touched(change)),
                change => bring(&mut kind.brings, stirring.unwrap_or(touched(change)), node, &rules),
            }
            match stirring {
                Some(signs) if signs == Signs::default() => {}
                Some(signs) => bring(&mut kind.stirs, signs, node, &rules),
                None => {
                    let stirred = kind.stirred.iter_mut().zip(node.below.iter().zip(&rules));
                    stirred.for_each(|(stirred, (below, rules))| *stirred |= below & rules);
                }
            }
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
    kind
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
