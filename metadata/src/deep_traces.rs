//! Deep constructive traces: the value that a key has for given *terminal inputs*, whatever lies between.
//!
//! Written out, a trace lists every terminal input below its key, which costs keys × inputs. Here the lists
//! share their parts, as in a Merkle tree: the *deep fingerprint* of an input is that of its value; the deep
//! fingerprint of a key is that of its dependencies' deep fingerprints, in order. A trace names its direct
//! dependencies with their deep fingerprints, so it names, through their traces, exactly its terminal inputs.
//!
//! Deep fingerprints are taken from the run that made the value; never looked up by (key, value) (THEORY, rule
//! 4): two runs may give a key the same value from different inputs.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use alacarte_core::{Dependency, Event, Fingerprint, KeyId, MetadataUpdater, Record, Value};

use crate::column::{Column, give_back};
use crate::trace_table::{Pushed, Trace, TraceTable};
use crate::values::{KeepsValues, Values};

/// Several traces a key, the newest first, each with its value.
///
/// Contract: every trace is one `Built`, `Restored` or deep `Imported` event of its key that was not volatile,
/// its dependencies with the deep fingerprints that they had at that event; the
/// [`DeepConstructiveTraces::KEPT`] newest different ones are there (to learn what is known already does
/// not make it newer), but for those that name a forgotten key, and those that made way because values took too many bytes
/// ([`KeepsValues`]). The trace of the key's last `Built` or `Restored` event, if that was not volatile and the key has not
/// become an input since, is the *present* one: it comes first, and what is learned never takes its place, however much of
/// it there is. What is built above the key is filed under its deep fingerprint.
///
/// ```
/// use alacarte::metadata::DeepConstructiveTraces;
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(DeepConstructiveTrace);
/// build.run(["C"])?;
/// build.set("A", 41)?;
/// build.run(["C"])?;
///
/// let c = build.intern("C");
/// let traces = build.metadata().get::<DeepConstructiveTraces<i32>>().unwrap();
/// let [new, old] = traces.table().of(c).collect::<Vec<_>>()[..] else { panic!("two runs") };
/// // B was 4 and C was 5 in both runs. The traces differ because A below B did.
/// assert_eq!((traces.value(new), traces.value(old)), (Some(&5), Some(&5)));
/// assert_ne!(new.dependency(0).fingerprint, old.dependency(0).fingerprint);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct DeepConstructiveTraces<V> {
    table: TraceTable<3>,
    values: Values<V>,
    /// The deep fingerprint of each key that a task gave its present value; none for inputs, and for volatile
    /// keys, which count as such.
    current: Column<Option<Fingerprint>>,
    volatile: Column<bool>,
    /// What each key is called, once it was asked for.
    names: Column<Option<Fingerprint>>,
    /// Whether a trace holds, by the number of its value: the moment in which that was found out, times two,
    /// plus the verdict.
    verdicts: Vec<Cell<u64>>,
    /// How many revisions questions were asked in, and the last of them.
    moment: Cell<u64>,
    revision: Cell<u32>,
    /// The questions that wait: where each of them stands, and for which key it waits.
    waiting: RefCell<HashMap<KeyId, (Vec<Stand>, KeyId)>>,
    /// The questions that look into traces, by the traces' numbers.
    held: RefCell<HashMap<u32, KeyId>>,
}

impl<V> DeepConstructiveTraces<V> {
    /// How many traces a key keeps.
    pub const KEPT: usize = 8;

    /// The traces; the extra words are for this type's other functions.
    pub fn table(&self) -> &TraceTable<3> {
        &self.table
    }

    /// The value that a trace remembers.
    pub fn value(&self, trace: Trace<'_, 3>) -> Option<&V> {
        self.values.get(trace.extra()[0])
    }

    /// The deep fingerprint of a trace, by which traces of other keys name it.
    pub fn deep(&self, trace: Trace<'_, 3>) -> Fingerprint {
        deep_of(trace)
    }

    /// The trace of a key with this deep fingerprint.
    pub fn find(&self, key: KeyId, deep: Fingerprint) -> Option<Trace<'_, 3>> {
        self.table.of(key).find(|trace| deep_of(*trace) == deep)
    }

    /// Whether this is the trace of what the key was last built or restored from, here and not elsewhere.
    pub fn is_present(&self, key: KeyId, trace: Trace<'_, 3>) -> bool {
        self.current.get(key).copied().flatten() == Some(deep_of(trace))
    }

    /// Whether the key counts as an input because its value is never kept.
    pub fn is_volatile(&self, key: KeyId) -> bool {
        self.volatile.get(key).copied().unwrap_or(false)
    }

    /// Questions are asked in this revision ([`Question::revision`](alacarte_core::Question::revision)): of what was found out in
    /// another, nothing is known to be so still.
    pub fn enter(&self, revision: u32) {
        if self.revision.replace(revision) != revision {
            self.begin_moment();
        }
    }

    fn begin_moment(&self) {
        self.moment.set(self.moment.get() + 1);
        self.waiting.borrow_mut().clear();
        self.held.borrow_mut().clear();
    }

    /// Whether all terminal inputs of the trace are as they were, if that was found out in this revision. (An input that a
    /// build meets for the first time changes no verdict: without its value there was none.)
    pub fn verdict(&self, trace: Trace<'_, 3>) -> Option<Verdict> {
        let verdict = self.verdicts.get(trace.extra()[0] as usize)?.get();
        (verdict >> 1 == self.moment.get()).then_some(match verdict & 1 {
            0 => Verdict::Fails,
            _ => Verdict::Holds,
        })
    }

    /// Remembers that of the trace of this number.
    pub fn judge(&self, number: u32, found: Verdict) {
        if let Some(verdict) = self.verdicts.get(number as usize) {
            verdict.set(self.moment.get() << 1 | found as u64);
        }
    }

    /// A question about this key has to wait for another, and stands here: the last is the trace that it looks into. The first
    /// so many stood there before.
    pub fn put_aside(&self, key: KeyId, stands: Vec<Stand>, before: usize, awaited: KeyId) {
        self.held.borrow_mut().extend(stands[before..].iter().map(|stand| (stand.number, key)));
        self.waiting.borrow_mut().insert(key, (stands, awaited));
    }

    /// Where the question about this key stood when it had to wait, if it did.
    pub fn take_up(&self, key: KeyId) -> Option<Vec<Stand>> {
        self.waiting.borrow_mut().remove(&key).map(|(stands, _)| stands)
    }

    /// The key for which another question waits that looks into this trace.
    pub fn awaited(&self, trace: Trace<'_, 3>) -> Option<KeyId> {
        let question = *self.held.borrow().get(&trace.extra()[0])?;
        self.waiting.borrow().get(&question).map(|&(_, awaited)| awaited)
    }
}

/// A trace that a question looks into, and how far it has come.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Stand {
    /// The key of the trace.
    pub key: KeyId,
    /// The trace's deep fingerprint: no other list of dependencies has it.
    pub deep: Fingerprint,
    /// Its number.
    pub number: u32,
    /// How many of its dependencies are as they were.
    pub position: usize,
}

impl Stand {
    /// At the beginning of this trace.
    pub fn new(key: KeyId, trace: Trace<'_, 3>) -> Self {
        Stand { key, deep: deep_of(trace), number: trace.extra()[0], position: 0 }
    }
}

/// Whether a trace holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Some terminal input is not as it was.
    Fails = 0,
    /// All terminal inputs are as they were. (Of a volatile key the next build, which has another revision, asks again.)
    Holds = 1,
}

/// Keeps deep fingerprints apart from those of values: a task that fetches nothing is no input that holds a zero.
const NO_VALUE: Fingerprint = Fingerprint(0x6465_6570);

fn deep_of(trace: Trace<'_, 3>) -> Fingerprint {
    let [_, low, high] = trace.extra();
    Fingerprint(u64::from(low) | u64::from(high) << 32)
}

impl<V: Value> Default for DeepConstructiveTraces<V> {
    fn default() -> Self {
        Self::within(Self::BYTES)
    }
}

impl<V: Value> KeepsValues for DeepConstructiveTraces<V> {
    fn within(bytes: usize) -> Self {
        DeepConstructiveTraces {
            table: TraceTable::new(Self::KEPT),
            values: Values::within(bytes),
            current: Column::default(),
            volatile: Column::default(),
            names: Column::default(),
            verdicts: Vec::new(),
            moment: Cell::new(1),
            revision: Cell::new(0),
            waiting: RefCell::default(),
            held: RefCell::default(),
        }
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
    }
}

impl<V: Value> DeepConstructiveTraces<V> {
    /// Adds a trace whose dependencies carry deep fingerprints already; its own deep fingerprint.
    fn remember(&mut self, record: &Record<'_>, dependencies: &[Dependency], learned: bool) -> Option<Fingerprint> {
        // Before the table knows of it: a clone may panic.
        let value = record.value.downcast_ref::<V>()?.clone();
        // Named, because the same fingerprints may be those of other keys: tasks may fetch in another order, and a
        // definition and an input may be alike.
        let none = Fingerprint::of_integer(dependencies.len() as u64).combine(NO_VALUE);
        let deep = dependencies.iter().fold(none, |sum, dependency| {
            let subject = dependency.key.subject();
            let name = *self.names.at(subject).get_or_insert_with(|| record.key_hashes.stable_hash(subject));
            let tag = Fingerprint::of_integer(dependency.key.is_definition().into());
            sum.combine(name).combine(tag).combine(dependency.fingerprint)
        });
        let slot = self.values.free();
        let extra = [slot, deep.0 as u32, (deep.0 >> 32) as u32];
        let (key, fingerprint) = (record.key, record.fingerprint);
        let pushed = if learned && self.current.get(key).copied().flatten().is_some() {
            self.table.push_second(key, fingerprint, extra, dependencies)
        } else {
            self.table.push(key, fingerprint, extra, dependencies)
        };
        if pushed == Pushed::Known {
            // Equal in what the fingerprint looks at: the value is that of the last run.
            if let Some([slot, ..]) = self.table.newest(record.key).map(|newest| newest.extra()) {
                self.values.replace(slot, value);
            }
        } else {
            self.values.put(slot, value);
            if self.verdicts.len() <= slot as usize {
                self.verdicts.resize(slot as usize + 1, Cell::new(0));
            }
            self.verdicts[slot as usize].set(0);
        }
        if let Pushed::Replaced([gone, ..]) = pushed {
            self.values.clear(gone);
        }
        self.values.bound(&mut self.table);
        Some(deep)
    }

    fn made(&mut self, record: &Record<'_>) {
        *self.volatile.at(record.key) = record.volatile;
        if record.volatile {
            // Its value counts as an input's.
            *self.current.at(record.key) = None;
            return;
        }
        let deep = if record.deep {
            self.remember(record, record.dependencies, false)
        } else {
            let dependencies: Vec<Dependency> = record
                .dependencies
                .iter()
                .map(|&(mut dependency)| {
                    let deep = if dependency.key.is_definition() { None } else { self.current.get(dependency.key) };
                    dependency.fingerprint = deep.copied().flatten().unwrap_or(dependency.fingerprint);
                    dependency
                })
                .collect();
            self.remember(record, &dependencies, false)
        };
        *self.current.at(record.key) = deep;
        // The newest trace may have been looked into before, in vain, and holds now.
        let newest = self.table.newest(record.key).filter(|_| !record.deep);
        if let Some(verdict) = newest.and_then(|newest| self.verdicts.get(newest.extra()[0] as usize)) {
            verdict.set(0);
        }
    }
}

impl<V: Value> MetadataUpdater for DeepConstructiveTraces<V> {
    fn apply(&mut self, event: &Event<'_>) {
        match event {
            Event::Changed { key, fingerprint, input, .. } => {
                // It has no task any more: its definition is gone, or it is edited as an input before anybody looked.
                if *input && (!key.is_definition() || fingerprint.is_none()) {
                    *self.current.at(*key) = None;
                }
            }
            Event::Built(record) | Event::Restored(record) => self.made(record),
            Event::Imported(record) if record.deep && !record.volatile => {
                match self.table.find(record.key, record.fingerprint, record.dependencies) {
                    // It may have been looked into in vain, before what it needs was imported with it.
                    Some(known) if self.verdict(known) == Some(Verdict::Fails) => {
                        self.verdicts[known.extra()[0] as usize].set(0);
                    }
                    Some(_) => {}
                    None => {
                        self.remember(record, record.dependencies, true);
                    }
                }
            }
            Event::Forgotten { keys } => {
                self.begin_moment();
                self.table.forget(keys, |key, [gone, ..]| {
                    self.values.clear(gone);
                    *self.current.at(key) = None;
                });
                let numbers = self.values.give_back();
                self.verdicts.truncate(numbers);
                give_back(&mut self.verdicts);
                self.current.forget(keys);
                self.volatile.forget(keys);
                self.names.forget(keys);
            }
            Event::Imported(_) | Event::Detached { .. } => {}
        }
    }

    fn mentions(&self, key: KeyId, each: &mut dyn FnMut(KeyId)) {
        self.table.mentions(key, each);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A verdict is that of a revision: of another, nothing is known yet, whichever number it has.
    #[test]
    fn verdicts_are_remembered_in_every_revision_and_no_longer() {
        let mut traces = DeepConstructiveTraces::<u64>::default();
        let (key, input) = (KeyId::new(1), KeyId::new(0));
        let one = [Dependency::new(input, 1_u64.fingerprint())];
        traces.apply(&Event::Built(Record::new(key, &one, 1_u64.fingerprint(), &1_u64, &())));
        for revision in [1, 2, 3, u32::MAX, 1, 2, 3] {
            traces.enter(revision);
            let trace = traces.table().newest(key).expect("a trace");
            assert_eq!(traces.verdict(trace), None, "in revision {revision} nothing is known yet");
            traces.judge(Stand::new(key, trace).number, Verdict::Holds);
            traces.enter(revision);
            assert_eq!(traces.verdict(trace), Some(Verdict::Holds), "in revision {revision} it is remembered");
        }
    }
}
