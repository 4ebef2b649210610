//! Values and their fingerprints.
//!
//! All a build ever compares is fingerprints. Integers are mixed by a bijection, so two of them never collide;
//! bytes are hashed by BLAKE3, cut to 64 bits. That is enough for what a fingerprint decides (is *this* key's
//! value the one *this* trace recorded?): a comparison of two given values is wrong once in 2⁶⁴. A value that is
//! *addressed* by content (in a cache of files) is a full digest instead.

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

/// A 64-bit summary of a value, stable between runs and machines.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Fingerprint(pub u64);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.fold32())
    }
}

impl Fingerprint {
    /// The fingerprint of an integer; different integers always have different ones.
    #[inline]
    pub fn of_integer(n: u64) -> Self {
        // Each step (xor-shift, odd multiplication) can be undone, so the whole is a bijection.
        let mut x = n ^ 0x9e37_79b9_7f4a_7c15;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Fingerprint(x ^ (x >> 31))
    }

    /// The fingerprint of bytes.
    pub fn of_bytes(bytes: &[u8]) -> Self {
        let mut short = [0; 8];
        short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..8]);
        Fingerprint(u64::from_le_bytes(short))
    }

    /// Half of the bits, in which all of them have a part.
    #[inline]
    pub fn fold32(self) -> u32 {
        (self.0 >> 32 ^ self.0) as u32
    }

    /// The fingerprint of this followed by `next`; order matters.
    #[inline]
    #[must_use]
    pub fn combine(self, next: Fingerprint) -> Self {
        Fingerprint::of_integer(self.0.rotate_left(23).wrapping_mul(0x9fb2_1c65_1e98_df25) ^ next.0)
    }
}

/// What a key can hold. Cloned at every fetch: wrap what is large in an [`Rc`] or [`Arc`].
///
/// A value may leave out of its fingerprint what its dependents cannot see (an *interface* fingerprint). Early cutoff
/// follows: a dependent stands as long as the interface does. It may then have been computed beside an older rest, of
/// which it shows nothing, as the author of the fingerprint says. The key itself always holds the *whole* value that
/// its task gives for what its dependencies show now: a trace vouches for the value of its own run, and for another one
/// only if the fingerprint [is whole](Value::is_whole).
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::{Fingerprint, Value};
///
/// #[derive(Clone)]
/// struct Module {
///     interface: &'static str,
///     code: &'static str,
/// }
///
/// impl Value for Module {
///     // Dependents see the interface only.
///     fn fingerprint(&self) -> Fingerprint {
///         self.interface.fingerprint()
///     }
/// }
///
/// let header = formula(["module"], |[Module { interface, .. }]| Module { interface, code: "" });
/// let tasks = Rules::new().rule("header", header);
/// let inputs = Memory::from([("module", Module { interface: "f()", code: "1" })]);
/// let mut build = Build::new(tasks, inputs).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
/// build.run(["header"])?;
/// // The interface is the same, so no dependent runs.
/// build.set("module", Module { interface: "f()", code: "2" })?;
/// assert!(build.run(["header"])?.ran.is_empty());
/// assert_eq!(build.get("module").map(|module| module.code), Some("2"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Value: Clone + 'static {
    /// Equal values have equal fingerprints; values that dependents must tell apart have different ones.
    fn fingerprint(&self) -> Fingerprint;

    /// Whether the fingerprint is that of the whole value: whether values of the same fingerprint are equal. Where it is not
    /// known to be, a value is never kept in place of one that is merely equal in that part, and its task runs instead.
    fn is_whole(&self) -> bool {
        false
    }

    /// About how many bytes of memory it takes, with all that it points to: what is shared is counted in full. Values that
    /// point to much (text, lists) say so, where a bound on bytes is to hold.
    fn size_in_bytes(&self) -> usize {
        size_of_val(self)
    }
}

/// The fingerprint of an output that others have written, where it looks at a part only: it is not the one that was built,
/// even if it is equal in that part.
pub(crate) fn foreign(part: Fingerprint) -> Fingerprint {
    part.combine(Fingerprint(0x666f_7265_6967_6e21))
}

macro_rules! integers {
    ($($t:ty),*) => {$(
        impl Value for $t {
            #[inline]
            fn fingerprint(&self) -> Fingerprint {
                Fingerprint::of_integer(*self as u64)
            }

            #[inline]
            fn is_whole(&self) -> bool {
                true
            }
        }
    )*};
}

integers!(u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, bool, char);

impl Value for () {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::default()
    }

    fn is_whole(&self) -> bool {
        true
    }
}

impl Value for f64 {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_integer(self.to_bits())
    }

    fn is_whole(&self) -> bool {
        true
    }
}

impl Value for f32 {
    fn fingerprint(&self) -> Fingerprint {
        f64::from(*self).fingerprint()
    }

    fn is_whole(&self) -> bool {
        true
    }
}

impl Value for String {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(self.as_bytes())
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + self.len()
    }
}

impl Value for &'static str {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(self.as_bytes())
    }

    fn is_whole(&self) -> bool {
        true
    }
}

impl Value for Rc<str> {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(self.as_bytes())
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + self.len()
    }
}

impl Value for Arc<str> {
    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::of_bytes(self.as_bytes())
    }

    fn is_whole(&self) -> bool {
        true
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + self.len()
    }
}

impl<V: Value> Value for Rc<V> {
    fn fingerprint(&self) -> Fingerprint {
        (**self).fingerprint()
    }

    fn is_whole(&self) -> bool {
        (**self).is_whole()
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + (**self).size_in_bytes()
    }
}

impl<V: Value> Value for Arc<V> {
    fn fingerprint(&self) -> Fingerprint {
        (**self).fingerprint()
    }

    fn is_whole(&self) -> bool {
        (**self).is_whole()
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + (**self).size_in_bytes()
    }
}

impl<V: Value> Value for Option<V> {
    fn fingerprint(&self) -> Fingerprint {
        let tag = Fingerprint::of_integer(u64::from(self.is_some()));
        self.as_ref().map_or(tag, |value| tag.combine(value.fingerprint()))
    }

    fn is_whole(&self) -> bool {
        self.as_ref().is_none_or(Value::is_whole)
    }

    fn size_in_bytes(&self) -> usize {
        self.as_ref().map_or(0, |value| value.size_in_bytes().saturating_sub(size_of::<V>())) + size_of_val(self)
    }
}

impl<V: Value> Value for Vec<V> {
    fn fingerprint(&self) -> Fingerprint {
        let length = Fingerprint::of_integer(self.len() as u64);
        self.iter().fold(length, |sum, value| sum.combine(value.fingerprint()))
    }

    fn is_whole(&self) -> bool {
        self.iter().all(Value::is_whole)
    }

    fn size_in_bytes(&self) -> usize {
        size_of_val(self) + self.iter().map(Value::size_in_bytes).sum::<usize>()
    }
}

impl<A: Value, B: Value> Value for (A, B) {
    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint().combine(self.1.fingerprint())
    }

    fn is_whole(&self) -> bool {
        self.0.is_whole() && self.1.is_whole()
    }

    fn size_in_bytes(&self) -> usize {
        self.0.size_in_bytes() + self.1.size_in_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn integers_never_collide_and_order_matters() {
        let seen: HashSet<_> = (0..100_000_u64).map(Fingerprint::of_integer).collect();
        assert_eq!(seen.len(), 100_000);
        let (a, b) = (1_u64.fingerprint(), 2_u64.fingerprint());
        assert_ne!(a.combine(b), b.combine(a));
        assert_ne!(vec![1_u64].fingerprint(), vec![1_u64, 0].fingerprint());
        assert_ne!(None::<u64>.fingerprint(), Some(0_u64).fingerprint());
    }

    #[test]
    fn what_a_value_points_to_is_counted() {
        let (text, word) = ("x".repeat(100), size_of::<usize>());
        assert_eq!(
            [
                7_u64.size_in_bytes(),
                1.0_f64.size_in_bytes(),
                true.size_in_bytes(),
                ().size_in_bytes(),
                "x".size_in_bytes()
            ],
            [8, 8, 1, 0, 2 * word]
        );
        assert_eq!(text.size_in_bytes(), 3 * word + 100);
        assert_eq!(Rc::<str>::from(text.as_str()).size_in_bytes(), 2 * word + 100);
        assert_eq!(Arc::<str>::from(text.as_str()).size_in_bytes(), 2 * word + 100);
        assert_eq!(
            [Rc::new(text.clone()).size_in_bytes(), Arc::new(text.clone()).size_in_bytes()],
            [4 * word + 100; 2]
        );
        assert_eq!(vec![text.clone(), text.clone()].size_in_bytes(), 3 * word + 2 * text.size_in_bytes());
        assert_eq!(
            [Some(text.clone()).size_in_bytes(), None::<String>.size_in_bytes()],
            [text.size_in_bytes(), 3 * word]
        );
        assert_eq!((text.clone(), 7_u64).size_in_bytes(), text.size_in_bytes() + 8);
    }

    /// What nobody can tell from another by its fingerprint may take its place.
    #[test]
    fn a_fingerprint_is_that_of_the_whole_value_where_it_is_that_of_every_part() {
        #[derive(Clone)]
        struct Part;
        impl Value for Part {
            fn fingerprint(&self) -> Fingerprint {
                Fingerprint::default()
            }
        }
        assert!(!Part.is_whole(), "where nothing is said");
        assert!(().is_whole() && 1_u8.is_whole() && 0.5_f64.is_whole() && 0.5_f32.is_whole());
        assert!(String::new().is_whole() && "".is_whole());
        assert!(Rc::<str>::from("").is_whole() && Arc::<str>::from("").is_whole());
        assert!(Rc::new(1).is_whole() && !Rc::new(Part).is_whole());
        assert!(Arc::new(1).is_whole() && !Arc::new(Part).is_whole());
        assert!(Some(1).is_whole() && None::<Part>.is_whole() && !Some(Part).is_whole());
        assert!(vec![1, 2].is_whole() && Vec::<Part>::new().is_whole() && !vec![Part].is_whole());
        assert!((1, 2).is_whole() && !(1, Part).is_whole() && !(Part, 1).is_whole());
    }

    #[test]
    fn what_others_have_written_is_not_what_was_built_though_its_part_is_the_same() {
        let parts = [0_u64, 1, 2].map(|part| part.fingerprint());
        let seen: HashSet<_> = parts.into_iter().flat_map(|part| [part, foreign(part)]).collect();
        assert_eq!(seen.len(), 6);
    }
}
