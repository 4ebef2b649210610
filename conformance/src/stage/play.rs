//! One build, performed and judged.

use std::collections::BTreeMap;

use alacarte_core::{BuildError, Cause, Decision, Rebuilder, Report, Schedules, Tasks};

use super::{Broken, Played, Stage};
use crate::laws::{AtWork, BuildEnding, Decided, LAWS, Moment};
use crate::name::Name;
use crate::onlooker::{FetchedValue, KeyKind, KeySeen, Reference};
use crate::oracle::Truth;
use crate::outside::{Seeded, drive};
use crate::program::{BESIDE, Declares, POOL};

/// What came of a build, if it was not given up, and how many events it told the journal.
type Ran = (Option<Result<Report, BuildError<Name>>>, usize);

impl<P, S, R> Stage<'_, P, S, R>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    /// Builds while, after so many tasks were started, somebody writes to an input.
    ///
    /// Each input is read once: either it is what it was for the whole build, or what it has become. Which of the
    /// two, the build itself shows.
    pub(super) fn race(&mut self, targets: &[Name], after: u32, key: Name, value: i64) -> Result<Played, Broken> {
        if self.build().tasks().has(&key) {
            return self.play(targets, None);
        }
        self.ready();
        self.world.plan(after, key, value);
        let (result, told) = self.run(targets, None)?;
        if self.world.unplan() {
            return self.judge(targets, result, told);
        }
        self.lay.insert(key, value);
        let read_before = self.build().get(key) != Some(value);
        if !read_before {
            self.note_edit(key, Some(value));
        }
        let played = self.judge(targets, result, told)?;
        if read_before {
            self.note_edit(key, Some(value));
        }
        self.settled = None;
        Ok(Played { midway: true, ..played })
    }

    /// Builds, or builds until it has been polled so many times.
    pub(super) fn play(&mut self, targets: &[Name], polls: Option<u32>) -> Result<Played, Broken> {
        self.ready();
        let (result, told) = self.run(targets, polls)?;
        self.judge(targets, result, told)
    }

    fn ready(&mut self) {
        if self.setup.restarting {
            self.restart();
        }
        self.lay = self.world.held();
        self.decisions.borrow_mut().clear();
        self.waits.borrow_mut().clear();
    }

    fn run(&mut self, targets: &[Name], polls: Option<u32>) -> Result<Ran, Broken> {
        let told = self.journal.told();
        self.unread = false;
        let Some(seed) = self.scenario.manner.work else {
            // Without work outside it does not stop before its end.
            return Ok((Some(self.build().run(targets)), self.journal.told() - told));
        };
        let (outside, stop_after) = (self.world.outside(), polls.map(|polls| polls as usize));
        let driven = drive(self.build().run_async(targets), &outside, &mut Seeded(seed), stop_after);
        match driven {
            Ok(driven) => Ok((driven.ended(), self.journal.told() - told)),
            Err(stuck) => Err(self.broken("awake", "a build is awake whenever it was woken", &stuck.to_string())),
        }
    }

    fn judge(
        &mut self,
        targets: &[Name],
        result: Option<Result<Report, BuildError<Name>>>,
        events: usize,
    ) -> Result<Played, Broken> {
        let failures = result.iter().filter_map(|result| result.as_ref().err()).flat_map(|error| &error.failures);
        if let Some(panicked) =
            failures.into_iter().find(|failure| matches!(failure.cause, Cause::StrategyPanic { .. }))
        {
            return Err(self.broken("no-panic", "a build never panics", &panicked.to_string()));
        }
        let decisions = self.decisions.borrow().clone();
        let ending = match &result {
            Some(Ok(_)) => BuildEnding::Succeeded,
            Some(Err(error)) => BuildEnding::Failed(error),
            None => BuildEnding::Dropped,
        };
        let Some(build) = &self.build else { unreachable!("the build is only ever exchanged") };
        let ran: Vec<Name> = match &result {
            Some(Ok(report)) => build.names(&report.ran),
            Some(Err(error)) => build.names(&error.report.ran),
            None => {
                let ran = decisions.iter().filter(|decided| matches!(decided.decision, Decision::Ran { .. }));
                ran.map(|decided| decided.key).collect()
            }
        };
        let keys: Vec<Name> = build.tasks().graph().keys().collect();
        let values: BTreeMap<Name, Option<i64>> = keys.iter().map(|&key| (key, build.get(key))).collect();
        let (tasks, graph) = (build.tasks(), build.tasks().graph().clone());
        let kind = |key: &Name| match tasks.has(key) {
            true => KeyKind::Task(tasks.definition(key)),
            false => KeyKind::Input(self.inputs.get(key).copied()),
        };
        let kinds: BTreeMap<Name, KeyKind> = keys.iter().map(|key| (*key, kind(key))).collect();
        if let Some(counterexample) = &self.counterexample {
            counterexample.borrow_mut().push(self.tell(ending));
        }
        let lies = self.world.held();
        let mut truth = Truth::new(&graph, &self.inputs, self.world.now());
        let tolerant = self.promises.within.is_some();
        for key in ran.iter().filter(|_| tolerant) {
            let fetched = truth.possible(*key, &values).into_iter().flat_map(|run| run.fetched);
            let saw = fetched.map(|fetched| (fetched, values[&fetched])).collect();
            self.onlooker.saw.entry(*key).or_default().push(saw);
        }
        let outside = self.world.outside();
        let mut moment = Moment {
            targets,
            ending,
            ran: &ran,
            decisions: &decisions,
            values: &values,
            inputs: &self.inputs,
            lay: &self.lay,
            lies: &lies,
            truth: &mut truth,
            nondeterministic: graph.is_nondeterministic(),
            kinds: &kinds,
            onlooker: &self.onlooker,
            declares: self.declares,
            at_work: [
                AtWork { most: outside.most(|label| label != BESIDE), allowed: self.scenario.manner.jobs },
                AtWork { most: outside.most(|label| label == POOL), allowed: 1 },
            ],
            events,
            again: self.settled.as_deref() == Some(targets),
            promises: self.promises,
        };
        for law in LAWS.iter().filter(|law| self.setup.only.is_none_or(|only| only.contains(&law.name))) {
            (law.judge)(&mut moment).map_err(|what| self.broken(law.name, law.says, &what))?;
        }
        let vouched = moment.vouched();
        let detached = moment.detached();
        for &key in &vouched {
            self.onlooker.tampered.remove(&key);
            self.unsure.remove(&key);
            self.onlooker.see(key, values[&key]);
        }
        let put = |decided: &&Decided| matches!(decided.decision, Decision::Ran { .. } | Decision::Restored);
        decisions.iter().filter(put).for_each(|decided| {
            self.scribbled.remove(&decided.key);
        });
        for key in vouched {
            // What a key looked at is known from the truth, and where tasks are not deterministic there is more than one.
            if graph.is_nondeterministic() {
                self.onlooker.references.remove(&key);
                continue;
            }
            // What is kept within what is tolerated is compared with what its last run saw, and not with what it sees now.
            if tolerant && !ran.contains(&key) {
                continue;
            }
            let mut reference = self.reference(key, &mut truth, &kinds);
            if tolerant {
                let saw = self.onlooker.saw[&key].last().into_iter().flatten();
                let fetched = saw.map(|(&key, &value)| (key, FetchedValue { value, moves: self.onlooker.moves(key) }));
                reference.fetched = fetched.collect();
            }
            self.onlooker.references.insert(key, reference);
        }
        self.held = values.clone();
        let (succeeded, midway) = (ending.is_success(), matches!(ending, BuildEnding::Dropped));
        self.settled = succeeded.then(|| targets.to_vec());
        self.onlooker.started.extend(&detached);
        if succeeded {
            // What has neither a task nor a value waits for one.
            let waits = |key: &Name| matches!(kinds.get(key), Some(KeyKind::Input(None)));
            self.onlooker.owed.retain(waits);
            self.onlooker.due.retain(waits);
        } else {
            self.onlooker.owed = detached;
            self.onlooker.due.extend(ran.iter().flat_map(|&key| truth.of(key).started.clone()));
            // What has the value that it should have was owed no more, whatever becomes of it.
            self.onlooker.due.retain(|&key| values[&key].is_none() || values[&key] != truth.value(key));
        }
        let values = targets.iter().map(|key| values[key]).filter(|_| succeeded).collect();
        Ok(Played { succeeded, values, midway, ran: ran.into_iter().collect() })
    }

    fn reference(&self, key: Name, truth: &mut Truth, kinds: &BTreeMap<Name, KeyKind>) -> Reference {
        let below = truth.reach(&[key]);
        let volatile = below.iter().any(|&key| truth.of(key).volatile);
        let below = below.into_iter();
        let footprint =
            below.map(|key| (key, KeySeen { kind: kinds[&key], edits: self.onlooker.edits(key) })).collect();
        let fetched = truth.of(key).fetched.clone().into_iter();
        let fetched = fetched
            .map(|key| (key, FetchedValue { value: truth.value(key), moves: self.onlooker.moves(key) }))
            .collect();
        Reference { footprint, fetched, looked: truth.of(key).volatile, volatile }
    }
}
