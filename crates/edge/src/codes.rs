//! Numbers of the diagnostics that the edge itself raises while it assembles a snapshot. Never reused.

use portcullis_diag::Code;

/// A certificate, key or authority file cannot be read.
pub(crate) const UNREADABLE_PEM: Code = Code("E0901");
/// A file holds no certificate or no key.
pub(crate) const EMPTY_PEM: Code = Code("E0902");
/// Key and certificate do not belong together, or are of a kind that TLS cannot use.
pub(crate) const UNUSABLE_KEY: Code = Code("E0903");
/// The rule set's directory is not one.
pub(crate) const NO_RULE_SET: Code = Code("E0904");
/// A rule file or pattern cannot be read.
pub(crate) const UNREADABLE_RULES: Code = Code("E0905");
/// An authority's certificate cannot be used.
pub(crate) const UNUSABLE_AUTHORITY: Code = Code("E0906");
/// A backend's `host:port` is not one.
pub(crate) const BAD_SERVER: Code = Code("E0907");
/// A setting that only a restart can change was changed by a reload.
pub(crate) const NEEDS_RESTART: Code = Code("E0908");
/// A log cannot be opened.
pub(crate) const UNWRITABLE_LOG: Code = Code("E0909");
/// The configuration file itself cannot be read.
pub(crate) const UNREADABLE_CONFIG: Code = Code("E0910");
/// The engine gave up on a rule tree without saying why.
pub(crate) const NO_PROGRAM: Code = Code("E0911");
/// A listener's address cannot be had.
pub(crate) const CANNOT_LISTEN: Code = Code("E0912");
/// A server certificate is outside its validity. W0901 was this as a warning.
pub(crate) const CERTIFICATE_OUTSIDE_DATES: Code = Code("E0930");
/// A chain with a gap, or in the wrong order.
pub(crate) const INCOMPLETE_CHAIN: Code = Code("E0931");
/// A private key that others can read.
pub(crate) const EXPOSED_KEY: Code = Code("E0932");
/// A file of an address list cannot be read.
pub(crate) const UNREADABLE_LIST: Code = Code("E0920");
/// A line of such a file is no prefix.
pub(crate) const BAD_LIST_LINE: Code = Code("E0921");
/// The store of rate limits cannot be used as it is configured.
pub(crate) const BAD_STORE: Code = Code("E0922");
/// A break-glass entry is past its end.
pub(crate) const BREAK_GLASS_ENDED: Code = Code("W0910");
/// No Core Rule Set was found.
pub(crate) const BASELINE_IN_USE: Code = Code("W0902");
/// The rules' own `SecRuleEngine` is weaker than the configured mode.
pub(crate) const WEAKER_ENGINE: Code = Code("W0903");
/// No rule asks whether a body could be read.
pub(crate) const UNREADABLE_BODIES_PASS: Code = Code("W0904");
/// The register of customers, an authority's bundle or its CRL cannot be used.
pub(crate) const UNUSABLE_TRUST: Code = Code("E0933");
/// A CRL is past its nextUpdate, and the grace is not over.
pub(crate) const STALE_CRL: Code = Code("W0931");
/// An exclusion names rules or targets that are not there.
pub(crate) const EMPTY_EXCLUSION: Code = Code("E0940");
/// The rules do not let a level or threshold of a route be set.
pub(crate) const FIXED_SETTING: Code = Code("E0941");
/// An exclusion is past its end.
pub(crate) const EXCLUSION_ENDED: Code = Code("W0940");
/// The register asks something of the rules that cannot be had.
pub(crate) const CUSTOMER_POLICY: Code = Code("W0941");
/// A server certificate that no client will be shown.
pub(crate) const CERTIFICATE_UNUSED: Code = Code("W0930");
