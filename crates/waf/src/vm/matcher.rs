//! Sifts values: finds out which rules are to be woken, in one pass over the bytes of each value.
//!
//! A value goes through its transformations only if it holds a byte that one of them changes. What is left of the rules after their clauses
//! is asked for certain, so a rule that is woken does match, unless a target was excluded for this request.

use portcullis_transform::{Context, Transformation};
use regex_automata::Input;

use super::scratch::{Buffer, Form, Scratch};
use crate::{
    ir::{
        Program, Sieve,
        sieve::{
            AnyMesh, CLASSES, Change, EDGE, Kind, Mesh, Node, PAIRS, Row, Rules, SIGN_SHIFT, Sifted, Signs,
            Source, UPPER, WIDEST, When, class,
        },
    },
    operators::Found,
    state::State,
    variables::Meaning,
};

/// Wakes a part of a step of a phase.
pub(super) type Wake<'a> = dyn FnMut(u8, u16) + 'a;

/// Sifts the values that came with the head or the body.
pub(super) fn sift(sieve: &Sieve, state: &State, when: When, scratch: &mut Scratch, wake: &mut Wake<'_>) {
    for mesh in &sieve.meshes {
        match mesh {
            AnyMesh::W1(mesh) => sift_all(mesh, state, when, scratch, wake),
            AnyMesh::W2(mesh) => sift_all(mesh, state, when, scratch, wake),
            AnyMesh::W3(mesh) => sift_all(mesh, state, when, scratch, wake),
            AnyMesh::W4(mesh) => sift_all(mesh, state, when, scratch, wake),
            AnyMesh::W6(mesh) => sift_all(mesh, state, when, scratch, wake),
            AnyMesh::W8(mesh) => sift_all(mesh, state, when, scratch, wake),
        }
    }
}

fn sift_all<const W: usize>(
    mesh: &Mesh<W>,
    state: &State,
    when: When,
    scratch: &mut Scratch,
    wake: &mut Wake<'_>,
) {
    let context = Context { unicode_map: state.program.settings().unicode_map.as_ref() };
    let mut sifter = Sifter { mesh, program: &state.program, context, asleep: [u64::MAX; W], scratch, wake };
    for source in mesh.sources.iter().filter(|source| source.when == when) {
        match source.meaning {
            Meaning::Single(value) => {
                if let Some(value) = value(state) {
                    sifter.value(source, &source.others, &[], &value);
                }
            }
            Meaning::Collection(each) | Meaning::Store(each, _) => each(state, &mut |name, value| {
                sifter.value(source, source.named.find(name).unwrap_or(&source.others), name, value);
            }),
            Meaning::Refused(..) => {}
        }
    }
}

struct Sifter<'a, 'b, const W: usize> {
    mesh: &'a Mesh<W>,
    program: &'a Program,
    context: Context<'a>,
    /// Rules that are not woken yet.
    asleep: Rules<W>,
    scratch: &'a mut Scratch,
    wake: &'a mut Wake<'b>,
}

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a, const W: usize> {
    source: &'a Source<W>,
    kind: &'a Kind<W>,
    name: &'a [u8],
}

/// What a pass over a value showed: rules both of whose clauses hold, and signs.
#[derive(Clone, Copy)]
struct Scanned<const W: usize> {
    hits: Rules<W>,
    signs: Signs,
}

impl<const W: usize> Sifter<'_, '_, W> {
    fn value(&mut self, source: &Source<W>, kind: &Kind<W>, name: &[u8], value: &[u8]) {
        let rules = both(&kind.rules, &self.asleep);
        if rules == [0; W] {
            return;
        }
        let place = Place { source, kind, name };
        let scanned = scan(self.mesh, value);
        if scanned.signs.show_folded(kind.touched) {
            return self.forms(&place, value, &scanned);
        }
        if kind.decoding != [0; W]
            && scanned.signs.classes & !kind.decoded & !UPPER == 0
            && self.decoded(&place, value)
        {
            return self.forms(&place, value, &scanned);
        }
        let mut candidates = both(&both(&rules, &kind.plain), &scanned.hits);
        if candidates == [0; W] {
            return;
        }
        let phrased = both(&candidates, &self.mesh.phrases.rules);
        if phrased != [0; W] {
            let found = both(&self.mesh.phrases.find(value), &phrased);
            bits(&found).for_each(|bit| self.woken(bit, &place));
            candidates = without(&candidates, &phrased);
        }
        let mut lowered = false;
        for bit in bits(&candidates) {
            if !self.is_plausible(bit, value.len(), scanned.signs) {
                continue;
            }
            let lowers = scanned.signs.classes & UPPER != 0 && has(&self.mesh.lowered, bit);
            if lowers && !lowered {
                lower(value, &mut self.scratch.lowered);
                lowered = true;
            }
            let found = (lowers && self.confirms(bit, &self.scratch.lowered))
                || ((!lowers || has(&self.mesh.unlowered, bit)) && self.confirms(bit, value));
            if found {
                self.woken(bit, &place);
            }
        }
    }

    /// Whether what a value holds in disguise has to be gone into. It is as long as it seems at least.
    fn decoded(&mut self, place: &Place<'_, W>, value: &[u8]) -> bool {
        let kind = place.kind;
        let Some(decoder) = kind.decoder else { return true };
        let rules = both(&kind.decoding, &self.asleep);
        if rules == [0; W] || value.len() / 4 * 3 + 2 < kind.decoded_from {
            return false;
        }
        let mut out = std::mem::take(&mut self.scratch.lowered);
        out.clear();
        let changed = (decoder.apply)(value, &mut out, &self.context);
        let scanned = scan(self.mesh, if changed { &out } else { value });
        let length = if changed { out.len() } else { value.len() };
        self.scratch.lowered = out;
        scanned.signs.show_folded(kind.touched_decoded)
            || bits(&both(&scanned.hits, &rules)).any(|bit| self.is_plausible(bit, length, scanned.signs))
    }

    /// Sifts what each chain of transformations makes of a value.
    fn forms(&mut self, place: &Place<'_, W>, value: &[u8], scanned: &Scanned<W>) {
        let mut scratch = std::mem::take(self.scratch);
        scratch.forms.clear();
        scratch.forms.resize(self.mesh.nodes.len(), Form::default());
        scratch.changed.clear();
        scratch.known.clear();
        let mut used = 0;
        next(&mut scratch.buffers, &mut used).note(&scanned.hits, scanned.signs);
        for &at in &place.kind.nodes {
            let Some(node) = self.mesh.nodes.get(usize::from(at)) else { continue };
            let parent = scratch.forms.get(node.parent).copied().unwrap_or_default();
            if parent == Form::default() && node.touched.is_some_and(|touched| !scanned.signs.show(touched)) {
                continue;
            }
            let form = match node.transformation {
                _ if parent == Form::NOTHING
                    || self.comes_to_nothing(place.kind, node, &scratch.buffers, parent, value.len()) =>
                {
                    Form::NOTHING
                }
                None => parent,
                Some(transformation) => {
                    self.form(node.change, transformation, parent, value, &mut scratch, &mut used)
                }
            };
            if form != Form::default()
                && let Some(place) = scratch.forms.get_mut(usize::from(at))
            {
                *place = form;
                if form != Form::NOTHING {
                    scratch.changed.push(at);
                }
            }
        }
        self.as_it_came(place, value, scanned, &scratch.forms);
        let changed = std::mem::take(&mut scratch.changed);
        for &at in &changed {
            self.as_changed(place, value, usize::from(at), &mut scratch);
        }
        scratch.changed = changed;
        *self.scratch = scratch;
    }

    /// Whether no rule behind a decoding can match what it makes of a form.
    fn comes_to_nothing(
        &self,
        kind: &Kind<W>,
        node: &Node<W>,
        buffers: &[Buffer],
        parent: Form,
        length: usize,
    ) -> bool {
        let Change::Decodes(classes) = node.change else { return false };
        let Some(buffer) = buffers.get(usize::from(parent.buffer)) else { return false };
        let length = if parent.buffer == 0 { length } else { buffer.bytes.len() };
        kind.decoder.is_some()
            && (buffer.signs.classes & !classes & !UPPER != 0 || length / 4 * 3 + 2 < kind.decoded_from)
    }

    /// Wakes rules that see the value as it came.
    fn as_it_came(&mut self, place: &Place<'_, W>, value: &[u8], scanned: &Scanned<W>, forms: &[Form]) {
        let mesh = self.mesh;
        let shown = |bit: usize, wanted: fn(&Form) -> bool| {
            let nodes = mesh.rules.get(bit).map_or(&[][..], |sifted| &sifted.nodes);
            nodes.iter().any(|at| forms.get(usize::from(*at)).is_some_and(wanted))
        };
        let mut candidates = both(&both(&place.kind.rules, &self.asleep), &scanned.hits);
        let phrased = both(&candidates, &mesh.phrases.rules);
        if phrased != [0; W] {
            // Phrases are found in either case.
            let found = both(&mesh.phrases.find(value), &phrased);
            for bit in bits(&found).filter(|bit| shown(*bit, |form| form.buffer == 0)) {
                self.woken(bit, place);
            }
            candidates = without(&candidates, &phrased);
        }
        for bit in bits(&candidates) {
            if self.is_plausible(bit, value.len(), scanned.signs)
                && shown(bit, |form| *form == Form::default())
                && self.confirms(bit, value)
            {
                self.woken(bit, place);
            }
        }
    }

    /// Wakes rules that see the value as a node made it.
    fn as_changed(&mut self, place: &Place<'_, W>, value: &[u8], at: usize, scratch: &mut Scratch) {
        let Some(node) = self.mesh.nodes.get(at) else { return };
        let rules = both(&both(&place.kind.rules, &node.rules), &self.asleep);
        let form = scratch.forms.get(at).copied().unwrap_or_default();
        let Some(buffer) = scratch.buffers.get_mut(usize::from(form.buffer)) else { return };
        let mut candidates = rules;
        candidates.iter_mut().zip(&buffer.hits).for_each(|(word, hits)| *word &= hits);
        let phrased = both(&candidates, &self.mesh.phrases.rules);
        candidates = without(&candidates, &phrased);
        // In the value itself they have been looked for.
        if form.buffer > 0 && phrased != [0; W] {
            let found =
                *buffer.phrases.get_or_insert_with(|| widened(&self.mesh.phrases.find(&buffer.bytes)));
            let mut woken = phrased;
            woken.iter_mut().zip(&found).for_each(|(word, found)| *word &= found);
            bits(&woken).for_each(|bit| self.woken(bit, place));
        }
        if candidates == [0; W] {
            return;
        }
        let signs = buffer.signs;
        let bytes = buffer.shown(form, value);
        for bit in bits(&candidates) {
            if self.is_plausible(bit, bytes.len(), signs) && self.confirms(bit, bytes) {
                self.woken(bit, place);
            }
        }
    }

    /// What a transformation makes of what its parent made.
    fn form(
        &self,
        change: Change,
        transformation: &'static Transformation,
        parent: Form,
        value: &[u8],
        scratch: &mut Scratch,
        used: &mut usize,
    ) -> Form {
        let signs =
            scratch.buffers.get(usize::from(parent.buffer)).map_or(Signs::default(), |buffer| buffer.signs);
        let lowered = Form { lowered: parent.lowered || signs.classes & UPPER != 0, ..parent };
        match change {
            Change::If(touched) if !signs.show_folded(touched) => return parent,
            Change::LowerCase => return lowered,
            Change::LowerCaseAnd(touched) if !signs.show_folded(touched) => return lowered,
            Change::If(_) | Change::LowerCaseAnd(_) | Change::Decodes(_) | Change::Any => {}
        }
        let place = std::ptr::from_ref(transformation).addr();
        let known = scratch.known.iter().find(|(known, from, _)| *known == place && *from == parent);
        if let Some((_, _, form)) = known {
            return *form;
        }
        let form = self.made(transformation, parent, value, &mut scratch.buffers, used);
        scratch.known.push((place, parent, form));
        form
    }

    fn made(
        &self,
        transformation: &'static Transformation,
        parent: Form,
        value: &[u8],
        buffers: &mut Vec<Buffer>,
        used: &mut usize,
    ) -> Form {
        let mut out = std::mem::take(&mut next(buffers, used).bytes);
        out.clear();
        let changed = match buffers.get_mut(usize::from(parent.buffer)) {
            Some(buffer) => (transformation.apply)(buffer.shown(parent, value), &mut out, &self.context),
            None => false,
        };
        let last = *used - 1;
        let known = if changed {
            let earlier = buffers.iter().take(last).enumerate();
            earlier
                .map(|(at, buffer)| (at, if at == 0 { value } else { buffer.bytes.as_slice() }))
                .find(|(_, bytes)| *bytes == out.as_slice())
                .map(|(at, _)| Form { buffer: u16::try_from(at).unwrap_or_default(), lowered: false })
        } else {
            Some(parent)
        };
        let Some(buffer) = buffers.get_mut(last) else { return parent };
        buffer.bytes = out;
        if let Some(known) = known {
            *used = last;
            return known;
        }
        let scanned = scan(self.mesh, &buffer.bytes);
        buffer.note(&scanned.hits, scanned.signs);
        Form { buffer: u16::try_from(last).unwrap_or_default(), lowered: false }
    }

    /// Whether a rule may match a value of this length that shows these signs.
    fn is_plausible(&self, bit: usize, length: usize, signs: Signs) -> bool {
        self.mesh.rules.get(bit).is_some_and(|sifted| {
            length >= sifted.shortest && (sifted.needs == 0 || signs.classes & sifted.needs != 0)
        })
    }

    /// Whether the operator of a rule matches.
    fn confirms(&self, bit: usize, bytes: &[u8]) -> bool {
        self.mesh.rules.get(bit).is_some_and(|sifted| confirms(self.program, sifted, bytes))
    }

    fn woken(&mut self, bit: usize, place: &Place<'_, W>) {
        let Some(sifted) = self.mesh.rules.get(bit) else { return };
        if has(&place.kind.choosy, bit) && !self.chooses(sifted, place) {
            return;
        }
        if let Some(word) = self.asleep.get_mut(bit / 64) {
            *word &= !(1 << (bit % 64));
        }
        (self.wake)(sifted.phase, sifted.part);
    }

    /// Whether a rule looks at the member, its patterns over names being asked.
    fn chooses(&self, sifted: &Sifted, place: &Place<'_, W>) -> bool {
        let link = self.program.rule(sifted.rule).and_then(|rule| rule.links.get(sifted.link));
        link.is_some_and(|link| {
            let reached = |variable| place.source.reaches.contains(variable);
            link.targets.iter().filter(|target| reached(&target.variable)).any(|target| {
                target.selector.as_ref().is_none_or(|selector| selector.covers(place.name))
                    && !link.exclusions.iter().any(|exclusion| exclusion.covers(target.variable, place.name))
            })
        })
    }
}

fn confirms(program: &Program, sifted: &Sifted, bytes: &[u8]) -> bool {
    use regex_automata::dfa::Automaton;
    let Some(rule) = program.rule(sifted.rule) else { return false };
    if let Some(echo) = &sifted.echo {
        return echo.is_heard(rule, bytes);
    }
    if let Some(automaton) = &sifted.automaton
        && let Ok(found) = automaton.try_search_fwd(&Input::new(bytes).earliest(true))
    {
        return found.is_some() != sifted.negated;
    }
    let Some(test) = rule.links.get(sifted.link).and_then(|link| link.test.as_ref()) else { return false };
    let mut found = Found::default();
    let argument = sifted.argument.as_deref();
    test.operate.evaluate(bytes, argument, false, &mut found) != test.negated || found.undecided.is_some()
}

/// The next buffer that is free.
fn next<'a>(buffers: &'a mut Vec<Buffer>, used: &mut usize) -> &'a mut Buffer {
    if buffers.len() <= *used {
        buffers.resize_with(*used + 1, Buffer::default);
    }
    *used += 1;
    let last = *used - 1;
    &mut buffers[last]
}

impl Buffer {
    fn note(&mut self, hits: &[u64], signs: Signs) {
        self.is_lowered = false;
        self.phrases = None;
        self.signs = signs;
        self.hits.iter_mut().zip(hits).for_each(|(mine, hits)| *mine = *hits);
    }

    /// The bytes of a form. The first buffer stands for the value itself.
    fn shown<'a>(&'a mut self, form: Form, value: &'a [u8]) -> &'a [u8] {
        let bytes = if form.buffer == 0 { value } else { &self.bytes };
        if !form.lowered {
            return bytes;
        }
        if !self.is_lowered {
            lower(bytes, &mut self.lowered);
            self.is_lowered = true;
        }
        &self.lowered
    }
}

fn lower(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(bytes);
    out.make_ascii_lowercase();
}

const CLASS_OF: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = class(byte as u8);
        byte += 1;
    }
    table
};

const MASK_OF: [u64; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let upper = if (byte as u8).is_ascii_uppercase() { UPPER } else { 0 };
        table[byte] = 1 << class(byte as u8) | upper;
        byte += 1;
    }
    table
};

/// The pass over a value.
fn scan<const W: usize>(mesh: &Mesh<W>, value: &[u8]) -> Scanned<W> {
    let table: &[Row<W>; PAIRS] = &mesh.table;
    let mut held = mesh.absent;
    let mut classes = 0;
    let mut previous = usize::from(EDGE);
    for &byte in value {
        let class = usize::from(CLASS_OF[usize::from(byte)]);
        classes |= MASK_OF[usize::from(byte)];
        // Both are below 64: the place is in the table.
        take(&mut held, &table[(previous * CLASSES + class) % PAIRS]);
        previous = class;
    }
    take(&mut held, &table[(previous * CLASSES + usize::from(EDGE)) % PAIRS]);
    let [first, second] = held;
    let pairs = u16::try_from(first[W - 1] >> SIGN_SHIFT).unwrap_or(u16::MAX);
    Scanned { hits: both(&first, &second), signs: Signs { classes, pairs } }
}

#[inline(always)]
fn take<const W: usize>(held: &mut Row<W>, row: &Row<W>) {
    for (held, row) in held.iter_mut().zip(row) {
        for (held, row) in held.iter_mut().zip(row) {
            *held |= row;
        }
    }
}

fn both<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
    both
}

fn without<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut left = *one;
    left.iter_mut().zip(other).for_each(|(word, other)| *word &= !other);
    left
}

fn widened<const W: usize>(set: &Rules<W>) -> [u64; WIDEST] {
    let mut wide = [0; WIDEST];
    wide.iter_mut().zip(set).for_each(|(wide, word)| *wide = *word);
    wide
}

fn has<const W: usize>(set: &Rules<W>, bit: usize) -> bool {
    set.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

fn bits<const W: usize>(set: &Rules<W>) -> impl Iterator<Item = usize> + use<W> {
    let set = *set;
    (0..W).flat_map(move |at| {
        let mut left = set[at];
        std::iter::from_fn(move || {
            let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
            left &= left - 1;
            Some(at * 64 + bit)
        })
    })
}
