//! The `t:` functions of SecLang: bytes in, bytes out.
//!
//! One function, one file, one line in [`TABLE`]. They run on hostile bytes: none assumes UTF-8, none panics, and no output is longer
//! than [`Transformation::growth`] times its input plus 64 bytes.

mod unicode_map;

pub use unicode_map::UnicodeMap;

/// What a transformation may look at besides its input.
#[derive(Clone, Copy, Debug, Default)]
pub struct Context<'a> {
    /// Best-fit table of `SecUnicodeMapFile`, for `urlDecodeUni`.
    pub unicode_map: Option<&'a UnicodeMap>,
}

/// Writes the result into `out` (which arrives empty) and says whether it differs from the input. When it says `false`, `out` holds
/// nothing that may be used.
pub type Apply = fn(input: &[u8], out: &mut Vec<u8>, context: &Context<'_>) -> bool;

/// A line of the table.
#[derive(Debug)]
pub struct Transformation {
    /// As it stands in SecLang, without `t:`.
    pub name: &'static str,
    /// Other accepted spellings.
    pub aliases: &'static [&'static str],
    /// The function.
    pub apply: Apply,
    /// Upper bound of output bytes per input byte.
    pub growth: usize,
}

/// Every transformation but `none`, in alphabetical order.
pub static TABLE: &[Transformation] = &[];

/// Finds a transformation by name or alias, ASCII case ignored.
#[must_use]
pub fn find(name: &str) -> Option<&'static Transformation> {
    TABLE.iter().find(|line| {
        line.name.eq_ignore_ascii_case(name)
            || line.aliases.iter().any(|alias| alias.eq_ignore_ascii_case(name))
    })
}
