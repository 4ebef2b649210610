//! An edit and its revert, with one trace a key: what was known before the edit is forgotten, and the work is
//! done again. No value is wrong.

use std::task::{Poll, ready};

use alacarte_conformance::{Name, World};
use alacarte_core::{Answer, Key, Metadata, Question, Reason, Rebuilder, Rules, Static, Value, formula};
use alacarte_rebuilders::{VerifyingTrace, Walked, walk};
use alacarte_schedulers::Suspending;

use super::letters::{A, B, C};
use super::play::{LastTraces, perform};
use super::{Judge, Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "revert-with-one-trace",
    title: "One trace a key: an edit and its revert cost a run each",
    idea: "Ninja and make remember one thing of each key: its last run. Going to another branch and back is then two \
           changes. A system that remembers several runs knows the second one already.",
    tasks: &["B = A without its last digit (a comment, say)", "C = B + 1"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 51)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(C)], says: "A first build." },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 52 }, SceneAct::Build(C)],
            says: "Only the comment changes. B must run to find that out; C is cut off.",
        },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 51 }, SceneAct::Build(C)],
            says: "The edit is taken back. B has run on this very A before, and gave what it holds.",
        },
    ],
    judge: Judge::Work,
    ..Script::PLAIN
};

fn tasks(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A], |[a]| a / 10)).rule(C, formula([B], |[b]| b + 1))
}

/// Verifies the trace of the last run, and knows no other.
#[derive(Debug, Clone, Copy)]
struct LastTrace;

impl<K: Key, V: Value> Rebuilder<K, V> for LastTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<LastTraces>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let last = metadata.read::<LastTraces>();
        Poll::Ready(match ready!(walk(question, last.table(), Reason::OutputChanged, |_, _, _| true)) {
            Walked::Holds { .. } => Answer::Keep,
            Walked::Fails(reason) => Answer::Run(reason),
        })
    }
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × one verifying trace a key",
        why: "No value is wrong; the work is needless. The run on 52 took the place of the run on 51, so B has to run to \
              find out what was known a moment ago. Behind a compiler that is minutes for each change of branch.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × verifying-trace",
        why: "Four traces a key: the older one, of the run on 51, holds and gave the value that is there. (Had B's value \
              changed in between, a verifying trace could not bring it back, for it keeps no values; constructive \
              traces do.)",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), LastTrace)?,
        perform(&SCRIPT, right, tasks, Suspending::new(), VerifyingTrace)?,
    ])
}
