//! The words of SecLang: one table for each kind of name, in ModSecurity v3's spelling.
//!
//! The tables say which names exist in the language, who has them, and the one fact of grammar the parser needs. Whether the engine
//! implements one, or refuses it with a reason, is said by the tables of `portcullis-waf`; a name that is in neither is a typing error
//! and gets a suggestion. Counts and spellings are those of ModSecurity 3.0.13's scanner.

mod actions;
mod ctls;
mod directives;
mod operators;
mod transformations;
mod variables;

pub use actions::{Action, ActionArgument};
pub use ctls::{Ctl, CtlReach};
pub use directives::{Arity, Setting};
pub use operators::{Operator, Parameter};
pub use transformations::Transformation;
pub use variables::{Shape, Variable};

/// Which engine knows a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// ModSecurity 3.0.13 accepts it.
    V3,
    /// ModSecurity 3.0.13 parses it and refuses it, wholly or when it is switched on.
    V3Refuses,
    /// A release of ModSecurity 3 after 3.0.13.
    V3Later,
    /// ModSecurity 2 alone.
    V2,
    /// Coraza alone.
    Coraza,
}

/// Declares an enum of names with `ALL`, `name`, `dialect`, one more fact, and a lookup that ignores ASCII case as ModSecurity does.
macro_rules! vocabulary {
    (
        $(#[$meta:meta])* $type:ident { $($variant:ident = $name:literal, $dialect:expr, $fact:expr;)* }
        $(#[$fact_meta:meta])* $fact_name:ident: $fact_type:ty
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $(#[doc = concat!("`", $name, "`")] $variant,)*
        }

        impl $type {
            /// Every name, in table order.
            pub const ALL: &'static [$type] = &[$($type::$variant,)*];

            /// The name as it stands in SecLang.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $($type::$variant => $name,)*
                }
            }

            /// Which engine knows it.
            #[must_use]
            pub const fn dialect(self) -> super::Dialect {
                match self {
                    $($type::$variant => $dialect,)*
                }
            }

            $(#[$fact_meta])*
            #[must_use]
            pub const fn $fact_name(self) -> $fact_type {
                match self {
                    $($type::$variant => $fact,)*
                }
            }

            /// Finds a name, ASCII case ignored.
            #[must_use]
            pub fn find(name: &[u8]) -> Option<$type> {
                Self::ALL.iter().copied().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
            }
        }
    };
}
use vocabulary;

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of one kind.
    fn known_to_modsecurity(kind: &str) -> Vec<&'static str> {
        let all = include_str!("../tests/data/modsecurity-3.0.13.txt");
        let lines = all.lines().skip_while(|line| *line != kind).skip(1);
        lines.map_while(|line| line.strip_prefix("    ")).collect()
    }

    fn of_v3(names: impl Iterator<Item = (&'static str, Dialect)>) -> Vec<&'static str> {
        let known = |(name, dialect)| matches!(dialect, Dialect::V3 | Dialect::V3Refuses).then_some(name);
        let mut names: Vec<&str> = names.filter_map(known).collect();
        names.sort_unstable();
        names
    }

    macro_rules! of {
        ($type:ident) => {
            of_v3($type::ALL.iter().map(|name| (name.name(), name.dialect())))
        };
    }

    #[test]
    fn the_names_are_those_of_modsecurity_3_0_13() {
        for (kind, count, ours) in [
            ("variables", 106, of!(Variable)),
            ("operators", 39, of!(Operator)),
            ("transformations", 38, of!(Transformation)),
            ("ctl", 10, of!(Ctl)),
        ] {
            assert_eq!(ours, known_to_modsecurity(kind));
            assert_eq!(ours.len(), count, "{kind}");
        }
        // Two of ours are a grammar of their own there.
        let actions: Vec<&str> =
            of!(Action).into_iter().filter(|name| !["ctl", "t"].contains(name)).collect();
        assert_eq!(actions, known_to_modsecurity("actions"));
        assert_eq!(actions.len(), 45);
        let directives = known_to_modsecurity("directives");
        assert_eq!(directives.len(), 81);
        let grammars: Vec<&&str> =
            directives.iter().filter(|name| Setting::find(name.as_bytes()).is_none()).collect();
        assert_eq!(grammars.len(), crate::parser::directive::GRAMMARS_OF_V3);
        assert!(grammars.into_iter().all(|name| crate::parser::directive::is_directive(name.as_bytes())));
        assert!(of!(Setting).iter().all(|name| directives.contains(name)));
    }

    #[test]
    fn a_name_is_found_in_any_case_and_once() {
        assert_eq!(Variable::find(b"request_headers"), Some(Variable::RequestHeaders));
        assert_eq!(Operator::find(b"RX"), Some(Operator::Rx));
        for name in Variable::ALL {
            assert_eq!(Variable::find(name.name().as_bytes()), Some(*name));
        }
    }
}
