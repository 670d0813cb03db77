//! Builds a mesh: bits, clauses and chains of transformations of one group of collections.

use std::borrow::Cow;

use portcullis_seclang::vocabulary::Variable as V;

use super::{
    kinds::sources,
    literals,
    pages::Pages,
    prefilter::Clause,
    profile::Profile,
    sift::{Automata, Origin, Wanted},
    sought::Sought,
    transform_plan::{Tree, change},
};
use crate::{
    ir::{
        Link, insert,
        phrases::{Phrases, is_kept},
        sieve::{
            CLASSES, Change, Mesh, NEEDS, Node, PAIRS, Row, SIGN_SHIFT, SIGNS, Sifted, Signs, UPPER, class,
        },
    },
    variables::Meaning,
};

pub(super) fn set<const W: usize>(bits: &mut [u64; W], at: usize) {
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
        absent: Row::EMPTY,
        blank: Row::EMPTY,
        phrases: Phrases::new::<&[u8]>(&[], |_| 0.0),
        literal: [0; W],
        inverted: [0; W],
        content_with: Box::new([[[0; W]; NEEDS]; CLASSES]),
        content: [[0; W]; NEEDS],
        lowered: [0; W],
        unlowered: [0; W],
    };
    let mut tested = Vec::new();
    let mut phrases: Vec<(usize, Cow<'_, [u8]>)> = Vec::new();
    for (bit, wanted) in wanted.iter().enumerate() {
        let link = wanted.link();
        let path = tree.path(&link.transformations);
        let last = path.last().copied().unwrap_or_default();
        let mut sifted = add_rule(&mut mesh.table, &mut mesh.absent, bit, wanted, profile, automata);
        let numbers = |nodes: &[usize]| nodes.iter().filter_map(|at| u16::try_from(*at).ok()).collect();
        sifted.path = bits_of(&path);
        let nodes = if link.multi_match { path } else { vec![last] };
        sifted.nodes = numbers(&nodes);
        tested.push(nodes);
        let (negated, needs) = (sifted.negated, sifted.needs);
        mesh.rules.push(sifted);
        phrases.extend(texts_of(wanted, negated, profile, &mut mesh, bit));
        note_needs(&mut mesh, bit, needs);
        note_case(&mut mesh, bit, link);
    }
    for bit in 0..mesh.rules.len() {
        let spares = spared(wanted, bit);
        if let Some(sifted) = mesh.rules.get_mut(bit) {
            sifted.spares = spares;
        }
    }
    mesh.blank = beside_blanks(&mesh.table);
    enter_signs(&mut mesh.table);
    let is_of_page = origins.iter().any(|origin| origin.variable == V::ResponseBody);
    mesh.phrases = if is_of_page {
        Phrases::new(&phrases, |text| Pages::ordinary().of_text(text))
    } else {
        Phrases::new(&phrases, |text| profile.of_text(text))
    };
    mesh.nodes = nodes(&tree, &tested);
    mesh.sources = sources(&mesh, wanted, origins);
    mesh
}

/// A bit for each of some numbers.
fn bits_of(numbers: &[usize]) -> Vec<u64> {
    let mut bits = vec![0; numbers.iter().max().map_or(0, |most| most / 64 + 1)];
    numbers.iter().filter_map(|at| u16::try_from(*at).ok()).for_each(|at| insert(&mut bits, at));
    bits
}

/// What is looked for of a rule in one pass with the others: its phrases, or its literals.
fn texts_of<'a, const W: usize>(
    wanted: &Wanted<'a>,
    negated: bool,
    profile: &Profile,
    mesh: &mut Mesh<W>,
    bit: usize,
) -> Vec<(usize, Cow<'a, [u8]>)> {
    let phrases = phrases_of(wanted.link());
    if let Some(literals) = literals_of(wanted, profile) {
        set(&mut mesh.literal, bit);
        return literals.into_iter().map(|text| (bit, Cow::Owned(text.into_vec()))).collect();
    }
    // A rule whose phrases are not all kept here is asked itself.
    if !phrases.iter().all(|phrase| is_kept(phrase)) {
        return Vec::new();
    }
    if negated && !phrases.is_empty() {
        set(&mut mesh.inverted, bit);
    }
    phrases.iter().map(|phrase| (bit, Cow::Borrowed(&**phrase))).collect()
}

/// Notes in which case a rule sees values.
fn note_case<const W: usize>(mesh: &mut Mesh<W>, bit: usize, link: &Link) {
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

/// Texts without which a rule does not match; none if it looks for phrases anyhow.
fn literals_of(wanted: &Wanted<'_>, profile: &Profile) -> Option<Vec<Box<[u8]>>> {
    let test = wanted.link().test.as_ref()?;
    let is_searched = wanted.echo.is_none() && !test.negated && test.argument.is_none();
    let superset = test.operate.superset().filter(|_| is_searched && phrases_of(wanted.link()).is_empty())?;
    literals::required(&superset.hir, &|text| profile.of_text(text))
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
    match vec![Row::EMPTY; PAIRS].into_boxed_slice().try_into() {
        Ok(table) => table,
        Err(_) => Box::new([Row::EMPTY; PAIRS]),
    }
}

/// All that a space beside some byte fulfils.
fn beside_blanks<const W: usize>(table: &[Row<W>; PAIRS]) -> Row<W> {
    let space = usize::from(class(b' '));
    let mut all = Row::EMPTY;
    let rows = table.iter().enumerate().filter(|(at, _)| at / CLASSES == space || at % CLASSES == space);
    for (_, row) in rows {
        for (all, row) in all.0.iter_mut().zip(&row.0) {
            all.iter_mut().zip(row).for_each(|(all, row)| *all |= row);
        }
    }
    all
}

fn enter_signs<const W: usize>(table: &mut [Row<W>; PAIRS]) {
    for (number, pairs) in SIGNS.iter().enumerate() {
        for (at, Row([first_clause, _])) in table.iter_mut().enumerate() {
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
    let phrases = phrases_of(link);
    let superset = test
        .filter(|test| phrases.is_empty() && test.argument.is_none())
        .and_then(|test| test.operate.superset());
    let automata = superset.as_ref().map(|superset| automata.of(wanted, superset)).unwrap_or_default();
    let all = if phrases.is_empty() {
        superset.map(|superset| Sought::Expression(superset.hir))
    } else {
        Some(Sought::phrases(phrases))
    };
    // A negated operator matches what its expression is not found in: there is nothing to look for, but phrases, of which none is wanted.
    let sought = all.as_ref().filter(|_| !negated);
    let kept = !phrases.is_empty() && phrases.iter().all(|phrase| is_kept(phrase));
    let clauses =
        all.as_ref().filter(|_| !negated || kept).map_or([None, None], |sought| sought.clauses(profile));
    for (clause, (at, absent)) in clauses.iter().zip(absent.0.iter_mut().enumerate()) {
        match clause {
            None => set(absent, bit),
            Some(clause) => enter(table, clause, at, bit),
        }
    }
    Sifted {
        rule: wanted.id,
        link: wanted.link,
        phase: wanted.rule.phase,
        step: wanted.step,
        part: wanted.part,
        nodes: Vec::new(),
        path: Vec::new(),
        shortest: sought.map_or(0, Sought::shortest),
        needs: sought.map_or([0; NEEDS], |sought| sought.needs(profile)),
        negated,
        argument: wanted.argument.clone(),
        spares: Vec::new(),
        echo: wanted.echo.clone(),
        automaton: automata.exact,
        rough: automata.rough.filter(|_| !negated),
        mark: sought.filter(|_| wanted.echo.is_none()).and_then(|sought| sought.mark(&link.transformations)),
    }
}

fn enter<const W: usize>(table: &mut [Row<W>; PAIRS], clause: &Clause, at: usize, bit: usize) {
    for (first, seconds) in clause.follow.iter().enumerate() {
        for second in (0..CLASSES).filter(|second| seconds >> second & 1 == 1) {
            if let Some(row) = table.get_mut(first * CLASSES + second).and_then(|row| row.0.get_mut(at)) {
                set(row, bit);
            }
        }
    }
}
