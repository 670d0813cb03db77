//! Sifts values: finds out which rules are to be woken, in one pass over the bytes of each value.
//!
//! A value goes through its transformations only if it holds a byte that one of them changes. What is left of the rules after their clauses
//! is asked for certain, so a rule that is woken does match, unless a target was excluded for this request.

mod bits;
mod forms;
mod memory;
mod scan;

use portcullis_transform::Context;

pub(crate) use self::scan::scan;
use self::{
    bits::{Rules, both, differing, has, join, pop, remove, without},
    forms::lower,
    scan::{Scanned, pass},
};
use super::{
    scratch::Scratch,
    sightings::{self, Sighted},
    verdicts,
};
use crate::{
    ir::{
        Program, Sieve,
        mark::Mark,
        sieve::{AnyMesh, CODE, Kind, Mesh, Sifted, Signs, Source, UPPER, When, classes, decodes},
    },
    operators::Found,
    state::{Controls, State, Value, Work},
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
            AnyMesh::W1(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
            AnyMesh::W2(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
            AnyMesh::W3(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
            AnyMesh::W4(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
            AnyMesh::W6(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
            AnyMesh::W8(mesh) => sift_all(mesh, sieve.generation, state, when, scratch, wake),
        }
    }
}

fn sift_all<const W: usize>(
    mesh: &Mesh<W>,
    generation: u64,
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
        generation,
        remembers: state.remembers,
        noted: None,
        scanned: None,
        whole: None,
    };
    for source in mesh.sources.iter().filter(|source| source.when == when) {
        match source.meaning {
            Meaning::Single(value) => {
                if let Some(value) = value(state) {
                    sifter.value(source, &source.others, &[], &value);
                    if let Some(scanned) = sifter.scanned.take() {
                        sifter.whole = Some((value, scanned));
                    }
                }
            }
            Meaning::Members(kept) => {
                for members in kept(state) {
                    for member in members {
                        let name = &*member.name;
                        sifter.value(source, source.kind(name), name, &member.value);
                    }
                }
            }
            Meaning::Names(kept) => {
                for members in kept(state) {
                    for member in members {
                        let name = &*member.name;
                        sifter.value(source, source.kind(name), name, name);
                    }
                }
            }
            Meaning::Collection(each) | Meaning::Store(each, _) => each(state, &mut |name, value| {
                sifter.value(source, source.kind(name), name, value);
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
    /// Of the plan.
    generation: u64,
    /// Values that come again may be remembered.
    remembers: bool,
    /// What the value at hand wakes, if that is to be remembered.
    noted: Option<verdicts::Woken>,
    /// What a pass over the single value at hand showed, if it is one that others may be parts of.
    scanned: Option<Scanned<W>>,
    /// The last of those. It is kept as long as it is compared with: nothing else can stand in its place.
    whole: Option<(Value, Scanned<W>)>,
}

/// Units of work for a byte: a pass over a value, the search for phrases, a transformation and the pass over what came of it.
const SCAN: u32 = 1;
const PHRASES: u32 = 1;
const TRANSFORM: u32 = 3;

/// Values from this length on, in bytes, are not gone over for pairs where the search for phrases is enough, and what a pass over one
/// showed is kept for its parts.
const LONG: usize = 64;

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
        if !kind.usual.is_empty()
            && let Some((_, woken)) = kind.usual.iter().find(|(usual, _)| *usual == value)
        {
            return self.known(woken, &place);
        }
        if self.recurs(&place) { self.remembered(&place) } else { self.look(&place) }
    }

    /// Wakes what a value is known to wake.
    fn known(&mut self, woken: &[u16], place: &Place<'_, W>) {
        for bit in woken.iter().map(|bit| usize::from(*bit)) {
            if has(&self.asleep, bit) {
                self.woken(bit, place);
            }
        }
    }

    /// Wakes the rules that a value may match.
    fn look(&mut self, place: &Place<'_, W>) {
        let Place { kind, value, .. } = *place;
        let rules = both(&kind.rules, &self.asleep);
        if let Some(searched) = &kind.searched
            && value.len() >= LONG
            && !kind.marked.iter().any(|bit| self.is_marked(usize::from(*bit), value))
        {
            return self.plain(place, &both(&rules, searched), &[u64::MAX; W], Signs::UNKNOWN);
        }
        if self.is_quiet_part(kind, value, &rules) {
            return;
        }
        let scanned = pass(self.mesh, value);
        if value.len() >= LONG && matches!(place.source.meaning, Meaning::Single(_)) {
            self.scanned = Some(scanned);
        }
        let shown = scanned.signs;
        let decodes =
            kind.decoding != [0; W] && decodes(kind.decoded, shown) && self.decoded(kind, value, shown);
        if decodes || shown.show_folded(kind.touched) {
            return self.forms(place, value, &scanned, decodes);
        }
        self.plain(place, &both(&rules, &kind.plain), &scanned.hits, shown);
    }

    /// Whether a value is part of one that was gone over, and nothing that showed there wakes any of `rules` here: a target and its query
    /// are parts of the request line, many arguments of the body.
    fn is_quiet_part(&self, kind: &Kind<W>, value: &[u8], rules: &Rules<W>) -> bool {
        let Some((whole, scanned)) = &self.whole else { return false };
        if !whole.holds(value) || kind.decoding != [0; W] {
            return false;
        }
        let Scanned { hits, signs, .. } = scanned.of_part(self.mesh, value);
        !signs.show_folded(kind.touched) && !self.wakes_any(&both(rules, &kind.plain), &hits)
    }

    /// Whether any of these rules is one whose clauses hold, or that matches where they do not.
    fn wakes_any(&self, rules: &Rules<W>, hits: &Rules<W>) -> bool {
        rules
            .iter()
            .zip(hits)
            .zip(&self.mesh.inverted)
            .any(|((rules, hits), inverted)| rules & (hits | inverted) != 0)
    }

    /// Whether the mark of a rule stands in a value, if it has one.
    fn is_marked(&self, bit: usize, value: &[u8]) -> bool {
        let mark = self.mesh.rules.get(bit).and_then(|sifted| sifted.mark.as_ref());
        mark.is_none_or(|mark| mark.stands_in(value))
    }

    /// Wakes those of `rules` that match a value of which their transformations change nothing but letter case.
    fn plain(&mut self, place: &Place<'_, W>, rules: &Rules<W>, hits: &Rules<W>, shown: Signs) {
        let value = place.value;
        if !self.wakes_any(rules, hits) {
            return;
        }
        let mut candidates = self.phrases(place, value, rules, hits, None);
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
                self.woken(bit, place);
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
        let mut left = without(&hit, &phrased);
        if phrased != [0; W] {
            self.work.charge_value(value.len(), PHRASES);
            let found = mesh.phrases.find(value);
            join(&mut woken, &both(&without(&phrased, &mesh.literal), &differing(&found, &mesh.inverted)));
            join(&mut left, &both(&both(&phrased, &mesh.literal), &found));
        }
        while let Some(bit) = pop(&mut woken) {
            if shown.is_none_or(|shown| shown(bit)) && !self.spare(bit, place, &mut left) {
                self.woken(bit, place);
            }
        }
        left
    }

    /// Wakes a rule that matches for certain and skips others: they need not be looked for. False if it is no such rule.
    fn spare(&mut self, bit: usize, place: &Place<'_, W>, left: &mut Rules<W>) -> bool {
        let Some(sifted) = self.mesh.rules.get(bit).filter(|sifted| !sifted.spares.is_empty()) else {
            return false;
        };
        let is_excluded = self.controls.excluded().iter().any(|(rules, _)| rules.contains(sifted.rule));
        if self.controls.removes(sifted.rule) || is_excluded {
            return false;
        }
        for bit in sifted.spares.iter().map(|bit| usize::from(*bit)) {
            remove(left, bit);
        }
        // It depends on more than the value.
        self.noted = None;
        let Sifted { phase, step, link, part, .. } = *sifted;
        let reaches = place.source.reaches;
        (self.wake)(&Woken {
            part,
            sighted: Sighted { phase, step, link, found: sightings::Found::Single, reaches, decided: true },
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

    /// Whether a rule may match a value of this length that shows these signs.
    fn is_plausible(&self, bit: usize, length: usize, signs: Signs) -> bool {
        self.mesh.rules.get(bit).is_some_and(|sifted| length >= sifted.shortest)
            && self.has_needs(bit, signs.classes)
    }

    /// Whether classes hold what a rule needs.
    fn has_needs(&self, bit: usize, classes: u64) -> bool {
        let there = |needs: &u64| *needs == 0 || classes & needs != 0;
        self.mesh.rules.get(bit).is_some_and(|sifted| sifted.needs.iter().all(there))
    }

    /// Whether the operator of a rule matches.
    fn confirms(&self, bit: usize, bytes: &[u8]) -> bool {
        self.mesh.rules.get(bit).is_some_and(|sifted| confirms(self.program, self.work, sifted, bytes))
    }

    fn woken(&mut self, bit: usize, place: &Place<'_, W>) {
        let Some(sifted) = self.mesh.rules.get(bit) else { return };
        self.noted = self.noted.take().filter(|noted| noted.has_room()).map(|noted| noted.with(bit));
        if has(&place.kind.choosy, bit) && !self.chooses(sifted, place) {
            return;
        }
        // A head that has an echo acts on every value.
        let found = match place.source.meaning {
            Meaning::Single(_) => sightings::Found::Single,
            _ if place.source.stays && sifted.echo.is_none() => sightings::Found::Member(place.value),
            _ => sightings::Found::Passing,
        };
        if matches!(found, sightings::Found::Passing) {
            remove(&mut self.asleep, bit);
        }
        (self.wake)(&Woken {
            part: sifted.part,
            sighted: Sighted {
                phase: sifted.phase,
                step: sifted.step,
                link: sifted.link,
                found,
                reaches: place.source.reaches,
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
    let Some(rule) = program.rule(sifted.rule) else { return false };
    if let Some(echo) = &sifted.echo {
        work.charge_value(bytes.len(), 1);
        return echo.is_heard(rule, bytes);
    }
    if bytes.len() >= LONG
        && let Some(Mark::Text(text)) = &sifted.mark
        && text.find(bytes).is_none()
    {
        return false;
    }
    if let Some(automaton) = &sifted.automaton {
        work.charge_value(bytes.len(), 1);
        if let Some(found) = automaton.finds(bytes) {
            return found != sifted.negated;
        }
    }
    work.charge_value(bytes.len(), 1);
    if sifted.rough.as_ref().is_some_and(|rough| rough.finds(bytes) == Some(false)) {
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
