//! Claims: what is said of build systems, measured.
//!
//! The paper's two tables say of each system which properties it has, and who stands where. Here each cell is a trial:
//! so many random histories, each judged by the law behind the property. A cell is *held in N cases*, or *refuted by
//! this smallest counterexample*; nothing is asserted.

mod paper;
mod properties;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;

use crate::systems::{Menu, MenuCell, SYSTEMS, System};

pub use properties::{PROPERTIES, Property};

/// What a trial came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ClaimVerdict {
    /// No case was found in which it does not hold.
    Held,
    /// There is a counterexample.
    Refuted,
}

/// One property of one combination, or of a system that stands there.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Claim {
    /// The scheduler.
    pub scheduler: &'static str,
    /// The rebuilder.
    pub rebuilder: &'static str,
    /// The system; `None` for the combination as such.
    pub system: Option<&'static str>,
    /// The property's name.
    pub property: &'static str,
    /// What the trial came to.
    pub verdict: ClaimVerdict,
    /// How many cases were judged, up to the one that refutes.
    pub cases: u64,
    /// The smallest counterexample found, as a counterexample.
    pub counterexample: Option<String>,
    /// What the paper claims, if it claims anything.
    pub paper: Option<bool>,
}

/// In so many cases something has to hold before that speaks against a paper that denies it. (All that
/// is refuted with the seeds from 0 up is so within 56.)
pub const ENOUGH: u64 = 500;

impl Claim {
    /// Whether what was measured speaks against the paper: a claim was refuted, or what it denies held in [`ENOUGH`] cases.
    pub fn differs(&self) -> bool {
        match self.verdict {
            ClaimVerdict::Held => self.paper == Some(false) && self.cases >= ENOUGH,
            ClaimVerdict::Refuted => self.paper == Some(true),
        }
    }
}

/// A row of the matrix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Row {
    /// What it stands under.
    pub group: &'static str,
    /// The scheduler.
    pub scheduler: &'static str,
    /// The rebuilder.
    pub rebuilder: &'static str,
    /// The system; `None` for the combination as such.
    pub system: Option<&'static str>,
}

/// The combinations of the menu, those beyond the paper, the baselines; then the named systems.
pub fn rows(menu: &Menu) -> Vec<Row> {
    let row = |group, scheduler, rebuilder| Row { group, scheduler, rebuilder, system: None };
    let group = |cell: &MenuCell<'_>| match cell.is_baseline() {
        true => "baselines (topological)",
        false => cell.scheduler,
    };
    let cells = menu.cells();
    let mut rows: Vec<Row> = cells.iter().map(|cell| row(group(cell), cell.scheduler, cell.rebuilder)).collect();
    rows.push(row("suspending, as in Shake", "suspending", "step-trace"));
    let mut rebuilders: Vec<_> = cells.iter().filter(|cell| !cell.is_baseline()).map(|cell| cell.rebuilder).collect();
    rebuilders.sort_unstable_by_key(|name| menu.rebuilders().iter().position(|other| other == name));
    rebuilders.dedup();
    rows.extend(rebuilders.into_iter().map(|rebuilder| row("bottom-up", "bottom-up", rebuilder)));
    let named =
        |system: &System| Row { system: Some(system.name), ..row("named systems", system.scheduler, system.rebuilder) };
    rows.extend(SYSTEMS.iter().map(named));
    rows
}

/// How much is measured.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct ClaimOptions {
    /// Cases to be judged a cell.
    pub cases: u64,
    /// The seed of the first case.
    pub seed: u64,
    /// How many cells are measured at once.
    pub threads: usize,
}

impl ClaimOptions {
    /// So many cases a cell, of the seeds from 0 up, one cell at a time.
    pub fn new(cases: u64) -> Self {
        ClaimOptions { cases, seed: 0, threads: 1 }
    }

    /// The same, but for the seed of the first case.
    #[must_use]
    pub fn with_seed(self, seed: u64) -> Self {
        ClaimOptions { seed, ..self }
    }

    /// The same; so many cells are measured at once.
    #[must_use]
    pub fn with_threads(self, threads: usize) -> Self {
        ClaimOptions { threads, ..self }
    }
}

/// Measures every property of every row, calling `progress` after each trial with how many are done, of how many. Systems
/// that stand in the same place share its trials.
pub fn measure(menu: &Menu, options: ClaimOptions, progress: &(dyn Fn(usize, usize) + Sync)) -> Vec<Claim> {
    let rows = rows(menu);
    let mut places: Vec<(&'static str, &'static str)> = Vec::new();
    for row in &rows {
        if !places.contains(&(row.scheduler, row.rebuilder)) {
            places.push((row.scheduler, row.rebuilder));
        }
    }
    let trials = places.len() * PROPERTIES.len();
    progress(0, trials);
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let outcomes: Vec<Mutex<(u64, Option<String>)>> = (0..trials).map(|_| Mutex::default()).collect();
    let work = || {
        loop {
            let trial = next.fetch_add(1, Ordering::Relaxed);
            let Some(outcome) = outcomes.get(trial) else { return };
            let (scheduler, rebuilder) = places[trial / PROPERTIES.len()];
            let property = PROPERTIES[trial % PROPERTIES.len()];
            let measured = match property.try_on(menu.lab(), (scheduler, rebuilder), options.seed, options.cases) {
                Ok(judged) => (judged, None),
                Err(broken) => (broken.cases, Some(broken.counterexample)),
            };
            *outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = measured;
            progress(done.fetch_add(1, Ordering::Relaxed) + 1, trials);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..options.threads {
            scope.spawn(work);
        }
        work();
    });
    let cell = |row: &Row, number: usize, property: &Property| {
        let place = places.iter().position(|&place| place == (row.scheduler, row.rebuilder)).unwrap_or_default();
        let outcome = &outcomes[place * PROPERTIES.len() + number];
        let (cases, counterexample) = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        Claim {
            scheduler: row.scheduler,
            rebuilder: row.rebuilder,
            system: row.system,
            property: property.name,
            verdict: if counterexample.is_some() { ClaimVerdict::Refuted } else { ClaimVerdict::Held },
            cases,
            counterexample,
            paper: paper::claims(row, property.name),
        }
    };
    rows.iter()
        .flat_map(|row| PROPERTIES.iter().enumerate().map(move |(number, property)| (row, number, property)))
        .map(|(row, number, property)| cell(row, number, property))
        .collect()
}
