//! Dirty bits that were lied to, and a rebuilder that reads them wrongly.

use std::cell::RefCell;
use std::collections::HashMap;
use std::task::{Poll, ready};

use alacarte_core::{Answer, Event, KeyId, Metadata, MetadataUpdater, Question, Reason, Rebuilder, Suspects};
use alacarte_metadata::{DependencyGraph, DirtyBits};
use alacarte_rebuilders::DirtyBit;

use super::by_hand;
use super::fixture::{Fixture, thrifty};
use super::lies::{Lie, Misled, Past, lies, retell, without};
use crate::laws::{Promises, Thrift};
use crate::name::Name;

lies! {
    /// Does not see that a definition was replaced (THEORY, rule 7).
    Blind to DirtyBits: |_, bits, event| {
        if !event.key().is_some_and(KeyId::is_definition) {
            bits.apply(event);
        }
    };

    /// Marks nothing when an input changes: there are no reverse edges of inputs.
    Inputless to DirtyBits: |_, bits, event| {
        if !matches!(event, Event::Changed { input: true, key, .. } if !key.is_definition()) {
            bits.apply(event);
        }
    };

    /// Marks the dependents of inputs only: a key that was built to another value is said to have its first one.
    OneLevel to DirtyBits: |past, bits, event| {
        retell(bits, event, |record| {
            record.fingerprint = past.first.get(&record.key).map_or(record.fingerprint, |first| first.fingerprint);
        });
    };

    /// A bit that was set once is never cleared.
    Unclearing to DirtyBits: |past, bits, event| {
        bits.apply(event);
        if let Event::Built(record) = event && past.first.contains_key(&record.key) {
            let fingerprint = Some(record.fingerprint);
            bits.apply(&Event::Changed { key: record.key, fingerprint, value: None, modified: record.modified, input: false });
        }
    };

    /// Remembers what a key fetched for the first time; edges that flipped since are forgotten.
    FirstEdges to DirtyBits: |past, bits, event| {
        let first = |key: KeyId| past.first.get(&key).map(|first| first.dependencies.clone());
        let told = event.key().filter(|_| !matches!(event, Event::Changed { .. })).and_then(first);
        retell(bits, event, |record| {
            if let Some(told) = &told {
                record.dependencies = told;
            }
        });
    };

    /// Forgets the last edge of each key.
    LastEdge to DirtyBits: |_, bits, event| {
        let last = match event {
            Event::Built(record) | Event::Restored(record) => record.dependencies.last().map(|last| last.key),
            _ => None,
        };
        without(bits, event, |told| Some(told.key) == last);
    };

    /// Does not see that an output was overwritten or lost.
    Trusting to DirtyBits: |_, bits, event| {
        if !matches!(event, Event::Changed { input: false, .. }) {
            bits.apply(event);
        }
    };

    /// Remembers what was forgotten: the next key with such a number is taken for the one that had it before.
    Remembering to DirtyBits: |_, bits, event| {
        if !matches!(event, Event::Forgotten { .. }) {
            bits.apply(event);
        }
    };

    /// Takes a key restored from its terminal inputs for one whose dependencies were all looked at.
    Shallow to DirtyBits: |_, bits, event| retell(bits, event, |record| record.deep = false);

    /// Does not see what was restored from a trace: its edges are those of another value.
    Unrestored to DirtyBits: |_, bits, event| {
        if !matches!(event, Event::Restored(_)) {
            bits.apply(event);
        }
    };
}

/// Whether anything changed since anything was built; and what was built.
#[derive(Debug, Default)]
pub struct AllClearedBits {
    graph: DependencyGraph,
    changed: Vec<KeyId>,
}

impl MetadataUpdater for AllClearedBits {
    fn apply(&mut self, event: &Event<'_>) {
        self.graph.apply(event);
        match event {
            Event::Changed { key, .. } => self.changed.push(*key),
            _ => self.changed.clear(),
        }
    }
}

/// Dirty bits that are all cleared whenever anything was built (THEORY, rule 5).
#[derive(Debug)]
pub struct AllClearedBit;

impl Rebuilder<Name, i64> for AllClearedBit {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<AllClearedBits>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let bits = metadata.read::<AllClearedBits>();
        let clean = bits.graph.knows(question.key()) && bits.changed.is_empty() && question.current().is_some();
        Poll::Ready(if clean { Answer::Keep } else { Answer::Run(Reason::Dirty) })
    }
}

/// How many changes there were.
#[derive(Debug, Default)]
pub struct Changes(u64);

impl MetadataUpdater for Changes {
    fn apply(&mut self, event: &Event<'_>) {
        self.0 += u64::from(matches!(event, Event::Changed { .. }));
    }
}

/// Clears a bit when the task starts: one that then fails counts as up to date until the next change (THEORY,
/// rule 5).
#[derive(Debug, Default)]
pub struct ClearedAtStart {
    started: RefCell<HashMap<KeyId, u64>>,
}

impl Rebuilder<Name, i64> for ClearedAtStart {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
        metadata.install::<Changes>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        let changes = metadata.read::<Changes>();
        let key = question.key();
        Poll::Ready(match ready!(DirtyBit.ask(question, metadata)) {
            Answer::Run(reason) => {
                let before = self.started.borrow_mut().insert(key, changes.0);
                let kept = before == Some(changes.0) && question.current().is_some();
                if kept { Answer::Keep } else { Answer::Run(reason) }
            }
            answer => answer,
        })
    }
}

/// How a rebuilder that knows its suspects tells of them wrongly.
#[derive(Debug)]
#[non_exhaustive]
pub enum Telling {
    /// The first of the list is left out.
    LacksOne,
    /// What is added while the build runs is not told.
    LacksNew,
    /// The list is said to be the same one, though it was made anew.
    SameEdition,
    /// Nobody depends on anything.
    NoDependents,
}

/// Dirty bits, of which the scheduler is told wrongly.
#[derive(Debug)]
pub struct Mistold(pub Telling);

impl Rebuilder<Name, i64> for Mistold {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DirtyBits>();
    }

    fn ask(&self, question: &mut Question<'_, Name, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        DirtyBit.ask(question, metadata)
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        let bits = metadata.read::<DirtyBits>();
        let (keys, generation) = (bits.marked(), bits.generation());
        Some(match self.0 {
            Telling::LacksOne => Suspects::new(keys.get(1..).unwrap_or_default(), generation),
            Telling::LacksNew => Suspects::new(&keys[..keys.len().min(1)], generation),
            Telling::SameEdition => Suspects::new(keys, 0),
            Telling::NoDependents => Suspects::new(keys, generation),
        })
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        let bits = metadata.read::<DirtyBits>();
        if !matches!(self.0, Telling::NoDependents) {
            bits.graph().dependents(key).for_each(each);
        }
    }
}

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let new = |name, wrong| Fixture::new(name, wrong, "dirty-bit");
    vec![
        new("bits-blind", "a replaced definition sets no bit")
            .is(|| Misled::<_, Blind>::new(DirtyBit))
            .theory("rule 7"),
        new("bits-cleared-widely", "all bits are cleared when anything was built")
            .is(|| AllClearedBit)
            .theory("rule 5")
            .promising(Promises::default()),
        new("bits-cleared-at-start", "a bit is cleared when the task starts, and stays so if it fails")
            .is(ClearedAtStart::default)
            .theory("rule 5")
            .missing()
            .caught_by(&["honest", "shallow-correct"]),
        new("bits-no-input-edges", "a changed input marks nobody").is(|| Misled::<_, Inputless>::new(DirtyBit)),
        new("bits-one-level", "a key that was built to another value marks nobody")
            .is(|| Misled::<_, OneLevel>::new(DirtyBit)),
        new("bits-unclearing", "a bit that was set once is never cleared")
            .is(|| Misled::<_, Unclearing>::new(DirtyBit))
            .caught_by(&["minimal"])
            .promising(thrifty(Thrift::Events, Thrift::None, false)),
        new("bits-first-edges", "edges that flipped are forgotten")
            .is(|| Misled::<_, FirstEdges>::new(DirtyBit))
            .caught_by(&["correct", "reached-only"])
            .values_only(),
        new("bits-last-edge", "the last edge of each key is forgotten").is(|| Misled::<_, LastEdge>::new(DirtyBit)),
        new("bits-trusting", "an output that was overwritten or lost sets no bit")
            .is(|| Misled::<_, Trusting>::new(DirtyBit))
            .caught_by(&["correct", "honest"]),
        new("bits-shallow", "a key restored from its terminal inputs counts as looked at")
            .is(|| Misled::<_, Shallow>::new(DirtyBit))
            .beside("deep-constructive-trace")
            .by_hand(by_hand::restored_then_built),
        new("bits-remembering", "the bits of a forgotten key are those of the next with its number")
            .is(|| Misled::<_, Remembering>::new(DirtyBit))
            .styled(|style| style.collects = true)
            .caught_by(&["correct", "honest"]),
        new("suspects-lack-one", "one suspect is not told").is(|| Mistold(Telling::LacksOne)).under("topological"),
        new("suspects-lack-new", "suspects that come up during the build are not told")
            .is(|| Mistold(Telling::LacksNew))
            .under("topological"),
        new("suspects-same-generation", "a list made anew is said to be the same")
            .is(|| Mistold(Telling::SameEdition))
            .under("topological")
            .by_hand(by_hand::a_list_made_anew),
        new("suspects-no-dependents", "nobody is said to depend on a key that has to wait")
            .is(|| Mistold(Telling::NoDependents))
            .under("topological")
            .missing()
            .working()
            .caught_by(&["correct", "honest", "at-most-once"]),
        new("suspects-run-twice", "nobody is said to depend on a key that works outside")
            .is(|| Mistold(Telling::NoDependents))
            .under("topological")
            .working()
            .by_hand(by_hand::a_dependent_that_works)
            .caught_by(&["at-most-once"]),
    ]
}
