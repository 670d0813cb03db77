//! Operators, as they stand after `@`.
//!
//! ModSecurity 3.0.13 has 39 spellings, `@pmf` and `@ipMatchF` being short for other two.

use super::{
    Dialect::{Coraza, V2, V3, V3Refuses},
    vocabulary,
};

/// Whether an operator has an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Parameter {
    /// None may follow the name.
    Absent,
    /// The rest of the text, which may be empty.
    Text,
}
use Parameter::{Absent, Text};

vocabulary! {
    /// Operators, as they stand after `@`.
    Operator {
        BeginsWith = "beginsWith", V3, Text;
        Contains = "contains", V3, Text;
        ContainsWord = "containsWord", V3, Text;
        DetectSQLi = "detectSQLi", V3, Absent;
        DetectXSS = "detectXSS", V3, Absent;
        EndsWith = "endsWith", V3, Text;
        Eq = "eq", V3, Text;
        FuzzyHash = "fuzzyHash", V3, Text;
        Ge = "ge", V3, Text;
        GeoLookup = "geoLookup", V3, Absent;
        GsbLookup = "gsbLookup", V3Refuses, Text;
        Gt = "gt", V3, Text;
        InspectFile = "inspectFile", V3, Text;
        IpMatch = "ipMatch", V3, Text;
        IpMatchF = "ipMatchF", V3, Text;
        IpMatchFromFile = "ipMatchFromFile", V3, Text;
        Le = "le", V3, Text;
        Lt = "lt", V3, Text;
        NoMatch = "noMatch", V2, Absent;
        Pm = "pm", V3, Text;
        Pmf = "pmf", V3, Text;
        PmFromFile = "pmFromFile", V3, Text;
        Rbl = "rbl", V3, Text;
        Restpath = "restpath", Coraza, Text;
        Rsub = "rsub", V3Refuses, Text;
        Rx = "rx", V3, Text;
        RxGlobal = "rxGlobal", V3, Text;
        Streq = "streq", V3, Text;
        Strmatch = "strmatch", V3, Text;
        UnconditionalMatch = "unconditionalMatch", V3, Absent;
        ValidateByteRange = "validateByteRange", V3, Text;
        ValidateDTD = "validateDTD", V3, Text;
        ValidateHash = "validateHash", V3Refuses, Text;
        ValidateSchema = "validateSchema", V3, Text;
        ValidateUrlEncoding = "validateUrlEncoding", V3, Absent;
        ValidateUtf8Encoding = "validateUtf8Encoding", V3, Absent;
        VerifyCC = "verifyCC", V3, Text;
        VerifyCPF = "verifyCPF", V3, Text;
        VerifySSN = "verifySSN", V3, Text;
        VerifySVNR = "verifySVNR", V3, Text;
        Within = "within", V3, Text;
    }
    /// Whether an argument follows the name.
    parameter: Parameter
}
