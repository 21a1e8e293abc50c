//! Small closed lists whose members have one word each: in the database, in JSON, in tokens and on the command line.

/// A text that is none of the words of its list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this must be one of: {expected}")]
pub struct UnknownWord {
    /// Every word of the list, with a space after each.
    pub expected: &'static str,
}

/// Declares enums whose members are read and written as one word each.
macro_rules! words {
    ($($(#[$doc:meta])* $name:ident { $($(#[$member_doc:meta])* $member:ident = $word:literal),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
        pub enum $name {
            $($(#[$member_doc])* #[serde(rename = $word)] $member),*
        }

        impl $name {
            /// Every member, in the order declared.
            pub const ALL: &'static [Self] = &[$(Self::$member),*];

            /// The member's word.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$member => $word),* }
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::domain::words::UnknownWord;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let expected = concat!($($word, " "),*);
                Self::ALL.iter().copied().find(|member| member.as_str() == text)
                    .ok_or($crate::domain::words::UnknownWord { expected })
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    )*};
}
pub(crate) use words;
