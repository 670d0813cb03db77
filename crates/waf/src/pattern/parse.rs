//! PCRE's syntax, as far as rule sets use it. Anything else is refused by name, never read as something similar.
//!
//! Follows PCRE2 10.42 without UTF and with the tables of the C locale, as ModSecurity calls it.

use super::{
    Dialect, PatternError,
    tree::{ByteSet, Greed, Node},
};

/// Deepest nesting of groups, PCRE2's default too.
const MAX_DEPTH: usize = 250;
/// Largest repeat count, PCRE2's too.
const MAX_REPEAT: u32 = 65_535;

/// Modes that inline flags change.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flags {
    pub(super) ignore_case: bool,
    pub(super) multiline: bool,
    pub(super) dot_all: bool,
    pub(super) extended: bool,
    /// Not an inline flag: `$` matches only at the very end where it is not multiline.
    pub(super) dollar_end_only: bool,
}

pub(super) struct Parser<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) position: usize,
    /// Capturing groups opened so far.
    pub(super) groups: u32,
    names: Vec<(&'a [u8], u32)>,
    /// Highest back reference and where it is.
    referred: (u32, usize),
    depth: usize,
    /// Between `\Q` and `\E`.
    quoted: bool,
}

pub(super) fn parse(source: &[u8], dialect: Dialect) -> Result<Node, PatternError> {
    let mut parser = Parser {
        bytes: source,
        position: 0,
        groups: 0,
        names: Vec::new(),
        referred: (0, 0),
        depth: 0,
        quoted: false,
    };
    let flags = Flags {
        ignore_case: dialect.ignore_case,
        multiline: dialect.multiline,
        dot_all: true,
        extended: false,
        dollar_end_only: !dialect.multiline,
    };
    let node = parser.alternatives(flags)?;
    if parser.position < source.len() {
        return Err(PatternError::new(parser.position, "closing parenthesis without an opening one")
            .help("write \\) for a literal parenthesis"));
    }
    let (group, offset) = parser.referred;
    if group > parser.groups {
        return Err(PatternError::new(
            offset,
            format!("back reference to group {group}, which does not exist"),
        ));
    }
    Ok(node)
}

impl<'a> Parser<'a> {
    pub(super) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.position..).unwrap_or(&[])
    }

    pub(super) fn eat(&mut self, text: &[u8]) -> bool {
        let eaten = self.rest().starts_with(text);
        if eaten {
            self.position += text.len();
        }
        eaten
    }

    pub(super) fn error(&self, message: impl Into<String>) -> PatternError {
        PatternError::new(self.position, message)
    }

    pub(super) fn unsupported(&self, what: &str) -> PatternError {
        self.error(format!("{what} is not supported in patterns")).help(WRITTEN_OUT)
    }

    fn alternatives(&mut self, mut flags: Flags) -> Result<Node, PatternError> {
        let mut branches = Vec::new();
        let mut items = Vec::new();
        loop {
            self.skip_ignored(flags)?;
            match self.peek() {
                None => break,
                Some(_) if self.quoted => items.push(self.quoted_byte(flags)?),
                Some(b')') => break,
                Some(b'|') => {
                    self.position += 1;
                    branches.push(Node::concat(std::mem::take(&mut items)));
                }
                Some(_) => {
                    if self.quantifier()?.is_some() {
                        return Err(self.error("quantifier follows nothing that can be repeated"));
                    }
                    if let Some(atom) = self.atom(&mut flags)? {
                        items.push(self.quantified(atom, flags)?);
                    }
                }
            }
        }
        branches.push(Node::concat(items));
        Ok(Node::alternation(branches))
    }

    fn quoted_byte(&mut self, flags: Flags) -> Result<Node, PatternError> {
        let Some(byte) = self.peek() else { return Ok(Node::Empty) };
        self.position += 1;
        self.quantified(literal(byte, flags), flags)
    }

    fn atom(&mut self, flags: &mut Flags) -> Result<Option<Node>, PatternError> {
        let Some(byte) = self.peek() else { return Ok(None) };
        let node = match byte {
            b'(' => return self.group(flags),
            b'[' => self.bracket(*flags)?,
            b'\\' => return self.escape(*flags),
            b'.' => {
                self.position += 1;
                Node::Class(if flags.dot_all { ByteSet::ALL } else { ByteSet::of(b"\n").complement() })
            }
            b'^' => {
                self.position += 1;
                Node::Anchor(super::escape::caret(*flags))
            }
            b'$' => {
                self.position += 1;
                Node::Anchor(super::escape::dollar(*flags))
            }
            _ => {
                self.position += 1;
                literal(byte, *flags)
            }
        };
        Ok(Some(node))
    }

    /// Comments, `\Q` and `\E`, and blanks of extended mode: they may stand between an item and its quantifier too.
    fn skip_ignored(&mut self, flags: Flags) -> Result<(), PatternError> {
        loop {
            if self.quoted {
                if !self.eat(b"\\E") {
                    return Ok(());
                }
                self.quoted = false;
            } else if self.eat(b"\\Q") {
                self.quoted = true;
            } else if self.eat(b"\\E") {
            } else if self.rest().starts_with(b"(?#") {
                let Some(length) = self.rest().iter().position(|byte| *byte == b')') else {
                    return Err(self.error("comment without a closing parenthesis"));
                };
                self.position += length + 1;
            } else if flags.extended && self.peek().is_some_and(|byte| b" \t\n\x0b\x0c\r".contains(&byte)) {
                self.position += 1;
            } else if flags.extended && self.peek() == Some(b'#') {
                let length = self.rest().iter().position(|byte| *byte == b'\n').unwrap_or(self.rest().len());
                self.position += length;
            } else {
                return Ok(());
            }
        }
    }

    /// PCRE2 allows one quantifier, and none after an anchor that stands alone.
    fn quantified(&mut self, node: Node, flags: Flags) -> Result<Node, PatternError> {
        self.skip_ignored(flags)?;
        let begin = self.position;
        if self.quoted {
            return Ok(node);
        }
        let Some((min, max)) = self.quantifier()? else { return Ok(node) };
        if matches!(node, Node::Anchor(_)) {
            return Err(PatternError::new(begin, "quantifier follows an anchor"));
        }
        if flags.extended {
            self.skip_ignored(flags)?;
        }
        let greed = if self.quoted {
            Greed::Greedy
        } else if self.eat(b"?") {
            Greed::Lazy
        } else if self.eat(b"+") {
            Greed::Possessive
        } else {
            Greed::Greedy
        };
        Ok(repeat(node, min, max, greed))
    }

    /// `{` that starts no complete quantifier is a literal. `{,3}` is one until PCRE2 10.42 and a quantifier since: refused, as are the
    /// blanks that later versions allow.
    fn quantifier(&mut self) -> Result<Option<(u32, Option<u32>)>, PatternError> {
        let (range, length) = match self.peek() {
            Some(b'*') => ((0, None), 1),
            Some(b'+') => ((1, None), 1),
            Some(b'?') => ((0, Some(1)), 1),
            Some(b'{') => match counts(self.rest()) {
                Some(found) => found,
                None if is_ambiguous(self.rest()) => {
                    return Err(self
                        .error("quantifier that versions of PCRE read differently")
                        .help("write {0,3} for up to three, \\{ for a literal brace"));
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        let (min, max) = range;
        if min > MAX_REPEAT || max.is_some_and(|max| max > MAX_REPEAT) {
            return Err(self.error(format!("repeat count above {MAX_REPEAT}")));
        }
        if max.is_some_and(|max| max < min) {
            return Err(self.error("repeat counts in the wrong order"));
        }
        self.position += length;
        Ok(Some(range))
    }

    fn group(&mut self, flags: &mut Flags) -> Result<Option<Node>, PatternError> {
        let opened = self.position;
        if self.eat(b"(*") {
            return Err(PatternError::new(opened, "verbs such as (*FAIL) are not supported in patterns"));
        }
        self.position += 1;
        if !self.eat(b"?") {
            self.groups += 1;
            let index = self.groups;
            let node = self.body(*flags, opened)?;
            return Ok(Some(Node::Capture(index, Box::new(node))));
        }
        for (opening, behind, negative) in
            [(&b"="[..], false, false), (b"!", false, true), (b"<=", true, false), (b"<!", true, true)]
        {
            if self.eat(opening) {
                let node = self.body(*flags, opened)?;
                if behind && !node.branches().iter().all(|branch| branch.fixed_length().is_some()) {
                    return Err(PatternError::new(
                        opened,
                        "look-behind of no fixed length is not supported in patterns",
                    )
                    .help("only its alternatives may differ in length, as until PCRE2 10.42"));
                }
                return Ok(Some(Node::Look { behind, negative, node: Box::new(node) }));
            }
        }
        if self.eat(b":") {
            return Ok(Some(grouped(self.body(*flags, opened)?)));
        }
        if self.eat(b">") {
            return Ok(Some(Node::Atomic(Box::new(self.body(*flags, opened)?))));
        }
        for (opening, closing) in [(&b"P<"[..], b'>'), (b"<", b'>'), (b"'", b'\'')] {
            if self.eat(opening) {
                let name = self.name(closing)?;
                if self.names.iter().any(|(known, _)| *known == name) {
                    return Err(self.error(format!("two groups are called {}", name.escape_ascii())));
                }
                self.groups += 1;
                let index = self.groups;
                self.names.push((name, index));
                let node = self.body(*flags, opened)?;
                return Ok(Some(Node::Capture(index, Box::new(node))));
            }
        }
        if self.eat(b"P=") {
            let name = self.name(b')')?;
            return Ok(Some(self.named_reference(name, *flags)?));
        }
        self.inline_flags(flags, opened)
    }

    /// The inside of a group and its closing parenthesis; flags set inside end there.
    fn body(&mut self, flags: Flags, opened: usize) -> Result<Node, PatternError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(PatternError::new(opened, format!("groups nested deeper than {MAX_DEPTH}")));
        }
        let node = self.alternatives(flags)?;
        self.depth -= 1;
        if !self.eat(b")") {
            return Err(PatternError::new(opened, "group without a closing parenthesis")
                .help("write \\( for a literal parenthesis"));
        }
        Ok(node)
    }

    fn inline_flags(&mut self, flags: &mut Flags, opened: usize) -> Result<Option<Node>, PatternError> {
        let mut changed = *flags;
        let mut on = true;
        loop {
            let Some(byte) = self.peek() else {
                return Err(PatternError::new(opened, "group without a closing parenthesis"));
            };
            match byte {
                b'i' => changed.ignore_case = on,
                b'm' => changed.multiline = on,
                b's' => changed.dot_all = on,
                b'x' => changed.extended = on,
                b'-' if on => on = false,
                b')' => {
                    self.position += 1;
                    *flags = changed;
                    return Ok(None);
                }
                b':' => {
                    self.position += 1;
                    return Ok(Some(grouped(self.body(changed, opened)?)));
                }
                _ => return Err(self.unsupported(unsupported_group(byte))),
            }
            self.position += 1;
        }
    }

    pub(super) fn name(&mut self, closing: u8) -> Result<&'a [u8], PatternError> {
        let rest = self.rest();
        let length = rest.iter().position(|byte| *byte == closing).unwrap_or(0);
        let name = rest.get(..length).unwrap_or(&[]);
        if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            return Err(self.error("group name that is empty, unfinished or not made of letters and digits"));
        }
        self.position += length + 1;
        Ok(name)
    }

    pub(super) fn named_reference(&self, name: &[u8], flags: Flags) -> Result<Node, PatternError> {
        match self.names.iter().find(|(known, _)| *known == name) {
            Some((_, group)) => Ok(Node::BackReference { group: *group, ignore_case: flags.ignore_case }),
            None => Err(self.error(format!("back reference to unknown group {}", name.escape_ascii()))),
        }
    }

    pub(super) fn reference(&mut self, group: u32, flags: Flags) -> Node {
        if group > self.referred.0 {
            self.referred = (group, self.position);
        }
        Node::BackReference { group, ignore_case: flags.ignore_case }
    }
}

/// Keeps a group visible where that matters: a quantifier may follow a group with an anchor but no anchor, and a look-behind may have
/// alternatives of different lengths, but not a group within it.
fn grouped(node: Node) -> Node {
    if matches!(node, Node::Anchor(_) | Node::Alternation(_)) { Node::Concat(vec![node]) } else { node }
}

/// What has no width is there or not, however often it is repeated.
fn repeat(node: Node, min: u32, max: Option<u32>, greed: Greed) -> Node {
    if node.fixed_length() != Some(0) {
        return Node::Repeat { node: Box::new(node), min, max, greed };
    }
    match (min, max, greed) {
        (_, Some(0), _) => Node::Empty,
        (1.., ..) => node,
        (0, _, Greed::Lazy) => Node::Alternation(vec![Node::Empty, node]),
        (0, _, Greed::Greedy) => Node::Alternation(vec![node, Node::Empty]),
        (0, _, Greed::Possessive) => Node::Atomic(Box::new(Node::Alternation(vec![node, Node::Empty]))),
    }
}

pub(super) fn literal(byte: u8, flags: Flags) -> Node {
    if flags.ignore_case && byte.is_ascii_alphabetic() {
        Node::Class(ByteSet::of(&[byte]).fold_case())
    } else {
        Node::Byte(byte)
    }
}

/// `{,3}`, `{ 3 }`, `{3, 5}`
fn is_ambiguous(text: &[u8]) -> bool {
    let inside = text.iter().position(|byte| *byte == b'}').and_then(|end| text.get(1..end)).unwrap_or(&[]);
    inside.iter().any(u8::is_ascii_digit)
        && inside.iter().all(|byte| byte.is_ascii_digit() || b", \t".contains(byte))
        && inside.iter().filter(|byte| **byte == b',').count() < 2
}

/// `{3}`, `{3,}`, `{3,5}` and their length.
pub(super) fn counts(text: &[u8]) -> Option<((u32, Option<u32>), usize)> {
    let length = text.iter().position(|byte| *byte == b'}')?;
    let inside = text.get(1..length)?;
    let number =
        |digits: &[u8]| -> Option<u32> {
            if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
                return None;
            }
            // More digits than fit are above MAX_REPEAT, which the caller refuses.
            Some(digits.iter().fold(0_u32, |value, digit| {
                value.saturating_mul(10).saturating_add(u32::from(*digit - b'0'))
            }))
        };
    let range = match inside.iter().position(|byte| *byte == b',') {
        None => {
            let count = number(inside)?;
            (count, Some(count))
        }
        Some(comma) => {
            let (min, max) = (inside.get(..comma)?, inside.get(comma + 1..)?);
            (number(min)?, if max.is_empty() { None } else { Some(number(max)?) })
        }
    };
    Some((range, length + 1))
}

/// What to do about a construct that has a plain equivalent, or that no rule needs.
pub(super) const WRITTEN_OUT: &str =
    "write out what it stands for, with (?:..) and |, or chain several rules";

fn unsupported_group(byte: u8) -> &'static str {
    match byte {
        b'(' => "a conditional group (?(..)..)",
        b'|' => "a group that resets numbers (?|..)",
        b'R' | b'&' | b'+' | b'0'..=b'9' | b'P' => "recursion",
        b'C' => "a callout",
        b'U' => "(?U), which swaps greedy and lazy,",
        b'{' | b'?' => "code (?{..})",
        _ => "this kind of group",
    }
}
