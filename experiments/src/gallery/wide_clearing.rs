//! Dirty bits that are cleared when *a* build is over, rather than when *the key* was brought up to date: what
//! the target did not reach is out of date and no longer known to be (THEORY, rule 5).

use alacarte_conformance::broken::published::WideBit;
use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::DirtyBit;
use alacarte_schedulers::Suspending;

use super::letters::{A, B, C, D};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "wide-clearing",
    title: "All dirty bits are cleared after a build of one target",
    idea: "A dirty bit says: something below changed since this key was last brought up to date. It may be cleared by \
           one thing only, which is bringing the key up to date.",
    tasks: &["B = A + 1", "D = C + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1), (C, 1)],
    steps: &[
        SceneStep {
            acts: &[SceneAct::Build(B), SceneAct::Build(D)],
            says: "Two targets that have nothing to do with each other.",
        },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 10 }, SceneAct::Edit { key: C, value: 10 }],
            says: "Both inputs change. Both targets are out of date.",
        },
        SceneStep { acts: &[SceneAct::Build(B)], says: "Only B is asked for. D's bit should stay set." },
        SceneStep { acts: &[SceneAct::Build(D)], says: "Now D is asked for: it should become 11." },
    ],
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A], |[a]| a + 1)).rule(D, formula([C], |[c]| c + 1))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × bits that are cleared too widely",
        why: "When B was built the calculation was taken to be over, and every bit was cleared, D's too. The harm was \
              done one step ago; now it shows.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × dirty-bit",
        why: "D's bit was cleared by D's own build, and by nothing else.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), WideBit)?,
        perform(&SCRIPT, right, tasks, Suspending::new(), DirtyBit)?,
    ])
}
