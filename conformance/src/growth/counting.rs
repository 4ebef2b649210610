//! Plays one member of a family, and counts.

use std::cell::Cell;
use std::collections::HashMap;
use std::iter::Sum;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{
    Answer, Build, Event, Fetched, Journal, KeyId, Keys, Metadata, Question, Rebuilder, Replay, Report, Schedules,
    SharableTrace, Static, Store, StoreError, Suspects, count_steps, steps_taken,
};

use super::{Act, Number, Play, SumTasks};

/// What one build cost, and the edits before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Cost {
    /// How often a task was started or resumed.
    pub polls: u64,
    /// How often the rebuilder was asked.
    pub asks: u64,
    /// How many fetches tasks and rebuilders made.
    pub fetches: u64,
    /// How often a task was started again.
    pub restarts: u64,
    /// How many words the journal was told: one for each event and for each dependency that it names.
    pub journal: u64,
    /// How many steps were taken in search of something.
    pub steps: u64,
}

impl Cost {
    /// Each count, by name.
    pub fn counts(self) -> [(&'static str, u64); 6] {
        [
            ("polls", self.polls),
            ("questions", self.asks),
            ("fetches", self.fetches),
            ("restarts", self.restarts),
            ("words of journal", self.journal),
            ("steps", self.steps),
        ]
    }
}

impl Sum for Cost {
    fn sum<I: Iterator<Item = Cost>>(costs: I) -> Cost {
        costs.fold(Cost::default(), |sum, cost| Cost {
            polls: sum.polls + cost.polls,
            asks: sum.asks + cost.asks,
            fetches: sum.fetches + cost.fetches,
            restarts: sum.restarts + cost.restarts,
            journal: sum.journal + cost.journal,
            steps: sum.steps + cost.steps,
        })
    }
}

/// A number that grows, seen from two places.
type Counter = Rc<Cell<u64>>;

fn add(counter: &Counter, number: u64) {
    counter.set(counter.get() + number);
}

/// What each build of the play costs under this scheduler and this rebuilder.
///
/// # Panics
/// If an input cannot be set, which a store in memory allows.
pub fn measure_play<S, R>(play: &Play, (scheduler, rebuilder): (S, R)) -> Vec<Cost>
where
    S: Schedules<Static>,
    R: Rebuilder<Number, i64>,
{
    let (polls, asks, journal) = (Counter::default(), Counter::default(), Counter::default());
    let tasks = SumTasks::new(play.tasks.iter().cloned(), polls.clone());
    let mut build = Build::new(tasks, Inputs(play.inputs.iter().copied().collect()))
        .with_scheduler(scheduler)
        .with_rebuilder(Asked { rebuilder, asks: asks.clone() })
        .with_journal(Told(journal.clone()))
        .with_keep_going(!play.stops);
    let mut costs = Vec::new();
    let mut begun = steps_taken();
    for act in &play.acts {
        match act {
            Act::Set { key, value } => drop(build.set(key, *value).expect("it can be set")),
            Act::Remove(key) => drop(build.remove(key).expect("it can be removed")),
            Act::Replace { key, task } => build.tasks_mut().replace(*key, task.clone()),
            Act::Build(targets) => {
                let report: Report = build.run(targets).unwrap_or_else(|failed| failed.report);
                costs.push(Cost {
                    polls: polls.take(),
                    asks: asks.take(),
                    fetches: report.fetches,
                    restarts: report.restarts,
                    journal: journal.take(),
                    steps: steps_taken() - begun,
                });
                begun = steps_taken();
            }
        }
    }
    costs
}

/// A rebuilder that counts how often it is asked.
struct Asked<R> {
    rebuilder: R,
    asks: Counter,
}

impl<R: Rebuilder<Number, i64>> Rebuilder<Number, i64> for Asked<R> {
    fn ask(&self, question: &mut Question<'_, Number, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        add(&self.asks, 1);
        self.rebuilder.ask(question, metadata)
    }

    fn install(&self, metadata: &mut Metadata) {
        self.rebuilder.install(metadata);
    }

    fn skips_unchanged_builds(&self) -> bool {
        self.rebuilder.skips_unchanged_builds()
    }
    fn heeds_touches(&self) -> bool {
        self.rebuilder.heeds_touches()
    }

    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        self.rebuilder.suspects(metadata)
    }

    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        self.rebuilder.dependents(key, metadata, &mut |dependent| {
            count_steps(1);
            each(dependent);
        });
    }

    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        count_steps(1);
        self.rebuilder.dependency(key, position, metadata)
    }

    fn restores(&self) -> bool {
        self.rebuilder.restores()
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        self.rebuilder.sharable_trace(key, metadata)
    }
}

/// A journal that keeps nothing, and counts what it is told.
struct Told(Counter);

impl Journal<Number, i64> for Told {
    fn replay(&mut self, _: &mut Keys<Number>, _: &mut Replay<'_, Number, i64>) -> Result<(), StoreError> {
        Ok(())
    }

    fn append(&mut self, _: &Keys<Number>, event: &Event<'_, i64>) -> Result<(), StoreError> {
        let named = match event {
            Event::Built(record) | Event::Restored(record) => record.dependencies.len(),
            _ => 0,
        };
        add(&self.0, 1 + named as u64);
        Ok(())
    }
}

/// The values of inputs.
struct Inputs(HashMap<Number, i64>);

impl Store<Number, i64> for Inputs {
    fn load(&mut self, _: KeyId, key: &Number) -> Result<Option<i64>, StoreError> {
        Ok(self.0.remove(key))
    }
}
