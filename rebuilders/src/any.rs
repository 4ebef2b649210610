//! A rebuilder chosen at run time.

use std::marker::PhantomData;
use std::task::Poll;

use alacarte_core::{Answer, Key, KeyId, Lesson, Metadata, Question, Reads, Rebuilder, Suspects, Value};

use crate::{
    ConstructiveTrace, DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, StepTrace, VerifyingTrace,
};

/// Any rebuilder, behind a pointer.
pub struct AnyRebuilder<K, V> {
    rebuilder: Box<dyn Erased<K, V>>,
}

/// A rebuilder that looks up for itself what it reads.
trait Erased<K, V> {
    fn install(&self, metadata: &mut Metadata);
    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>>;
    fn trusts_silence(&self) -> bool;
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>>;
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId));
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<(KeyId, bool)>;
    fn restores(&self) -> bool;
    fn lesson(&self, key: KeyId, metadata: &Metadata) -> Option<Lesson>;
}

struct Erase<R, K, V>(R, PhantomData<(K, V)>);

impl<K: Key, V: Value, R: Rebuilder<K, V>> Erased<K, V> for Erase<R, K, V> {
    fn install(&self, metadata: &mut Metadata) {
        self.0.install(metadata);
    }
    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        self.0.ask(question, R::Reads::view(metadata))
    }
    fn trusts_silence(&self) -> bool {
        self.0.trusts_silence()
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.0.suspects(R::Reads::view(metadata))
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.0.dependents(key, R::Reads::view(metadata), each);
    }
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<(KeyId, bool)> {
        self.0.dependency(key, position, R::Reads::view(metadata))
    }
    fn restores(&self) -> bool {
        self.0.restores()
    }
    fn lesson(&self, key: KeyId, metadata: &Metadata) -> Option<Lesson> {
        self.0.lesson(key, R::Reads::view(metadata))
    }
}

/// All metadata that are installed: what a rebuilder reads that is known only at run time.
#[derive(Debug, Clone, Copy)]
pub struct Whatever;

impl Reads for Whatever {
    type View<'m> = &'m Metadata;
    fn install(_: &mut Metadata) {}
    fn view(metadata: &Metadata) -> &Metadata {
        metadata
    }
}

impl<K: Key, V: Value> AnyRebuilder<K, V> {
    /// The names of the menu's rebuilders, the yardsticks last.
    pub const NAMES: [&'static str; 6] = [
        "dirty-bit",
        "verifying-trace",
        "constructive-trace",
        "deep-constructive-trace",
        "perpetual",
        "modification-time",
    ];

    /// Forgets which rebuilder it is.
    pub fn new(rebuilder: impl Rebuilder<K, V> + 'static) -> Self {
        AnyRebuilder { rebuilder: Box::new(Erase(rebuilder, PhantomData)) }
    }

    /// The rebuilder of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "dirty-bit" => Self::new(DirtyBit),
            "verifying-trace" => Self::new(VerifyingTrace),
            "constructive-trace" => Self::new(ConstructiveTrace),
            "deep-constructive-trace" => Self::new(DeepConstructiveTrace),
            "step-trace" => Self::new(StepTrace),
            "perpetual" => Self::new(Perpetual),
            "modification-time" => Self::new(ModificationTime),
            _ => return None,
        })
    }
}

impl<K: Key, V: Value> Rebuilder<K, V> for AnyRebuilder<K, V> {
    type Reads = Whatever;

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        self.rebuilder.ask(question, metadata)
    }
    fn install(&self, metadata: &mut Metadata) {
        self.rebuilder.install(metadata);
    }
    fn trusts_silence(&self) -> bool {
        self.rebuilder.trusts_silence()
    }
    fn suspects<'m>(&self, metadata: <Whatever as Reads>::View<'m>) -> Option<Suspects<'m>> {
        self.rebuilder.suspects(metadata)
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.rebuilder.dependents(key, metadata, each);
    }
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<(KeyId, bool)> {
        self.rebuilder.dependency(key, position, metadata)
    }
    fn restores(&self) -> bool {
        self.rebuilder.restores()
    }
    fn lesson(&self, key: KeyId, metadata: &Metadata) -> Option<Lesson> {
        self.rebuilder.lesson(key, metadata)
    }
}
