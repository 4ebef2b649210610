//! Make believes in times: an edit under a clock that was set back is older than the output that it should
//! change.

use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::{ModificationTime, VerifyingTrace};
use alacarte_schedulers::Topological;

use super::letters::{A, B};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "backwards-clock",
    title: "Make misses an edit under a clock that was set back",
    idea: "Times tell what came first only as long as the clock goes forward. A laptop corrects its clock, a file \
           server has one of its own, an older copy is unpacked with its old times: then it does not.",
    tasks: &["B = A × 10"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1)],
    steps: &[
        SceneStep { acts: &[SceneAct::Clock(100), SceneAct::Build(B)], says: "A first build, at about 100." },
        SceneStep {
            acts: &[SceneAct::Clock(50), SceneAct::Edit { key: A, value: 2 }],
            says: "The clock is set back, and A is edited: at 51.",
        },
        SceneStep { acts: &[SceneAct::Build(B)], says: "B should become 20." },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A], |[a]| a * 10))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "topological × modification-time (make)",
        why: "By its time, A was edited before B was made. It will stay so: until A is edited again under a later clock, \
              or B is removed, no build puts it right.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "topological × verifying-trace (ninja, by contents)",
        why: "A differs from what B's trace recorded. When that happened is nobody's business.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Topological::new(), ModificationTime)?,
        perform(&SCRIPT, right, tasks, Topological::new(), VerifyingTrace)?,
    ])
}
