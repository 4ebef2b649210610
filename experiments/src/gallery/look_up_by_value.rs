//! The obvious mending of the published deep traces, a look-up under the dependency's own value, is unsound: two
//! runs may give a key the same value from different inputs (THEORY, rule 4).

use alacarte_conformance::broken::published::{ByValue, FlatTrace};
use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, declared, formula};
use alacarte_rebuilders::DeepConstructiveTrace;
use alacarte_schedulers::Suspending;

use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "look-up-by-value",
    title: "Deep traces that take their inputs from another run",
    idea: "Which terminal inputs lie below k5? Those below k4, among others. One may look them up: the trace of k4 that \
           gave the value which k4 has now. But k4 may have had that value before, from other inputs.",
    tasks: &["k4 = if k0 is even then k1 else k2", "k5 = k4 + k3 + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(Name(0), 0), (Name(1), 5), (Name(2), 5), (Name(3), 0)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(Name(5))], says: "k0 is even, so k4 reads k1. Its value is 5." },
        SceneStep {
            acts: &[SceneAct::Edit { key: Name(0), value: 1 }, SceneAct::Build(Name(5))],
            says: "Now k4 reads k2, and has the value 5 once more: two traces of k4 give 5.",
        },
        SceneStep {
            acts: &[
                SceneAct::Edit { key: Name(0), value: 0 },
                SceneAct::Edit { key: Name(3), value: 1 },
                SceneAct::Build(Name(5)),
            ],
            says: "k4 reads k1 again: its first trace holds. k5 runs. Which inputs will its new trace list?",
        },
        SceneStep {
            acts: &[SceneAct::Edit { key: Name(1), value: 7 }, SceneAct::Build(Name(5))],
            says: "k4 reads k1, so k5 should become 9, which is 7 + 1 + 1.",
        },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new()
        .rule(
            Name(4),
            declared([Name(0), Name(1), Name(2)], async |fetch| {
                let branch = if fetch.get(Name(0)).await? % 2 == 0 { Name(1) } else { Name(2) };
                fetch.get(branch).await
            }),
        )
        .rule(Name(5), formula([Name(4), Name(3)], |[k4, k3]| k4 + k3 + 1))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × deep traces looked up by value",
        why: "The newest trace of k5 lists k2, which k4 did not read in that run: the look-up found the other run in \
              which k4 was 5. k2, k0 and k3 are as they were, so the trace holds, and k1 is not asked about.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × deep-constructive-trace",
        why: "Deep fingerprints are taken from the run that made the value, and never looked up. k5's trace names k4 as \
              it was in that run, over k0 and k1.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), FlatTrace(ByValue))?,
        perform(&SCRIPT, right, tasks, Suspending::new(), DeepConstructiveTrace)?,
    ])
}
