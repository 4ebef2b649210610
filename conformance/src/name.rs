//! The keys of the laboratory.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A key: a small number, printed `k3`; or [a letter](Name::letter), printed as it is, where a person chose it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Name(pub u32);

/// The numbers from here on are letters.
const LETTERS: u32 = u32::MAX - 0xff;

impl Name {
    /// The key that is printed as this letter. (In a [`Graph`](crate::Graph), where keys are positions, it has no task.)
    ///
    /// ```
    /// use alacarte_conformance::Name;
    /// assert_eq!([Name::letter('A'), Name(3)].map(|key| key.to_string()), ["A", "k3"]);
    /// ```
    ///
    /// # Panics
    /// If it is none of ASCII.
    pub const fn letter(letter: char) -> Self {
        assert!(letter.is_ascii_alphabetic(), "a letter of ASCII");
        Name(LETTERS + letter as u32)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.checked_sub(LETTERS).and_then(char::from_u32) {
            Some(letter) => write!(f, "{letter}"),
            None => write!(f, "k{}", self.0),
        }
    }
}
