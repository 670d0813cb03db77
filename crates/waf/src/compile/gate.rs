//! Finds the links of a rule that can be told not to match at next to no cost.

use portcullis_seclang::vocabulary::Variable as V;

use super::{quiet::Observers, sift};
use crate::{
    ir::{Gate, Link, Look, Rule, Selector, Target, Test},
    operators::Found,
    state::decimal,
    variables::Meaning,
};

/// Counts that are told apart.
const COUNTS: usize = 64;

/// The gates of a rule.
pub(super) fn gates(rule: &Rule, observers: &Observers, all: &[Rule]) -> Box<[Gate]> {
    let mut gates = Vec::new();
    for (at, link) in rule.links.iter().enumerate() {
        gates.extend(look(link, all).map(|look| Gate { link: at, look }));
        // What stands behind a link that leaves something behind has to be evaluated.
        if !observers.is_quiet(link) {
            break;
        }
    }
    gates.into()
}

fn look(link: &Link, all: &[Rule]) -> Option<Look> {
    let test = link.test.as_ref()?;
    let [target] = link.targets.as_slice() else { return None };
    let is_plain = link.exclusions.is_empty()
        && link.transformations.is_empty()
        && test.argument.is_none()
        && !test.operate.acts()
        && test.operate.backtracking_pattern().is_none();
    match target.meaning {
        _ if !is_plain => None,
        Meaning::Members(kept) | Meaning::Names(kept) if target.count => {
            let name = match &target.selector {
                None => None,
                Some(Selector::Name(name)) => Some(name.clone()),
                Some(Selector::Regex(_)) => return None,
            };
            Some(Look::Count { of: target.variable, kept, name, fails: fails(test) })
        }
        Meaning::Single(value) if is_steady(target) && !sift::is_siftable(link, false, all) => {
            Some(Look::Value(value))
        }
        _ => None,
    }
}

/// Counts for which a test does not hold.
fn fails(test: &Test) -> u64 {
    let holds = |count: &usize| {
        let hit = test.operate.evaluate(&decimal(*count), None, false, &mut Found::default());
        hit != test.negated
    };
    (0..COUNTS).filter(|count| !holds(count)).fold(0, |fails, count| fails | 1 << count)
}

/// Variables with one value that costs little to ask for, and in which nothing shows that rules do while a phase is gone through.
fn is_steady(target: &Target) -> bool {
    !target.count
        && matches!(
            target.variable,
            V::ArgsCombinedSize
                | V::FilesCombinedSize
                | V::InboundDataError
                | V::MultipartBoundaryQuoted
                | V::MultipartBoundaryWhitespace
                | V::MultipartCrlfLfLines
                | V::MultipartDataAfter
                | V::MultipartDataBefore
                | V::MultipartFileLimitExceeded
                | V::MultipartHeaderFolding
                | V::MultipartInvalidHeaderFolding
                | V::MultipartInvalidPart
                | V::MultipartInvalidQuoting
                | V::MultipartLfLine
                | V::MultipartMissingSemicolon
                | V::MultipartSemicolonMissing
                | V::MultipartStrictError
                | V::MultipartUnmatchedBoundary
                | V::OutboundDataError
                | V::ReqbodyError
                | V::ReqbodyProcessor
                | V::ReqbodyProcessorError
                | V::RequestBodyLength
                | V::ResponseStatus
                | V::Status
                | V::UrlencodedError
        )
}
