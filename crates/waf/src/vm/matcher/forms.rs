//! What chains of transformations make of a value, each result once, and which rules match it.

use portcullis_transform::Transformation;

use super::{
    BLANK, Place, Sifter, TRANSFORM,
    bits::{Rules, both, join, meet, pop, remove, without},
    is_short,
    scan::{Scanned, scan},
};
use crate::{
    ir::sieve::{Change, Kind, Node, Signs, UPPER, decodes},
    vm::scratch::{Buffer, Form, Results},
};

/// So many rules are sooner asked one by one what they need.
const FEW: u32 = 8;

impl<const W: usize> Sifter<'_, '_, W> {
    /// Sifts what each chain of transformations makes of a value.
    pub(super) fn forms(&mut self, place: &Place<'_, W>, value: &[u8], scanned: &Scanned<W>, decodes: bool) {
        let kind = place.kind;
        let shown = scanned.signs;
        let mut alive = both(&kind.rules, &self.asleep);
        // Where nothing is put side by side that was apart, a rule's clauses have to hold, blanks aside.
        let mut spaced = scanned.spaced(self.mesh);
        join(&mut spaced, &self.mesh.inverted);
        join(&mut spaced, &kind.stirred);
        for (_, rules) in kind.stirs.iter().filter(|(signs, _)| shown.show_folded(*signs)) {
            join(&mut spaced, rules);
        }
        alive = both(&alive, &spaced);
        // Where transformations only take away, what a rule needs has to be there as well.
        let mut content = [0; W];
        for (_, rules) in kind.brings.iter().filter(|(signs, _)| shown.show_folded(*signs)) {
            join(&mut content, rules);
        }
        if decodes || meet(&content, &kind.decoding) {
            join(&mut content, &kind.decoding);
        }
        let mut asked = without(&alive, &content);
        if asked.iter().map(|word| word.count_ones()).sum::<u32>() > FEW {
            join(&mut content, &self.content_of(shown.classes | BLANK));
            alive = both(&alive, &content);
        } else {
            while let Some(bit) = pop(&mut asked) {
                if !self.has_needs(bit, shown.classes | BLANK) {
                    remove(&mut alive, bit);
                }
            }
        }
        if alive == [0; W] {
            return;
        }
        let mut results = self.scratch.results.take().unwrap_or_default();
        self.make(kind, value, &alive, scanned, &mut results);
        self.as_it_came(place, value, &alive, scanned, &results.forms);
        let changed = std::mem::take(&mut results.changed);
        for &at in &changed {
            self.as_changed(place, value, &alive, usize::from(at), &mut results);
        }
        results.changed = changed;
        self.scratch.results = Some(results);
    }

    /// Makes the forms that rules see.
    fn make(
        &self,
        kind: &Kind<W>,
        value: &[u8],
        rules: &Rules<W>,
        scanned: &Scanned<W>,
        results: &mut Results,
    ) {
        let nodes = &self.mesh.nodes;
        if results.forms.len() < nodes.len() {
            results.forms.resize(nodes.len(), Form::default());
        }
        results.changed.clear();
        results.known.clear();
        self.want(rules, &mut results.wanted);
        let mut used = 0;
        next(&mut results.buffers, &mut used).note(&scanned.hits, scanned.signs);
        for word in 0..results.wanted.len() {
            let mut left = results.wanted.get(word).copied().unwrap_or_default();
            while left != 0 {
                let at = word * 64 + left.trailing_zeros() as usize;
                left &= left - 1;
                let form = self.form_at(at, kind, value, scanned.signs, results, &mut used);
                if let Some(place) = results.forms.get_mut(at) {
                    *place = form;
                }
                if form != Form::default() && form != Form::NOTHING {
                    results.changed.extend(u16::try_from(at));
                }
            }
        }
    }

    /// What a node makes of what its parent made. Parents are wanted too, and stand in front.
    #[inline]
    fn form_at(
        &self,
        at: usize,
        kind: &Kind<W>,
        value: &[u8],
        shown: Signs,
        results: &mut Results,
        used: &mut usize,
    ) -> Form {
        let Some(node) = self.mesh.nodes.get(at) else { return Form::default() };
        let parent = results.forms.get(node.parent).copied().unwrap_or_default();
        if parent == Form::default() && node.touched.is_some_and(|touched| !shown.show(touched)) {
            return parent;
        }
        if parent == Form::NOTHING || self.comes_to_nothing(kind, node, &results.buffers, parent, value.len())
        {
            return Form::NOTHING;
        }
        match node.transformation {
            None => parent,
            Some(transformation) => self.form(node.change, transformation, parent, value, results, used),
        }
    }

    /// Nodes that rules need, and the first.
    fn want(&self, rules: &Rules<W>, wanted: &mut Vec<u64>) {
        wanted.clear();
        wanted.resize(self.mesh.nodes.len().div_ceil(64), 0);
        if let Some(first) = wanted.first_mut() {
            *first = 1;
        }
        let mut rules = *rules;
        while let Some(bit) = pop(&mut rules) {
            let path = self.mesh.rules.get(bit).map_or(&[][..], |sifted| &sifted.path);
            wanted.iter_mut().zip(path).for_each(|(wanted, path)| *wanted |= path);
        }
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
        results: &mut Results,
    ) {
        let Some(node) = self.mesh.nodes.get(at) else { return };
        let rules = both(&both(alive, &node.rules), &self.asleep);
        let form = results.forms.get(at).copied().unwrap_or_default();
        let Some(buffer) = results.buffers.get_mut(usize::from(form.buffer)) else { return };
        if rules == [0; W] {
            return;
        }
        let mut hits = [0; W];
        hits.iter_mut().zip(&buffer.hits).for_each(|(word, hits)| *word = *hits);
        let mut candidates = if form.buffer > 0 {
            self.phrases(place, &buffer.bytes, &rules, &hits, None)
        } else {
            // In the value itself they have been looked for.
            let decided = without(&self.mesh.phrases.rules, &self.mesh.literal);
            without(&both(&rules, &hits), &decided)
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
        results: &mut Results,
        used: &mut usize,
    ) -> Form {
        let signs =
            results.buffers.get(usize::from(parent.buffer)).map_or(Signs::default(), |buffer| buffer.signs);
        let lowered = Form { lowered: parent.lowered || signs.classes & UPPER != 0, ..parent };
        match change {
            Change::If(touched) if !signs.show_folded(touched) => return parent,
            Change::LowerCase => return lowered,
            Change::LowerCaseAnd(touched) if !signs.show_folded(touched) => return lowered,
            Change::If(_) | Change::LowerCaseAnd(_) | Change::Decodes(_) | Change::Any => {}
        }
        let place = std::ptr::from_ref(transformation).addr();
        let known = results.known.iter().find(|(known, from, _)| *known == place && *from == parent);
        if let Some((_, _, form)) = known {
            return *form;
        }
        let form = self.made(transformation, parent, value, &mut results.buffers, used);
        results.known.push((place, parent, form));
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

pub(super) fn lower(bytes: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(bytes);
    out.make_ascii_lowercase();
}
