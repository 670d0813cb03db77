//! JSON, flattened to arguments as ModSecurity v3 names them: `json.items.array_0.a`, duplicates kept.
//!
//! The root is `json`; a member adds `.` and its key (an empty key is written `empty-key`), an element `.array_` and its index, so
//! `[[1]]` gives `json.array_0.array_0` and a bare scalar `json`. ModSecurity v2 has no `json` and repeats an array's name, Coraza writes
//! `json.items.0.a` and lets a later duplicate win. Unlike v3, an empty object or array gives a field with an empty value (the root
//! excepted): else the keys that lead to it would be invisible, as in `{"user": {"$ne": {}}}`.

mod tokens;

use std::borrow::Cow;

use tokens::{Fault, Token, Tokens};

use crate::{BodyError, Field, Limits};

/// Flattens a document into named values in document order. What was read before an error is kept beside it, so that rules see it. See
/// [`walk`].
#[must_use]
pub fn flatten(input: &[u8], limits: &Limits) -> (Vec<Field>, Option<BodyError>) {
    let mut fields = Vec::new();
    let error = walk(input, limits, |name, value| {
        fields.push(Field { name: name.to_vec(), value: value.into_owned() });
    });
    (fields, error)
}

/// Reads a document value by value: `visit` is given name and value in document order, up to the first error. A value that stands in the
/// document as it is is not copied.
///
/// Strings are decoded, numbers stand as written, `true` and `false` are words, `null` is empty. An empty input holds nothing and is no
/// error, as in ModSecurity v3. Errors are: syntax (RFC 8259, and nothing beyond it: no comments, no trailing commas, nothing after the
/// document), more than [`Limits::fields`] values, nesting beyond [`Limits::depth`], and names that together outgrow the document.
pub fn walk<'a>(
    input: &'a [u8],
    limits: &Limits,
    visit: impl FnMut(&[u8], Cow<'a, [u8]>),
) -> Option<BodyError> {
    let mut document = Flattening {
        visit,
        fields: 0,
        path: b"json".to_vec(),
        open: Vec::new(),
        names: 0,
        longest_names: input.len().saturating_mul(16).saturating_add(1 << 20),
        limits,
    };
    if input.is_empty() {
        return None;
    }
    let error = document.read(input).err();
    error.map(|fault| BodyError { message: format!("{} at offset {}", fault.what, fault.offset) })
}

struct Flattening<'a, V> {
    visit: V,
    /// Values so far.
    fields: usize,
    /// Name of the value that is being read.
    path: Vec<u8>,
    open: Vec<Container>,
    /// Bytes of all names so far. A long key above many values multiplies.
    names: usize,
    longest_names: usize,
    limits: &'a Limits,
}

struct Container {
    /// `None` in an object, the index of the current element in an array.
    index: Option<usize>,
    /// Length of the container's own name in the path.
    name: usize,
    empty: bool,
}

impl<'i, V: FnMut(&[u8], Cow<'i, [u8]>)> Flattening<'_, V> {
    fn read(&mut self, input: &'i [u8]) -> Result<(), Fault> {
        let mut tokens = Tokens::new(input);
        loop {
            let token = tokens.next()?;
            let offset = tokens.start();
            match token {
                Token::Open { array } => {
                    if self.open.len() >= self.limits.depth {
                        return Err(Fault { what: "nesting too deep", offset });
                    }
                    let index = array.then_some(0);
                    self.open.push(Container { index, name: self.path.len(), empty: true });
                    if tokens.close_follows(array)? {
                        self.close(offset)?;
                    } else {
                        self.enter(&mut tokens)?;
                        continue;
                    }
                }
                Token::Scalar(value) => self.field(value, offset)?,
            }
            if !self.leave(&mut tokens)? {
                return tokens.end();
            }
        }
    }

    /// Goes to the next value of the innermost container: extends the path by a key or an index.
    fn enter(&mut self, tokens: &mut Tokens<'i>) -> Result<(), Fault> {
        let Some(container) = self.open.last_mut() else { return Ok(()) };
        container.empty = false;
        self.path.truncate(container.name);
        match container.index {
            Some(index) => push_index(&mut self.path, index),
            None => {
                let key = tokens.key()?;
                self.path.push(b'.');
                self.path.extend_from_slice(if key.is_empty() { b"empty-key" } else { &key });
            }
        }
        Ok(())
    }

    /// After a value: a comma leads to the next one, closing signs lead out. Says whether there is another value.
    fn leave(&mut self, tokens: &mut Tokens<'i>) -> Result<bool, Fault> {
        while let Some(container) = self.open.last_mut() {
            let array = container.index.is_some();
            if tokens.comma_follows(array)? {
                if let Some(index) = &mut container.index {
                    *index += 1;
                }
                self.enter(tokens)?;
                return Ok(true);
            }
            self.close(tokens.start())?;
        }
        Ok(false)
    }

    fn close(&mut self, offset: usize) -> Result<(), Fault> {
        let Some(container) = self.open.pop() else { return Ok(()) };
        self.path.truncate(container.name);
        if container.empty && !self.open.is_empty() { self.field(Cow::Borrowed(&[]), offset) } else { Ok(()) }
    }

    fn field(&mut self, value: Cow<'i, [u8]>, offset: usize) -> Result<(), Fault> {
        if self.fields >= self.limits.fields {
            return Err(Fault { what: "too many values", offset });
        }
        self.names += self.path.len();
        if self.names > self.longest_names {
            return Err(Fault { what: "names too long", offset });
        }
        self.fields += 1;
        (self.visit)(&self.path, value);
        Ok(())
    }
}

/// `.array_` and an index.
fn push_index(path: &mut Vec<u8>, index: usize) {
    path.extend_from_slice(b".array_");
    let (first, mut rest) = (path.len(), index);
    loop {
        path.push(b'0' + u8::try_from(rest % 10).unwrap_or_default());
        rest /= 10;
        if rest == 0 {
            break;
        }
    }
    path[first..].reverse();
}

#[cfg(test)]
mod tests;
