//! A task that reads something which it does not fetch: no trace of it can know when that changes.

use alacarte_conformance::{Name, World};
use alacarte_core::{Dynamic, Fetch, Rules, Static, formula, task};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;

use super::letters::{A, B, H};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "undeclared-input",
    title: "A task reads a file that it does not fetch",
    idea: "Everything that a rebuilder knows about a task is what the task fetched. A header that no depfile names, an \
           environment variable, the time of day: what is read in another way does not exist for it.",
    tasks: &["B = A + H, but H is read from the disk, not fetched"],
    play,
    others: Others::Dynamic { script: SCRIPT, tasks: secretive },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1), (H, 100)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(B)], says: "A first build. Look at what the trace of B names." },
        SceneStep { acts: &[SceneAct::Edit { key: A, value: 2 }, SceneAct::Build(B)], says: "An edit of A is seen." },
        SceneStep {
            acts: &[SceneAct::Edit { key: H, value: 200 }, SceneAct::Build(B)],
            says: "An edit of H: B should become 202.",
        },
    ],
    ..Script::PLAIN
};

/// Reads H behind the build's back.
fn secretive(world: World) -> Rules<Name, i64, Dynamic> {
    let add = async move |fetch: Fetch<'_, Name, i64>| Ok(fetch.get(A).await? + world.read(H).unwrap_or_default());
    Rules::new().rule(B, task(add))
}

/// Reads H behind the build's back, and says so.
fn volatile(world: World) -> Rules<Name, i64, Dynamic> {
    let add = async move |fetch: Fetch<'_, Name, i64>| {
        fetch.volatile();
        Ok(fetch.get(A).await? + world.read(H).unwrap_or_default())
    };
    Rules::new().rule(B, task(add))
}

/// Fetches H.
fn open(_: World) -> Rules<Name, i64, Static> {
    Rules::new().rule(B, formula([A, H], |[a, h]| a + h))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × verifying-trace, H read and not fetched",
        why: "The trace of B names A, and A is as it was. No strategy can do better: what it was not told, it cannot \
              verify.",
    };
    let fetched = ScenePart {
        role: Role::Right,
        system: "suspending × verifying-trace, H fetched",
        why: "What is fetched is in the trace.",
    };
    let said = ScenePart {
        role: Role::Right,
        system: "suspending × verifying-trace, B volatile",
        why: "Where H cannot be named (a clock, a network), the task says that it reads something which no fetch shows. \
              It leaves no trace and runs in every build; whatever depends on it runs only if its value changes.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, secretive, Suspending::new(), VerifyingTrace)?,
        perform(&SCRIPT, fetched, open, Suspending::new(), VerifyingTrace)?,
        perform(&SCRIPT, said, volatile, Suspending::new(), VerifyingTrace)?,
    ])
}
