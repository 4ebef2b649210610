//! Scripts: what happens in a scene, step by step.

use std::fmt;

use alacarte_core::Time;

use super::world::{Key, Moment, World};

/// What happens.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    /// A target is built.
    Build(Key),
    /// A file is written.
    Edit(Key, i64),
    /// A file is written while a command of the next build runs.
    EditMeanwhile(Moment, Key, i64),
    /// An output is written again as it is.
    Touch(Key),
    /// Outputs are lost.
    Lose(&'static [Key]),
    /// The cache throws out its copies of the values of a key.
    Evict(&'static [Key]),
    /// The clock is set.
    Clock(Time),
    /// The coin will fall so.
    Coin(i64),
}

/// One or several acts, and what one should see.
#[derive(Debug, Clone, Copy)]
pub struct Step {
    /// What happens.
    pub acts: &'static [Act],
    /// What one should see.
    pub says: &'static str,
}

/// What a build system must not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
pub struct Script {
    /// What the files hold at first.
    pub inputs: &'static [(Key, i64)],
    /// The steps.
    pub steps: &'static [Step],
    /// How the coin may fall: each side gives a build from scratch that is right.
    pub coin: &'static [i64],
    /// What is judged.
    pub judge: Judge,
}

impl Script {
    /// A script that is judged by its values, without a coin.
    pub const PLAIN: Script = Script { inputs: &[], steps: &[], coin: &[0], judge: Judge::Values };

    /// Everything that is ever built.
    pub fn targets(&self) -> Vec<Key> {
        let acts = self.steps.iter().flat_map(|step| step.acts);
        let mut targets = Vec::new();
        for act in acts {
            if let Act::Build(target) = act
                && !targets.contains(target)
            {
                targets.push(*target);
            }
        }
        targets
    }
}

impl Act {
    /// Has it happen, unless it is a build.
    pub fn happen(&self, world: &World) {
        match *self {
            Act::Build(_) => {}
            Act::Edit(key, value) => world.edit(key, value),
            Act::EditMeanwhile(moment, key, value) => world.edit_meanwhile(moment, key, value),
            Act::Touch(key) => world.touch(key),
            Act::Lose(keys) => keys.iter().for_each(|key| world.lose(key)),
            Act::Evict(keys) => keys.iter().for_each(|key| world.evict(key)),
            Act::Clock(to) => world.set_clock(to),
            Act::Coin(to) => world.set_coin(to),
        }
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Act::Build(target) => write!(f, "build {target}"),
            Act::Edit(key, value) => write!(f, "{key} := {value}"),
            Act::EditMeanwhile(_, key, value) => write!(f, "(while it runs, {key} := {value})"),
            Act::Touch(key) => write!(f, "touch {key}"),
            Act::Lose(keys) => write!(f, "lose {}", keys.join(", ")),
            Act::Evict(keys) => write!(f, "evict {} from the cache", keys.join(", ")),
            Act::Clock(to) => write!(f, "set the clock to {to}"),
            Act::Coin(to) => write!(f, "turn the coin to {to}"),
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, act) in self.acts.iter().enumerate() {
            let separator = if position > 0 { "; " } else { "" };
            write!(f, "{separator}{act}")?;
        }
        Ok(())
    }
}
