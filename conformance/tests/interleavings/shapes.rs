//! Small plans, each for one thing that may go wrong; and random ones.

use super::common::Key;
use super::interleaving_plan::Do::{Both, Detach, In, Mind, Parity, Thread, Work};
use super::interleaving_plan::{Do, Plan, fetch};
use alacarte_conformance::{Choices, Seeded};
use std::collections::BTreeMap;
use std::rc::Rc;

/// Work before and after fetches, so that what restarts has something to lose.
pub fn diamond() -> Plan {
    Plan::new(
        [
            ("base", vec![fetch(["a"]), Work]),
            ("left", vec![Work, fetch(["base"]), Work]),
            ("right", vec![fetch(["base", "b"]), Work]),
            ("top", vec![fetch(["left", "right"]), Work]),
        ],
        [("a", 10), ("b", 100)],
    )
}

pub fn fan() -> Plan {
    Plan::new(
        [
            ("w1", vec![fetch(["a"]), Work]),
            ("w2", vec![fetch(["a"]), Work]),
            ("w3", vec![fetch(["b"]), Work]),
            ("w4", vec![Work]),
            ("top", vec![fetch(["w1", "w2", "w3", "w4"])]),
        ],
        [("a", 10), ("b", 100)],
    )
}

pub fn chains() -> Plan {
    Plan::new(
        [
            ("x1", vec![fetch(["a"]), Work]),
            ("x2", vec![fetch(["x1"]), Work]),
            ("y1", vec![fetch(["b"]), Work]),
            ("y2", vec![fetch(["y1"]), Work]),
            ("top", vec![fetch(["x2", "y2"])]),
        ],
        [("a", 10), ("b", 100)],
    )
}

/// Fetches beside fetches, and fetches beside work.
pub fn joined() -> Plan {
    Plan::new(
        [
            ("x", vec![fetch(["a"]), Work]),
            ("y", vec![Work, fetch(["x", "b"])]),
            ("z", vec![Both(vec![Work], vec![fetch(["x"])]), Work]),
            ("top", vec![Both(vec![fetch(["y"])], vec![fetch(["x", "z"])])]),
        ],
        [("a", 10), ("b", 100)],
    )
}

/// One task that does much at once.
pub fn busy() -> Plan {
    Plan::new(
        [
            ("many", vec![Both(vec![Work], vec![Both(vec![Work, Work], vec![In("link")])]), fetch(["a"])]),
            ("more", vec![fetch(["b"]), In("link")]),
            ("top", vec![fetch(["many", "more"])]),
        ],
        [("a", 10), ("b", 100)],
    )
    .with_pool("link", 1)
}

/// Two pools beside the jobs.
pub fn pools() -> Plan {
    Plan::new(
        [
            ("l1", vec![fetch(["a"]), In("link")]),
            ("l2", vec![In("link")]),
            ("n1", vec![In("net")]),
            ("both", vec![fetch(["b"]), Both(vec![In("net")], vec![In("link")])]),
            ("c", vec![Work]),
            ("top", vec![fetch(["l1", "both", "l2", "n1", "c"])]),
        ],
        [("a", 10), ("b", 100)],
    )
    .with_pool("link", 1)
    .with_pool("net", 1)
}

/// One branch fails if `switch` is odd.
pub fn failing() -> Plan {
    Plan::new(
        [
            ("bad", vec![Work, Mind("switch")]),
            ("over", vec![fetch(["bad"]), Work]),
            ("good", vec![fetch(["a"]), Work]),
            ("fine", vec![fetch(["good"]), Work]),
            ("top", vec![fetch(["over", "fine"]), Work]),
        ],
        [("a", 10), ("switch", 1000)],
    )
}

/// Detached work that detaches work, which fails if `switch` is odd.
pub fn detached() -> Plan {
    Plan::new(
        [
            ("latest", vec![Work, Mind("switch")]),
            ("later", vec![Detach("latest"), fetch(["b"]), Work]),
            ("top", vec![Work, Detach("later"), fetch(["a"]), Work]),
        ],
        [("a", 10), ("b", 100), ("switch", 1000)],
    )
}

pub fn threads() -> Plan {
    Plan::new(
        [
            ("t1", vec![fetch(["a"]), Thread]),
            ("t2", vec![Thread, fetch(["t1"])]),
            ("w", vec![fetch(["b"]), Work]),
            ("top", vec![fetch(["t2", "w"]), Thread]),
        ],
        [("a", 10), ("b", 100)],
    )
}

/// Those that succeed.
pub fn all() -> [(&'static str, Plan); 9] {
    [
        ("diamond", diamond()),
        ("fan", fan()),
        ("chains", chains()),
        ("joined", joined()),
        ("busy", busy()),
        ("pools", pools()),
        ("failing", failing()),
        ("detached", detached()),
        ("threads", threads()),
    ]
}

const NAMES: [Key; 16] =
    ["k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7", "k8", "k9", "k10", "k11", "k12", "k13", "k14", "k15"];

/// A random plan: three inputs, all even, and up to thirteen tasks. Some fail when an input is odd.
pub fn random(seed: u64) -> Plan {
    let dice = &mut Seeded(seed);
    let inputs: BTreeMap<Key, i64> = (0..3).map(|n| (NAMES[n], 10_i64.pow(n as u32 + 1))).collect();
    let count = 4 + dice.choose(10);
    let mut tasks = BTreeMap::new();
    for (n, name) in NAMES.iter().enumerate().take(count).skip(3) {
        tasks.insert(*name, (0..1 + dice.choose(4)).map(|_| step(dice, n, 0)).collect());
    }
    // The last fetches a handful, so that much is reached.
    let last = NAMES[count];
    tasks.insert(last, vec![Do::Fetch((0..5).map(|_| NAMES[dice.choose(count)]).collect()), Work]);
    let jobs = 1 + dice.choose(4);
    let keep_going = dice.choose(2) == 0;
    let plan = Plan { tasks: Rc::new(tasks), inputs, target: last, jobs, pools: Vec::new(), keep_going };
    plan.with_pool("link", 1 + dice.choose(2))
}

fn step(dice: &mut Seeded, below: usize, depth: usize) -> Do {
    match dice.choose(if depth < 2 { 12 } else { 8 }) {
        0..3 => Work,
        3 => In("link"),
        4..7 => Do::Fetch((0..1 + dice.choose(3)).map(|_| NAMES[dice.choose(below)]).collect()),
        7 => Parity(NAMES[dice.choose(below)]),
        8 | 9 => Both(vec![step(dice, below, depth + 1)], vec![step(dice, below, depth + 1)]),
        10 => Mind(NAMES[dice.choose(3)]),
        _ => Detach(NAMES[dice.choose(below)]),
    }
}
