//! Best-fit mapping of `%uXXXX` to one byte, as `unicode.mapping` of ModSecurity gives it.

/// One code page of a `unicode.mapping` file.
#[derive(Clone, Debug, Default)]
pub struct UnicodeMap {
    _private: (),
}

impl UnicodeMap {
    /// Reads the section of `code_page` (`20127` in the recommended set-up) from the text of a `unicode.mapping` file.
    ///
    /// # Errors
    /// Says what is wrong with the text, or that it has no such code page.
    pub fn parse(text: &[u8], code_page: u32) -> Result<Self, String> {
        let _ = (text, code_page);
        Ok(Self::default())
    }

    /// The byte that stands for a code point, if the map has one.
    #[must_use]
    pub fn lookup(&self, code_point: u32) -> Option<u8> {
        let _ = code_point;
        None
    }
}
