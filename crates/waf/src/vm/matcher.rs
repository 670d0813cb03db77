//! Sifts values: finds out which rules are to be woken, in one pass over the bytes of each value.
//!
//! A value goes through its transformations only if it holds a byte that one of them changes. What is left of the rules after their clauses
//! is asked for certain, so a rule that is woken does match, unless a target was excluded for this request.

use portcullis_transform::Context;
use regex_automata::Input;

use super::scratch::{Buffer, Form, Scratch};
use crate::{
    ir::{
        Program, Sieve,
        sieve::{CLASSES, Change, EDGE, Kind, Mesh, PAIRS, Row, Rules, Sifted, UPPER, When, class},
    },
    operators::Found,
    state::State,
    variables::Meaning,
};

/// Wakes the step of a phase.
pub(super) type Wake<'a> = dyn FnMut(u8, u16) + 'a;

/// Sifts the values that came with the head or the body.
pub(super) fn sift(sieve: &Sieve, state: &State, when: When, scratch: &mut Scratch, wake: &mut Wake<'_>) {
    match sieve {
        Sieve::W1(mesh) => sift_all(mesh, state, when, scratch, wake),
        Sieve::W2(mesh) => sift_all(mesh, state, when, scratch, wake),
        Sieve::W3(mesh) => sift_all(mesh, state, when, scratch, wake),
        Sieve::W4(mesh) => sift_all(mesh, state, when, scratch, wake),
        Sieve::W6(mesh) => sift_all(mesh, state, when, scratch, wake),
        Sieve::W8(mesh) => sift_all(mesh, state, when, scratch, wake),
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
                    sifter.value(&source.others, &value);
                }
            }
            Meaning::Collection(each) | Meaning::Store(each, _) => each(state, &mut |name, value| {
                sifter.value(source.named.find(name).unwrap_or(&source.others), value);
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

impl<const W: usize> Sifter<'_, '_, W> {
    fn value(&mut self, kind: &Kind<W>, value: &[u8]) {
        let rules = both(&kind.rules, &self.asleep);
        if rules == [0; W] {
            return;
        }
        let (hits, mask) = scan(self.mesh, value);
        let decodes = kind.decoding != [0; W] && mask & !kind.decoded & !UPPER == 0;
        if mask & kind.touched != 0 || decodes {
            return self.forms(kind, value, hits, mask);
        }
        let rules = both(&rules, &kind.plain);
        if meet(&rules, &self.mesh.phrases.rules) {
            let found = both(&self.mesh.phrases.find(value), &rules);
            bits(&found).for_each(|bit| self.woken(bit));
        }
        let candidates = both(&hits, &rules);
        if candidates == [0; W] {
            return;
        }
        let mut lowered = false;
        for bit in bits(&candidates) {
            let lowers = mask & UPPER != 0 && has(&self.mesh.lowered, bit);
            if lowers && !lowered {
                lower(value, &mut self.scratch.lowered);
                lowered = true;
            }
            let found = (lowers && self.confirms(bit, &self.scratch.lowered))
                || ((!lowers || has(&self.mesh.unlowered, bit)) && self.confirms(bit, value));
            if found {
                self.woken(bit);
            }
        }
    }

    /// Sifts what each chain of transformations makes of a value.
    fn forms(&mut self, kind: &Kind<W>, value: &[u8], hits: Rules<W>, mask: u64) {
        let mut scratch = std::mem::take(self.scratch);
        scratch.forms.clear();
        scratch.forms.resize(self.mesh.nodes.len(), Form::default());
        scratch.changed.clear();
        scratch.known.clear();
        let mut used = 0;
        next(&mut scratch.buffers, &mut used).note(&hits, mask);
        for &at in &kind.nodes {
            let Some(node) = self.mesh.nodes.get(usize::from(at)) else { continue };
            let parent = scratch.forms.get(node.parent).copied().unwrap_or_default();
            if parent == Form::default() && node.touched.is_some_and(|touched| mask & touched == 0) {
                continue;
            }
            let form = self.form(node.change, node.transformation, parent, value, &mut scratch, &mut used);
            if form != Form::default()
                && let Some(place) = scratch.forms.get_mut(usize::from(at))
            {
                *place = form;
                scratch.changed.push(at);
            }
        }
        self.as_it_came(kind, value, &hits, &scratch.forms);
        let changed = std::mem::take(&mut scratch.changed);
        for &at in &changed {
            self.as_changed(kind, value, usize::from(at), &mut scratch);
        }
        scratch.changed = changed;
        *self.scratch = scratch;
    }

    /// Wakes rules that see the value as it came.
    fn as_it_came(&mut self, kind: &Kind<W>, value: &[u8], hits: &Rules<W>, forms: &[Form]) {
        let mesh = self.mesh;
        let shown = |bit: usize, wanted: fn(&Form) -> bool| {
            let nodes = mesh.rules.get(bit).map_or(&[][..], |sifted| &sifted.nodes);
            nodes.iter().any(|at| forms.get(usize::from(*at)).is_some_and(wanted))
        };
        let rules = both(&kind.rules, &self.asleep);
        if meet(&rules, &mesh.phrases.rules) {
            let found = both(&mesh.phrases.find(value), &rules);
            for bit in bits(&found).filter(|bit| shown(*bit, |form| form.buffer == 0)) {
                self.woken(bit);
            }
        }
        for bit in bits(&both(hits, &both(&rules, &self.asleep))) {
            if shown(bit, |form| *form == Form::default()) && self.confirms(bit, value) {
                self.woken(bit);
            }
        }
    }

    /// Wakes rules that see the value as a node made it.
    fn as_changed(&mut self, kind: &Kind<W>, value: &[u8], at: usize, scratch: &mut Scratch) {
        let Some(node) = self.mesh.nodes.get(at) else { return };
        let rules = both(&both(&kind.rules, &node.rules), &self.asleep);
        let form = scratch.forms.get(at).copied().unwrap_or_default();
        let Some(buffer) = scratch.buffers.get_mut(usize::from(form.buffer)) else { return };
        if form.buffer > 0 && meet(&rules, &self.mesh.phrases.rules) {
            let found =
                *buffer.phrases.get_or_insert_with(|| widened(&self.mesh.phrases.find(&buffer.bytes)));
            let mut woken = rules;
            woken.iter_mut().zip(&found).for_each(|(word, found)| *word &= found);
            bits(&woken).for_each(|bit| self.woken(bit));
        }
        let mut candidates = both(&rules, &self.asleep);
        candidates.iter_mut().zip(&buffer.hits).for_each(|(word, hits)| *word &= hits);
        if candidates == [0; W] {
            return;
        }
        let bytes = buffer.shown(form, value);
        for bit in bits(&candidates) {
            if self.confirms(bit, bytes) {
                self.woken(bit);
            }
        }
    }

    /// What a transformation makes of what its parent made.
    fn form(
        &self,
        change: Change,
        transformation: Option<&'static portcullis_transform::Transformation>,
        parent: Form,
        value: &[u8],
        scratch: &mut Scratch,
        used: &mut usize,
    ) -> Form {
        let Some(transformation) = transformation else { return parent };
        let place = std::ptr::from_ref(transformation).addr();
        let known = scratch.known.iter().find(|(known, from, _)| *known == place && *from == parent);
        if let Some((_, _, form)) = known {
            return *form;
        }
        let form = self.made(change, transformation, parent, value, &mut scratch.buffers, used);
        scratch.known.push((place, parent, form));
        form
    }

    fn made(
        &self,
        change: Change,
        transformation: &'static portcullis_transform::Transformation,
        parent: Form,
        value: &[u8],
        buffers: &mut Vec<Buffer>,
        used: &mut usize,
    ) -> Form {
        let mask = buffers.get(usize::from(parent.buffer)).map_or(0, |buffer| buffer.mask);
        let has_upper = mask & UPPER != 0;
        let lowered = Form { lowered: parent.lowered || has_upper, ..parent };
        match change {
            Change::Classes(classes) if mask & classes & !UPPER == 0 => return parent,
            Change::LowerCase => return lowered,
            Change::LowerCaseAnd(classes) if mask & classes & !UPPER == 0 => return lowered,
            Change::Classes(_) | Change::LowerCaseAnd(_) | Change::Decodes(_) | Change::Any => {}
        }
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
        let (hits, mask) = scan(self.mesh, &buffer.bytes);
        buffer.note(&hits, mask);
        Form { buffer: u16::try_from(last).unwrap_or_default(), lowered: false }
    }

    /// Whether the operator of a rule matches.
    fn confirms(&self, bit: usize, bytes: &[u8]) -> bool {
        let Some(sifted) = self.mesh.rules.get(bit) else { return false };
        if bytes.len() < sifted.shortest {
            return false;
        }
        confirms(self.program, sifted, bytes)
    }

    fn woken(&mut self, bit: usize) {
        if let Some(word) = self.asleep.get_mut(bit / 64) {
            *word &= !(1 << (bit % 64));
        }
        if let Some(sifted) = self.mesh.rules.get(bit) {
            (self.wake)(sifted.phase, sifted.step);
        }
    }
}

fn confirms(program: &Program, sifted: &Sifted, bytes: &[u8]) -> bool {
    use regex_automata::dfa::Automaton;
    if let Some(automaton) = &sifted.automaton
        && let Ok(found) = automaton.try_search_fwd(&Input::new(bytes).earliest(true))
    {
        return found.is_some() != sifted.negated;
    }
    let test =
        program.rule(sifted.rule).and_then(|rule| rule.links.first()).and_then(|link| link.test.as_ref());
    let Some(test) = test else { return false };
    let mut found = Found::default();
    test.operate.evaluate(bytes, None, false, &mut found) != test.negated || found.undecided.is_some()
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
    fn note(&mut self, hits: &[u64], mask: u64) {
        self.is_lowered = false;
        self.phrases = None;
        self.mask = mask;
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

/// The pass over a value: rules both of whose clauses hold, and the classes that occur.
fn scan<const W: usize>(mesh: &Mesh<W>, value: &[u8]) -> (Rules<W>, u64) {
    let table: &[Row<W>; PAIRS] = &mesh.table;
    let mut held = mesh.absent;
    let mut mask = 0;
    let mut previous = usize::from(EDGE);
    for &byte in value {
        let class = usize::from(CLASS_OF[usize::from(byte)]);
        mask |= MASK_OF[usize::from(byte)];
        // Both are below 64: the place is in the table.
        let row = &table[(previous * CLASSES + class) % PAIRS];
        for (held, row) in held.iter_mut().zip(row) {
            for (held, row) in held.iter_mut().zip(row) {
                *held |= row;
            }
        }
        previous = class;
    }
    let row = &table[(previous * CLASSES + usize::from(EDGE)) % PAIRS];
    let mut hits = [0; W];
    let [first, second] = held;
    let [last_first, last_second] = row;
    for (at, hit) in hits.iter_mut().enumerate() {
        *hit = (first[at] | last_first[at]) & (second[at] | last_second[at]);
    }
    (hits, mask)
}

fn both<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut both = *one;
    both.iter_mut().zip(other).for_each(|(word, other)| *word &= other);
    both
}

fn meet<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> bool {
    one.iter().zip(other).any(|(word, other)| word & other != 0)
}

fn widened<const W: usize>(set: &Rules<W>) -> [u64; 8] {
    let mut wide = [0; 8];
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
