//! The families.
//!
//! Each was seen to grow as the square of its size under some combination, or could: the shapes of graphs that programs have
//! (chains, fans, diamonds), each edited at its root, and what makes keys costly beyond that: volatile ones, failures,
//! circles, detached keys, order-only inputs, tasks that are replaced, keys that come and go.

use super::{Act, Family, FetchManner, Number, Play, SumTask};

/// Inputs, each of the value 1, lie from here on; tasks of one kind each have a range of their own below.
const INPUTS: Number = 1_000_000;
const ABOVE: Number = 100_000;
const LAST: Number = 900_000;

/// The rebuilders that run again what is above a key that ran, whether or not that changed.
const NO_CUTOFF: &[&str] = &["perpetual", "modification-time", "deep-constructive-trace"];
const PERPETUAL: &[&str] = &["perpetual"];

/// All of them.
pub fn families() -> Vec<Family> {
    let family = |name, of, discovers| Family::new(name, of).with_discovers(discovers);
    vec![
        family("a chain", chain, &[]),
        family("a key above many, in a group", |size| fan_in(size, FetchManner::Grouped), &[]),
        family("a key above many, joined", |size| fan_in(size, FetchManner::Joined), &[]),
        family("many keys above one", fan_out, &[]),
        family("diamonds", diamonds, &[]),
        family("what a task fetches one by one is merely kept", merely_kept, PERPETUAL),
        family("what a task fetches one by one stays as it was", cut_off, NO_CUTOFF),
        family("volatile keys", volatile, &[]),
        family("a chain with volatile keys beside it", beside_a_chain, &[]),
        family("a chain of volatile keys", volatile_chain, &[]),
        family("keys above one that wavers", above_a_volatile_chain, &[]),
        family("one volatile key, build after build", again_and_again, &[]),
        family("new keys above an old root", new_above_old, &[]),
        family("circles", circles, &[]),
        family("circles that are met one after the other", circles_in_turn, &[]),
        family("a wide key, and a failure elsewhere", failure_elsewhere, NO_CUTOFF),
        family("failures, each with a key above", failures, &[]),
        family("many keys above a failure", above_a_failure, &[]),
        family("many keys wait for a failure", stopped, &[]),
        family("missing inputs, detached", |size| detached(size, |_| None), &[]),
        family(
            "failing keys, detached",
            |size| detached(size, |key| Some(SumTask { bears: Some(0), ..SumTask::of([INPUTS + key]) })),
            &[],
        ),
        family("keys, detached", |size| detached(size, |key| Some(SumTask::of([INPUTS + key]))), &[]),
        family("order-only inputs", order_only, NO_CUTOFF),
        family("a task is replaced, again and again", replaced, &[]),
        family("keys come and go", come_and_go, &[]),
        family("edges that flip", flips, &[]),
        family("traces of changing length", lengths, PERPETUAL),
    ]
}

fn inputs(size: Number) -> Vec<(Number, i64)> {
    (0..size).map(|key| (INPUTS + key, 1)).collect()
}

/// Each key above the one before it; the last fetches an input.
fn chain(size: Number) -> Play {
    let tasks = (0..size).map(|key| (key, SumTask::of([if key == 0 { INPUTS } else { key - 1 }]))).collect();
    let build = || Act::Build(vec![size - 1]);
    let acts = vec![
        build(),
        build(),
        Act::Set { key: INPUTS, value: 2 },
        build(),
        Act::Set { key: INPUTS, value: 3 },
        Act::Set { key: INPUTS, value: 2 },
        build(),
    ];
    Play { tasks, inputs: inputs(1), acts, stops: false }
}

fn fan_in(size: Number, manner: FetchManner) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([INPUTS + key]))).collect();
    tasks.push((LAST, SumTask { manner, ..SumTask::of(0..size) }));
    let build = || Act::Build(vec![LAST]);
    let mut acts = vec![build(), Act::Set { key: INPUTS + size / 2, value: 2 }, build()];
    acts.extend((0..size).map(|key| Act::Set { key: INPUTS + key, value: 3 }));
    acts.push(build());
    Play { tasks, inputs: inputs(size), acts, stops: false }
}

fn fan_out(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([LAST]))).collect();
    tasks.push((LAST, SumTask { most: Some(5), ..SumTask::of([INPUTS]) }));
    let build = || Act::Build((0..size).collect());
    let acts = vec![
        build(),
        Act::Set { key: INPUTS, value: 2 },
        build(),
        Act::Set { key: INPUTS, value: 9 },
        build(),
        Act::Set { key: INPUTS, value: 10 },
        build(),
    ];
    Play { tasks, inputs: inputs(1), acts, stops: false }
}

fn diamonds(size: Number) -> Play {
    let mut tasks = Vec::new();
    for key in 0..size {
        let below = if key == 0 { INPUTS } else { key - 1 };
        tasks.push((ABOVE + key, SumTask::of([below])));
        tasks.push((2 * ABOVE + key, SumTask::of([below])));
        tasks.push((key, SumTask::group([ABOVE + key, 2 * ABOVE + key])));
    }
    let build = || Act::Build(vec![size - 1]);
    Play {
        tasks,
        inputs: inputs(1),
        acts: vec![build(), Act::Set { key: INPUTS, value: 2 }, build(), Act::Set { key: INPUTS, value: 1 }, build()],
        stops: false,
    }
}

/// One key fetches first an input and then many keys, all of which stand.
fn merely_kept(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([INPUTS + key]))).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::of([key]))));
    tasks.push((LAST, SumTask::of(std::iter::once(INPUTS + size).chain(ABOVE..ABOVE + size))));
    let acts = vec![
        Act::Build((ABOVE..ABOVE + size).collect()),
        Act::Build(vec![LAST]),
        Act::Set { key: INPUTS + size, value: 2 },
        Act::Build(vec![LAST]),
    ];
    Play { tasks, inputs: inputs(size + 1), acts, stops: false }
}

/// Every key that one key fetches runs again, to the same value.
fn cut_off(size: Number) -> Play {
    let mut tasks: Vec<_> =
        (0..size).map(|key| (key, SumTask { most: Some(1), ..SumTask::of([INPUTS + key]) })).collect();
    tasks.push((LAST, SumTask::of(0..size)));
    let mut acts = vec![Act::Build((0..size).collect()), Act::Build(vec![LAST])];
    acts.extend((0..size).map(|key| Act::Set { key: INPUTS + key, value: 2 }));
    acts.push(Act::Build(vec![LAST]));
    Play { tasks, inputs: inputs(size), acts, stops: false }
}

fn volatile_cell(input: Number) -> SumTask {
    SumTask { volatile: true, ..SumTask::of([input]) }
}

/// Many volatile keys, a key above each, and one above all of those.
fn volatile(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, volatile_cell(INPUTS))).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::of([key]))));
    tasks.push((LAST, SumTask::group(ABOVE..ABOVE + size)));
    let build = || Act::Build(vec![LAST]);
    Play {
        tasks,
        inputs: inputs(1),
        acts: vec![build(), build(), build(), Act::Set { key: INPUTS, value: 2 }, build(), build()],
        stops: false,
    }
}

/// Each key of a chain is above the one before it and above a volatile key of its own.
fn beside_a_chain(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (ABOVE + key, volatile_cell(INPUTS))).collect();
    tasks.extend((0..size).map(|key| (key, SumTask::group([if key == 0 { INPUTS } else { key - 1 }, ABOVE + key]))));
    let build = || Act::Build(vec![size - 1]);
    Play { tasks, inputs: inputs(1), acts: vec![build(), build(), build()], stops: false }
}

fn volatile_chain(size: Number) -> Play {
    let tasks = (0..size).map(|key| (key, volatile_cell(if key == 0 { INPUTS } else { key - 1 }))).collect();
    let build = || Act::Build(vec![size - 1]);
    Play { tasks, inputs: inputs(1), acts: vec![build(), build(), build()], stops: false }
}

/// Many keys above the end of a chain that begins at a volatile key.
fn above_a_volatile_chain(size: Number) -> Play {
    let mut tasks: Vec<_> =
        (0..size).map(|key| (key, if key == 0 { volatile_cell(INPUTS) } else { SumTask::of([key - 1]) })).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::of([size - 1]))));
    let build = || Act::Build((ABOVE..ABOVE + size).collect());
    Play { tasks, inputs: inputs(1), acts: vec![build(), build(), build()], stops: false }
}

fn again_and_again(size: Number) -> Play {
    let tasks = vec![(0, volatile_cell(INPUTS)), (1, SumTask::of([0])), (2, SumTask::of([1]))];
    Play { tasks, inputs: inputs(1), acts: (0..size).map(|_| Act::Build(vec![2])).collect(), stops: false }
}

/// Many old keys have fetched a volatile key; new keys fetch it too, and each an old key that stands.
fn new_above_old(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([LAST]))).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::of([INPUTS + 1 + key]))));
    tasks.extend((0..size).map(|key| (2 * ABOVE + key, SumTask::of([LAST, ABOVE + key]))));
    tasks.push((LAST, volatile_cell(INPUTS)));
    let old = (0..size).chain(ABOVE..ABOVE + size).collect();
    let acts =
        vec![Act::Build(old), Act::Set { key: INPUTS, value: 2 }, Act::Build((2 * ABOVE..2 * ABOVE + size).collect())];
    Play { tasks, inputs: inputs(size + 1), acts, stops: false }
}

fn circles(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::group([INPUTS, ABOVE + key]))).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::group([key, 2 * ABOVE + key]))));
    tasks.extend((0..size).map(|key| (2 * ABOVE + key, SumTask::of([INPUTS]))));
    let build = || Act::Build((0..size).collect());
    Play { tasks, inputs: inputs(1), acts: vec![build(), build()], stops: false }
}

/// A chain comes apart at its lower end: each of its keys then finds itself in a circle.
fn circles_in_turn(size: Number) -> Play {
    let below = |key: Number| if key == 0 { INPUTS } else { key - 1 };
    let tasks = (0..size).map(|key| (key, SumTask::of([below(key)]))).collect();
    let mut acts = vec![Act::Build(vec![size - 1])];
    acts.extend((0..size).map(|key| Act::Replace { key: ABOVE + key, task: Some(SumTask::of([key])) }));
    acts.extend((0..size).map(|key| Act::Replace { key, task: Some(SumTask::group([below(key), ABOVE + key])) }));
    acts.push(Act::Build(vec![size - 1]));
    Play { tasks, inputs: inputs(1), acts, stops: false }
}

/// What a wide key fetches runs again to the same value, after another key has failed.
fn failure_elsewhere(size: Number) -> Play {
    let Play { mut tasks, mut inputs, mut acts, .. } = cut_off(size);
    tasks.push((LAST + 1, SumTask { bears: Some(1), ..SumTask::of([INPUTS + size]) }));
    inputs.push((INPUTS + size, 1));
    acts.pop();
    let targets = vec![LAST + 1, LAST];
    acts.insert(2, Act::Build(targets.clone()));
    acts.push(Act::Set { key: INPUTS + size, value: 2 });
    acts.push(Act::Build(targets));
    Play { tasks, inputs, acts, stops: false }
}

fn failures(size: Number) -> Play {
    let mut tasks: Vec<_> =
        (0..size).map(|key| (key, SumTask { bears: Some(1), ..SumTask::of([INPUTS + key]) })).collect();
    tasks.extend((0..size).map(|key| (ABOVE + key, SumTask::of([key]))));
    let build = || Act::Build((ABOVE..ABOVE + size).collect());
    let mut acts = vec![build()];
    acts.extend((0..size).map(|key| Act::Set { key: INPUTS + key, value: 2 }));
    acts.extend([build(), build()]);
    acts.extend((0..size).map(|key| Act::Remove(INPUTS + key)));
    acts.push(build());
    Play { tasks, inputs: inputs(size), acts, stops: false }
}

fn above_a_failure(size: Number) -> Play {
    let mut tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([LAST]))).collect();
    tasks.push((LAST, SumTask { bears: Some(1), ..SumTask::of([INPUTS]) }));
    let build = || Act::Build((0..size).collect());
    Play {
        tasks,
        inputs: inputs(1),
        acts: vec![build(), Act::Set { key: INPUTS, value: 2 }, build(), Act::Set { key: INPUTS, value: 1 }, build()],
        stops: false,
    }
}

/// A build ends at a failure for which many keys wait.
fn stopped(size: Number) -> Play {
    let Play { mut tasks, inputs, .. } = above_a_failure(size);
    tasks.push((LAST + 1, SumTask::group(0..size)));
    let build = || Act::Build(vec![LAST + 1]);
    Play { tasks, inputs, acts: vec![build(), Act::Set { key: INPUTS, value: 2 }, build()], stops: true }
}

/// One key detaches many.
fn detached(size: Number, each: impl Fn(Number) -> Option<SumTask>) -> Play {
    let mut tasks: Vec<_> = (0..size).filter_map(|key| Some((key, each(key)?))).collect();
    tasks.push((LAST, SumTask { detaches: (0..size).collect(), ..SumTask::of([INPUTS + size]) }));
    let build = || Act::Build(vec![LAST]);
    Play {
        tasks,
        inputs: inputs(size + 1),
        acts: vec![build(), Act::Set { key: INPUTS + size, value: 2 }, build()],
        stops: false,
    }
}

/// Many keys come before one, and many others are fetched by it, which run again to the same value.
fn order_only(size: Number) -> Play {
    let Play { mut tasks, mut inputs, acts, .. } = cut_off(size);
    let before = ABOVE..ABOVE + size;
    tasks.extend(before.clone().map(|key| (key, SumTask::of([INPUTS + key]))));
    inputs.extend(before.clone().map(|key| (INPUTS + key, 1)));
    for (_, cell) in tasks.iter_mut().filter(|(key, _)| *key == LAST) {
        cell.order_only = before.clone().collect();
    }
    let mut again: Vec<Act> = before.map(|key| Act::Set { key: INPUTS + key, value: 2 }).collect();
    again.extend((0..size).map(|key| Act::Set { key: INPUTS + key, value: 3 }));
    again.push(Act::Build(vec![LAST]));
    Play { tasks, inputs, acts: acts.into_iter().chain(again).collect(), stops: false }
}

/// Of many tasks one is replaced, and built; and another; and so on.
fn replaced(size: Number) -> Play {
    let tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([INPUTS + key]))).collect();
    let mut acts = vec![Act::Build((0..size).collect())];
    for key in 0..size {
        acts.push(Act::Replace { key, task: Some(SumTask::of([INPUTS])) });
        acts.push(Act::Build(vec![key]));
    }
    Play { tasks, inputs: inputs(size), acts, stops: false }
}

/// In each round a few keys are new, and those of the round before are gone.
fn come_and_go(size: Number) -> Play {
    let few = 4;
    let mut acts = Vec::new();
    for round in 0..size {
        let keys = round * few..(round + 1) * few;
        acts.extend(keys.clone().map(|key| Act::Replace { key, task: Some(SumTask::of([INPUTS + key])) }));
        acts.extend(keys.clone().map(|key| Act::Set { key: INPUTS + key, value: 1 }));
        acts.push(Act::Build(keys.clone().collect()));
        acts.extend(keys.clone().map(|key| Act::Replace { key, task: None }));
        acts.extend(keys.map(|key| Act::Remove(INPUTS + key)));
    }
    Play { tasks: Vec::new(), inputs: Vec::new(), acts, stops: false }
}

/// Many keys fetch one; one of them after the other comes to fetch another instead, and goes back.
fn flips(size: Number) -> Play {
    let tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([INPUTS]))).collect();
    let mut acts = vec![Act::Build((0..size).collect())];
    for key in 0..size {
        for input in [INPUTS + 1, INPUTS, INPUTS + 1, INPUTS] {
            acts.push(Act::Replace { key, task: Some(SumTask::of([input])) });
            acts.push(Act::Build(vec![key]));
        }
    }
    Play { tasks, inputs: inputs(2), acts, stops: false }
}

/// A task fetches one key more in each build, of keys that merely stand; after each edit, all that it fetches is fetched anew.
fn lengths(size: Number) -> Play {
    let tasks: Vec<_> = (0..size).map(|key| (key, SumTask::of([INPUTS + key]))).collect();
    let mut acts = vec![Act::Build((0..size).collect())];
    for length in [size / 2, size, size / 4, size - 1] {
        acts.push(Act::Replace { key: LAST, task: Some(SumTask::of(0..length)) });
        acts.push(Act::Build(vec![LAST]));
    }
    Play { tasks, inputs: inputs(size), acts, stops: false }
}
