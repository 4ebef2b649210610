//! A journal may lose any record, at any place: the builds that follow are right all the same, whichever rebuilder reads what is left.
//!
//! A small build is edited, built, partly built, reverted, by each rebuilder in turn. Then the journal is damaged in every
//! way that a small journal can be, and each rebuilder goes on from what is left, through further edits that bring back old states
//! (which is where false memories would show).

use std::collections::HashSet;

use alacarte_core::{Build, Event, Fetch, Journal, Keys, Rebuilder, Retention, Rules, Scheduler, declared, formula};
use alacarte_stores::{Log, Memory, SharedBytes};

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

const TARGETS: [&str; 3] = ["half", "sum", "twice"];

/// What the inputs hold.
#[derive(Clone, Copy, Debug)]
struct Inputs {
    a: i64,
    b: i64,
    c: i64,
}

const START: Inputs = Inputs { a: 4, b: 10, c: 20 };

/// Edits, each followed by a build of some of the targets.
const SCRIPT: [(Inputs, usize); 6] = [
    (START, 3),
    (Inputs { a: 5, ..START }, 3),
    (Inputs { a: 5, b: 11, c: 20 }, 1),
    (Inputs { a: 4, b: 11, c: 20 }, 2),
    (Inputs { a: 4, b: 10, c: 21 }, 1),
    (Inputs { a: 7, b: 10, c: 21 }, 3),
];

/// What happens after the damage: among them the states in which the journal was written.
const AFTERWARDS: [Inputs; 4] =
    [Inputs { a: 7, b: 10, c: 21 }, Inputs { a: 7, b: 11, c: 21 }, START, Inputs { a: 4, b: 10, c: 21 }];

fn truth(inputs: Inputs) -> [i64; 3] {
    let Inputs { a, b, c } = inputs;
    let half = a / 2;
    let sum = half + if a % 2 == 0 { b } else { c };
    [half, sum, 2 * sum + b]
}

fn tasks() -> Rules<String, i64> {
    Rules::new()
        .rule("half", formula(["a"], |[a]| a / 2))
        .rule(
            "chosen",
            declared(["a", "b", "c"], async |fetch: Fetch<'_, String, i64>| {
                let even = fetch.get("a".to_owned()).await? % 2 == 0;
                fetch.get(if even { "b" } else { "c" }.to_owned()).await
            }),
        )
        .rule("sum", formula(["half", "chosen"], |[half, chosen]| half + chosen))
        .rule("twice", formula(["sum", "b"], |[sum, b]| 2 * sum + b))
}

type Small = Build<
    String,
    i64,
    Rules<String, i64>,
    Memory<String, i64>,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<String, i64>>,
    Log<String, i64>,
>;

fn open(inputs: Inputs, rebuilder: &str, log: Log<String, i64>) -> Small {
    let Inputs { a, b, c } = inputs;
    let memory = Memory::from([("a", a), ("b", b), ("c", c)].map(|(key, value)| (key.to_owned(), value)));
    Build::new(tasks(), memory)
        .with_scheduler(alacarte_schedulers::named("suspending").expect("known"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("known"))
        .with_journal(log)
}

fn build(build: &mut Small, inputs: Inputs, targets: usize, context: &dyn Fn() -> String) {
    for (key, value) in [("a", inputs.a), ("b", inputs.b), ("c", inputs.c)] {
        build.set(key.to_owned(), value).expect("set");
    }
    let targets: Vec<String> = TARGETS[..targets].iter().map(ToString::to_string).collect();
    build.run(&targets).unwrap_or_else(|error| panic!("{}: {error}", context()));
    for (target, expected) in targets.iter().zip(truth(inputs)) {
        assert_eq!(build.get(target), Some(expected), "{target} of {inputs:?}, {}", context());
    }
}

/// The journal of the script. Each step is taken by another process.
fn written(rebuilder: &str) -> Vec<u8> {
    let mut log = Log::in_memory();
    let bytes = log.shared().expect("in memory");
    let mut before = START;
    for (inputs, targets) in SCRIPT {
        let mut small = open(before, rebuilder, log);
        build(&mut small, inputs, targets, &|| format!("written by {rebuilder}"));
        before = inputs;
        drop(small);
        log = Log::from_bytes(bytes.clone());
    }
    bytes.to_vec()
}

/// All that a log still says.
fn said(bytes: &[u8]) -> String {
    let (mut keys, mut said) = (Keys::default(), String::new());
    let mut log = Log::<String, i64>::from_bytes(bytes.to_vec());
    let outcome = log.replay(&mut keys, &mut |keys, event| {
        let what = match event {
            Event::Changed { fingerprint, value, modified, input, .. } => {
                format!("{fingerprint:?} {value:?} {modified} {input}")
            }
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => {
                format!("{:?} {} {} {:?}", record.dependencies, record.deep, record.volatile, record.value)
            }
            Event::Detached { done, .. } => format!("owed, {done}"),
            Event::Forgotten { keys: gone } => gone.iter().map(|key| keys.show(*key)).collect::<Vec<_>>().join(", "),
        };
        let key = event.key().map_or("forgotten:".into(), |key| keys.show(key));
        said += &format!("{key} {what}\n");
    });
    outcome.expect("read");
    said
}

/// Goes on from damaged journals, in every way; but only once from those that say the same.
#[derive(Default)]
struct Checked(HashSet<String>);

impl Checked {
    fn check(&mut self, bytes: &[u8], context: &dyn Fn() -> String) {
        if !self.0.insert(said(bytes)) {
            return;
        }
        for rebuilder in REBUILDERS {
            // A process may find the inputs as the last one left them, or as they were long ago.
            for first in 0..AFTERWARDS.len() {
                let shared = SharedBytes::from(bytes.to_vec());
                let context = || format!("read by {rebuilder} from state {first}, {}", context());
                let mut before = AFTERWARDS[first];
                for half in [&AFTERWARDS[first..], &AFTERWARDS[..first]] {
                    let mut small = open(before, rebuilder, Log::from_bytes(shared.clone()));
                    for &inputs in half {
                        build(&mut small, inputs, 3, &context);
                        before = inputs;
                    }
                }
            }
        }
    }
}

#[test]
fn a_whole_journal_is_taken_up_by_any_rebuilder() {
    for writer in REBUILDERS {
        Checked::default().check(&written(writer), &|| format!("written by {writer}"));
    }
}

#[test]
fn a_flipped_byte_is_never_a_wrong_value() {
    let mut checked = Checked::default();
    for writer in REBUILDERS {
        let whole = written(writer);
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            checked.check(&bytes, &|| format!("byte {at} of {} flipped, written by {writer}", whole.len()));
        }
    }
    assert!(checked.0.len() > 50);
}

#[test]
fn a_journal_cut_anywhere_is_never_a_wrong_value() {
    let mut checked = Checked::default();
    for writer in REBUILDERS {
        let whole = written(writer);
        for length in 0..whole.len() {
            checked.check(&whole[..length], &|| format!("cut to {length} of {}, written by {writer}", whole.len()));
        }
    }
}

#[test]
fn a_part_cut_out_is_never_a_wrong_value() {
    let mut checked = Checked::default();
    for writer in REBUILDERS {
        let whole = written(writer);
        for start in (0..whole.len()).step_by(3) {
            for length in [70, 150, 400] {
                let mut bytes = whole.clone();
                bytes.drain(start..(start + length).min(whole.len()));
                checked.check(&bytes, &|| format!("{length} bytes cut out at {start}, written by {writer}"));
            }
        }
    }
}

/// The last thing that a process writes is a key that it had forgotten before, and the crash takes what was built of it: only
/// its name is read again. The number that it had goes to another key, whose values are not taken for its own.
#[test]
fn a_key_of_which_only_the_name_is_left_is_not_taken_for_another() {
    for rebuilder in REBUILDERS {
        let rules = || {
            ["a", "b", "c", "d"].into_iter().zip(1..).fold(Rules::new(), |rules, (key, value)| {
                rules.rule(
                    key.to_owned(),
                    declared([0; 0].map(|_: i64| String::new()), async move |_: Fetch<'_, _, _>| Ok(value)),
                )
            })
        };
        let system = |log| {
            Build::new(rules(), Memory::<String, i64>::default())
                .with_scheduler(alacarte_schedulers::named("suspending").expect("known"))
                .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("known"))
                .with_journal(log)
        };
        let bytes = {
            let log = Log::in_memory();
            let bytes = log.shared().expect("in memory");
            let mut build = system(log);
            build.run(["a".to_owned()]).expect("built");
            assert_eq!(build.collect(Retention::of_builds(0)).expect("in memory"), 1, "{rebuilder}");
            build.run(["b".to_owned(), "a".to_owned()]).expect("built");
            drop(build);
            bytes.to_vec()
        };
        // However much of the end is lost.
        for left in 0..bytes.len() {
            let log = Log::from_bytes(bytes[..left].to_vec());
            let bytes = log.shared().expect("in memory");
            let mut build = system(log);
            // (The first is met before the journal is read, the second gets a number that is free.)
            for key in ["c", "d"] {
                build.run([key.to_owned()]).expect("built");
            }
            let mut build = system(Log::from_bytes(bytes));
            build.run(["a", "b", "c", "d"].map(str::to_owned)).expect("built");
            let values = ["a", "b", "c", "d"].map(|key| build.get(key.to_owned()));
            assert_eq!(values, [1, 2, 3, 4].map(Some), "{rebuilder}, of which {left} bytes are left");
        }
    }
}
