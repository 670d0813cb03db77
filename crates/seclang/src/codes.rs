//! The registry of this crate's diagnostics: `E01xx` and `W01xx` speak of what is written in one file, `E02xx` of how files join.
//!
//! A number, once released, is never given to another problem; `ALL` is the table for tools that list them.

use portcullis_diag::Code;

/// A registered number with what it stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The number.
    pub code: Code,
    /// One sentence.
    pub summary: &'static str,
}

macro_rules! codes {
    ($($name:ident = $number:literal: $summary:literal;)*) => {
        $(#[doc = $summary] pub const $name: Code = Code($number);)*

        /// Every number, ascending within errors and warnings.
        pub const ALL: &[Entry] = &[$(Entry { code: $name, summary: $summary },)*];
    };
}

codes! {
    UNTERMINATED_QUOTE = "E0101": "A quoted argument does not end on its line.";
    UNKNOWN_DIRECTIVE = "E0102": "A line begins with a word that is no directive.";
    ARGUMENT_COUNT = "E0103": "A directive has too few or too many arguments.";
    UNKNOWN_VARIABLE = "E0104": "A target names no variable of SecLang.";
    MALFORMED_TARGET = "E0105": "A target has not the form `VARIABLE`, `VARIABLE:name` or `VARIABLE:/regex/`.";
    SELECTOR_OF_SCALAR = "E0106": "A target selects members of a variable that holds one value.";
    UNCLOSED_REGEX = "E0107": "The regular expression of a target lacks its closing slash.";
    UNKNOWN_OPERATOR = "E0108": "An operator does not exist in SecLang.";
    OPERATOR_ARGUMENT = "E0109": "Text follows an operator that takes no argument.";
    UNKNOWN_ACTION = "E0110": "An action does not exist in SecLang.";
    ACTION_LACKS_ARGUMENT = "E0111": "An action that needs an argument has none.";
    ACTION_TAKES_NONE = "E0112": "An action that takes no argument has one.";
    MALFORMED_ACTIONS = "E0113": "An action list has not the form `name:argument,name,name:'argument'`.";
    UNKNOWN_TRANSFORMATION = "E0114": "A transformation does not exist in SecLang.";
    UNKNOWN_CTL = "E0115": "A `ctl` option does not exist in SecLang.";
    BAD_ACTION_VALUE = "E0116": "The argument of an action is none of those it may have.";
    BAD_RULE_ID = "E0117": "A rule id or range of ids cannot be read.";
    TRAILING_COMMENT = "E0118": "A comment stands behind a directive.";
    BROKEN_CONTINUATION = "E0119": "A backslash ends a directive but not its line: blanks follow, or the end of the file.";
    OPERATOR_NOT_SEPARATED = "E0120": "No space separates an operator from its argument.";
    RULE_WITHOUT_ID = "E0150": "A rule has no id.";
    CHAIN_WITHOUT_LINK = "E0151": "A rule says `chain` and no rule follows.";
    DUPLICATE_ID = "E0152": "Two rules have the same id.";
    TOO_MANY_PROBLEMS = "E0199": "Reading stopped because there were too many errors.";
    CANNOT_READ = "E0201": "A rule file cannot be read.";
    INCLUDE_CYCLE = "E0202": "A file includes itself, by itself or through others.";
    INCLUDE_DEPTH = "E0203": "Includes are nested too deeply.";
    TOO_MANY_FILES = "E0204": "Too many files are included.";
    TOO_MANY_BYTES = "E0205": "The rule files are too large.";
    STRAY_COMMA = "W0101": "An action list holds a comma with nothing behind it.";
    UNKNOWN_MARKER = "W0111": "`skipAfter` names a marker that does not exist.";
    RULE_WITHOUT_PHASE = "W0112": "A rule does not say in which phase it runs.";
    UNKNOWN_MACRO = "W0113": "A macro names a variable that does not exist.";
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::ALL;

    #[test]
    fn numbers_are_given_once_and_ascend() {
        let numbers: Vec<&str> = ALL.iter().map(|entry| entry.code.0).collect();
        assert_eq!(numbers.iter().collect::<HashSet<_>>().len(), numbers.len());
        assert!(numbers.is_sorted());
    }
}
