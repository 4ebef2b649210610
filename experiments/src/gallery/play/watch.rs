//! The queue, watched: what was taken from it and what that led to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use alacarte_core::{Decision, KeyId, Keys, Metadata, Plan, PlanError, Power, Scheduler, Schedules, WhenBlocked};

use super::world::Key;

/// What happened, in order.
pub type Log = Rc<RefCell<Vec<Note>>>;

/// One thing that happened.
#[derive(Debug, Clone)]
pub enum Note {
    /// A key was put on the queue.
    Pushed(KeyId),
    /// A key was taken from it.
    Taken(KeyId),
    /// Something was decided about a key.
    Decided(KeyId, Decision),
}

/// A scheduler that notes down what is put on its queue and taken from it.
#[derive(Debug)]
pub struct Watched<S> {
    /// The scheduler.
    pub inner: S,
    /// Where it is noted.
    pub log: Log,
}

impl<S: Scheduler> Scheduler for Watched<S> {
    fn install(&self, metadata: &mut Metadata) {
        self.inner.install(metadata);
    }

    fn when_blocked(&self) -> WhenBlocked {
        self.inner.when_blocked()
    }

    fn plan(&mut self, plan: &mut Plan<'_>, metadata: &Metadata) -> Result<(), PlanError> {
        self.inner.plan(plan, metadata)
    }

    fn push(&mut self, key: KeyId, metadata: &Metadata) {
        self.log.borrow_mut().push(Note::Pushed(key));
        self.inner.push(key, metadata);
    }

    fn pop(&mut self) -> Option<KeyId> {
        let key = self.inner.pop();
        self.log.borrow_mut().extend(key.map(Note::Taken));
        key
    }

    fn finish(&mut self, complete: bool) {
        self.inner.finish(complete);
    }

    fn follows_suspects(&self, targets: &[KeyId], generation: u64) -> bool {
        self.inner.follows_suspects(targets, generation)
    }

    fn precedes(&self, key: KeyId) -> bool {
        self.inner.precedes(key)
    }

    fn may_fetch(&self, key: KeyId, dependency: KeyId) -> bool {
        self.inner.may_fetch(key, dependency)
    }

    fn suspect(&mut self, key: KeyId) {
        self.inner.suspect(key);
    }
}

impl<P: Power, S: Schedules<P>> Schedules<P> for Watched<S> {}

/// One key taken from the queue, told for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Visit {
    /// The key.
    pub key: Key,
    /// What was done with it, and why.
    pub what: Vec<String>,
    /// What was on the queue then.
    pub queue: Vec<Key>,
}

/// The notes as visits, a visit a key taken from the queue.
pub fn visits(notes: &[Note], keys: &Keys<Key>, value: impl Fn(Key) -> Option<i64>) -> Vec<Visit> {
    let mut visits: Vec<Visit> = Vec::new();
    let mut queue = BTreeSet::new();
    let mut seen = 0;
    // Each visit goes from the taking of its key to the taking of the next.
    for visit in notes.chunk_by(|_, next| !matches!(next, Note::Taken(_))) {
        seen += visit.len();
        let (mut what, mut needs, mut settled) = (Vec::new(), Vec::new(), false);
        for note in visit {
            match note {
                Note::Pushed(key) => {
                    queue.insert(*key);
                    needs.push(*keys.name(*key));
                }
                Note::Taken(key) => {
                    queue.remove(key);
                }
                Note::Decided(key, decision) => {
                    settled |= !matches!(decision, Decision::Started(_));
                    what.push(told(decision, keys.name(*key), keys, &value));
                }
            }
        }
        let Some(Note::Taken(taken)) = visit.first() else { continue };
        if !settled && !decided(&notes[seen..], *taken) {
            what.push("is up to date: nothing is known to have changed".into());
        } else if !settled {
            // Of a group, the last is put on the queue first.
            needs.reverse();
            // What it waits for may be on the queue already.
            let needs = if needs.is_empty() { String::new() } else { format!(" for {}", needs.join(" and ")) };
            what.push(format!("waits{needs}"));
        }
        let queue = queue.iter().map(|&key| *keys.name(key)).collect();
        visits.push(Visit { key: keys.name(*taken), what, queue });
    }
    visits
}

/// Whether something is decided about this key.
fn decided(notes: &[Note], key: KeyId) -> bool {
    notes.iter().any(|note| matches!(note, Note::Decided(of, _) if *of == key))
}

fn told(decision: &Decision, key: Key, keys: &Keys<Key>, value: impl Fn(Key) -> Option<i64>) -> String {
    let gives = value(key).map_or("nothing".to_owned(), |value| value.to_string());
    match decision {
        Decision::Kept => format!("is kept: {gives}"),
        Decision::Restored => format!("is restored from a trace: {gives}"),
        Decision::Started(reason) => format!("starts ({})", reason.explain(keys)),
        Decision::Restarted(on) => format!("is given up for {}", keys.name(*on)),
        Decision::Ran { .. } => format!("gives {gives}"),
        _ => "fails".to_owned(),
    }
}
