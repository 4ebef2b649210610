//! A lock that is held by one who waits for a token, while those who have the tokens wait for the lock: nothing goes on.

use alacarte_conformance::jobserver::{Cheating, Discipline, JobLaw, PlanScope, Waiting};

use super::jobs::{PROCESSES, Sought};
use super::{Others, Performance, Role, Scene, SceneError, ScenePart};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "lock-without-token",
    title: "All tokens wait for a lock, and the lock for a token",
    idea: "Who waits for a lock needs no token, and should give it to others (redo does). When the lock is free, it needs a \
           token again. Which of the two should it take first?",
    tasks: &[
        "top has two jobs, and runs a, b, c, d and e, all at once if it may",
        "a, b, d and e need the same lock",
        "d and e know nothing of giving tokens back, as most programs that lock a file",
    ],
    play,
    others: Others::Nobody,
};

const SOUGHT: Sought = Sought {
    law: JobLaw::NoDeadlock,
    scope: PlanScope::new(PROCESSES).with_locks(true).with_others(true),
    kills: 0,
    says: &[
        "a has the lock. b finds it locked, and gives its token back: so c can run, and both jobs are done.",
        "The lock is free, and b waited for it first. a's token goes to d, which needs the lock, too.",
        "c's token is free. b waits for one; but e is just as ready to start.",
    ],
};

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "the lock first, then a token",
        why: "b has the lock and waits for a token. d and e have the tokens and wait for the lock. Among processes that all \
              give their tokens back, this cannot happen; but nobody knows what else runs beneath the same make.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "a token first, then the lock",
        why: "b takes the lock only when it has a token. While it waits for one it has nothing that others wait for; d has \
              the lock meanwhile, and goes on. Our builds wait for the journal of another build so.",
    };
    // (Nobody is shown: who is, may make a token up.)
    let ours = Discipline::OURS.with_cheats(Cheating::Never);
    SOUGHT.play((wrong, ours.with_waiting(Waiting::LockFirst)), (right, ours))
}
