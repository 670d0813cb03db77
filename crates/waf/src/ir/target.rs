//! What a rule looks at, and what it must not look at.

use std::sync::Arc;

use portcullis_seclang::vocabulary::Variable;

use crate::{
    operators::{Found, Operate},
    variables::Meaning,
};

/// A compiled regular expression for names; built as `@rx` builds its own.
#[derive(Clone, Debug)]
pub struct Regex {
    operate: Arc<dyn Operate>,
    /// `^name_`, case ignored: what it comes to.
    prefix: Option<Arc<[u8]>>,
    /// Case is ignored in all of it.
    folds: bool,
}

impl Regex {
    /// Takes a built `@rx` for what it is.
    #[must_use]
    pub fn new(operate: Arc<dyn Operate>) -> Self {
        Self { operate, prefix: None, folds: false }
    }

    /// The same for a pattern over names, in which case is ignored.
    #[must_use]
    pub fn over_names(operate: Arc<dyn Operate>, pattern: &[u8]) -> Self {
        let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        let prefix = pattern.strip_prefix(b"^").filter(|rest| rest.iter().all(plain)).map(Arc::from);
        // A flag within the pattern could bring case back.
        let folds = memchr::memmem::find(pattern, b"(?").is_none();
        Self { operate, prefix, folds }
    }

    /// Whether a name is found or not whatever the case of its letters.
    pub(crate) fn folds_case(&self) -> bool {
        self.folds
    }

    /// What every name begins with in which it is found, and no other does; case ignored. Absent if it is no such pattern.
    pub(crate) fn prefix(&self) -> Option<&[u8]> {
        self.prefix.as_deref()
    }

    /// Whether the pattern is found anywhere in `input`. A pattern that gives up counts as found.
    #[must_use]
    pub fn is_match(&self, input: &[u8]) -> bool {
        match &self.prefix {
            Some(prefix) => input.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix)),
            None => self
                .operate
                .matches(input)
                .unwrap_or_else(|| self.operate.evaluate(input, None, false, &mut Found::default())),
        }
    }
}

/// Which members of a collection. Names are compared without regard to ASCII case (ModSecurity v2 and v3).
#[derive(Clone, Debug)]
pub enum Selector {
    /// `ARGS:foo`
    Name(Box<[u8]>),
    /// `ARGS:/^foo/`
    Regex(Regex),
}

impl Selector {
    /// Whether a member is selected.
    #[must_use]
    pub fn covers(&self, member: &[u8]) -> bool {
        match self {
            Self::Name(name) => name.eq_ignore_ascii_case(member),
            Self::Regex(regex) => regex.is_match(member),
        }
    }
}

/// A target of a rule.
#[derive(Clone, Debug)]
pub struct Target {
    /// Which variable or collection.
    pub variable: Variable,
    /// Which members of it; all when absent.
    pub selector: Option<Selector>,
    /// `&ARGS`: the number of values is the one value.
    pub count: bool,
    /// As written, for reports of counts and single values.
    pub label: Arc<str>,
    /// How its values are found.
    pub(crate) meaning: Meaning,
    /// Of `TX:x` and `TX:/../`, the numbers of the names selected, where the compiler has looked: other numbers need not be asked for.
    pub(crate) numbers: Option<Arc<[u16]>>,
}

/// Values that a rule leaves out: `!ARGS:foo`, `ctl:ruleRemoveTargetById=1;ARGS:foo`.
#[derive(Clone, Debug)]
pub struct Exclusion {
    /// Of exactly this collection: `!ARGS:foo` does not reach `ARGS_GET:foo`, as in ModSecurity v2 and v3.
    pub variable: Variable,
    /// The members left out; the whole collection when absent.
    pub selector: Option<Selector>,
}

impl Exclusion {
    pub(crate) fn is_of_tx(&self) -> bool {
        self.variable == Variable::Tx
    }

    /// Whether a value is left out.
    #[must_use]
    pub fn covers(&self, variable: Variable, member: &[u8]) -> bool {
        self.variable == variable && self.selector.as_ref().is_none_or(|selector| selector.covers(member))
    }
}
