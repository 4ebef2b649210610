//! What a contract is told, and what it has to say.

use std::fmt;

use crate::setters::setters;

use alacarte_core::{Dependency, Event, Fetched, Fingerprint, KeyId, MetadataUpdater, Record, Time, Value};

/// What an updater says after some events: a model, as plain as can be, and a comparison with the updater. (The
/// [module](super) has an example.)
pub trait Contract: Default {
    /// Whose contract it is.
    type Of: MetadataUpdater + Default;

    /// Whether the events must come in an order in which one build after the other tells them: keys are built after what
    /// they fetch, and only if they have to be. (Most contracts say something after any events.)
    const ORDERLY: bool = false;

    /// Sees what happens next.
    fn see(&mut self, what: &Happening);

    /// Compares what the updater says with what the model says.
    ///
    /// # Panics
    /// If they differ; the message says what is wrong.
    fn check(&self, updater: &Self::Of);
}

/// How many keys there are.
pub const KEYS: usize = 8;

/// So many of them, the first ones, are inputs; the others have tasks.
pub const INPUTS: usize = 3;

/// What every input holds before anything is told of it.
pub const AT_FIRST: u64 = 1;

/// An event that owns what it speaks of.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Happening {
    /// Which event.
    pub kind: EventKind,
    /// What it is about: a key, or a definition.
    pub key: KeyId,
    /// What a record says was fetched; nothing for a change.
    pub dependencies: Vec<Dependency>,
    /// What the key holds now. `None` if it is gone.
    pub value: Option<u64>,
    /// When.
    pub modified: Time,
    /// Whether a record may not be trusted in the next build.
    pub volatile: bool,
    /// Whether a record names inputs only, and not all that lies between.
    pub deep: bool,
}

setters! {
    Happening:
    with_kind(kind: EventKind);
    with_key(key: KeyId);
    with_dependencies(dependencies: Vec<Dependency>);
    with_value(value: Option<u64>);
    with_modified(modified: Time);
    with_volatile(volatile: bool);
    with_deep(deep: bool);
}

/// Which of the events a happening is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventKind {
    /// [`Event::Changed`]
    Changed,
    /// [`Event::Built`]
    Built,
    /// [`Event::Restored`]
    Restored,
    /// [`Event::Imported`]
    Imported,
    /// [`Event::Detached`], which speaks of a key and nothing else.
    Detached {
        /// Whether it is owed no more.
        done: bool,
    },
    /// [`Event::Forgotten`], of one key.
    Forgotten,
}

impl Happening {
    /// The fingerprint of what the key holds now.
    pub fn fingerprint(&self) -> Option<Fingerprint> {
        self.value.map(|value| value.fingerprint())
    }

    /// Shows it to an updater.
    pub fn show(&self, to: &mut impl MetadataUpdater) {
        self.with_event(|event| to.apply(&event.untyped()));
    }

    /// Calls this with the event.
    pub fn with_event<T>(&self, told: impl FnOnce(&Event<'_, u64>) -> T) -> T {
        let &Happening { key, ref dependencies, modified, volatile, deep, .. } = self;
        let value = self.value.unwrap_or_default();
        let fingerprint = value.fingerprint();
        let record = Record::new(key, dependencies, fingerprint, &value, &());
        let record = record.with_deep(deep).with_modified(modified).with_volatile(volatile);
        let (input, alone) = (self.is_about_an_input(), [key]);
        told(&match self.kind {
            EventKind::Changed => {
                let (fingerprint, value) = (self.fingerprint(), self.value.as_ref());
                Event::Changed { key, fingerprint, value, modified, input }
            }
            EventKind::Built => Event::Built(record),
            EventKind::Restored => Event::Restored(record),
            EventKind::Imported => Event::Imported(record),
            EventKind::Detached { done } => Event::Detached { key, done },
            EventKind::Forgotten => Event::Forgotten { keys: &alone },
        })
    }

    /// Whether it is about an input; a definition is one.
    pub fn is_about_an_input(&self) -> bool {
        self.key.is_definition() || self.key.index() < INPUTS
    }

    /// Whether its task ran.
    pub fn is_built(&self) -> bool {
        self.kind == EventKind::Built
    }

    /// Whether the key was brought up to date: built or restored.
    pub fn is_made(&self) -> bool {
        matches!(self.kind, EventKind::Built | EventKind::Restored)
    }

    /// Whether it says that this key is forgotten.
    pub fn forgets(&self, key: KeyId) -> bool {
        self.kind == EventKind::Forgotten && self.key == key.subject()
    }

    /// Whether it is neither volatile nor deep.
    pub fn is_plain(&self) -> bool {
        !self.volatile && !self.deep
    }

    /// The keys that were fetched, without the definition, and which of them in one group with the key before.
    pub fn keys(&self) -> Vec<Fetched> {
        let keys = self.dependencies.iter().filter(|dependency| !dependency.key.is_definition());
        keys.map(|dependency| Fetched::new(dependency.key).with_grouped(dependency.grouped)).collect()
    }
}

impl fmt::Display for Happening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key;
        if let EventKind::Detached { done } = self.kind {
            return write!(f, "{key:?} is owed{}", if done { " no more" } else { "" });
        }
        if self.kind == EventKind::Forgotten {
            return write!(f, "{key:?} is forgotten");
        }
        // Fingerprints as an assertion shows them.
        match self.value {
            Some(value) => write!(f, "{key:?} = {value} ({:?})", value.fingerprint())?,
            None => write!(f, "{key:?} is gone")?,
        }
        match self.kind {
            EventKind::Changed => write!(f, ", changed at {}", self.modified)?,
            kind => write!(f, ", {} at {}", format!("{kind:?}").to_lowercase(), self.modified)?,
        }
        for (n, Dependency { key, grouped, fingerprint, .. }) in self.dependencies.iter().enumerate() {
            let before = match (n, grouped) {
                (0, _) => ", of ",
                (_, true) => " and ",
                (_, false) => ", then ",
            };
            write!(f, "{before}{key:?} ({fingerprint:?})")?;
        }
        f.write_str(if self.deep { ", which are inputs only" } else { "" })?;
        f.write_str(if self.volatile { "; volatile" } else { "" })
    }
}
