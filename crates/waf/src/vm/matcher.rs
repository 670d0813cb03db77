//! Sifts values: finds out which rules are to be woken, in one pass over the bytes of each value.
//!
//! A value goes through its transformations only if it holds a byte that one of them changes. What is left of the rules after their clauses
//! is asked for certain, so a rule that is woken does match, unless a target was excluded for this request.

use portcullis_transform::{Context, Transformation};
use regex_automata::Input;

use super::{
    scratch::{Buffer, Form, Scratch},
    sightings::{self, Sighted},
};
use crate::{
    ir::{
        Program, Sieve,
        sieve::{
            AnyMesh, CLASSES, CODE, Change, EDGE, Kind, Mesh, Node, PAIRS, Row, Rules, SIGN_SHIFT, Sifted,
            Signs, Source, UPPER, When, class, classes, decodes,
        },
    },
    operators::Found,
    state::{Controls, State, Work},
    variables::Meaning,
};

/// A part of a step that a value wakes. If what is sighted is decided, the rule matches unless `ctl` gets in the way, and steps that it
/// skips were not looked for.
pub(super) struct Woken<'a> {
    pub(super) part: u16,
    pub(super) sighted: Sighted<'a>,
}

/// Takes note of what is woken.
pub(super) type Wake<'a> = dyn FnMut(&Woken<'_>) + 'a;

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
    let mut sifter = Sifter {
        mesh,
        program: &state.program,
        context,
        asleep: [u64::MAX; W],
        controls: &state.controls,
        work: &state.work,
        scratch,
        wake,
    };
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
    controls: &'a Controls,
    work: &'a Work,
    scratch: &'a mut Scratch,
    wake: &'a mut Wake<'b>,
}

/// Units of work for a byte: a pass over a value, the search for phrases, a transformation and the pass over what came of it.
const SCAN: u32 = 1;
const PHRASES: u32 = 1;
const TRANSFORM: u32 = 3;

/// What transformations that bring nothing else may bring.
const BLANK: u64 = classes(b" ");
/// White space.
const BLANKS: u64 = classes(b" \n");

/// Where a value stands.
#[derive(Clone, Copy)]
struct Place<'a, const W: usize> {
    source: &'a Source<W>,
    kind: &'a Kind<W>,
    name: &'a [u8],
    /// As it came.
    value: &'a [u8],
}

/// What a pass over a value showed: rules both of whose clauses hold, and signs.
#[derive(Clone, Copy)]
struct Scanned<const W: usize> {
    hits: Rules<W>,
    /// Rules whose clauses hold with blanks wherever they may be wanted.
    spaced: Rules<W>,
    signs: Signs,
}

impl<const W: usize> Sifter<'_, '_, W> {
    fn value(&mut self, source: &Source<W>, kind: &Kind<W>, name: &[u8], value: &[u8]) {
        let rules = both(&kind.rules, &self.asleep);
        if rules == [0; W] {
            return;
        }
        if self.work.is_spent() {
            return;
        }
        self.work.charge_value(value.len(), SCAN);
        let place = Place { source, kind, name, value };
        let scanned = scan(self.mesh, value);
        let shown = scanned.signs;
        let decodes =
            kind.decoding != [0; W] && decodes(kind.decoded, shown) && self.decoded(kind, value, shown);
        if decodes || shown.show_folded(kind.touched) {
            return self.forms(&place, value, &scanned, decodes);
        }
        let rules = both(&rules, &kind.plain);
        let mut candidates = self.phrases(&place, value, &rules, &scanned.hits, None);
        let mut lowered = false;
        while let Some(bit) = pop(&mut candidates) {
            if !self.is_plausible(bit, value.len(), shown) {
                continue;
            }
            let lowers = shown.classes & UPPER != 0 && has(&self.mesh.lowered, bit);
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

    /// Wakes those of `rules` that look for phrases, as far as they match, and gives the others whose clauses hold. Without those that
    /// `shown` says see something else.
    fn phrases(
        &mut self,
        place: &Place<'_, W>,
        value: &[u8],
        rules: &Rules<W>,
        hits: &Rules<W>,
        shown: Option<&dyn Fn(usize) -> bool>,
    ) -> Rules<W> {
        let mesh = self.mesh;
        let hit = both(rules, hits);
        // None of its phrases can be there.
        let mut woken = without(&both(rules, &mesh.inverted), hits);
        let phrased = both(&hit, &mesh.phrases.rules);
        if phrased != [0; W] {
            self.work.charge_value(value.len(), PHRASES);
            let found = mesh.phrases.find(value);
            join(&mut woken, &both(&phrased, &differing(&found, &mesh.inverted)));
        }
        let mut left = without(&hit, &phrased);
        while let Some(bit) = pop(&mut woken) {
            if shown.is_none_or(|shown| shown(bit)) && !self.spare(bit, &mut left) {
                self.woken(bit, place);
            }
        }
        left
    }

    /// Wakes a rule that matches for certain and skips others: they need not be looked for. False if it is no such rule.
    fn spare(&mut self, bit: usize, left: &mut Rules<W>) -> bool {
        let Some(sifted) = self.mesh.rules.get(bit).filter(|sifted| !sifted.spares.is_empty()) else {
            return false;
        };
        let is_excluded = self.controls.excluded().iter().any(|(rules, _)| rules.contains(sifted.rule));
        if self.controls.removes(sifted.rule) || is_excluded {
            return false;
        }
        for bit in sifted.spares.iter().map(|bit| usize::from(*bit)) {
            if let Some(word) = left.get_mut(bit / 64) {
                *word &= !(1 << (bit % 64));
            }
        }
        let Sifted { phase, step, link, part, .. } = *sifted;
        (self.wake)(&Woken {
            part,
            sighted: Sighted { phase, step, link, found: sightings::Found::Single, decided: true },
        });
        true
    }

    /// Whether what a value holds in disguise has to be gone into. It is as long as it seems at least.
    fn decoded(&mut self, kind: &Kind<W>, value: &[u8], shown: Signs) -> bool {
        let Some(decoder) = kind.decoder else { return true };
        if shown.classes & !(CODE | BLANKS) != 0 {
            return true;
        }
        let rules = both(&kind.decoding, &self.asleep);
        if rules == [0; W] || is_short(kind, shown, value.len()) {
            return false;
        }
        self.work.charge_value(value.len(), TRANSFORM);
        let mut bare = std::mem::take(&mut self.scratch.bare);
        let value = if shown.classes & BLANKS == 0 {
            value
        } else {
            // With blanks it decodes to this, or to nothing.
            bare.clear();
            bare.extend(value.iter().filter(|byte| !matches!(byte, b' ' | b'\t'..=b'\r')));
            &bare
        };
        let mut out = std::mem::take(&mut self.scratch.lowered);
        out.clear();
        let changed = (decoder.apply)(value, &mut out, &self.context);
        let scanned = scan(self.mesh, if changed { &out } else { value });
        let length = if changed { out.len() } else { value.len() };
        self.scratch.lowered = out;
        self.scratch.bare = bare;
        let shown = scanned.signs;
        let mut left = if !shown.show_folded(kind.touched_decoded) {
            both(&scanned.hits, &rules)
        } else if shown.show_folded(kind.brings_decoded) {
            return true;
        } else {
            both(&self.content_of(shown.classes | BLANK), &rules)
        };
        while let Some(bit) = pop(&mut left) {
            if self.mesh.rules.get(bit).is_some_and(|sifted| length >= sifted.shortest) {
                return true;
            }
        }
        false
    }

    /// Rules that need nothing but these classes.
    fn content_of(&self, classes: u64) -> Rules<W> {
        let mut content = self.mesh.content;
        let mut left = classes & !UPPER;
        while left != 0 {
            if let Some(rules) = self.mesh.content_with.get(left.trailing_zeros() as usize) {
                content.iter_mut().zip(rules).for_each(|(content, rules)| join(content, rules));
            }
            left &= left - 1;
        }
        content.iter().fold([u64::MAX; W], |all, one| both(&all, one))
    }

    /// Sifts what each chain of transformations makes of a value.
    fn forms(&mut self, place: &Place<'_, W>, value: &[u8], scanned: &Scanned<W>, decodes: bool) {
        let kind = place.kind;
        let shown = scanned.signs;
        let mut alive = both(&kind.rules, &self.asleep);
        // Where transformations only take away, what a rule needs has to be there.
        let mut content = self.content_of(shown.classes | BLANK);
        let mut brought = false;
        for (_, rules) in kind.brings.iter().filter(|(signs, _)| shown.show_folded(*signs)) {
            join(&mut content, rules);
            brought |= meet(rules, &kind.decoding);
        }
        if brought || decodes {
            join(&mut content, &kind.decoding);
        }
        alive = both(&alive, &content);
        // Where nothing is put side by side that was apart, its clauses have to hold as well, blanks aside.
        let mut spaced = scanned.spaced;
        join(&mut spaced, &self.mesh.inverted);
        join(&mut spaced, &kind.stirred);
        for (_, rules) in kind.stirs.iter().filter(|(signs, _)| shown.show_folded(*signs)) {
            join(&mut spaced, rules);
        }
        alive = both(&alive, &spaced);
        if alive == [0; W] {
            return;
        }
        let mut scratch = std::mem::take(self.scratch);
        scratch.forms.clear();
        scratch.forms.resize(self.mesh.nodes.len(), Form::default());
        scratch.changed.clear();
        scratch.known.clear();
        let mut used = 0;
        next(&mut scratch.buffers, &mut used).note(&scanned.hits, shown);
        for &at in &kind.nodes {
            let Some(node) = self.mesh.nodes.get(usize::from(at)) else { continue };
            let parent = scratch.forms.get(node.parent).copied().unwrap_or_default();
            if parent == Form::default() && node.touched.is_some_and(|touched| !shown.show(touched))
                || !meet(&node.below, &alive)
            {
                continue;
            }
            let form = match node.transformation {
                _ if parent == Form::NOTHING
                    || self.comes_to_nothing(kind, node, &scratch.buffers, parent, value.len()) =>
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
        self.as_it_came(place, value, &alive, scanned, &scratch.forms);
        let changed = std::mem::take(&mut scratch.changed);
        for &at in &changed {
            self.as_changed(place, value, &alive, usize::from(at), &mut scratch);
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
        kind.decoder.is_some() && (!decodes(classes, buffer.signs) || is_short(kind, buffer.signs, length))
    }

    /// Wakes rules that see the value as it came.
    fn as_it_came(
        &mut self,
        place: &Place<'_, W>,
        value: &[u8],
        alive: &Rules<W>,
        scanned: &Scanned<W>,
        forms: &[Form],
    ) {
        let mesh = self.mesh;
        let shown = |bit: usize, wanted: fn(&Form) -> bool| {
            let nodes = mesh.rules.get(bit).map_or(&[][..], |sifted| &sifted.nodes);
            nodes.iter().any(|at| forms.get(usize::from(*at)).is_some_and(wanted))
        };
        let rules = both(alive, &self.asleep);
        // Phrases are found in either case.
        let in_either_case = |bit: usize| shown(bit, |form| form.buffer == 0);
        let mut candidates = self.phrases(place, value, &rules, &scanned.hits, Some(&in_either_case));
        while let Some(bit) = pop(&mut candidates) {
            if self.is_plausible(bit, value.len(), scanned.signs)
                && shown(bit, |form| *form == Form::default())
                && self.confirms(bit, value)
            {
                self.woken(bit, place);
            }
        }
    }

    /// Wakes rules that see the value as a node made it.
    fn as_changed(
        &mut self,
        place: &Place<'_, W>,
        value: &[u8],
        alive: &Rules<W>,
        at: usize,
        scratch: &mut Scratch,
    ) {
        let Some(node) = self.mesh.nodes.get(at) else { return };
        let rules = both(&both(alive, &node.rules), &self.asleep);
        let form = scratch.forms.get(at).copied().unwrap_or_default();
        let Some(buffer) = scratch.buffers.get_mut(usize::from(form.buffer)) else { return };
        if rules == [0; W] {
            return;
        }
        let mut hits = [0; W];
        hits.iter_mut().zip(&buffer.hits).for_each(|(word, hits)| *word = *hits);
        let mut candidates = if form.buffer > 0 {
            self.phrases(place, &buffer.bytes, &rules, &hits, None)
        } else {
            // In the value itself they have been looked for.
            without(&both(&rules, &hits), &self.mesh.phrases.rules)
        };
        if candidates == [0; W] {
            return;
        }
        let signs = buffer.signs;
        let bytes = buffer.shown(form, value);
        while let Some(bit) = pop(&mut candidates) {
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
            Some(buffer) => {
                let input = buffer.shown(parent, value);
                self.work.charge_value(input.len(), TRANSFORM);
                (transformation.apply)(input, &mut out, &self.context)
            }
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
            let there = |needs: &u64| *needs == 0 || signs.classes & needs != 0;
            length >= sifted.shortest && sifted.needs.iter().all(there)
        })
    }

    /// Whether the operator of a rule matches.
    fn confirms(&self, bit: usize, bytes: &[u8]) -> bool {
        self.mesh.rules.get(bit).is_some_and(|sifted| confirms(self.program, self.work, sifted, bytes))
    }

    fn woken(&mut self, bit: usize, place: &Place<'_, W>) {
        let Some(sifted) = self.mesh.rules.get(bit) else { return };
        if has(&place.kind.choosy, bit) && !self.chooses(sifted, place) {
            return;
        }
        // A head that has an echo acts on every value.
        let found = match place.source.meaning {
            Meaning::Single(_) => sightings::Found::Single,
            _ if place.source.stays && sifted.echo.is_none() => sightings::Found::Member(place.value),
            _ => sightings::Found::Passing,
        };
        if matches!(found, sightings::Found::Passing)
            && let Some(word) = self.asleep.get_mut(bit / 64)
        {
            *word &= !(1 << (bit % 64));
        }
        (self.wake)(&Woken {
            part: sifted.part,
            sighted: Sighted {
                phase: sifted.phase,
                step: sifted.step,
                link: sifted.link,
                found,
                decided: false,
            },
        });
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

/// Whether what comes of a value when it is decoded is shorter than everything that is looked for in it.
fn is_short<const W: usize>(kind: &Kind<W>, shown: Signs, length: usize) -> bool {
    shown.classes & !CODE == 0 && length / 4 * 3 < kind.decoded_from
}

fn confirms(program: &Program, work: &Work, sifted: &Sifted, bytes: &[u8]) -> bool {
    use regex_automata::dfa::Automaton;
    let Some(rule) = program.rule(sifted.rule) else { return false };
    if let Some(echo) = &sifted.echo {
        work.charge_value(bytes.len(), 1);
        return echo.is_heard(rule, bytes);
    }
    if let Some(automaton) = &sifted.automaton {
        work.charge_value(bytes.len(), 1);
        if let Ok(found) = automaton.try_search_fwd(&Input::new(bytes).earliest(true)) {
            return found.is_some() != sifted.negated;
        }
    }
    work.charge_value(bytes.len(), 1);
    if let Some(rough) = &sifted.rough
        && let Ok(None) = rough.try_search_fwd(&Input::new(bytes).earliest(true))
    {
        return false;
    }
    let Some(test) = rule.links.get(sifted.link).and_then(|link| link.test.as_ref()) else { return false };
    let argument = sifted.argument.as_deref();
    work.charge_value(bytes.len(), test.operate.weight());
    if let Some(matches) = argument.map_or_else(|| test.operate.matches(bytes), |_| None) {
        return matches != test.negated;
    }
    let mut found = Found::default();
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
    let [mut first_spaced, mut second_spaced] = held;
    join(&mut first_spaced, &mesh.blank[0]);
    join(&mut second_spaced, &mesh.blank[1]);
    let spaced = both(&first_spaced, &second_spaced);
    Scanned { hits: both(&first, &second), spaced, signs: Signs { classes, pairs } }
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

fn join<const W: usize>(one: &mut Rules<W>, other: &Rules<W>) {
    one.iter_mut().zip(other).for_each(|(word, other)| *word |= other);
}

fn differing<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> Rules<W> {
    let mut differing = *one;
    differing.iter_mut().zip(other).for_each(|(word, other)| *word ^= other);
    differing
}

fn meet<const W: usize>(one: &Rules<W>, other: &Rules<W>) -> bool {
    one.iter().zip(other).any(|(word, other)| word & other != 0)
}

fn has<const W: usize>(set: &Rules<W>, bit: usize) -> bool {
    set.get(bit / 64).is_some_and(|word| word >> (bit % 64) & 1 == 1)
}

/// Takes the lowest bit out of a set.
fn pop<const W: usize>(set: &mut Rules<W>) -> Option<usize> {
    for (at, word) in set.iter_mut().enumerate() {
        if *word != 0 {
            let bit = word.trailing_zeros() as usize;
            *word &= *word - 1;
            return Some(at * 64 + bit);
        }
    }
    None
}
