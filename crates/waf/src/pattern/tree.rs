//! A parsed pattern: case, dot and line modes are resolved, so that each node means one thing.

/// A set of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ByteSet([u64; 4]);

impl ByteSet {
    pub(super) const ALL: Self = Self([u64::MAX; 4]);

    pub(super) fn of(bytes: &[u8]) -> Self {
        bytes.iter().fold(Self::default(), |set, byte| set.with(*byte))
    }

    pub(super) fn range(from: u8, to: u8) -> Self {
        (from..=to).fold(Self::default(), Self::with)
    }

    pub(super) fn with(mut self, byte: u8) -> Self {
        if let Some(word) = self.0.get_mut(usize::from(byte >> 6)) {
            *word |= 1 << (byte & 63);
        }
        self
    }

    pub(super) fn contains(&self, byte: u8) -> bool {
        self.0.get(usize::from(byte >> 6)).is_some_and(|word| word >> (byte & 63) & 1 == 1)
    }

    pub(super) fn union(self, other: Self) -> Self {
        let ([a, b, c, d], [e, f, g, h]) = (self.0, other.0);
        Self([a | e, b | f, c | g, d | h])
    }

    pub(super) fn complement(self) -> Self {
        Self(self.0.map(|word| !word))
    }

    /// With both cases of each ASCII letter; other letters have no case over bytes.
    pub(super) fn fold_case(self) -> Self {
        (b'a'..=b'z').fold(self, |set, lower| {
            let upper = lower.to_ascii_uppercase();
            if set.contains(lower) || set.contains(upper) { set.with(lower).with(upper) } else { set }
        })
    }

    /// Inclusive ranges in ascending order.
    pub(super) fn ranges(&self) -> Vec<(u8, u8)> {
        let mut ranges: Vec<(u8, u8)> = Vec::new();
        for byte in (0..=u8::MAX).filter(|byte| self.contains(*byte)) {
            match ranges.last_mut() {
                Some((_, to)) if to.checked_add(1) == Some(byte) => *to = byte,
                _ => ranges.push((byte, byte)),
            }
        }
        ranges
    }
}

/// Something of no width that looks at one place only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// `\A`, `^`
    Start,
    /// `\z`, `$` with `DOLLAR_ENDONLY`
    End,
    /// `\Z`, `$` without it: the end, or before a final newline.
    EndOrFinalNewline,
    /// Multiline `^`: the start, or after a newline that is not the input's last byte.
    LineStart,
    /// Multiline `$`: the end, or before a newline.
    LineEnd,
    /// `\b`
    WordBoundary,
    /// `\B`
    NoWordBoundary,
}

/// How a repetition chooses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Greed {
    Greedy,
    Lazy,
    /// `a++`: what was taken is not given back.
    Possessive,
}

/// One construct of a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    Empty,
    Byte(u8),
    Class(ByteSet),
    Anchor(Anchor),
    /// A capturing group and its number.
    Capture(u32, Box<Node>),
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
    Repeat {
        node: Box<Node>,
        min: u32,
        max: Option<u32>,
        greed: Greed,
    },
    /// `(?>..)`
    Atomic(Box<Node>),
    /// `(?=..)`, `(?!..)`, `(?<=..)`, `(?<!..)`
    Look {
        behind: bool,
        negative: bool,
        node: Box<Node>,
    },
    /// `\1`
    BackReference {
        group: u32,
        ignore_case: bool,
    },
}

impl Node {
    pub(super) fn concat(mut nodes: Vec<Node>) -> Node {
        match nodes.len() {
            0 => Node::Empty,
            1 => nodes.swap_remove(0),
            _ => Node::Concat(nodes),
        }
    }

    pub(super) fn alternation(mut nodes: Vec<Node>) -> Node {
        if nodes.len() == 1 { nodes.swap_remove(0) } else { Node::Alternation(nodes) }
    }

    /// Constructs it is made of.
    pub(super) fn parts(&self) -> &[Node] {
        match self {
            Node::Empty | Node::Byte(_) | Node::Class(_) | Node::Anchor(_) | Node::BackReference { .. } => {
                &[]
            }
            Node::Concat(nodes) | Node::Alternation(nodes) => nodes,
            Node::Capture(_, node)
            | Node::Atomic(node)
            | Node::Repeat { node, .. }
            | Node::Look { node, .. } => std::slice::from_ref(&**node),
        }
    }

    /// Whether a round of one of its repeats can be empty.
    pub(super) fn has_empty_rounds(&self) -> bool {
        let empty = matches!(self, Node::Repeat { node, max, .. } if *max != Some(1) && node.is_nullable());
        empty || self.parts().iter().any(Node::has_empty_rounds)
    }

    /// The alternatives of an alternation, else the node alone.
    pub(super) fn branches(&self) -> &[Node] {
        match self {
            Node::Alternation(nodes) => nodes,
            node => std::slice::from_ref(node),
        }
    }

    /// The length in bytes of everything it matches, if there is only one.
    pub(super) fn fixed_length(&self) -> Option<u32> {
        match self {
            Node::Empty | Node::Anchor(_) | Node::Look { .. } => Some(0),
            Node::Byte(_) | Node::Class(_) => Some(1),
            Node::Capture(_, node) | Node::Atomic(node) => node.fixed_length(),
            Node::Concat(nodes) => {
                nodes.iter().try_fold(0_u32, |length, node| length.checked_add(node.fixed_length()?))
            }
            Node::Alternation(nodes) => {
                let mut lengths = nodes.iter().map(Node::fixed_length);
                let first = lengths.next()??;
                lengths.all(|length| length == Some(first)).then_some(first)
            }
            Node::Repeat { node, min, max, .. } if *max == Some(*min) => {
                node.fixed_length()?.checked_mul(*min)
            }
            Node::Repeat { .. } | Node::BackReference { .. } => None,
        }
    }

    /// Whether it can match the empty string somewhere.
    pub(super) fn is_nullable(&self) -> bool {
        match self {
            Node::Empty | Node::Anchor(_) | Node::Look { .. } | Node::BackReference { .. } => true,
            Node::Byte(_) | Node::Class(_) => false,
            Node::Capture(_, node) | Node::Atomic(node) => node.is_nullable(),
            Node::Concat(nodes) => nodes.iter().all(Node::is_nullable),
            Node::Alternation(nodes) => nodes.iter().any(Node::is_nullable),
            Node::Repeat { node, min, .. } => *min == 0 || node.is_nullable(),
        }
    }
}
