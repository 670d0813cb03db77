//! Numbers of the configuration's diagnostics: E0501 to E0599 and W0501 to W0599. Never reused.

use portcullis_diag::Code;

/// Not TOML.
pub const SYNTAX: Code = Code("E0501");
/// A table that does not exist.
pub const UNKNOWN_TABLE: Code = Code("E0502");
/// A key that does not exist in its table.
pub const UNKNOWN_KEY: Code = Code("E0503");
/// A value of the wrong type.
pub const WRONG_TYPE: Code = Code("E0504");
/// A key that must be there is not.
pub const MISSING_KEY: Code = Code("E0505");
/// A number, size or duration beyond its bounds.
pub const OUT_OF_RANGE: Code = Code("E0506");
/// A word that is none of those allowed.
pub const NOT_A_CHOICE: Code = Code("E0507");
/// Not a size or a duration.
pub const BAD_QUANTITY: Code = Code("E0508");
/// Not a socket address or a server.
pub const BAD_ADDRESS: Code = Code("E0509");
/// An environment variable that is not set, or a reference that does not end.
pub const VARIABLE: Code = Code("E0510");
/// An environment variable where none is read.
pub const VARIABLE_OUT_OF_PLACE: Code = Code("E0511");
/// Two upstreams or two routes with one id.
pub const DUPLICATE_ID: Code = Code("E0512");
/// A route to an upstream that is not there.
pub const UNKNOWN_UPSTREAM: Code = Code("E0513");
/// Not a host name as a route needs it.
pub const BAD_HOST: Code = Code("E0514");
/// Not a path prefix.
pub const BAD_PATH_PREFIX: Code = Code("E0515");
/// An upstream with both `tls` and `allow_plaintext`.
pub const TRANSPORT_CONFLICT: Code = Code("E0516");
/// An upstream with neither.
pub const TRANSPORT_MISSING: Code = Code("E0517");
/// Metrics offered to the network without being asked to in so many words.
pub const ADMIN_PUBLIC: Code = Code("E0518");
/// Two listeners on one address, or one server twice in an upstream.
pub const DUPLICATE_ADDRESS: Code = Code("E0519");
/// Two routes for the same host and path.
pub const DUPLICATE_ROUTE: Code = Code("E0520");
/// Two keys that contradict each other.
pub const CONTRADICTION: Code = Code("E0521");
/// No upstream, no route or no TLS listener.
pub const NOTHING_TO_SERVE: Code = Code("E0522");
/// Not an id or a label.
pub const BAD_ID: Code = Code("E0523");
/// An empty text where one is needed.
pub const EMPTY: Code = Code("E0524");

/// Not an address or a prefix of addresses.
pub const BAD_PREFIX: Code = Code("E0525");
/// A certificate is asked for, or customers are named, and there is no register.
pub const NO_REGISTER: Code = Code("E0540");
/// Not the name of a header field that can be ours.
pub const BAD_FIELD: Code = Code("E0541");
/// Two tables for one host.
pub const DUPLICATE_HOST: Code = Code("E0542");
/// An address list that is not there.
pub const UNKNOWN_LIST: Code = Code("E0526");
/// A route that is not there.
pub const UNKNOWN_ROUTE: Code = Code("E0527");
/// Not something that requests can be counted by.
pub const BAD_KEY: Code = Code("E0528");
/// Not the URL of a store.
pub const BAD_STORE: Code = Code("E0529");
/// Not the name of a rule, of a range of rules, or a tag.
pub const BAD_RULE: Code = Code("E0530");

/// An upstream that no route names.
pub const UNUSED_UPSTREAM: Code = Code("W0501");
/// An upstream without TLS.
pub const PLAINTEXT: Code = Code("W0502");
/// Requests that are forwarded without inspection.
pub const NOT_INSPECTED: Code = Code("W0503");
/// A key without effect.
pub const NO_EFFECT: Code = Code("W0504");

/// Records that hold what clients sent.
pub const VALUES_RECORDED: Code = Code("W0505");

/// All of them, for documentation and for the test that no number is given twice.
pub const ALL: &[(Code, &str)] = &[
    (SYNTAX, "the file is not TOML"),
    (UNKNOWN_TABLE, "no such table"),
    (UNKNOWN_KEY, "no such key in this table"),
    (WRONG_TYPE, "the value is of another type than the key needs"),
    (MISSING_KEY, "a key without a default is not there"),
    (OUT_OF_RANGE, "the number, size or duration is beyond its bounds"),
    (NOT_A_CHOICE, "the word is none of those allowed"),
    (BAD_QUANTITY, "not a size or duration with a unit"),
    (BAD_ADDRESS, "not an address with a port"),
    (VARIABLE, "the environment variable is not set, or the reference does not end"),
    (VARIABLE_OUT_OF_PLACE, "environment variables are read in paths only"),
    (DUPLICATE_ID, "the id is taken"),
    (UNKNOWN_UPSTREAM, "no upstream of this id"),
    (BAD_HOST, "not a host name in lower case"),
    (BAD_PATH_PREFIX, "not a path prefix"),
    (TRANSPORT_CONFLICT, "an upstream is either spoken to over TLS or in plaintext"),
    (TRANSPORT_MISSING, "the upstream does not say how to speak to it"),
    (ADMIN_PUBLIC, "metrics on an address that is not loopback need admin_public"),
    (DUPLICATE_ADDRESS, "the address is taken"),
    (DUPLICATE_ROUTE, "another route has the same host and path"),
    (CONTRADICTION, "two keys contradict each other"),
    (NOTHING_TO_SERVE, "there is nothing to serve"),
    (BAD_ID, "not an id"),
    (EMPTY, "an empty text"),
    (BAD_PREFIX, "not an address or a prefix of addresses"),
    (NO_REGISTER, "client certificates need the register that pki.dir names"),
    (BAD_FIELD, "not a header field name that can be the edge's own"),
    (DUPLICATE_HOST, "another [[host]] has the same name"),
    (UNKNOWN_LIST, "no address list of this id"),
    (UNKNOWN_ROUTE, "no route of this id"),
    (BAD_KEY, "not something that requests can be counted by"),
    (BAD_STORE, "not the URL of a store"),
    (BAD_RULE, "not the id of a rule, a range of ids or a tag"),
    (UNUSED_UPSTREAM, "no route leads to the upstream"),
    (PLAINTEXT, "the upstream is spoken to without TLS"),
    (NOT_INSPECTED, "requests are forwarded without inspection"),
    (NO_EFFECT, "the key has no effect here"),
    (VALUES_RECORDED, "the audit log holds values of requests"),
];
