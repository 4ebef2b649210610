//! Bazel's queue in the published model serves a stale target: to decide whether a key is up to date it looks
//! at what the key's direct dependencies *hold*, before anybody has brought them up to date.

use alacarte_conformance::broken::published::DirectTraces;
use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::ConstructiveTrace;
use alacarte_schedulers::Restarting;

use super::letters::{A, B, C, D};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "stale-queue",
    title: "Bazel's queue misses an edit two tasks below the target",
    idea: "A restarting scheduler asks of every key that a task fetches: is it dirty? The published model answers by \
           comparing the key's trace with what its direct dependencies hold at that moment. If those are out of date \
           themselves, nothing looks wrong.",
    tasks: &["B = A + 1", "C = B + 1", "D = C + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 0)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(D)], says: "A first build. Every task runs and leaves a trace." },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 10 }],
            says: "The input at the far end changes. Everything is out of date.",
        },
        SceneStep { acts: &[SceneAct::Build(D)], says: "D should become 13." },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new()
        .rule(B, formula([A], |[a]| a + 1))
        .rule(C, formula([B], |[b]| b + 1))
        .rule(D, formula([C], |[c]| c + 1))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "restarting × the published constructive traces",
        why: "D's trace names C. Is C dirty? C's trace names B, and B still holds what that trace recorded: nobody has \
              brought B up to date. So C counts as clean, D's trace holds, and B, the only key whose trace would fail, \
              is never looked at.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "restarting × constructive-trace",
        why: "Each dependency is brought up to date before its fingerprint is compared, so the question goes down to A \
              and the answer comes back up.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Restarting::new(), DirectTraces)?,
        perform(&SCRIPT, right, tasks, Restarting::new(), ConstructiveTrace)?,
    ])
}
