//! The properties, and the law behind each.

use alacarte::{Dynamic, Scheduler, Static};
use alacarte_conformance::relations::{shared, survives_revert, warm_is_cold};
use alacarte_conformance::{
    Broken, Combination, Declares, Name, Promises, Scenario, Setup, Style, Thrift, Trial, explore, menu, perform,
};
use alacarte_rebuilders::AnyRebuilder;
use alacarte_schedulers::AnyScheduler;

/// Something that a build system may have or not.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    /// Its name.
    pub name: &'static str,
    /// Its name where there is little room.
    pub short: &'static str,
    /// What it says.
    pub says: &'static str,
    law: Law,
}

#[derive(Debug, Clone, Copy)]
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
        says: "after a build, everything that the target reaches is what a computation from scratch gives, whatever \
               happened before",
        law: Law::Correct,
    },
    Property {
        name: "shallow-correct",
        short: "shallow",
        says: "after a build, the target is what a computation from scratch gives; what lies below it may be old",
        law: Law::ShallowCorrect,
    },
    Property {
        name: "minimal",
        short: "minimal",
        says: "a task runs at most once, is reached, and has something below it that is not as it was when the key was \
               last brought up to date",
        law: Law::Minimal,
    },
    Property {
        name: "early-cutoff",
        short: "cutoff",
        says: "a task whose dependencies were built again, all to the same values, does not run",
        law: Law::EarlyCutoff,
    },
    Property {
        name: "dynamic-dependencies",
        short: "dynamic",
        says: "tasks may find out what they depend on while they run",
        law: Law::DynamicDependencies,
    },
    Property {
        name: "cloud-shareable",
        short: "cloud",
        says: "what one machine has built another need not build",
        law: Law::CloudShareable,
    },
    Property {
        name: "survives-revert",
        short: "revert",
        says: "an edit that was built and is taken back runs no task",
        law: Law::SurvivesRevert,
    },
    Property {
        name: "survives-restart",
        short: "restart",
        says: "a new process runs what one would run that lives on",
        law: Law::SurvivesRestart,
    },
    Property {
        name: "no-restarts",
        short: "once",
        says: "no task is started twice in one build",
        law: Law::NoRestarts,
    },
    Property {
        name: "tolerates-non-determinism",
        short: "non-det.",
        says: "where tasks answer by whim, every value is one that its task could give for what it fetches",
        law: Law::ToleratesNonDeterminism,
    },
];

type Any = Combination<'static, AnyScheduler, AnyRebuilder<Name, i64>>;

impl Property {
    /// Looks for a counterexample: the smallest story, if there is one.
    pub(super) fn try_on(&self, scheduler: &str, rebuilder: &str, seed: u64, cases: u64) -> Result<(), Broken> {
        let trial = Trial { cases, seed, style: self.style() };
        let menu = menu(scheduler, rebuilder);
        // That what lies below the target may be old is a property of its own.
        let shallow = menu.promises.shallow && matches!(self.law, Law::ToleratesNonDeterminism);
        let subject = Combination { promises: Promises { shallow, ..self.promises() }, ..menu };
        // An order that is made beforehand needs tasks that declare what they fetch.
        if scheduler == "topological" && !matches!(self.law, Law::DynamicDependencies) {
            let trial = Trial { style: Style { circles: false, ..trial.style }, ..trial };
            explore(trial, |scenario| self.judge::<Static>(scenario, &subject))
        } else {
            explore(trial, |scenario| self.judge::<Dynamic>(scenario, &subject))
        }
    }

    /// What happens in the trial.
    fn style(&self) -> Style {
        let plain = Style::plain();
        match self.law {
            Law::Correct | Law::ShallowCorrect => Style::everything(),
            Law::Minimal => Style { faults: false, races: false, ..Style::everything() },
            Law::EarlyCutoff | Law::CloudShareable | Law::SurvivesRevert | Law::NoRestarts => plain,
            Law::DynamicDependencies => Style { circles: true, ..plain },
            Law::SurvivesRestart => Style { touches: true, ..plain },
            Law::ToleratesNonDeterminism => Style { whims: true, restarts: true, faults: true, ..plain },
        }
    }

    /// What is asked for beyond right values.
    fn promises(&self) -> Promises {
        let nothing = Promises::default();
        match self.law {
            Law::Minimal => Promises { minimal: Thrift::Values, ..nothing },
            Law::EarlyCutoff => Promises { cutoff: Thrift::Events, ..nothing },
            Law::NoRestarts => Promises { starts_once: true, ..nothing },
            _ => nothing,
        }
    }

    fn judge<P: Declares>(&self, scenario: &Scenario, subject: &Any) -> Result<(), Broken>
    where
        AnyScheduler: Scheduler<P>,
    {
        let subjects = std::slice::from_ref(subject);
        let laws = |only: &'static [&'static str]| {
            let setup = Setup { only: Some(only), ..Setup::default() };
            perform::<P, _, _>(scenario, subjects, setup).map(drop)
        };
        // Others have judged what each build of these gives.
        let relation = |name: &str, outcome: Result<_, Broken>| match outcome {
            Err(broken) if broken.law == name => Err(broken),
            _ => Ok(()),
        };
        match self.law {
            Law::Correct => laws(&["honest", "correct", "shallow-correct", "inputs-untouched"]),
            Law::ShallowCorrect => laws(&["honest", "shallow-correct", "inputs-untouched"]),
            Law::Minimal => laws(&["at-most-once", "reached-only", "minimal"]),
            Law::EarlyCutoff => laws(&["early-cutoff"]),
            Law::DynamicDependencies => laws(&["honest", "shallow-correct"]),
            Law::NoRestarts => laws(&["starts-once"]),
            Law::ToleratesNonDeterminism => laws(&["set-correct"]),
            Law::CloudShareable => shared::<P, _, _>(scenario, subject).map(drop),
            Law::SurvivesRevert => relation("survives-revert", survives_revert::<P, _, _>(scenario, subject)),
            Law::SurvivesRestart => {
                relation("warm-is-cold", warm_is_cold::<P, _, _>(scenario, subjects, Setup::default()))
            }
        }
    }
}
