//! "Deep" traces in the published model are not deep: the inputs of a dependency are looked up under its
//! *parent's* value, are hardly ever found, and the dependency itself is listed as if it were an input.

use alacarte_conformance::broken::published::{ByParent, FlatTrace};
use alacarte_conformance::{Name, World};
use alacarte_core::{Rules, Static, formula};
use alacarte_rebuilders::DeepConstructiveTrace;
use alacarte_schedulers::Suspending;

use super::letters::{A, B, C, D};
use super::play::perform;
use super::{Judge, Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "shallow-deep-traces",
    title: "“Deep” traces that list, and so need, what lies between",
    idea: "A deep trace says: with these terminal inputs, this is the value. What lies between need not exist; that is \
           how Nix and Buck fetch a program without its object files. Two things tell a deep trace from a shallow one: \
           it restores a target alone, and it has no early cutoff.",
    tasks: &["B = min(A, 3)", "C = B + 1", "D = C + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 7)],
    steps: &[
        SceneStep {
            acts: &[SceneAct::Build(D)],
            says: "A first build. D's trace should name A, its only terminal input.",
        },
        SceneStep {
            acts: &[SceneAct::Lose(&[B, C, D])],
            says: "A fresh checkout: only the input is there, and the cache of values.",
        },
        SceneStep { acts: &[SceneAct::Build(D)], says: "A is as it was. D alone should come out of the cache." },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 8 }, SceneAct::Build(D)],
            says: "B comes out equal. Shallow traces stop there (early cutoff); deep ones know only that A changed.",
        },
    ],
    judge: Judge::Depth,
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new()
        .rule(B, formula([A], |[a]: [i64; 1]| a.min(3)))
        .rule(C, formula([B], |[b]| b + 1))
        .rule(D, formula([C], |[c]| c + 1))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × the published deep traces",
        why: "No value is wrong here, but the promise is broken. When D was built, the traces of C were searched for \
              one that gave D's value, and there is none; so C went into D's trace as if it were an input. To verify \
              that trace C is needed, and for C, B.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × deep-constructive-trace",
        why: "D's trace names C by its deep fingerprint, which leads through C's own trace and B's down to A. They are \
              followed on paper; neither B nor C is brought up to date. The price is the last step: everything runs.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), FlatTrace(ByParent))?,
        perform(&SCRIPT, right, tasks, Suspending::new(), DeepConstructiveTrace)?,
    ])
}
