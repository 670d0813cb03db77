//! Indices into the tables of a program. The `id` of a rule is a field of it, never an index.

/// Declares an index into one table of a program.
macro_rules! index {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(u32);

        impl $name {
            /// The index at a position of its table.
            #[must_use]
            pub fn new(position: usize) -> Self {
                Self(u32::try_from(position).unwrap_or(u32::MAX))
            }

            /// The position in its table.
            #[must_use]
            pub fn position(self) -> usize {
                self.0 as usize
            }
        }
    };
}

index! {
    /// A rule, head and links together.
    RuleId
}

index! {
    /// A `SecMarker`, or the place after a rule that `skipAfter` names by its id.
    MarkerId
}
