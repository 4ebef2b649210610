//! Keys and values that cannot be written, and in some processes cannot be read: the journal tells nothing of them that was so
//! once and may be so no more. Whatever the rebuilder, and whatever earlier processes built, each value is what a build from
//! scratch gives.

use std::cell::Cell;
use std::fmt;

use alacarte_core::{Build, Fingerprint, Rules, Value, formula};
use alacarte_stores::{Log, Memory, SharedBytes};
use serde::{Deserialize, Serialize};

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// The keys from the input to the target, each made of the one before.
const CHAIN: [&str; 4] = ["x", "low", "middle", "top"];

/// The places in the chain whose keys and whose values this process cannot write or read, as bits.
#[derive(Debug, Clone, Copy, Default)]
struct Unwritten {
    keys: u8,
    values: u8,
}

thread_local! {
    static UNWRITTEN: Cell<Unwritten> = const { Cell::new(Unwritten { keys: 0, values: 0 }) };
}

/// As bytes, if this place is none of these.
fn written<T: Serialize, S: serde::Serializer>(what: &T, place: u8, not: u8, serializer: S) -> Result<S::Ok, S::Error> {
    let refused = serde::ser::Error::custom("it cannot be written");
    if not & 1 << place == 0 { what.serialize(serializer) } else { Err(refused) }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "u8")]
struct Name(u8);

impl TryFrom<u8> for Name {
    type Error = &'static str;
    fn try_from(place: u8) -> Result<Self, &'static str> {
        if UNWRITTEN.get().keys & 1 << place == 0 { Ok(Name(place)) } else { Err("it cannot be read") }
    }
}

impl Serialize for Name {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        written(&self.0, self.0, UNWRITTEN.get().keys, serializer)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(CHAIN[usize::from(self.0)])
    }
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(try_from = "(u8, u64)")]
struct Number {
    place: u8,
    number: u64,
}

impl TryFrom<(u8, u64)> for Number {
    type Error = &'static str;
    fn try_from((place, number): (u8, u64)) -> Result<Self, &'static str> {
        if UNWRITTEN.get().values & 1 << place == 0 { Ok(Number { place, number }) } else { Err("it cannot be read") }
    }
}

impl Serialize for Number {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        written(&(self.place, self.number), self.place, UNWRITTEN.get().values, serializer)
    }
}

impl Value for Number {
    fn fingerprint(&self) -> Fingerprint {
        self.number.fingerprint()
    }

    fn is_whole(&self) -> bool {
        true
    }
}

/// Two inputs give one `low`, so that there is early cutoff; every `low` gives another `top`.
fn step(place: u8, below: u64) -> u64 {
    if place == 1 { below / 2 } else { below * 10 + below % 3 }
}

/// The value of `top`, what ran, and whether the journal had lost nothing and did not begin anew.
fn build(bytes: &SharedBytes, rebuilder: &str, unwritten: Unwritten, x: u64) -> (u64, Vec<String>, bool) {
    UNWRITTEN.set(unwritten);
    let mut tasks = Rules::new();
    for place in 1..4 {
        let task = move |[below]: [Number; 1]| Number { place, number: step(place, below.number) };
        tasks = tasks.rule(Name(place), formula([Name(place - 1)], task));
    }
    let mut build = Build::new(tasks, Memory::from([(Name(0), Number { place: 0, number: x })]))
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(Log::from_bytes(bytes.clone()));
    let report = build.run([Name(3)]).expect("built");
    let mut ran: Vec<_> = build.names(&report.ran).iter().map(ToString::to_string).collect();
    ran.sort();
    let journal = build.journal();
    let whole = journal.damage().is_none() && journal.anew().is_none();
    (build.get(Name(3)).expect("it has a value").number, ran, whole)
}

fn top(x: u64) -> u64 {
    (1..4).fold(x, |below, place| step(place, below))
}

#[test]
fn no_value_is_wrong() {
    for rebuilder in REBUILDERS {
        for (keys, values) in (0..16).flat_map(|keys| [0, 2, 4, 6, 8].map(|values| (keys, values))) {
            // In some histories, a process writes and reads everything amid others that do not.
            for everything in [0, 0b0010, 0b0100, 0b1010] {
                let bytes = SharedBytes::default();
                for (process, x) in [2, 4, 2, 3, 6, 4, 4, 2].into_iter().enumerate() {
                    let all = everything & 1 << (process / 2) != 0;
                    let unwritten = if all { Unwritten::default() } else { Unwritten { keys, values } };
                    let (number, ..) = build(&bytes, rebuilder, unwritten, x);
                    assert_eq!(number, top(x), "{rebuilder}, {unwritten:?}, {everything:b}, process {process}");
                }
            }
        }
    }
}

#[test]
fn what_cannot_be_written_costs_itself_and_what_was_made_of_it() {
    for rebuilder in REBUILDERS {
        for (keys, values, expected) in [
            (0, 0, &[][..]),
            (0b1000, 0, &["top"]),
            (0b0100, 0, &["middle", "top"]),
            (0, 0b0100, &["middle", "top"]),
            (0b0001, 0, &["low", "middle", "top"]),
        ] {
            let (bytes, unwritten) = (SharedBytes::default(), Unwritten { keys, values });
            build(&bytes, rebuilder, unwritten, 1);
            let (number, ran, whole) = build(&bytes, rebuilder, unwritten, 1);
            assert_eq!((number, whole), (top(1), true), "{rebuilder}, {unwritten:?}");
            assert_eq!(ran, expected, "{rebuilder}, {unwritten:?}");
        }
    }
}
