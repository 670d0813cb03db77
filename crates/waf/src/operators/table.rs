//! Every operator of the language, one line each: what becomes of it, and one sentence for the reference.

use portcullis_diag::Code;
use portcullis_seclang::vocabulary::Operator;

use super::{
    Operate, Refusal, Resources, begins_with, contains, contains_word, detect_sqli, detect_xss, ends_with,
    eq, ge, geo_lookup, gt, ip_match, ip_match_from_file, le, lt, no_match, pm, pm_from_file, rbl, restpath,
    rx, rx_global, streq, strmatch, unconditional_match, validate_byte_range, validate_url_encoding,
    validate_utf8_encoding, verify_cc, verify_cpf, verify_ssn, verify_svnr, within, written::Written,
};

/// One operator.
#[derive(Debug)]
pub struct Line {
    /// Its name.
    pub name: Operator,
    /// What becomes of it.
    pub status: Status,
    /// Whether macros in its argument are expanded for each evaluation.
    pub expands: bool,
    /// What it does, one sentence.
    pub doc: &'static str,
}

/// What becomes of an operator.
#[derive(Clone, Copy, Debug)]
pub enum Status {
    /// It works.
    Implemented(Build),
    /// It loads with a warning, so that rule sets which have it switched off load, and never matches.
    NeverMatches {
        /// Number of the warning.
        code: Code,
        /// Why it cannot match.
        why: &'static str,
        /// The remedy.
        instead: &'static str,
    },
    /// It does not load.
    Refused {
        /// Why not.
        why: &'static str,
        /// The remedy.
        instead: &'static str,
    },
}

/// Makes an operator from its argument.
#[derive(Clone, Copy)]
pub struct Build(pub(super) BuildFn);

type BuildFn = fn(&Written<'_>, &Resources<'_>) -> Result<Box<dyn Operate>, Refusal>;

impl std::fmt::Debug for Build {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Build")
    }
}

/// The line of an operator.
#[must_use]
pub fn line(name: Operator) -> &'static Line {
    TABLE.iter().find(|line| line.name == name).unwrap_or(&UNLISTED)
}

/// In the order of the vocabulary.
pub static TABLE: &[Line] = &[
    text(Operator::BeginsWith, begins_with::build, "The value begins with the argument"),
    text(Operator::Contains, contains::build, "The argument occurs in the value"),
    text(
        Operator::ContainsWord,
        contains_word::build,
        "The argument occurs in the value as a word of its own",
    ),
    plain(Operator::DetectSQLi, detect_sqli::build, "The value is SQL injection by libinjection's method"),
    plain(
        Operator::DetectXSS,
        detect_xss::build,
        "The value is cross-site scripting by libinjection's method",
    ),
    text(Operator::EndsWith, ends_with::build, "The value ends with the argument"),
    text(Operator::Eq, eq::build, "The value is a number equal to the argument"),
    refused(
        Operator::FuzzyHash,
        "similarity of files by ssdeep is not implemented",
        "check uploads in the backend, or with a scanner behind it",
    ),
    text(Operator::Ge, ge::build, "The value is a number not below the argument"),
    Line {
        name: Operator::GeoLookup,
        status: geo_lookup::STATUS,
        expands: false,
        doc: "The value is an address that the database of SecGeoLookupDb knows; fills GEO",
    },
    refused(
        Operator::GsbLookup,
        "the Safe Browsing database it reads is no longer published, ModSecurity v3 refuses it too",
        "remove the rule",
    ),
    text(Operator::Gt, gt::build, "The value is a number above the argument"),
    refused(
        Operator::InspectFile,
        "the engine runs no programs and no scripts",
        "check uploads in the backend, or with a scanner behind it",
    ),
    plain(Operator::IpMatch, ip_match::build, "The value is an address in one of the listed networks"),
    plain(
        Operator::IpMatchF,
        ip_match_from_file::build,
        "The value is an address in one of the networks listed in a file",
    ),
    plain(
        Operator::IpMatchFromFile,
        ip_match_from_file::build,
        "The value is an address in one of the networks listed in a file",
    ),
    text(Operator::Le, le::build, "The value is a number not above the argument"),
    text(Operator::Lt, lt::build, "The value is a number below the argument"),
    plain(Operator::NoMatch, no_match::build, "Never matches"),
    plain(Operator::Pm, pm::build, "One of the phrases occurs in the value, case ignored"),
    plain(
        Operator::Pmf,
        pm_from_file::build,
        "One of the phrases in a file occurs in the value, case ignored",
    ),
    plain(
        Operator::PmFromFile,
        pm_from_file::build,
        "One of the phrases in a file occurs in the value, case ignored",
    ),
    Line {
        name: Operator::Rbl,
        status: rbl::STATUS,
        expands: false,
        doc: "Would ask a block list for the value by DNS",
    },
    plain(Operator::Restpath, restpath::build, "The path template is found in the value"),
    refused(
        Operator::Rsub,
        "bodies are forwarded as they were inspected, ModSecurity v3 refuses it too",
        "change the body in the backend",
    ),
    text(Operator::Rx, rx::build, "The regular expression is found in the value"),
    text(Operator::RxGlobal, rx_global::build, "The regular expression is found in the value, once or more"),
    text(Operator::Streq, streq::build, "The value is the argument"),
    text(Operator::Strmatch, strmatch::build, "The argument occurs in the value"),
    plain(Operator::UnconditionalMatch, unconditional_match::build, "Always matches"),
    plain(
        Operator::ValidateByteRange,
        validate_byte_range::build,
        "The value has a byte outside the listed ranges",
    ),
    refused(
        Operator::ValidateDTD,
        "document type definitions are never processed, they are an attack of their own",
        "validate documents in the backend",
    ),
    refused(
        Operator::ValidateHash,
        "links in answers are not signed, ModSecurity v3 refuses it too",
        "remove the rule",
    ),
    refused(
        Operator::ValidateSchema,
        "XML schemas are not implemented",
        "validate documents in the backend, and limit them here by XML:/* rules",
    ),
    plain(
        Operator::ValidateUrlEncoding,
        validate_url_encoding::build,
        "The value has a percent sign without two hexadecimal digits",
    ),
    plain(Operator::ValidateUtf8Encoding, validate_utf8_encoding::build, "The value is not UTF-8"),
    plain(Operator::VerifyCC, verify_cc::build, "The value holds a payment card number"),
    plain(Operator::VerifyCPF, verify_cpf::build, "The value holds a Brazilian taxpayer number"),
    plain(Operator::VerifySSN, verify_ssn::build, "The value holds a United States social security number"),
    plain(Operator::VerifySVNR, verify_svnr::build, "The value holds an Austrian social insurance number"),
    text(Operator::Within, within::build, "The value occurs in the argument"),
];

/// A test proves that every operator has a line; a new one is refused until it has.
static UNLISTED: Line =
    refused(Operator::NoMatch, "it is not in the table of operators", "report this as a defect");

const fn text(name: Operator, build: BuildFn, doc: &'static str) -> Line {
    Line { name, status: Status::Implemented(Build(build)), expands: true, doc }
}

const fn plain(name: Operator, build: BuildFn, doc: &'static str) -> Line {
    Line { name, status: Status::Implemented(Build(build)), expands: false, doc }
}

const fn refused(name: Operator, why: &'static str, instead: &'static str) -> Line {
    Line { name, status: Status::Refused { why, instead }, expands: false, doc: "Not supported" }
}
