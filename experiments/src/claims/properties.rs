//! The properties, and the law behind each.

use alacarte_conformance::relations::{Tally, shared, survives_revert, warm_is_cold};
use alacarte_conformance::{
    Broken, Combination, Declares, LabMenu, Promises, Scenario, Setup, Style, Thrift, Trial, explore, perform,
};
use alacarte_core::{Dynamic, Static};

/// Something that a build system may have or not.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its name where there is little room.
    pub short: &'static str,
    /// The same on two lines of at most five letters, the head of a narrow column.
    pub narrow: &'static str,
    /// What it says.
    pub says: &'static str,
    law: Law,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Law {
    Correct,
    ShallowCorrect,
    Minimal,
    EarlyCutoff,
    DynamicDependencies,
    CloudShareable,
    SurvivesRevert,
    SurvivesRestart,
    NoRestarts,
    ToleratesNonDeterminism,
}

/// All of them.
pub const PROPERTIES: [Property; 10] = [
    Property {
        name: "correct",
        short: "correct",
        narrow: "cor-\nrect",
        says: "after a build, everything that the target reaches is what a computation from scratch gives, whatever \
               happened before (where the order is known beforehand, a key that is declared and fails is a build that \
               fails, fetched or not)",
        law: Law::Correct,
    },
    Property {
        name: "shallow-correct",
        short: "shallow",
        narrow: "shal-\nlow",
        says: "after a build, the target is what a computation from scratch gives; what lies below it may be old",
        law: Law::ShallowCorrect,
    },
    Property {
        name: "minimal",
        short: "minimal",
        narrow: "mini-\nmal",
        says: "a task runs at most once in a build, and only if the target needs it and something it depends on has changed \
               since its last update",
        law: Law::Minimal,
    },
    Property {
        name: "early-cutoff",
        short: "cutoff",
        narrow: "cut-\noff",
        says: "a task whose dependencies were built again, all to the same values, does not run",
        law: Law::EarlyCutoff,
    },
    Property {
        name: "dynamic-dependencies",
        short: "dynamic",
        narrow: "dyna-\nmic",
        says: "tasks may find out what they depend on while they run",
        law: Law::DynamicDependencies,
    },
    Property {
        name: "cloud-shareable",
        short: "cloud",
        narrow: "cloud",
        says: "what one machine has built another need not build",
        law: Law::CloudShareable,
    },
    Property {
        name: "survives-revert",
        short: "revert",
        narrow: "re-\nvert",
        says: "an edit that was built and is taken back runs no task",
        law: Law::SurvivesRevert,
    },
    Property {
        name: "survives-restart",
        short: "restart",
        narrow: "re-\nstart",
        says: "a restarted process runs the same tasks as one that kept running",
        law: Law::SurvivesRestart,
    },
    Property {
        name: "no-restarts",
        short: "once",
        narrow: "once",
        says: "no task is started twice in one build",
        law: Law::NoRestarts,
    },
    Property {
        name: "tolerates-non-determinism",
        short: "non-det.",
        narrow: "non-\ndet.",
        says: "with non-deterministic tasks, each value is one that its task could return for its current dependencies",
        law: Law::ToleratesNonDeterminism,
    },
];

type Any = Combination<'static>;

impl Property {
    /// Looks for a counterexample: how many cases were judged, or the smallest counterexample.
    pub(super) fn try_on(
        &self,
        menu: &LabMenu,
        (scheduler, rebuilder): (&str, &str),
        seed: u64,
        cases: u64,
    ) -> Result<u64, Broken> {
        let trial = Trial::new(cases).with_seed(seed).with_style(self.style());
        let ordered = menu.is_ordered(scheduler);
        let cell = menu.combination(scheduler, rebuilder);
        // That what lies below the target may be old is a property of its own.
        let beside = [Law::SurvivesRevert, Law::SurvivesRestart, Law::ToleratesNonDeterminism];
        let shallow = cell.promises.shallow && beside.contains(&self.law);
        let subject = cell.with_promises(self.promises().with_shallow(shallow));
        // An order that is made beforehand needs tasks that declare what they fetch.
        if ordered && !matches!(self.law, Law::DynamicDependencies) {
            let trial = trial.with_style(trial.style.with_circles(false));
            draw(trial, |scenario| self.judge::<Static>(scenario, &subject))
        } else {
            draw(trial, |scenario| self.judge::<Dynamic>(scenario, &subject))
        }
    }

    /// What happens in the trial.
    fn style(&self) -> Style {
        let plain = Style::plain();
        match self.law {
            Law::Correct | Law::ShallowCorrect => Style::everything(),
            Law::Minimal => Style::everything().with_faults(false).with_races(false),
            Law::EarlyCutoff | Law::CloudShareable | Law::SurvivesRevert | Law::NoRestarts => plain,
            Law::DynamicDependencies => plain.with_circles(true),
            Law::SurvivesRestart => plain.with_touches(true),
            // Non-determinism does harm only where what it gave is lost: in long histories.
            Law::ToleratesNonDeterminism => {
                plain.with_nondeterministic(true).with_restarts(true).with_faults(true).with_steps(40)
            }
        }
    }

    /// What is asked for beyond right values.
    fn promises(&self) -> Promises {
        let nothing = Promises::default();
        match self.law {
            Law::Minimal => nothing.with_minimal(Thrift::Values),
            Law::EarlyCutoff => nothing.with_cutoff(Thrift::Events),
            Law::NoRestarts => nothing.with_starts_once(true),
            _ => nothing,
        }
    }

    /// Whether the scenario had something to judge.
    fn judge<P: Declares>(&self, scenario: &Scenario, subject: &Any) -> Result<bool, Broken> {
        let subjects = std::slice::from_ref(subject);
        let laws = |only: &'static [&'static str]| {
            let setup = Setup::default().with_only(Some(only));
            perform::<P, _, _>(scenario, subjects, setup).map(|_| true)
        };
        // Others judge what each build of these gives; where that is wrong, it does not come to the comparison.
        let relation = |name: &str, outcome: Result<Tally, Broken>| match outcome {
            Ok(tally) => Ok(tally.scripts > 0),
            Err(broken) if broken.law == name => Err(broken),
            Err(_) => Ok(false),
        };
        match self.law {
            Law::Correct => laws(&["honest", "correct", "shallow-correct", "inputs-untouched"]),
            Law::ShallowCorrect => laws(&["honest", "shallow-correct", "inputs-untouched"]),
            Law::Minimal => laws(&["at-most-once", "reached-only", "minimal"]),
            Law::EarlyCutoff => laws(&["early-cutoff"]),
            Law::DynamicDependencies => laws(&["honest", "shallow-correct"]),
            Law::NoRestarts => laws(&["starts-once"]),
            Law::ToleratesNonDeterminism => laws(&["set-correct"]),
            Law::CloudShareable => relation("shared", shared::<P, _, _>(scenario, subject)),
            Law::SurvivesRevert => relation("survives-revert", survives_revert::<P, _, _>(scenario, subject)),
            Law::SurvivesRestart => {
                relation("warm-is-cold", warm_is_cold::<P, _, _>(scenario, subjects, Setup::default()))
            }
        }
    }
}

/// Draws scenarios until as many were judged as the trial has cases; where it seldom comes to that, ten times as many.
fn draw(trial: Trial, judge: impl Fn(&Scenario) -> Result<bool, Broken>) -> Result<u64, Broken> {
    let mut judged = 0;
    for drawn in 0..trial.cases.saturating_mul(10) {
        if judged == trial.cases {
            break;
        }
        let mut applies = false;
        let one = trial.with_cases(1).with_seed(trial.seed.wrapping_add(drawn));
        let outcome = explore(one, |scenario| judge(scenario).map(|judged| applies = judged));
        outcome.map_err(|broken| broken.with_cases(judged + 1))?;
        judged += u64::from(applies);
    }
    Ok(judged)
}
