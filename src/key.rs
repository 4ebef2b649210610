//! Keys, interned once to dense numbers.
//!
//! A user's key (a path, a cell, a rule with its parameters) is hashed when it is first met; from then on the
//! engine and all metadata speak of its [`KeyId`], an index into plain arrays. The *definition* of a key's task (its
//! command line, its formula) is an input like any other (THEORY, rule 7), so it has a `KeyId` too: the key's own
//! with one bit set, which costs no table.
//!
//! The number of a key that is forgotten goes to the next new one, so that the arrays are as long as there are keys
//! (see [`Build::collect`](crate::Build::collect)).

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hash, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use hashbrown::HashTable;
use rustc_hash::FxBuildHasher;

use crate::fingerprint::Fingerprint;

/// What a user may call a key: anything that can be compared, hashed, copied about and printed.
///
/// ```
/// use std::fmt;
///
/// use alacarte::prelude::*;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Cell(char, u32);
///
/// impl fmt::Display for Cell {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
///         write!(f, "{}{}", self.0, self.1)
///     }
/// }
///
/// // `Cell` needs no `impl Key`: every type with these traits has one.
/// let tasks = Rules::new().rule(Cell('B', 1), formula([Cell('A', 1)], |[a]| 2 * a));
/// let values = Memory::from([(Cell('A', 1), 21)]);
/// let mut build = Build::new(tasks, values).with_scheduler(Suspending::new()).with_rebuilder(DirtyBit);
/// build.run([Cell('B', 1)])?;
/// assert_eq!(build.get(Cell('B', 1)), Some(42));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Key: Clone + Eq + Hash + fmt::Display + 'static {}

impl<K: Clone + Eq + Hash + fmt::Display + 'static> Key for K {}

/// What a key can be named by: the key itself, a reference to it, or, where it is some kind of string, a `str`.
///
/// ```
/// use alacarte::Keys;
///
/// let mut keys: Keys<String> = Keys::default();
/// let id = keys.intern("B1");
/// assert_eq!(keys.find(&"B1".to_string()), Some(id));
/// ```
pub trait AsKey<K> {
    /// Hashes as the key does.
    fn hash<H: Hasher>(&self, state: &mut H);
    /// Whether this is the key.
    fn is(&self, key: &K) -> bool;
    /// The key.
    fn to_key(&self) -> K;
}

impl<K: Clone + Eq + Hash> AsKey<K> for K {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Hash::hash(self, state);
    }
    fn is(&self, key: &K) -> bool {
        self == key
    }
    fn to_key(&self) -> K {
        self.clone()
    }
}

impl<K: Clone + Eq + Hash> AsKey<K> for &K {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Hash::hash(*self, state);
    }
    fn is(&self, key: &K) -> bool {
        *self == key
    }
    fn to_key(&self) -> K {
        (*self).clone()
    }
}

/// Lets keys of these types be named by a `str` ([`AsKey`]). They are made of one and borrow as one: `From<&str>` and
/// `Borrow<str>`, and so hash as one.
///
/// ```
/// use std::borrow::Borrow;
///
/// #[derive(Clone, PartialEq, Eq, Hash)]
/// struct Cell(String);
///
/// impl From<&str> for Cell {
///     fn from(name: &str) -> Self {
///         Cell(name.into())
///     }
/// }
/// impl Borrow<str> for Cell {
///     fn borrow(&self) -> &str {
///         &self.0
///     }
/// }
/// alacarte::named_by_text!(Cell);
///
/// let mut keys = alacarte::Keys::<Cell>::default();
/// assert_eq!(keys.intern("B1"), keys.intern(&Cell("B1".into())));
/// ```
#[macro_export]
macro_rules! named_by_text {
    (@$key:ty: $($text:ty),*) => {$(
        impl $crate::AsKey<$key> for $text {
            fn hash<H: ::std::hash::Hasher>(&self, state: &mut H) {
                ::std::hash::Hash::hash(self, state);
            }
            fn is(&self, key: &$key) -> bool {
                let text: &str = self;
                text == <$key as ::std::borrow::Borrow<str>>::borrow(key)
            }
            fn to_key(&self) -> $key {
                let text: &str = self;
                text.into()
            }
        }
    )*};
    // (By reference, too: so an array of texts is gone through that is not given away.)
    ($($key:ty),* $(,)?) => {$(
        $crate::named_by_text!(@$key: str, &str, &&str);
    )*};
}

named_by_text!(String, Box<str>, Rc<str>, Arc<str>);

/// A key's dense number, or the number of its task's definition.
///
/// It is good as long as its key is known: a key of which [`Build::intern`](crate::Build::intern) gave the number out until
/// [`Build::release`](crate::Build::release); any other until keys are forgotten, which the next build may begin with (see
/// [`Build::collect`](crate::Build::collect) and [`Fetch::epoch`](crate::Fetch::epoch)).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(u32);

impl KeyId {
    const DEFINITION: u32 = 1 << 30;

    /// The largest number of keys that can be told apart.
    pub const LIMIT: usize = Self::DEFINITION as usize;

    /// The id of the key with this dense number.
    ///
    /// # Panics
    /// If `index` is not below [`KeyId::LIMIT`].
    pub fn new(index: usize) -> Self {
        assert!(index < Self::LIMIT, "more than {} keys", Self::LIMIT);
        KeyId(index as u32)
    }

    /// The dense number of this key; for a definition, that of the key it defines.
    pub fn index(self) -> usize {
        (self.0 & !Self::DEFINITION) as usize
    }

    /// The id of this key's definition.
    pub fn definition(self) -> KeyId {
        KeyId(self.0 | Self::DEFINITION)
    }

    /// Whether this is the definition of a key rather than a key.
    pub fn is_definition(self) -> bool {
        self.0 & Self::DEFINITION != 0
    }

    /// The key that this definition defines; a key's own id unchanged.
    pub fn subject(self) -> KeyId {
        KeyId(self.0 & !Self::DEFINITION)
    }

    /// The number to write to memory or disk; its highest bit is always free for the writer's use.
    pub fn to_raw(self) -> u32 {
        self.0
    }

    /// The id written by [`KeyId::to_raw`]; a set highest bit is ignored.
    pub fn from_raw(raw: u32) -> Self {
        KeyId(raw & !(1 << 31))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.is_definition() { "def" } else { "key" };
        write!(f, "{what}{}", self.index())
    }
}

/// Knows keys by something that is the same in every process, as a [`KeyId`] is not.
///
/// ```
/// use alacarte::{Keys, StableKeyHash};
///
/// let (mut here, mut there): (Keys<String>, Keys<String>) = Default::default();
/// here.intern("A");
/// let (b, same) = (here.intern("B"), there.intern("B"));
/// // Each build numbers its keys in its own order, but both know B by the same name.
/// assert_ne!(b, same);
/// assert_eq!(here.stable_hash(b), there.stable_hash(same));
/// assert_ne!(here.stable_hash(b), here.stable_hash(b.definition()));
/// ```
pub trait StableKeyHash {
    /// The fingerprint of what a key is called; another one for its definition.
    fn stable_hash(&self, id: KeyId) -> Fingerprint;
}

/// For builds without names, such as a test of metadata alone: a key is called by its number.
impl StableKeyHash for () {
    fn stable_hash(&self, id: KeyId) -> Fingerprint {
        Fingerprint::of_integer(id.to_raw().into())
    }
}

fn hash_of<K, Q: AsKey<K> + ?Sized>(key: &Q) -> u64 {
    let mut state = FxBuildHasher.build_hasher();
    key.hash(&mut state);
    state.finish()
}

/// All keys of a build. As long as none is forgotten, in the order in which they were first met.
#[derive(Debug, Clone)]
pub struct Keys<K> {
    names: Vec<K>,
    index: HashTable<u32>,
    /// The numbers below the last that belong to no key; the names of the last keys that they belonged to stand there until
    /// they are given to others.
    vacant: BTreeSet<u32>,
    /// Every new key gets a number that none had before.
    fresh: bool,
}

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Keys { names: Vec::new(), index: HashTable::new(), vacant: BTreeSet::new(), fresh: false }
    }
}

impl<K: Clone + Eq + Hash> Keys<K> {
    /// The id of `key`, a new one if it was never met.
    pub fn intern<Q: AsKey<K> + ?Sized>(&mut self, key: &Q) -> KeyId {
        let hash = hash_of(key);
        if let Some(&id) = self.index.find(hash, |&id| key.is(&self.names[id as usize])) {
            return KeyId(id);
        }
        let vacant = if self.fresh { None } else { self.vacant.pop_first() };
        let id = match vacant {
            Some(id) => {
                self.names[id as usize] = key.to_key();
                KeyId(id)
            }
            None => {
                let id = KeyId::new(self.names.len());
                self.names.push(key.to_key());
                id
            }
        };
        let names = &self.names;
        self.index.insert_unique(hash, id.0, |&id| FxBuildHasher.hash_one(&names[id as usize]));
        id
    }

    /// The id of `key`, if it was ever met.
    pub fn find<Q: AsKey<K> + ?Sized>(&self, key: &Q) -> Option<KeyId> {
        self.index.find(hash_of(key), |&id| key.is(&self.names[id as usize])).map(|&id| KeyId(id))
    }

    /// The key with this id; for a definition, the key it defines.
    ///
    /// # Panics
    /// If the id is not one of this table's.
    pub fn name(&self, id: KeyId) -> &K {
        &self.names[id.index()]
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.names.len() - self.vacant.len()
    }

    /// Whether no key is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ids of all keys are below this number; unless keys were forgotten, there are so many.
    pub fn bound(&self) -> usize {
        self.names.len()
    }

    /// All keys with their ids, in the order of these.
    pub fn iter(&self) -> impl Iterator<Item = (KeyId, &K)> {
        let known = self.names.iter().enumerate().filter(|(index, _)| !self.is_vacant(*index));
        known.map(|(index, key)| (KeyId::new(index), key))
    }

    fn is_vacant(&self, index: usize) -> bool {
        !self.vacant.is_empty() && self.vacant.contains(&(index as u32))
    }

    /// Forgets these keys. Their numbers go to the next new ones, but for those above all that are in use, which are no
    /// more.
    pub(crate) fn forget(&mut self, ids: &[KeyId]) {
        for id in ids.iter().filter(|id| id.index() < self.names.len()) {
            let hash = FxBuildHasher.hash_one(&self.names[id.index()]);
            if let Ok(entry) = self.index.find_entry(hash, |&known| known == id.0) {
                entry.remove();
                self.vacant.insert(id.0);
            }
        }
        while let Some(last) = self.names.len().checked_sub(1)
            && self.vacant.remove(&(last as u32))
        {
            self.names.pop();
        }
        if self.names.capacity() > 2 * self.names.len() {
            self.names.shrink_to_fit();
            let names = &self.names;
            self.index.shrink_to(names.len(), |&id| FxBuildHasher.hash_one(&names[id as usize]));
        }
    }

    /// Whether every new key is to get a number that none had before.
    pub(crate) fn number_afresh(&mut self, fresh: bool) {
        self.fresh = fresh;
    }

    /// Whether a key has this id, as its own and not as that of its definition.
    pub fn knows(&self, id: KeyId) -> bool {
        (id.to_raw() as usize) < self.names.len() && !self.is_vacant(id.index())
    }

    /// Makes room for `more` keys at once.
    pub fn reserve(&mut self, more: usize) {
        self.names.reserve_exact(more);
        let names = &self.names;
        self.index.reserve(more, |&id| FxBuildHasher.hash_one(&names[id as usize]));
    }
}

impl<K: Key> StableKeyHash for Keys<K> {
    fn stable_hash(&self, id: KeyId) -> Fingerprint {
        let name = Fingerprint::of_bytes(self.name(id).to_string().as_bytes());
        name.combine(Fingerprint::of_integer(id.is_definition().into()))
    }
}

impl<K: Key> Keys<K> {
    /// How to print this id to a person.
    pub fn show(&self, id: KeyId) -> String {
        let Some(name) = self.names.get(id.index()) else { return format!("{id:?}") };
        if id.is_definition() { format!("the definition of {name}") } else { name.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interning_is_stable_and_finds_what_it_interned() {
        let mut keys: Keys<String> = Keys::default();
        let ids: Vec<_> = (0..1000).map(|n| keys.intern(&format!("k{n}"))).collect();
        assert_eq!(keys.len(), 1000);
        for (n, id) in ids.iter().enumerate() {
            assert_eq!(id.index(), n);
            assert_eq!(keys.find(&format!("k{n}")), Some(*id));
            assert_eq!(keys.intern(&format!("k{n}")), *id);
        }
        assert_eq!(keys.find(&"k1000".to_string()), None);
    }

    #[test]
    fn a_key_is_told_from_every_other_whatever_it_is_named_by() {
        let mut keys: Keys<String> = Keys::default();
        let names: Vec<String> = (0..5000).map(|n| format!("k{n}")).collect();
        let ids: Vec<_> = names.iter().map(|name| keys.intern(name.as_str())).collect();
        for (name, id) in names.iter().zip(&ids) {
            let found = [keys.find(name), keys.find(&name), keys.find(name.as_str()), keys.find(&name.as_str())];
            assert_eq!(found, [Some(*id); 4], "{name}");
        }
        let others: Vec<String> = (5000..10_000).map(|n| format!("k{n}")).collect();
        for name in &others {
            assert_eq!(
                [keys.find(name), keys.find(&name), keys.find(name.as_str()), keys.find(&name.as_str())],
                [None; 4]
            );
        }
        assert_eq!(keys.len(), 5000);
    }

    #[test]
    fn the_number_of_a_forgotten_key_goes_to_the_next_new_one() {
        let mut keys: Keys<String> = Keys::default();
        let name = |n: usize| format!("k{n}");
        let ids: Vec<_> = (0..8).map(|n| keys.intern(&name(n))).collect();
        keys.forget(&[ids[1], ids[4], ids[7]]);
        assert_eq!((keys.len(), keys.bound()), (5, 7), "what is forgotten at the end is cut off");
        assert_eq!(keys.find(&name(4)), None);
        let known: Vec<_> = keys.iter().map(|(id, key)| (id.index(), key.clone())).collect();
        assert_eq!(known, [0, 2, 3, 5, 6].map(|n| (n, name(n))));
        keys.forget(&[ids[4]]);
        assert_eq!(keys.len(), 5, "to be forgotten twice is to be forgotten once");
        keys.forget(&[KeyId::new(keys.bound())]);
        assert_eq!(keys.len(), 5, "what is the id of no key cannot be forgotten");
        let known: Vec<_> = (0..10).map(KeyId::new).filter(|&id| keys.knows(id)).map(KeyId::index).collect();
        assert_eq!(known, [0, 2, 3, 5, 6]);
        assert_eq!([8, 9, 4].map(|n| keys.intern(&name(n)).index()), [1, 4, 7]);
        assert!((0..10).all(|n| keys.find(&name(n)).is_some() == (n != 1 && n != 7)));
        keys.forget(&(0..8).map(KeyId::new).collect::<Vec<_>>());
        assert!(keys.is_empty() && keys.bound() == 0 && keys.names.capacity() == 0);
        assert_eq!(keys.intern(&name(1)).index(), 0);
    }

    #[test]
    fn new_keys_get_numbers_that_none_had_while_that_is_wanted() {
        let mut keys: Keys<u32> = Keys::default();
        (0..4).for_each(|n| assert_eq!(keys.intern(&n).index(), n as usize));
        keys.forget(&[KeyId::new(1)]);
        keys.number_afresh(true);
        assert_eq!(keys.intern(&7).index(), 4);
        keys.number_afresh(false);
        assert_eq!([8, 9].map(|n| keys.intern(&n).index()), [1, 5]);
    }

    #[test]
    fn a_definition_knows_its_subject_and_survives_the_raw_form() {
        let key = KeyId::new(7);
        let definition = key.definition();
        assert!(definition.is_definition() && !key.is_definition());
        assert_ne!(definition, key);
        assert_eq!(definition.subject(), key);
        assert_eq!(KeyId::from_raw(definition.to_raw() | 1 << 31), definition);
    }
}
