//! A file that is edited while a command reads it: if what was read is recorded afterwards, the trace vouches
//! for contents that the command never saw.

use alacarte_conformance::{Name, World};
use alacarte_core::{Dynamic, Fetch, Rules, task};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;

use super::letters::{A, B};
use super::play::perform;
use super::{Others, Performance, ReadingMoment, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "edit-during-build",
    title: "Saved while a command runs: recorded, but never read",
    idea: "A command reads its files itself, and a depfile tells afterwards which they were. Between the reading and \
           the telling somebody may save a file in an editor. Which of the two contents goes into the trace?",
    tasks: &["B = A × 10, by a command that reads A from the disk and takes its time"],
    play,
    others: Others::Dynamic { script: SCRIPT, tasks: careless },
};

const SCRIPT: Script = Script {
    inputs: &[(A, 1)],
    steps: &[
        SceneStep {
            acts: &[
                SceneAct::EditMeanwhile { moment: ReadingMoment::AfterReading, key: A, value: 2 },
                SceneAct::Build(B),
            ],
            says: "The command has read A = 1 when somebody saves A = 2. B is 10, which was right as the build began.",
        },
        SceneStep {
            acts: &[SceneAct::Build(B)],
            says: "Nobody has touched anything since. But A is 2, so B should become 20.",
        },
        SceneStep {
            acts: &[
                SceneAct::Edit { key: A, value: 4 },
                SceneAct::EditMeanwhile { moment: ReadingMoment::BeforeReading, key: A, value: 5 },
                SceneAct::Build(B),
            ],
            says: "Now A = 4 as the build begins, and A = 5 by the time that the command reads it. B is 50.",
        },
        SceneStep {
            acts: &[SceneAct::Edit { key: A, value: 4 }, SceneAct::Build(B)],
            says: "That edit is taken back: B should become 40.",
        },
    ],
    ..Script::PLAIN
};

/// Fingerprints are taken once: when a file is first met, which is after the command; of one that is known, as the build
/// begins.
fn careless(world: World) -> Rules<Name, i64, Dynamic> {
    let command = async move |fetch: Fetch<'_, Name, i64>| {
        world.started();
        let read = world.read(A).unwrap_or_default();
        world.started();
        fetch.get(A).await?;
        Ok(read * 10)
    };
    Rules::new().rule(B, task(command))
}

/// Fingerprints are taken before the command begins, and compared when it has ended.
fn careful(world: World) -> Rules<Name, i64, Dynamic> {
    let command = async move |fetch: Fetch<'_, Name, i64>| {
        let before = fetch.get(A).await?;
        world.started();
        let read = world.read(A).unwrap_or_default();
        world.started();
        if world.read(A) != Some(before) {
            fetch.volatile();
        }
        Ok(read * 10)
    };
    Rules::new().rule(B, task(command))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × verifying-trace, fingerprints taken once, and compared with nothing",
        why: "The trace says: from A = 2 came 10. It holds, for A is 2. The rebuilder is blameless; it was told a lie, \
              and will believe it until A is edited again. (In the third step A is known, so its fingerprint is that \
              of the beginning: 4, from which came 50.)",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × verifying-trace, fingerprints taken before and compared after",
        why: "Twice A was another when the command ended than when it began, so what B was made from is not known: B is \
              volatile, leaves no trace, and runs again in the next build. (Without the comparison the third step would \
              leave a trace that leads from A = 4 to 50, and the fourth would believe it.) Our ninja front end does so.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, careless, Suspending::new(), VerifyingTrace)?,
        perform(&SCRIPT, right, careful, Suspending::new(), VerifyingTrace)?,
    ])
}
