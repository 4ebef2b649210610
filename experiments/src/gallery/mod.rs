//! The gallery: a dozen ways in which build systems go wrong, each played by the engine, step by step.
//!
//! A *scene* has a few tasks, a script, a build system that goes wrong (a broken component, or an honest one
//! used outside of its contract) and one of ours that gets it right. What each does is found out when the scene
//! is played, and so is the moment at which it goes wrong.
//!
//! | | a scene a file |
//! |---|---|
//! | what the published model traces | [`stale_queue`], [`forgotten_inputs`], [`shallow_deep`], [`look_up_by_value`] |
//! | what else it does | [`wide_clearing`], [`quadratic_restarts`] |
//! | make | [`touched_output`], [`backwards_clock`] |
//! | what a trace cannot know | [`frankenbuild`], [`edit_during_build`], [`undeclared_input`] |
//! | what a trace forgets | [`revert`] |

pub mod backwards_clock;
pub mod edit_during_build;
pub mod forgotten_inputs;
pub mod frankenbuild;
pub mod look_up_by_value;
mod play;
pub mod quadratic_restarts;
pub mod revert;
pub mod shallow_deep;
pub mod stale_queue;
pub mod touched_output;
pub mod undeclared_input;
pub mod wide_clearing;

use alacarte_conformance::broken::published::Stopped;
use alacarte_core::{BuildError, Key as AnyKey};
use thiserror::Error;

pub use play::{
    Act, Fault, Held, Judge, Key, Moment, Panel, Part, Performance, Played, Role, Script, Step, Visit, World,
};

/// One counterexample.
#[derive(Debug, Clone, Copy)]
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
}

/// The scenes, in the order in which they are told.
pub const SCENES: [Scene; 12] = [
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
}

impl<K: AnyKey> From<BuildError<K>> for SceneError {
    fn from(error: BuildError<K>) -> Self {
        SceneError::Build(error.to_string())
    }
}

impl<K: AnyKey> From<Stopped<K>> for SceneError {
    fn from(stopped: Stopped<K>) -> Self {
        SceneError::Walk(stopped.to_string())
    }
}
