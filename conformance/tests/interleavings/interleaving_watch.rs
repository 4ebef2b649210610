//! Watches a build each time that it sleeps: never more work underway than there are places, and no place free that
//! somebody wants.

use alacarte_conformance::{Choices, Outside};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

/// What is watched. Pieces of work in a named pool have labels that begin with its name and a stroke.
#[derive(Clone)]
pub struct Watch {
    outside: Outside,
    jobs: usize,
    pools: Rc<[(&'static str, usize)]>,
    /// How many want a permit and have none, by pool; "" if one of jobs is all they want.
    wanted: Rc<RefCell<BTreeMap<&'static str, usize>>>,
    /// The build goes on as long as it can, so that places are taken.
    pub eager: Rc<Cell<bool>>,
    fault: Rc<RefCell<Option<String>>>,
}

/// Somebody wants a place. Dropped when the work begins, or is given up.
pub struct Want(Watch, &'static str);

impl Drop for Want {
    fn drop(&mut self) {
        if let Some(wanted) = self.0.wanted.borrow_mut().get_mut(self.1) {
            *wanted -= 1;
        }
    }
}

impl Watch {
    pub fn new(outside: &Outside, jobs: usize, pools: &[(&'static str, usize)]) -> Self {
        Watch {
            outside: outside.clone(),
            jobs,
            pools: pools.into(),
            wanted: Rc::default(),
            eager: Rc::new(Cell::new(true)),
            fault: Rc::default(),
        }
    }

    pub fn want(&self, pool: &'static str) -> Want {
        *self.wanted.borrow_mut().entry(pool).or_default() += 1;
        Want(self.clone(), pool)
    }

    /// Makes choices, looking at what is underway whenever one is asked for.
    pub fn over<'c>(&self, choices: &'c mut dyn Choices) -> Watched<'c> {
        Watched(self.clone(), choices)
    }

    /// What was seen to be wrong.
    pub fn verdict(&self) -> Result<(), String> {
        for crowd in self.outside.crowds() {
            self.bounded(&crowd.iter().map(|label| &**label).collect::<Vec<_>>())?;
        }
        self.fault.borrow().clone().map_or(Ok(()), Err)
    }

    fn bounded(&self, underway: &[&str]) -> Result<(), String> {
        if underway.len() > self.jobs {
            return Err(format!("{} are underway, and there are {} jobs", underway.join(", "), self.jobs));
        }
        match self.pools.iter().find(|(pool, depth)| count(pool, underway) > *depth) {
            Some((pool, depth)) => Err(format!("{} are underway, and {pool} is {depth} deep", underway.join(", "))),
            None => Ok(()),
        }
    }

    fn conserving(&self, underway: &[&str]) -> Result<(), String> {
        if underway.len() == self.jobs || !self.eager.get() {
            return Ok(());
        }
        let wanted = self.wanted.borrow();
        let free = |pool: &str| {
            let known = self.pools.iter().find(|(known, _)| *known == pool);
            known.is_none_or(|(_, depth)| count(pool, underway) < *depth)
        };
        match wanted.iter().find(|(pool, wanted)| **wanted > 0 && free(pool)) {
            Some((pool, wanted)) => Err(format!(
                "a permit is free that {wanted} want (in the pool \"{pool}\"): only {} of {} underway",
                underway.join(", "),
                self.jobs
            )),
            None => Ok(()),
        }
    }
}

/// How many of these belong to a pool.
fn count(pool: &str, underway: &[&str]) -> usize {
    underway.iter().filter(|label| label.split_once('/').is_some_and(|(first, _)| first == pool)).count()
}

pub struct Watched<'c>(Watch, &'c mut dyn Choices);

impl Choices for Watched<'_> {
    fn choose(&mut self, of: usize) -> usize {
        let underway = self.0.outside.underway();
        let underway: Vec<&str> = underway.iter().map(|label| &**label).collect();
        if let Err(fault) = self.0.conserving(&underway) {
            self.0.fault.borrow_mut().get_or_insert(fault);
        }
        self.1.choose(of)
    }
}
