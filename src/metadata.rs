//! Metadata: what a build remembers, each kind a fold over its events.
//!
//! A scheduler or a rebuilder *installs* the metadata that it reads; the build has each updater once, however
//! many read it, and shows every event to every updater. (In the paper each rebuilder writes what it needs itself.
//! Taken out, they can be shared: rebuilders that are mixed in one build agree on what happened.)

use std::any::{Any, TypeId, type_name};
use std::fmt;

use crate::blame::{Blame, Part};
use crate::event::Event;
use crate::key::KeyId;

/// A fold over a build's events.
///
/// Implement it for metadata of your own; its contract is a law over events: what must be true of it after any
/// sequence of them.
///
/// ```
/// use std::collections::HashMap;
///
/// use alacarte::{Event, KeyId, Metadata, MetadataUpdater, Value};
///
/// /// Contract: the number of `Changed` events of each key or definition since that key was last forgotten.
/// #[derive(Default)]
/// struct Changes(HashMap<KeyId, u32>);
///
/// impl MetadataUpdater for Changes {
///     fn apply(&mut self, event: &Event<'_>) {
///         match event {
///             Event::Changed { key, .. } => *self.0.entry(*key).or_default() += 1,
///             Event::Forgotten { keys } => self.0.retain(|key, _| !keys.contains(&key.subject())),
///             _ => {}
///         }
///     }
/// }
///
/// let mut metadata = Metadata::default();
/// metadata.install::<Changes>(); // A scheduler or a rebuilder does this in its `install`.
/// let key = KeyId::new(0);
/// for value in [7, 8, 7] {
///     let fingerprint = Some(value.fingerprint());
///     metadata.apply(&Event::Changed { key, fingerprint, value: Some(&value), modified: 0, input: true });
/// }
/// assert_eq!(metadata.read::<Changes>().0.get(&key), Some(&3));
/// metadata.apply(&Event::Forgotten { keys: &[key] });
/// assert_eq!(metadata.read::<Changes>().0.get(&key), None);
/// ```
pub trait MetadataUpdater: Default + 'static {
    /// Takes one event into account. Called once for each event, in the order of the journal.
    ///
    /// After [`Event::Forgotten`] nothing may be left that says anything of one of these keys: the next key that is
    /// given its number is another one.
    fn apply(&mut self, event: &Event<'_>);

    /// Calls `each` with every key that anything remembered of `key` names, such as what it fetched (definitions may be
    /// among them). These are not forgotten as long as `key` is not. An updater that does not answer may be told that they
    /// are forgotten, and so has less to go by.
    fn mentions(&self, _key: KeyId, _each: &mut dyn FnMut(KeyId)) {}
}

trait Installed: Any {
    fn apply(&mut self, event: &Event<'_>);
    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId));
}

impl<U: MetadataUpdater> Installed for U {
    fn apply(&mut self, event: &Event<'_>) {
        MetadataUpdater::apply(self, event);
    }
    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        MetadataUpdater::mentions(self, key, each);
    }
}

/// The updaters that one build has installed.
#[derive(Default)]
pub struct Metadata {
    updaters: Vec<(TypeId, &'static str, Box<dyn Installed>)>,
    /// Where it is written down which of them panicked.
    blame: Blame,
}

impl Metadata {
    /// No updater yet; who panics of those to come is written down here.
    pub(crate) fn blaming(blame: &Blame) -> Self {
        Metadata { updaters: Vec::new(), blame: blame.clone() }
    }

    /// Installs an updater, unless it is there already.
    pub fn install<U: MetadataUpdater>(&mut self) {
        self.install_as(U::default);
    }

    /// Installs an updater that begins as this one does, unless one of its type is there already.
    pub fn install_as<U: MetadataUpdater>(&mut self, new: impl FnOnce() -> U) {
        let id = TypeId::of::<U>();
        if self.updaters.iter().all(|(installed, ..)| *installed != id) {
            self.updaters.push((id, type_name::<U>(), Box::new(new())));
        }
    }

    /// The updater of this type, if it is installed: if the scheduler or the rebuilder reads it.
    pub fn get<U: MetadataUpdater>(&self) -> Option<&U> {
        let id = TypeId::of::<U>();
        let found = self.updaters.iter().find(|(installed, ..)| *installed == id);
        found.and_then(|(.., updater)| (&**updater as &dyn Any).downcast_ref())
    }

    /// The same, to be changed otherwise than by an event.
    pub fn get_mut<U: MetadataUpdater>(&mut self) -> Option<&mut U> {
        let id = TypeId::of::<U>();
        let found = self.updaters.iter_mut().find(|(installed, ..)| *installed == id);
        found.and_then(|(.., updater)| (&mut **updater as &mut dyn Any).downcast_mut())
    }

    /// The updater of this type, for a strategy that names it.
    ///
    /// # Panics
    /// If it is not installed: a strategy reads only what its own `install` installs.
    pub fn read<U: MetadataUpdater>(&self) -> &U {
        self.get()
            .unwrap_or_else(|| panic!("{} is read, but no strategy has installed it: see `install`", type_name::<U>()))
    }

    /// Shows an event to every updater.
    pub fn apply(&mut self, event: &Event<'_>) {
        let key = event.key();
        for (place, (.., updater)) in self.updaters.iter_mut().enumerate() {
            self.blame.note(Part::Updater(place as u16), key);
            updater.apply(event);
        }
        self.blame.clear();
    }

    /// Calls `each` with every key that some updater names where it speaks of `key`, see [`MetadataUpdater::mentions`].
    pub fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        for (place, (.., updater)) in self.updaters.iter().enumerate() {
            self.blame.on(Part::Updater(place as u16), Some(key), || updater.mentions(key, each));
        }
    }

    /// The type of an updater, by its place among those that are installed.
    pub(crate) fn name(&self, place: u16) -> &'static str {
        self.updaters.get(usize::from(place)).map_or("updater", |(_, name, _)| name)
    }

    /// How many updaters are installed.
    pub fn len(&self) -> usize {
        self.updaters.len()
    }

    /// Whether none is installed.
    pub fn is_empty(&self) -> bool {
        self.updaters.is_empty()
    }
}

impl fmt::Debug for Metadata {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.updaters.iter().map(|(_, name, _)| name)).finish()
    }
}
