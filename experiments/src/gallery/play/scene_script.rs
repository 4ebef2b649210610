//! Scripts: what happens in a scene, step by step.
//!
//! These are the laboratory's steps as far as a scene has them; it has some that no random history has: an output is touched, the
//! clock is set to a time that a reader can follow.

use std::fmt;

use alacarte_conformance::Name;
use alacarte_core::Time;

/// What happens.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub enum SceneAct {
    /// A target is built.
    Build(Name),
    /// A file is written.
    Edit {
        /// The file.
        key: Name,
        /// What is written to it.
        value: i64,
    },
    /// A file is written while a command of the next build runs.
    EditMeanwhile {
        /// How far the command has come.
        moment: ReadingMoment,
        /// The file.
        key: Name,
        /// What is written to it.
        value: i64,
    },
    /// An output is written again as it is.
    Touch(Name),
    /// Outputs are lost.
    Lose(&'static [Name]),
    /// The cache throws out its copies of the values that these keys hold.
    Evict(&'static [Name]),
    /// The clock is set.
    Clock(Time),
    /// The coin, which showed nothing at first, shows one more.
    Turn,
}

/// How far a command has come that reads a file and then takes its time: how many of the points that it tells of
/// ([`World::started`](alacarte_conformance::World::started)) lie behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReadingMoment {
    /// It was started, and has read nothing yet.
    BeforeReading = 0,
    /// It has read, and has not ended yet.
    AfterReading = 1,
}

/// One or several acts, and what one should see.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct SceneStep {
    /// What happens.
    pub acts: &'static [SceneAct],
    /// What one should see.
    pub says: &'static str,
}

/// What a build system must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judge {
    /// Give a target a value that no build from scratch gives.
    Values,
    /// Nor run a task on what it ran on before.
    Work,
    /// Nor look at anything below a target whose terminal inputs are those of an earlier build.
    Depth,
}

/// What happens in a scene.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Script {
    /// What the files hold at first.
    pub inputs: &'static [(Name, i64)],
    /// The steps.
    pub steps: &'static [SceneStep],
    /// What the coin may show: each gives a build from scratch that is right.
    pub coin: &'static [i64],
    /// What is judged.
    pub judge: Judge,
}

impl Script {
    /// A script that is judged by its values, without a coin.
    pub const PLAIN: Script = Script { inputs: &[], steps: &[], coin: &[0], judge: Judge::Values };

    /// Everything that is ever built.
    pub fn targets(&self) -> Vec<Name> {
        let acts = self.steps.iter().flat_map(|step| step.acts);
        acts.filter_map(|act| if let SceneAct::Build(target) = act { Some(*target) } else { None }).collect()
    }
}

/// Keys in a row.
pub fn list(keys: &[Name], between: &str) -> String {
    keys.iter().map(Name::to_string).collect::<Vec<_>>().join(between)
}

impl fmt::Display for SceneAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            SceneAct::Build(target) => write!(f, "build {target}"),
            SceneAct::Edit { key, value } => write!(f, "{key} := {value}"),
            SceneAct::EditMeanwhile { key, value, .. } => write!(f, "(while it runs, {key} := {value})"),
            SceneAct::Touch(key) => write!(f, "touch {key}"),
            SceneAct::Lose(keys) => write!(f, "lose {}", list(keys, ", ")),
            SceneAct::Evict(keys) => write!(f, "evict {} from the cache", list(keys, ", ")),
            SceneAct::Clock(to) => write!(f, "set the clock to {to}"),
            SceneAct::Turn => write!(f, "turn the coin"),
        }
    }
}

impl fmt::Display for SceneStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.acts.iter().map(SceneAct::to_string).collect::<Vec<_>>().join("; "))
    }
}
