//! A campaign: many cases for many combinations of the menu, spread over threads.
//!
//! Cases are handed out in portions, so that all threads are busy to the end. Which thread plays a case decides
//! nothing: a case is its seed.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use alacarte_core::{Dynamic, Static};

use crate::judge::{Way, again, on_trial};
use crate::menu::{Subject, TaskKind};
use crate::program::Declares;
use crate::relations::Tally;
use crate::setters::setters;
use crate::stage::{Broken, Combination};
use crate::trial::Trial;
use crate::user::Makes;

/// So many cases are handed out at once.
const PORTION: u64 = 64;

impl Subject<'_> {
    /// Tries it, beginning with this seed: how much was done, and the smallest counterexample of a broken law, if there is one.
    pub fn on_trial(&self, seed: u64, cases: u64) -> (Tally, Option<Broken>) {
        let trial = Trial { cases, seed, style: self.menu.style(self.rebuilder) };
        match self.tasks {
            TaskKind::Static => self.over::<Static>(trial),
            TaskKind::Dynamic => self.over::<Dynamic>(trial),
        }
    }

    /// Plays in this way the scenario that these choices make.
    pub(crate) fn again(&self, way: Way, choices: &[usize]) -> (Tally, Option<Broken>) {
        let trial = Trial { cases: 1, seed: 0, style: self.menu.style(self.rebuilder) };
        match self.tasks {
            TaskKind::Static => again::<Static, _, _>((way, choices), trial, &self.by_turns()),
            TaskKind::Dynamic => again::<Dynamic, _, _>((way, choices), trial, &self.by_turns()),
        }
    }

    fn over<P: Declares>(&self, trial: Trial) -> (Tally, Option<Broken>) {
        let named = self.names().map(|(scheduler, rebuilder)| move || self.menu.for_users(scheduler, rebuilder));
        on_trial::<P, _, _, _>(trial, &self.by_turns(), &named.each_ref().map(|make| make as Makes<'_, _, _>))
    }

    /// The combination, and others that take turns with it.
    fn names(&self) -> [(&'static str, &'static str); 4] {
        let top_down = if self.tasks == TaskKind::Static { "topological" } else { "suspending" };
        [
            (self.scheduler, self.rebuilder),
            (top_down, "verifying-trace"),
            ("bottom-up", "dirty-bit"),
            ("restarting", "deep-constructive-trace"),
        ]
    }

    /// The same, with what they promise.
    pub(crate) fn by_turns(&self) -> Vec<Combination<'static>> {
        self.names().into_iter().map(|(scheduler, rebuilder)| self.menu.combination(scheduler, rebuilder)).collect()
    }
}

/// So many cases for each subject, beginning with this seed.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Campaign {
    /// How many cases each subject plays.
    pub cases: u64,
    /// The seed of the first.
    pub seed: u64,
    /// How many play at once.
    pub threads: usize,
}

impl Campaign {
    /// So many cases for each subject, of the seeds from 0 up, on one thread.
    pub fn new(cases: u64) -> Self {
        Campaign { cases, seed: 0, threads: 1 }
    }
}

setters! {
    Campaign:
    with_seed(seed: u64);
    with_threads(threads: usize);
}

/// What a campaign found of one subject.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Finding<'m> {
    /// The subject.
    pub subject: Subject<'m>,
    /// The cases that were played.
    pub cases: u64,
    /// What that came to.
    pub tally: Tally,
    /// How long it took, all threads together.
    pub time: Duration,
    /// The counterexample of a broken law, of the lowest seed that was met.
    pub broken: Option<Broken>,
    /// Whether it is a case that is [kept](crate::regressions()), and not of a seed.
    pub kept: bool,
}

impl Campaign {
    /// Plays, calling `progress` with the number of cases played since it was last called. A subject that breaks a law is
    /// left alone from then on.
    pub fn run<'m>(&self, subjects: &[Subject<'m>], progress: &(dyn Fn(&Subject<'m>, u64) + Sync)) -> Vec<Finding<'m>> {
        let portions = self.cases.div_ceil(PORTION) as usize;
        let subjects: Vec<(Subject<'m>, usize)> = subjects.iter().map(|&subject| (subject, portions)).collect();
        let cases = |number: usize| PORTION.min(self.cases - number as u64 * PORTION);
        let play = |subject: &Subject<'m>, number: usize| {
            let cases = cases(number);
            let (tally, broken) = subject.on_trial(self.seed.wrapping_add(number as u64 * PORTION), cases);
            Portion { cases: broken.as_ref().map_or(cases, |broken| broken.cases), tally, broken }
        };
        hand_out(&subjects, self.threads, &play, &|subject, number| progress(subject, cases(number)))
    }
}

/// What a portion of a subject's cases came to.
pub(crate) struct Portion {
    pub cases: u64,
    pub tally: Tally,
    pub broken: Option<Broken>,
}

/// Plays all portions of each subject on so many threads; `done` is told of each. A subject that breaks a law is left alone
/// from then on.
pub(crate) fn hand_out<'m>(
    subjects: &[(Subject<'m>, usize)],
    threads: usize,
    play: &(dyn Fn(&Subject<'m>, usize) -> Portion + Sync),
    done: &(dyn Fn(&Subject<'m>, usize) + Sync),
) -> Vec<Finding<'m>> {
    let finding = |&(subject, _)| {
        let (tally, time) = (Tally::default(), Duration::ZERO);
        Finding { subject, cases: 0, tally, time, broken: None, kept: false }
    };
    let findings: Vec<Mutex<Finding<'m>>> = subjects.iter().map(finding).map(Mutex::new).collect();
    let given_up: Vec<AtomicBool> = subjects.iter().map(|_| AtomicBool::new(false)).collect();
    // How many portions there are up to each subject, itself included.
    let sums = subjects.iter().scan(0_usize, |sum, &(_, portions)| {
        *sum = sum.saturating_add(portions);
        Some(*sum)
    });
    let ends: Vec<usize> = sums.collect();
    let next = AtomicUsize::new(0);
    let work = || {
        loop {
            let portion = next.fetch_add(1, Ordering::Relaxed);
            let at = ends.partition_point(|&end| end <= portion);
            let Some((subject, portions)) = subjects.get(at) else { return };
            let number = portion - (ends[at] - portions);
            if !given_up[at].load(Ordering::Relaxed) {
                let begun = Instant::now();
                let Portion { cases, tally, broken } = play(subject, number);
                given_up[at].fetch_or(broken.is_some(), Ordering::Relaxed);
                let mut finding = findings[at].lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                finding.cases += cases;
                finding.tally += tally;
                finding.time += begun.elapsed();
                let lower = |other: &Broken| finding.broken.as_ref().is_none_or(|known| other.seed < known.seed);
                if let Some(broken) = broken.filter(lower) {
                    finding.broken = Some(broken);
                }
            }
            done(subject, number);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    findings
        .into_iter()
        .map(|finding| finding.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner))
        .collect()
}
