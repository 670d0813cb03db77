//! The words of SecLang: one table for each kind of name, in ModSecurity v3's spelling.
//!
//! The tables say which names exist in the language. Whether the engine implements one, or refuses it with a reason, is said by the
//! tables of `portcullis-waf`; a name that is in neither is a typing error and gets a suggestion.

mod actions;
mod ctls;
mod directives;
mod operators;
mod transformations;
mod variables;

pub use actions::Action;
pub use ctls::Ctl;
pub use directives::Setting;
pub use operators::Operator;
pub use transformations::Transformation;
pub use variables::Variable;

/// Declares an enum of names with `ALL`, `name`, and a lookup that ignores ASCII case as ModSecurity does.
macro_rules! vocabulary {
    ($(#[$meta:meta])* $type:ident { $($variant:ident = $name:literal,)* }) => {
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

            /// Finds a name, ASCII case ignored.
            #[must_use]
            pub fn find(name: &[u8]) -> Option<$type> {
                Self::ALL.iter().copied().find(|known| known.name().as_bytes().eq_ignore_ascii_case(name))
            }
        }
    };
}
use vocabulary;
