//! The published restarting queue puts a key that must wait at the end of the calc chain and starts it again
//! when its turn comes, whether or not what it waits for is there: restarts grow with the square of the graph.
//!
//! Starts are counted as they happen, over growing graphs, for the published walk and for our scheduler; every
//! task runs in both (no rebuilder), so that nothing but the order is compared.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use alacarte_conformance::Name;
use alacarte_conformance::broken::published::ChainWalk;
use alacarte_core::{Build, Decision, Dynamic, Fetch, Rules, task};
use alacarte_rebuilders::Perpetual;
use alacarte_schedulers::Restarting;
use alacarte_stores::Memory;

use super::play::attempt;
use super::{Others, Panel, Performance, PlayedStep, Role, Scene, SceneError, SceneFault, ScenePart, Strategies, list};

/// The scene.
pub const SCENE: Scene = Scene {
    name: "quadratic-restarts",
    title: "Keys started over and over, and some nobody asked for",
    idea: "A restarting scheduler drops a task that fetches what is not there, and starts it again later. When? The \
           published queue walks the calc chain: the task goes to the end, and is started again when the walk comes by. \
           Each round of the walk may finish as little as one row of the graph.",
    tasks: &[
        "rows of nine keys: each fetches three keys of the row below, one after the other",
        "the last key fetches all nine of the topmost row",
    ],
    play,
    others: Others::Graphs(counted),
};

/// Nine keys a row.
const WIDTH: u32 = 9;

/// How many rows: 10, 100 and 1000 keys with the last one.
const ROWS: [u32; 3] = [1, 11, 111];

fn fetched(Name(key): Name, rows: u32) -> Vec<Name> {
    let (row, column) = (key / WIDTH, key % WIDTH);
    match row {
        0 => Vec::new(),
        _ if row == rows => (0..WIDTH).map(|n| Name((rows - 1) * WIDTH + n)).collect(),
        _ => (0..3).map(|n| Name((row - 1) * WIDTH + (column + n) % WIDTH)).collect(),
    }
}

/// The key's own number and all that it fetches, added; below 1000, so that sums stay small.
fn tasks(rows: u32) -> Rules<Name, i64, Dynamic> {
    let one = |key: Name| {
        task(async move |fetch: Fetch<'_, Name, i64>| {
            let mut sum = i64::from(key.0);
            for below in fetched(key, rows) {
                sum = (sum + fetch.get(below).await?) % 1000;
            }
            Ok(sum)
        })
    };
    let rest = (1..=rows * WIDTH).map(Name);
    rest.fold(Rules::new().rule(Name(0), one(Name(0))), |rules, key| rules.rule(key, one(key)))
}

/// The same sums, from the lowest row up.
fn truth(target: Name, rows: u32) -> i64 {
    let mut sums: Vec<i64> = Vec::new();
    for key in (0..=target.0).map(Name) {
        let below = fetched(key, rows).into_iter().map(|below| sums[below.0 as usize]);
        sums.push(below.fold(i64::from(key.0), |sum, below| (sum + below) % 1000));
    }
    sums[target.0 as usize]
}

fn play() -> Result<Vec<Performance>, SceneError> {
    let wrong = ScenePart {
        role: Role::Wrong,
        system: "the published restarting queue",
        why: "No value is wrong; the work is needless. A task need be started once, and once more for each key that it \
              finds missing. Here it is started in every round of the walk, and each round finishes little more than a \
              row: starts grow with the square of the rows. And as the chain itself is walked, a build of one \
              small key starts everything that was ever built.",
    };
    let right = ScenePart {
        role: Role::Right,
        system: "restarting",
        why: "A key that must wait is off the queue until what it waits for is there: starts grow with the edges of the \
              graph. The chain orders what is asked for and is not walked, so what nobody asks for is not started.",
    };
    let ours = counted(&|| (Box::new(Restarting::new()), Box::new(Perpetual)));
    Ok(vec![published(wrong)?, Performance { part: right, steps: ours }])
}

/// The published walk.
fn published(part: ScenePart) -> Result<Performance, SceneError> {
    let mut steps = Vec::new();
    for rows in ROWS {
        let mut walk = ChainWalk::new();
        for target in targets(rows) {
            let walked = walk.build(&tasks(rows), &HashMap::new(), &target)?;
            let starts: Vec<Name> = walked.starts.into_iter().map(|start| start.key).collect();
            steps.push(step(rows, target, &starts, walk.chain(), Ok(walked.values.get(&target).copied())));
        }
    }
    Ok(Performance { part, steps })
}

/// A scheduler and a rebuilder.
fn counted(make: &dyn Fn() -> Strategies) -> Vec<PlayedStep> {
    let mut steps = Vec::new();
    for rows in ROWS {
        let started = Rc::new(RefCell::new((Vec::new(), Vec::new())));
        let seen = started.clone();
        let (scheduler, rebuilder) = make();
        let mut build = Build::new(tasks(rows), Memory::new())
            .with_scheduler(scheduler)
            .with_rebuilder(rebuilder)
            .with_observer(move |keys, key, decision| match decision {
                Decision::Started(_) => seen.borrow_mut().0.push(*keys.name(key)),
                Decision::Ran { .. } => seen.borrow_mut().1.push(*keys.name(key)),
                _ => {}
            });
        for target in targets(rows) {
            let ended = attempt(|| build.run([target]));
            let (starts, finished) = std::mem::take(&mut *started.borrow_mut());
            steps.push(step(rows, target, &starts, &finished, ended.map(|_| build.get(target))));
        }
    }
    steps
}

/// What is built of a graph: its last key; of the largest, then a key of the second row.
fn targets(rows: u32) -> Vec<Name> {
    let last = Name(rows * WIDTH);
    if rows == ROWS[2] { vec![last, Name(WIDTH)] } else { vec![last] }
}

/// What one build started.
fn step(rows: u32, target: Name, starts: &[Name], chain: &[Name], held: Result<Option<i64>, SceneFault>) -> PlayedStep {
    let mut counts: BTreeMap<Name, usize> = BTreeMap::new();
    for &key in starts {
        *counts.entry(key).or_default() += 1;
    }
    let reached = reached(target, rows);
    let enough = |key: Name| 1 + fetched(key, rows).len();
    let too_often = counts.iter().filter(|&(&key, &count)| count > enough(key));
    let worst = too_often.max_by_key(|&(_, &count)| count).map(|(&key, &starts)| SceneFault::Restarts {
        key,
        starts,
        enough: enough(key),
    });
    let unasked = counts.keys().filter(|key| !reached.contains(key)).count();
    let unasked = (unasked > 0).then_some(SceneFault::Unasked { target, keys: unasked });
    let most = counts.values().max().copied().unwrap_or_default();
    let mut counted = vec![
        format!("{} keys reached, {} started", reached.len(), counts.len()),
        format!("{} starts, {} of them given up", starts.len(), starts.len() - counts.len()),
        format!("{:.1} starts a key, {most} of one", starts.len() as f64 / counts.len().max(1) as f64),
    ];
    if starts.len() <= 40 {
        counted.push(format!("in order: {}", list(starts, " ")));
    }
    let wrong = match (held, truth(target, rows)) {
        (Err(failed), _) => Some(failed),
        (Ok(held), truth) if held == Some(truth) => None,
        (Ok(held), truth) => Some(SceneFault::Value { key: target, held, truth: vec![truth] }),
    };
    let last = Name(rows * WIDTH);
    let (does, says) = if target == last {
        let says = match rows {
            1 => "One row and the last key.",
            11 => "Ten times as many keys. In proportion, starts would be ten times as many too.",
            _ => "And ten times as many again.",
        };
        (format!("build the last of {} keys", last.0 + 1), says)
    } else {
        let says = "The chain is known now. This key reaches only four: itself, and three of the lowest row.";
        (format!("build {target} of the same graph"), says)
    };
    PlayedStep {
        does,
        says,
        built: true,
        visits: Vec::new(),
        store: Vec::new(),
        metadata: [Panel { title: "queue", lines: counted }, Panel { title: "chain", lines: vec![shortened(chain)] }]
            .into(),
        faults: wrong.into_iter().chain(worst).chain(unasked).collect(),
    }
}

fn reached(target: Name, rows: u32) -> Vec<Name> {
    let (mut reached, mut todo) = (Vec::new(), vec![target]);
    while let Some(key) = todo.pop() {
        if !reached.contains(&key) {
            reached.push(key);
            todo.extend(fetched(key, rows));
        }
    }
    reached
}

/// The beginning and the end of a chain that is long.
fn shortened(chain: &[Name]) -> String {
    match chain {
        [first @ .., last] if first.len() > 10 => format!("{} … {last}", list(&first[..6], " ")),
        chain => list(chain, " "),
    }
}
