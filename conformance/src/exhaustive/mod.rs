//! Small scopes, whole: every program of a few keys over two values, and every history of a few steps.
//!
//! Random histories find what is often; here nothing within a bound is left out. So whatever law holds of all that is played is
//! proved within the [`Scope`], up to the symmetries that are named below.
//!
//! *Programs.* A key is an input (missing, or with one of two values) or has a task. A task is any decision tree over the
//! other keys: it answers a value, or fetches a key that it has not fetched yet and goes on in one of two ways. (A key that looks
//! at both others may also fetch them as one group, or by two futures at once, and add.) Static tasks declare all that the tree
//! mentions. Of programs in which keys mention each other in a circle, those that have an input are played. Of programs that
//! differ by the names of keys, or by the two values' having changed places everywhere, one is played.
//!
//! *Histories.* The last step is a build, of any key that has a task or of all keys: of what nobody builds nothing is seen. The
//! first is a build of one key: what is edited before it makes another program. Between them a step is a build of one key; an
//! edit of any input to any other value (over two values that is also how an edit is reverted), or its deletion; a task
//! replaced by an answer, by a failure, by a copy of another key, by what it was at the beginning; a new process; a new process
//! for which the last record of the journal is lost; or another combination's taking over, one of three, or the first one's
//! taking back. Between two builds, what is changed is changed in the order of the keys, for nobody looks meanwhile, and a task
//! is replaced once; nor do a restart and a crash, or two takeovers, follow each other. Make, which cannot see replaced tasks,
//! is spared them.
//!
//! *Manners.* One job, without outside work; inputs are set through the build, tasks have definitions, and a build stops at its
//! first failure. Programs of two keys are also played with each of these otherwise.
//!
//! *Judged* is every build by every law of single builds; every history with a new process beside the same without
//! ([`WARM_IS_COLD`](crate::relations::WARM_IS_COLD)); and of every program, where values are restored, an edit that is taken
//! back, and two machines.

mod all_histories;
mod programs;

use alacarte_core::{Dynamic, Static};

use crate::campaign::{Finding, Portion, hand_out};
use crate::combines::Combines;
use crate::generate::Style;
use crate::menu::{Subject, TaskKind};
use crate::program::Declares;
use crate::relations::{Tally, shared, some_warm_some_cold, survives_revert};
use crate::script::{Manner, Scenario, Step};
use crate::silence;
use crate::stage::{Broken, Setup, perform};
use all_histories::{Alphabet, History};
use programs::Model;

/// How far programs and histories go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Scope {
    /// How many keys a program has at most.
    pub keys: usize,
    /// How many steps a history has at most, the last build among them: one at least.
    pub steps: usize,
}

/// A program of a scope, and how it is played.
#[derive(Debug, Clone)]
struct Program {
    model: Model,
    /// How many steps its histories have.
    steps: usize,
    manner: Manner,
}

impl Scope {
    /// Programs of at most so many keys, and histories of at most so many steps.
    pub const fn new(keys: usize, steps: usize) -> Self {
        Scope { keys, steps }
    }

    /// Three keys, and four steps.
    pub const WHOLE: Scope = Scope { keys: 3, steps: 4 };

    /// How many programs are in it; each of them for static tasks, and for dynamic ones.
    pub fn programs(self) -> usize {
        self.list().len()
    }

    /// Plays everything for each subject on so many threads, calling `progress` after each program. A subject that breaks a law is left alone from then on.
    pub fn exhaust<'m>(
        self,
        subjects: &[Subject<'m>],
        threads: usize,
        progress: &(dyn Fn(&Subject<'m>) + Sync),
    ) -> Vec<Finding<'m>> {
        let programs = self.list();
        let portions: Vec<_> = subjects.iter().map(|&subject| (subject, programs.len())).collect();
        let play = |subject: &Subject<'m>, number: usize| match subject.tasks {
            TaskKind::Static => play::<Static>(subject, &programs[number], number),
            TaskKind::Dynamic => play::<Dynamic>(subject, &programs[number], number),
        };
        hand_out(&portions, threads, &play, &|subject, _| progress(subject))
    }

    /// The programs, smaller ones first; those with circles last.
    fn list(self) -> Vec<Program> {
        let mut programs = Vec::new();
        for circular in [false, true] {
            for model in (1..=self.keys).flat_map(|keys| Model::all(keys, circular)) {
                let manners = if model.keys() < 3 { &MANNERS[..] } else { &MANNERS[..1] };
                programs.extend(manners.iter().map(|&manner| Program {
                    model: model.clone(),
                    steps: self.steps,
                    manner,
                }));
            }
        }
        programs
    }
}

const MANNER: Manner =
    Manner { signed: true, dated: false, work: None, jobs: 1, keep_going: false, combines: Combines::Join };

/// How programs are played: those of three keys in the first manner.
const MANNERS: [Manner; 4] = [
    MANNER,
    Manner { signed: false, ..MANNER },
    Manner { dated: true, ..MANNER },
    Manner { keep_going: true, ..MANNER },
];

impl Program {
    /// Whether it is one for histories of this style.
    fn fits(&self, style: Style) -> bool {
        (style.missing || !self.model.lacks_an_input()) && (style.circles || !self.model.is_circular())
    }

    /// The program, before anything has happened.
    fn scenario(&self) -> Scenario {
        let (graph, inputs) = self.model.program();
        Scenario { graph, inputs, steps: Vec::new(), manner: self.manner }
    }

    /// Calls `judge` with every history; how many they were, and the shortest that breaks the law that one breaks.
    fn histories(&self, of: Alphabet, mut judge: impl FnMut(&Scenario) -> Result<(), Broken>) -> (u64, Option<Broken>) {
        let mut scenario = self.scenario();
        let mut judge = |steps: &[Step]| {
            scenario.steps = steps.to_vec();
            silence::quietly(|| judge(&scenario)).unwrap_or_else(|panic| {
                let counterexample =
                    format!("{scenario}\n{}\n\nThe law `no-panic` is broken: {panic}\n", scenario.script());
                Err(Broken { law: "no-panic", counterexample, cases: 1, seed: 0 })
            })
        };
        let begin = History::of(&self.model);
        let mut histories = 0;
        let played = begin.every(self.steps, of, &mut |steps| {
            histories += 1;
            judge(steps)
        });
        let Err(broken) = played else { return (histories, None) };
        let mut judge = |steps: &[Step]| match judge(steps) {
            Err(other) if other.law == broken.law => Err(other),
            _ => Ok(()),
        };
        let shorter = (1..self.steps).find_map(|steps| begin.every(steps, of, &mut judge).err());
        (histories, Some(shorter.unwrap_or(broken)))
    }
}

/// Plays one program, of this number.
fn play<P: Declares>(subject: &Subject<'_>, program: &Program, number: usize) -> Portion {
    let combinations = subject.by_turns();
    let of = Alphabet::new(Style { combinations: combinations.len(), ..subject.menu.style(subject.rebuilder) });
    let mut tally = Tally::default();
    let (cases, mut broken) = program.histories(of, |scenario| {
        let played = perform::<P, _, _>(scenario, &combinations, Setup::default())?;
        tally += Tally::of(&played);
        let lost = scenario.steps.iter().any(|step| matches!(step, Step::Crash { .. }));
        if scenario.steps.contains(&Step::Restart) && !lost {
            tally += some_warm_some_cold::<P, _, _>(scenario, &combinations, played)?;
        }
        Ok(())
    });
    if combinations[0].promises.restores && broken.is_none() {
        // Of these a scenario gives the tasks and the inputs only.
        let scenario = program.scenario();
        let relations = [survives_revert::<P, _, _>, shared::<P, _, _>];
        for relation in relations {
            match relation(&scenario, &combinations[0]) {
                Ok(more) => tally += more,
                Err(found) => broken = Some(found),
            }
        }
    }
    let broken = broken.map(|broken| Broken { seed: number as u64, ..broken });
    Portion { cases, tally, broken }
}

/// Plays the programs of a scope whose numbers are `among` those asked for, in histories of this style, until `judge` finds a law
/// broken: for components that are wrong on purpose. The seed of what it finds is the program's number.
pub(crate) fn seek(
    scope: Scope,
    among: &dyn Fn(usize) -> bool,
    style: Style,
    mut judge: impl FnMut(&Scenario) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let programs = scope.list().into_iter().enumerate();
    let mut cases = 0;
    for (number, program) in programs.filter(|(number, program)| among(*number) && program.fits(style)) {
        let (histories, broken) = program.histories(Alphabet::new(style), &mut judge);
        cases += histories;
        if let Some(broken) = broken {
            return Err(Broken { cases, seed: number as u64, ..broken });
        }
    }
    Ok(())
}
