//! `[..]`: a set of bytes.
//!
//! Here `&&`, `--` and `~~` are no operators, an unescaped `[` is a member, and each byte of a UTF-8 sequence is a member of its own.

use super::{
    PatternError,
    escape::{Escaped, digits, space, word},
    parse::{Flags, Parser},
    tree::{ByteSet, Node},
};

impl Parser<'_> {
    pub(super) fn bracket(&mut self, flags: Flags) -> Result<Node, PatternError> {
        let begin = self.position;
        self.position += 1;
        let negated = self.eat(b"^");
        let mut set = ByteSet::default();
        let mut first = true;
        loop {
            match self.peek() {
                None => {
                    return Err(PatternError::new(begin, "[ without a closing ]")
                        .help("write \\[ for a literal bracket"));
                }
                Some(b']') if !first => break,
                Some(_) => set = set.union(self.member()?),
            }
            first = false;
        }
        self.position += 1;
        if flags.ignore_case {
            set = set.fold_case();
        }
        Ok(Node::Class(if negated { set.complement() } else { set }))
    }

    /// One member or one range. A hyphen beside a class (`[\d-z]`) is a hyphen.
    fn member(&mut self) -> Result<ByteSet, PatternError> {
        let begin = self.position;
        let from = match self.element()? {
            Escaped::Set(set) => return Ok(set),
            Escaped::Byte(byte) => byte,
        };
        let single = ByteSet::of(&[from]);
        if self.peek() != Some(b'-') || matches!(self.bytes.get(self.position + 1), None | Some(b']')) {
            return Ok(single);
        }
        self.position += 1;
        match self.element()? {
            Escaped::Set(set) => Ok(single.with(b'-').union(set)),
            Escaped::Byte(to) if to >= from => Ok(ByteSet::range(from, to)),
            Escaped::Byte(_) => Err(PatternError::new(begin, "range in the wrong order")),
        }
    }

    fn element(&mut self) -> Result<Escaped, PatternError> {
        let begin = self.position;
        if let Some(set) = self.posix_class()? {
            return Ok(Escaped::Set(set));
        }
        let Some(byte) = self.peek() else { return Err(self.error("[ without a closing ]")) };
        self.position += 1;
        if byte != b'\\' {
            return Ok(Escaped::Byte(byte));
        }
        let Some(byte) = self.peek() else { return Err(PatternError::new(begin, "backslash at the end")) };
        self.position += 1;
        match byte {
            b'b' => Ok(Escaped::Byte(0x08)),
            b'1'..=b'7' => Ok(Escaped::Byte(self.octal(begin, byte - b'0')?)),
            b'B' | b'N' | b'R' | b'X' | b'Q' | b'E' | b'p' | b'P' => Err(PatternError::new(
                begin,
                format!("\\{} is not supported within brackets", char::from(byte)),
            )),
            _ => self.shared_escape(byte, begin),
        }
    }

    /// `[:alpha:]`, `[:^alpha:]`
    fn posix_class(&mut self) -> Result<Option<ByteSet>, PatternError> {
        let Some(inside) = self.rest().strip_prefix(b"[:") else { return Ok(None) };
        let (negated, inside) = inside.strip_prefix(b"^").map_or((false, inside), |inside| (true, inside));
        let length = inside.iter().take_while(|byte| byte.is_ascii_lowercase()).count();
        let Some((name, after)) = inside.split_at_checked(length) else { return Ok(None) };
        if !after.starts_with(b":]") {
            return Ok(None);
        }
        let Some(set) = posix(name) else {
            return Err(self.error(format!("unknown class [:{}:]", name.escape_ascii())));
        };
        self.position += length + 4 + usize::from(negated);
        Ok(Some(if negated { set.complement() } else { set }))
    }
}

fn posix(name: &[u8]) -> Option<ByteSet> {
    let lower = ByteSet::range(b'a', b'z');
    let upper = ByteSet::range(b'A', b'Z');
    Some(match name {
        b"alpha" => lower.union(upper),
        b"digit" => digits(),
        b"alnum" => lower.union(upper).union(digits()),
        b"lower" => lower,
        b"upper" => upper,
        b"word" => word(),
        b"space" => space(),
        b"blank" => ByteSet::of(b" \t"),
        b"cntrl" => ByteSet::range(0, 0x1f).with(0x7f),
        b"graph" => ByteSet::range(0x21, 0x7e),
        b"print" => ByteSet::range(0x20, 0x7e),
        b"punct" => ByteSet::range(0x21, 0x2f)
            .union(ByteSet::range(0x3a, 0x40))
            .union(ByteSet::range(0x5b, 0x60))
            .union(ByteSet::range(0x7b, 0x7e)),
        b"xdigit" => digits().union(ByteSet::range(b'a', b'f')).union(ByteSet::range(b'A', b'F')),
        b"ascii" => ByteSet::range(0, 0x7f),
        _ => return None,
    })
}
