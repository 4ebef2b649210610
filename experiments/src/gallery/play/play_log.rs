//! The queue, watched: what was taken from it and what that led to.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::rc::Rc;

use alacarte_conformance::Name;
use alacarte_conformance::broken::twist::Twist;
use alacarte_core::{Decision, KeyId, Keys, Metadata, Scheduler};

use super::scene_script::list;

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

/// Does nothing otherwise, and notes down what is put on the queue and taken from it.
#[derive(Debug)]
pub struct Watch(pub Log);

impl Twist for Watch {
    fn push(&mut self, inner: &mut dyn Scheduler, key: KeyId, metadata: &Metadata) {
        self.0.borrow_mut().push(Note::Pushed(key));
        inner.push(key, metadata);
    }

    fn pop(&mut self, inner: &mut dyn Scheduler) -> Option<KeyId> {
        let key = inner.pop();
        self.0.borrow_mut().extend(key.map(Note::Taken));
        key
    }
}

/// One key taken from the queue, told for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visit {
    /// The key.
    pub key: Name,
    /// What was done with it, and why.
    pub what: Vec<String>,
    /// What was on the queue then.
    pub queue: Vec<Name>,
}

/// The notes as visits, a visit a key taken from the queue.
pub fn visits(notes: &[Note], keys: &Keys<Name>, value: impl Fn(Name) -> Option<i64>) -> Vec<Visit> {
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
                    what.push(told(decision, *keys.name(*key), keys, &value));
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
            let needs = if needs.is_empty() { String::new() } else { format!(" for {}", list(&needs, " and ")) };
            what.push(format!("waits{needs}"));
        }
        let queue = queue.iter().map(|&key| *keys.name(key)).collect();
        visits.push(Visit { key: *keys.name(*taken), what, queue });
    }
    visits
}

/// Whether something is decided about this key.
fn decided(notes: &[Note], key: KeyId) -> bool {
    notes.iter().any(|note| matches!(note, Note::Decided(of, _) if *of == key))
}

fn told(decision: &Decision, key: Name, keys: &Keys<Name>, value: impl Fn(Name) -> Option<i64>) -> String {
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
