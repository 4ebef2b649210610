//! Make believes in times: an output that somebody touched is newer than the input that changed before.

use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::{ModificationTime, VerifyingTrace};
use alacarte_schedulers::Topological;

use super::letters::{A, B, C};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "touched-output",
    title: "Make keeps an output touched after its input changed",
    idea: "Make asks whether a file is newer than what it is made from. An archive that is unpacked, a copy, an editor \
           that saves what it shows: all of them make a file newer without making it right.",
    tasks: &["B = A × 10", "C = B + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1)],
    steps: &[
        SceneStep {
            acts: &[SceneAct::Build(C)],
            says: "A first build. Each file is newer than what it was made from.",
        },
        SceneStep { acts: &[SceneAct::Edit { key: A, value: 2 }], says: "A is now the newest of all." },
        SceneStep {
            acts: &[SceneAct::Touch(B)],
            says: "B is written again as it is: newer than A, and no better than before.",
        },
        SceneStep { acts: &[SceneAct::Build(C)], says: "C should become 21." },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A], |[a]| a * 10)).rule(C, formula([B], |[b]| b + 1))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "topological × modification-time (make)",
        why: "B is newer than A, so B stands. C is older than B, so C is made again: from a B that is out of date.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "topological × verifying-trace (ninja, by contents)",
        why: "The trace of B recorded what A held when B was made. No time enters.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Topological::new(), ModificationTime)?,
        perform(&SCRIPT, right, tasks, Topological::new(), VerifyingTrace)?,
    ])
}
