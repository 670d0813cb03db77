//! The tree of a rule file: what was written, and where.
//!
//! Nothing is resolved here: defaults, macros, chains and exclusions get their meaning in `portcullis-waf`. Equality ignores spans, so
//! that `parse(print(tree)) == tree` can be asked of any file.

use portcullis_diag::{Span, Spanned};

use crate::vocabulary::{self, Setting, Variable};

/// Text as written, quotes and line continuations removed. Bytes, as rule files are not always UTF-8.
pub type Text = Spanned<Vec<u8>>;

/// One rule file, or several joined by `Include`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Document {
    /// In the order in which they take effect.
    pub directives: Vec<Directive>,
}

/// One directive with all its continuation lines.
#[derive(Clone, Debug)]
pub struct Directive {
    /// From the directive's name to the end of its last argument.
    pub span: Span,
    /// What it is.
    pub kind: DirectiveKind,
}

impl PartialEq for Directive {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Eq for Directive {}

/// What a directive is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DirectiveKind {
    /// `SecRule TARGETS OPERATOR [ACTIONS]`. Chains are not joined here: a head with `chain` is followed by its links.
    Rule(Rule),
    /// `SecAction ACTIONS`
    Action(Vec<Action>),
    /// `SecDefaultAction ACTIONS`
    DefaultAction(Vec<Action>),
    /// `SecMarker NAME`
    Marker(Text),
    /// `Include PATTERN`; replaced by what it names once a [`crate::Loader`] has resolved it.
    Include(Text),
    /// Apache's `IncludeOptional PATTERN`: a file that does not exist is no error. Replaced as [`DirectiveKind::Include`] is.
    IncludeOptional(Text),
    /// `SecRuleUpdateTargetById|ByTag|ByMsg SELECTOR TARGETS`
    RuleUpdateTarget {
        /// Which rules.
        rules: RuleSelector,
        /// Targets added, or taken away by [`TargetMode::Exclude`].
        targets: Vec<Target>,
    },
    /// `SecRuleUpdateActionById ID ACTIONS`
    RuleUpdateAction {
        /// Which rules.
        rules: RuleSelector,
        /// Actions that replace those of the same kind.
        actions: Vec<Action>,
    },
    /// `SecRuleRemoveById|ByTag|ByMsg SELECTOR`
    RuleRemove(RuleSelector),
    /// Any directive of the table [`Setting`], with its arguments.
    Setting {
        /// Which one.
        name: Setting,
        /// Arguments with their quotes removed.
        arguments: Vec<Text>,
    },
}

/// Which rules a directive speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RuleSelector {
    /// `942100`, `"942100-942199 941100"`: inclusive ranges, a single id being a range of one.
    Ids(Vec<Spanned<(u64, u64)>>),
    /// A regular expression over tags (ModSecurity v3 compares the whole tag; a plain tag matches itself either way).
    Tag(Text),
    /// A regular expression over messages.
    Message(Text),
}

/// A `SecRule`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// `ARGS|!ARGS:foo|&TX:bar`
    pub targets: Vec<Target>,
    /// `"!@rx ^a"`
    pub operator: Operator,
    /// Empty for links such as `SecRule ARGS "@rx a"` without actions.
    pub actions: Vec<Action>,
}

/// How a target takes part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TargetMode {
    /// `ARGS`: every value is inspected.
    Include,
    /// `!ARGS:name`: taken away from the targets before it.
    Exclude,
    /// `&ARGS`: the number of values is inspected.
    Count,
}

/// One target of a rule.
#[derive(Clone, Debug)]
pub struct Target {
    /// The whole target.
    pub span: Span,
    /// Include, exclude or count.
    pub mode: TargetMode,
    /// `ARGS` of `ARGS:foo`
    pub variable: Variable,
    /// `foo` of `ARGS:foo`
    pub selector: Option<Selector>,
}

impl PartialEq for Target {
    fn eq(&self, other: &Self) -> bool {
        (self.mode, self.variable, &self.selector) == (other.mode, other.variable, &other.selector)
    }
}

impl Eq for Target {}

/// Which members of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// `ARGS:foo`, `XML:/*`; quotes removed.
    Name(Text),
    /// `ARGS:/^foo/` or `ARGS:'/^foo/'`; the slashes removed.
    Regex(Text),
}

/// The operator of a rule.
#[derive(Clone, Debug)]
pub struct Operator {
    /// The whole quoted argument.
    pub span: Span,
    /// `!@rx`
    pub negated: bool,
    /// `@rx` where none is written.
    pub name: vocabulary::Operator,
    /// What follows the name, one separating space removed.
    pub argument: Text,
}

impl PartialEq for Operator {
    fn eq(&self, other: &Self) -> bool {
        (self.negated, self.name, &self.argument) == (other.negated, other.name, &other.argument)
    }
}

impl Eq for Operator {}

/// One action of an action list.
#[derive(Clone, Debug)]
pub struct Action {
    /// Name and argument.
    pub span: Span,
    /// Which one.
    pub name: vocabulary::Action,
    /// What follows the colon, one pair of single quotes removed; empty and absent differ (`msg:''`, `log`).
    pub argument: Option<Text>,
}

impl PartialEq for Action {
    fn eq(&self, other: &Self) -> bool {
        (self.name, &self.argument) == (other.name, &other.argument)
    }
}

impl Eq for Action {}
