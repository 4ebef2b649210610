//! Deep traces, a task that is not deterministic, and a cache that loses values: the result is sewn together
//! from two builds, and no build from scratch could have given it (THEORY, rule 8).

use alacarte_conformance::{Name, World};
use alacarte_core::{Fetch, Rules, Static, declared, formula};
use alacarte_rebuilders::{ConstructiveTrace, DeepConstructiveTrace};
use alacarte_schedulers::Suspending;

use super::letters::{N, P, S, T};
use super::play::perform;
use super::{Others, Performance, Role, Scene, SceneAct, SceneError, ScenePart, SceneStep, Script};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "frankenbuild",
    title: "A coin, a forgetful cache: one value out of two builds",
    idea: "Many tasks are not deterministic: a compiler writes a time stamp, or orders symbols by address. Then several \
           results are right, but each as a whole: what is made from one toss must not meet what is made from the \
           other. N stands for an object file, P for what is made from it, T links the two.",
    tasks: &["N = S × 10 + a coin", "P = N × 100", "T = P + N"],
    play,
    others: Others::Static { script: SCRIPT, tasks },
};

const SCRIPT: Script = Script {
    inputs: &[(S, 1)],
    steps: &[
        SceneStep { acts: &[SceneAct::Build(T)], says: "The coin shows 0. T is 1010, one of the two right answers." },
        SceneStep {
            acts: &[SceneAct::Evict(&[N, T]), SceneAct::Lose(&[N, P, T]), SceneAct::Turn],
            says: "A fresh checkout on another day: the cache has lost N and T but still has P, and the coin shows 1.",
        },
        SceneStep { acts: &[SceneAct::Build(T)], says: "Both 1010 and 1111 would be right now." },
    ],
    coin: &[0, 1],
    ..Script::PLAIN
};

fn tasks(world: World) -> Rules<Name, i64, Static> {
    Rules::new()
        .rule(N, declared([S], async move |fetch: Fetch<'_, Name, i64>| Ok(fetch.get(S).await? * 10 + world.now())))
        .rule(P, formula([N], |[n]| n * 100))
        .rule(T, formula([P, N], |[p, n]| p + n))
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "suspending × deep-constructive-trace",
        why: "Our own deep traces, used outside of their contract: tasks must be deterministic. S is as it was, so P is \
              taken from the cache, made from the N of the first day. N itself is gone and is made anew, with the other \
              toss. T adds the two. P is not what its task would make of N, and T is what no build would give: wrong \
              under every definition of correctness.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "suspending × constructive-trace",
        why: "P's trace names N and what N held. N was made anew and holds something else, so P is made anew from it: \
              traces one step deep never mix two tosses. Verifying traces do not either.",
    };
    Ok(vec![
        perform(&SCRIPT, wrong, tasks, Suspending::new(), DeepConstructiveTrace)?,
        perform(&SCRIPT, right, tasks, Suspending::new(), ConstructiveTrace)?,
    ])
}
