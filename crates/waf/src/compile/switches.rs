//! Rules of the CRS that ask another host or a database the engine does not have: a warning while the set-up leaves them off, an error
//! once it switches them on, since whoever does that relies on them.

use portcullis_diag::{Code, Diagnostic};

use super::{Compiler, chains::Sorted};
use crate::{
    codes,
    ir::{Operation, Rule, Store},
    operators::{NO_DNS_LOOKUPS, NO_GEO_DATABASE},
};

/// Variables of the CRS set-up that switch such rules on when they are neither empty nor 0.
const SWITCHES: &[(&str, Code, &str)] = &[
    ("block_harvester_ip", NO_DNS_LOOKUPS, "@rbl"),
    ("block_search_ip", NO_DNS_LOOKUPS, "@rbl"),
    ("block_spammer_ip", NO_DNS_LOOKUPS, "@rbl"),
    ("block_suspicious_ip", NO_DNS_LOOKUPS, "@rbl"),
    ("high_risk_country_codes", NO_GEO_DATABASE, "@geoLookup"),
];

/// Refuses rules that set such a variable, when rules with the operator behind it were loaded.
pub(super) fn check(compiler: &mut Compiler<'_>, sorted: &Sorted, rules: &[Rule]) {
    let loaded: Vec<Code> = compiler.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    let drafts = sorted.drafts.iter().filter(|draft| !draft.removed);
    for (draft, rule) in drafts.zip(rules) {
        for (name, code, operator) in SWITCHES {
            if loaded.contains(code) && switches_on(rule, name) {
                let problem = format!("tx.{name} relies on {operator}, which never matches here");
                compiler.report(
                    Diagnostic::error(codes::SWITCHED_ON, problem)
                        .at(draft.span)
                        .help("leave it off, and match networks with @ipMatchFromFile instead"),
                );
            }
        }
    }
}

fn switches_on(rule: &Rule, name: &str) -> bool {
    rule.links.iter().flat_map(|link| &link.set_vars).any(|set_var| {
        let named =
            set_var.name.as_literal().is_some_and(|known| known.eq_ignore_ascii_case(name.as_bytes()));
        let on = match &set_var.operation {
            Operation::Set(value) | Operation::Add(value) => {
                value.as_literal().is_none_or(|value| !matches!(value.trim_ascii(), b"" | b"0"))
            }
            Operation::Unset | Operation::Subtract(_) => false,
        };
        set_var.store == Store::Tx && named && on
    })
}
