//! The keys of scenes that a person follows by letters.

use alacarte_conformance::Name;

pub const A: Name = Name::letter('A');
pub const B: Name = Name::letter('B');
pub const C: Name = Name::letter('C');
pub const D: Name = Name::letter('D');
pub const H: Name = Name::letter('H');
pub const N: Name = Name::letter('N');
pub const P: Name = Name::letter('P');
pub const S: Name = Name::letter('S');
pub const T: Name = Name::letter('T');
