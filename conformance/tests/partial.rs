//! Fingerprints of a part: what a key holds is the whole value of its own last run, never one that is merely equal in that
//! part.

mod common;

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use alacarte_core::{
    Build, Dynamic, Fetch, Fingerprint, Key as AnyKey, Rebuilder, Rules, Scheduler, SharedTrace, StoreError,
    TraceCache, Value, task,
};
use alacarte_stores::Memory;
use common::{DYNAMIC, Key, RIGHT, Tape};

thread_local! {
    /// Values say that their fingerprints are whole, though they are not.
    static LIES: Cell<bool> = const { Cell::new(false) };
}

/// A source, of which everything counts, or an object, of which dependents see the interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Source(i64),
    Object { interface: i64, body: i64 },
}

impl Value for Part {
    fn fingerprint(&self) -> Fingerprint {
        match self {
            Part::Source(text) => text.fingerprint(),
            Part::Object { interface, .. } => interface.fingerprint().combine(1_u64.fingerprint()),
        }
    }

    fn is_whole(&self) -> bool {
        LIES.get()
    }
}

impl Part {
    /// What a dependent can see.
    fn shown(self) -> i64 {
        match self {
            Part::Source(shown) | Part::Object { interface: shown, .. } => shown,
        }
    }
}

type Fetches<'f> = Fetch<'f, Key, Part>;

/// An object whose interface is a tenth of what its dependency shows, and whose body is all of that.
fn tenth(of: Key, volatile: bool) -> impl AsyncFn(Fetches<'_>) -> alacarte_core::Result<Part> {
    async move |fetch: Fetches<'_>| {
        let body = fetch.get(of).await?.shown();
        if volatile && body % 3 == 0 {
            fetch.volatile();
        }
        Ok(Part::Object { interface: body / 10, body })
    }
}

fn tasks() -> Rules<Key, Part, Dynamic> {
    Rules::new()
        .rule("B", task(tenth("A", false)))
        .rule("C", task(tenth("B", false)))
        .rule("now and then", task(tenth("A", true)))
        .rule(
            "chosen",
            task(async |fetch: Fetches<'_>| {
                let body = match fetch.get("D").await?.shown() % 2 {
                    0 => fetch.get("B").await?.shown(),
                    _ => 100 + fetch.get("A").await?.shown(),
                };
                Ok(Part::Object { interface: body / 10, body })
            }),
        )
}

/// What a key holds by right, from these inputs.
fn truth(key: Key, a: i64, d: i64) -> Part {
    let body = match key {
        "B" | "now and then" => a,
        "C" => a / 10,
        _ if d % 2 == 0 => a / 10,
        _ => 100 + a,
    };
    Part::Object { interface: body / 10, body }
}

type Parts = Build<
    Key,
    Part,
    Rules<Key, Part, Dynamic>,
    Memory<Key, Part>,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<Key, Part>>,
    Tape<Key, Part>,
>;

fn build(scheduler: &str, rebuilder: &str, a: i64, d: i64, tape: &Tape<Key, Part>) -> Parts {
    Build::new(tasks(), Memory::from([("A", Part::Source(a)), ("D", Part::Source(d))]))
        .scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .journal(tape.clone())
}

fn everywhere(mut each: impl FnMut(&str, &str)) {
    for scheduler in DYNAMIC {
        for rebuilder in RIGHT {
            each(scheduler, rebuilder);
        }
    }
}

/// What the journal remembers of a value is enough for a new process to know it again, though the fingerprint is of a part.
#[test]
fn a_new_process_knows_again_what_the_one_before_has_built() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        for process in 0..3 {
            let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
            let report = parts.run(["B", "C"]).expect("built");
            let idle = process > 0 && rebuilder != "perpetual";
            assert_eq!(report.ran.is_empty(), idle, "{scheduler} × {rebuilder}, process {process}");
            assert_eq!(parts.get("B"), Some(truth("B", 41, 0)), "{scheduler} × {rebuilder}");
        }
    });
}

/// Edited and edited back: the older trace holds, but what lies there is the value of the newer.
#[test]
fn a_trace_does_not_vouch_for_a_value_that_is_equal_in_a_part() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
        for a in [41, 42, 41, 43, 42, 55, 41, 42] {
            parts.set("A", Part::Source(a)).expect("set");
            parts.run(["B", "C"]).expect("built");
            for key in ["B", "C"] {
                assert_eq!(parts.get(key), Some(truth(key, a, 0)), "{scheduler} × {rebuilder}: {key} of {a}");
            }
        }
        for a in [42, 41, 42] {
            drop(parts);
            parts = build(scheduler, rebuilder, a, 0, &tape);
            parts.run(["B"]).expect("built");
            assert_eq!(parts.get("B"), Some(truth("B", a, 0)), "{scheduler} × {rebuilder}: {a} in a new process");
        }
    });
}

/// An output that somebody wrote is not the one that was built, if only they look alike.
#[test]
fn an_output_that_was_written_over_is_built_again_even_if_its_interface_is_the_same() {
    everywhere(|scheduler, rebuilder| {
        let tape = Tape::default();
        let mut parts = build(scheduler, rebuilder, 41, 0, &tape);
        parts.run(["B"]).expect("built");
        for _ in 0..2 {
            parts.set("B", Part::Object { interface: 4, body: 0 }).expect("set");
            parts.run(["B"]).expect("built");
            assert_eq!(parts.get("B"), Some(truth("B", 41, 0)), "{scheduler} × {rebuilder}");
        }
    });
}

/// An interface that stays is still no reason for dependents to run.
#[test]
fn early_cutoff_goes_by_the_part() {
    everywhere(|scheduler, rebuilder| {
        let mut parts = build(scheduler, rebuilder, 41, 0, &Tape::default());
        parts.run(["C"]).expect("built");
        parts.set("A", Part::Source(42)).expect("set");
        let report = parts.run(["C"]).expect("built");
        let ran = parts.names(&report.ran);
        let cut = !matches!(rebuilder, "deep-constructive-trace" | "perpetual");
        assert!(!cut || ran == ["B"], "{scheduler} × {rebuilder}: {ran:?}");
        let idle = parts.run(["C"]).expect("built");
        assert!(rebuilder == "perpetual" || idle.ran.is_empty(), "{scheduler} × {rebuilder}");
    });
}

/// A shelf of traces that machines share.
#[derive(Clone)]
struct Shelf<K, V>(Rc<RefCell<Vec<SharedTrace<K, V>>>>);

impl<K: AnyKey, V: Value> TraceCache<K, V> for Shelf<K, V> {
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<K, V>)) -> Result<(), StoreError> {
        self.0.borrow().iter().cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<K, V>) -> Result<(), StoreError> {
        self.0.borrow_mut().push(trace.clone());
        Ok(())
    }
}

/// Everything that can happen, at random: every key that was asked for holds its own whole value. If not, after how many
/// histories that was found, and the story.
fn play(rounds: u64) -> Result<(), (u64, String)> {
    let mut random = 0x1234_5678_u64;
    let mut next = move |below: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    const KEYS: [Key; 4] = ["B", "C", "now and then", "chosen"];
    for round in 0..rounds {
        let (scheduler, rebuilder) = (DYNAMIC[next(3) as usize], RIGHT[next(6) as usize]);
        let tapes = [Tape::default(), Tape::default()];
        let shelf = Shelf(Rc::default());
        let cached = next(3) == 0;
        let start = |a, d, tape| {
            let parts = build(scheduler, rebuilder, a, d, tape);
            if cached { parts.cache(shelf.clone()) } else { parts }
        };
        let (mut a, mut d, mut told) = (41, 0, Vec::new());
        let mut parts = start(a, d, &tapes[0]);
        for _ in 0..24 {
            let (step, key, number) = (next(16), KEYS[next(4) as usize], next(30) as usize);
            told.push(match step {
                0..=3 => {
                    a = [40, 41, 42, 51, 57][number % 5];
                    parts.set("A", Part::Source(a)).expect("set");
                    format!("A := {a}")
                }
                4 => {
                    d = number as i64 % 2;
                    parts.set("D", Part::Source(d)).expect("set");
                    format!("D := {d}")
                }
                5 => {
                    let interface = truth(key, a, d).shown();
                    parts.set(key, Part::Object { interface, body: -1 }).expect("set");
                    format!("{key} is written over")
                }
                6 => {
                    parts.remove(key).expect("removed");
                    format!("{key} is lost")
                }
                7 => {
                    let name = RIGHT[number % 6];
                    parts = parts.rebuilder(alacarte_rebuilders::named(name).expect("one"));
                    format!("{name} takes over")
                }
                8 => {
                    parts = start(a, d, &tapes[number % 2]);
                    format!("a new process starts from journal {}", number % 2)
                }
                9 => {
                    parts = parts.journal(tapes[number % 2].clone());
                    format!("journal {} is chosen", number % 2)
                }
                _ => {
                    let report = parts.run([key]).expect("built");
                    format!("build {key}: {:?} ran", parts.names(&report.ran))
                }
            });
            let (is, should) = (parts.get(key), Some(truth(key, a, d)));
            if step > 9 && is != should {
                let told = told.join("\n");
                let from = format!("from {scheduler} × {rebuilder}, cache: {cached}");
                return Err((round + 1, format!("{from}: {key} is {is:?}, not {should:?}, after\n{told}")));
            }
        }
    }
    Ok(())
}

#[test]
fn whatever_happens_a_key_holds_its_own_whole_value() {
    if let Err((round, story)) = play(1_500) {
        panic!("history {round}, {story}");
    }
}

/// The histories bite: if a value is believed to be the one whose fingerprint it has, they show it.
#[test]
fn values_that_pass_for_whole_are_found_out() {
    LIES.set(true);
    let found = play(1_500).map_err(|(round, _)| round);
    LIES.set(false);
    assert!(found.is_err(), "nothing was noticed");
}
