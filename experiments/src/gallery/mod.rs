//! The gallery: ways in which build systems go wrong, each played step by step: by the engine, and two by the model of the jobserver.
//!
//! A *scene* has a few tasks, a script, a build system that goes wrong (a broken component, or an honest one
//! used outside of its contract) and one of ours that gets it right. What each does is found out when the scene
//! is played, and so is the moment at which it goes wrong. Any combination of a menu can play in it too ([`Scene::play_with`]).
//!
//! | | a scene a file |
//! |---|---|
//! | what the published model traces | [`stale_queue`], [`forgotten_inputs`], [`shallow_deep`], [`look_up_by_value`] |
//! | what else it does | [`wide_clearing`], [`quadratic_restarts`] |
//! | make | [`touched_output`], [`backwards_clock`] |
//! | what a trace cannot know | [`frankenbuild`], [`edit_during_build`], [`undeclared_input`] |
//! | what a trace forgets | [`revert`] |
//! | the jobserver | [`killed_child`], [`lock_without_token`] |

pub mod backwards_clock;
pub mod edit_during_build;
pub mod forgotten_inputs;
pub mod frankenbuild;
mod jobs;
pub mod killed_child;
mod letters;
pub mod lock_without_token;
pub mod look_up_by_value;
mod play;
pub mod quadratic_restarts;
pub mod revert;
pub mod shallow_deep;
pub mod stale_queue;
pub mod touched_output;
pub mod undeclared_input;
pub mod wide_clearing;

use std::fmt;

use alacarte_conformance::Promises;
use alacarte_conformance::broken::published::Stopped;
use alacarte_core::{BuildError, Dynamic, Key, Static};
use thiserror::Error;

use crate::systems::MenuCell;
pub use play::{
    Held, Judge, Panel, Performance, PlayedStep, ReadingMoment, Role, SceneAct, SceneFault, ScenePart, SceneStep,
    SceneTasks, Script, Strategies, Visit, list, moment,
};

/// One counterexample.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct Scene {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What happens, in a line.
    pub title: &'static str,
    /// The idea, in a few sentences.
    pub idea: &'static str,
    /// The tasks, as a person writes them.
    pub tasks: &'static [&'static str],
    /// Plays it: first those that go wrong, then those that get it right.
    pub play: fn() -> Result<Vec<Performance>, SceneError>,
    /// How others than these play it: over the tasks of the one that goes wrong.
    pub others: Others,
}

/// How a scheduler and a rebuilder that a scene does not know play in it.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum Others {
    /// By this script, over tasks that declare what they fetch.
    Static {
        /// The script.
        script: Script,
        /// The tasks.
        tasks: SceneTasks<Static>,
    },
    /// By this script, over tasks that find it while they run.
    Dynamic {
        /// The script.
        script: Script,
        /// The tasks.
        tasks: SceneTasks<Dynamic>,
    },
    /// Over several graphs, of such tasks too: for each the two are made anew.
    Graphs(fn(&dyn Fn() -> Strategies) -> Vec<PlayedStep>),
    /// Not at all: it is about processes, in which schedulers and rebuilders have no part.
    Nobody,
}

impl fmt::Debug for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Others::Static { .. } => "Static",
            Others::Dynamic { .. } | Others::Graphs(_) => "Dynamic",
            Others::Nobody => "Nobody",
        })
    }
}

impl Scene {
    /// Why a combination cannot play in it: there is no part for it, or its scheduler would have to know beforehand what tasks fetch.
    pub fn refuses(&self, combination: MenuCell<'_>) -> Option<String> {
        if matches!(self.others, Others::Nobody) {
            return Some("this is about processes, in which schedulers and rebuilders have no part".into());
        }
        let finds = !matches!(self.others, Others::Static { .. });
        (finds && combination.is_ordered()).then(|| {
            let scheduler = combination.scheduler;
            format!("{scheduler} orders tasks beforehand, and a task here finds what it fetches while it runs")
        })
    }

    /// Plays it with a combination of a menu, over the tasks of the one that goes wrong. That the combination fails is a fault,
    /// and no error.
    ///
    /// ```
    /// use alacarte_experiments::{gallery, systems::Menu};
    ///
    /// let menu = Menu::ours();
    /// let make = menu.chosen(&["topological".into()], &["modification-time".into()])[0];
    /// let steps = gallery::scene("touched-output")?.play_with(make)?;
    /// assert_eq!(gallery::moment(&steps), Some(3));
    /// assert_eq!(steps[3].faults[0].to_string(), "C is 11, the truth is 21");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If a build from scratch fails, with which it is compared.
    pub fn play_with(&self, combination: MenuCell<'_>) -> Result<Vec<PlayedStep>, SceneError> {
        let MenuCell { menu, scheduler, rebuilder } = combination;
        let make = menu.lab().combination(scheduler, rebuilder).make;
        Ok(match self.others {
            Others::Static { script, tasks } => script.play(tasks, make())?,
            Others::Dynamic { script, tasks } => script.play(tasks, make())?,
            Others::Graphs(play) => play(&*make),
            Others::Nobody => Vec::new(),
        })
    }

    /// What a combination does not promise, if therefore this is not held against it.
    pub fn not_promised(&self, combination: MenuCell<'_>, fault: &SceneFault) -> Option<String> {
        let MenuCell { menu, scheduler, rebuilder } = combination;
        let Promises { within, deterministic, restores, starts_once, .. } =
            menu.lab().combination(scheduler, rebuilder).promises;
        let tosses = match self.others {
            Others::Static { script: Script { coin, .. }, .. }
            | Others::Dynamic { script: Script { coin, .. }, .. } => coin.len() > 1,
            Others::Graphs(_) | Others::Nobody => false,
        };
        match (fault, within) {
            (SceneFault::Value { .. }, Some(within)) => Some(format!("it promises values within {within} only")),
            (SceneFault::Value { .. }, None) if deterministic && tosses => {
                Some("it promises right values only where tasks are deterministic".into())
            }
            (SceneFault::Again { .. }, _) if !restores => Some("it does not promise to remember every run".into()),
            (SceneFault::Looked { .. }, _) => Some("it does not promise to be deep".into()),
            (SceneFault::Restarts { .. }, _) if !starts_once => Some("it does not promise to start a task once".into()),
            _ => None,
        }
    }
}

/// The scenes, in the order in which they are told.
pub const SCENES: [Scene; 14] = [
    stale_queue::SCENE,
    forgotten_inputs::SCENE,
    shallow_deep::SCENE,
    look_up_by_value::SCENE,
    frankenbuild::SCENE,
    revert::SCENE,
    wide_clearing::SCENE,
    touched_output::SCENE,
    backwards_clock::SCENE,
    edit_during_build::SCENE,
    undeclared_input::SCENE,
    quadratic_restarts::SCENE,
    killed_child::SCENE,
    lock_without_token::SCENE,
];

/// The scene of this name.
///
/// # Errors
/// If there is none; the error lists those that there are.
pub fn scene(name: &str) -> Result<Scene, UnknownScene> {
    let found = SCENES.iter().find(|scene| scene.name == name).copied();
    found.ok_or_else(|| UnknownScene { name: name.to_owned() })
}

/// No scene has this name.
#[derive(Debug, Error)]
#[error("no counterexample is called {name:?}; there are: {}", SCENES.map(|scene| scene.name).join(", "))]
pub struct UnknownScene {
    name: String,
}

/// A scene that could not be played to its end.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SceneError {
    /// A task failed.
    #[error("{0}")]
    Build(String),
    /// The published queue did not come to its end.
    #[error("{0}")]
    Walk(String),
    /// The model of the jobserver finds no such story.
    #[error("no small tree of processes breaks the law {0}")]
    NoStory(&'static str),
}

impl<K: Key> From<BuildError<K>> for SceneError {
    fn from(error: BuildError<K>) -> Self {
        SceneError::Build(error.to_string())
    }
}

impl<K: Key> From<Stopped<K>> for SceneError {
    fn from(stopped: Stopped<K>) -> Self {
        SceneError::Walk(stopped.to_string())
    }
}
