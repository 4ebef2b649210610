//! Step traces in the published model record a step for every key that is *built*. Inputs are not built, so they
//! have none, and a dependency without a step is passed over.

use alacarte_conformance::broken::published::TaskSteps;
use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::StepTrace;
use alacarte_schedulers::Suspending;

use super::letters::{A, B};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "forgotten-inputs",
    title: "Step traces that have no step for inputs",
    idea: "A step trace keeps no fingerprints: a key stands if nothing that it fetched changed in a later step than \
           the one in which the key was built. That needs a step for everything that can be fetched, inputs too.",
    tasks: &["B = A × 2"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(B)], says: "A first build." },
        SceneStep { acts: &[SceneAct::Edit { key: A, value: 2 }], says: "The only input changes." },
        SceneStep { acts: &[SceneAct::Build(B)], says: "B should become 4." },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A], |[a]| a * 2))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × the published step traces",
        why: "A has no step, before the edit as after it. B was built in a later step than everything below it that has \
              one, which is nothing at all.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × step-trace",
        why: "An edit is an event like any other, and takes a step of its own: A changed after B was built.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), TaskSteps)?,
        perform(&SCRIPT, right, tasks, Suspending::new(), StepTrace)?,
    ])
}
