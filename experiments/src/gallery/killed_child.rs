//! A process that is killed takes the tokens with it that it had taken out of the jobserver's pipe: the rest of the build has fewer jobs.

use alacarte_conformance::jobserver::{Discipline, JobLaw, PlanScope};

use super::jobs::{PROCESSES, Sought};
use super::{Others, Performance, Role, Scene, SceneError, ScenePart};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "killed-child",
    title: "A killed make takes tokens along: fewer jobs to the end",
    idea: "The processes of a build share a number of jobs by tokens in a pipe. Each process owns one token; for each \
           further command it takes one out of the pipe, and puts it back. A process that is killed puts nothing back.",
    tasks: &["top has two jobs, and runs a, d and e, all at once if it may", "a is a make itself, and runs b and c"],
    play,
    others: Others::Nobody,
};

const SOUGHT: Sought = Sought {
    law: JobLaw::NoIdleToken,
    scope: PlanScope::new(PROCESSES),
    kills: 1,
    says: &[
        "top starts a, and a starts b, by the token that each process owns. a takes the only other one out of the pipe, for c.",
        "a is killed (memory runs out), and b and c with it. Now d and e could run, both at once.",
    ],
};

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "the protocol as make has it",
        why: "The token that a owned from its start is made anew by top, which had given it up. Of the other one nobody \
              knows whose it was: it is gone, and one job of two is done to the end of the build.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "a server that counts when nothing runs",
        why: "When nothing runs beneath the server, no token can be in other hands: what is missing is lost, and made \
              anew. (While other commands run, a missing token may be theirs. So the server waits for such a moment.)",
    };
    SOUGHT.play((wrong, Discipline::PLAIN), (right, Discipline::OURS))
}
