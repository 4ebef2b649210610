//! Whatever a user wrote may panic, once, anywhere: the build unwinds or fails, and the next one is right.

mod common;

use std::cell::Cell;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use alacarte_core::{
    Build, Event, Fetch, Journal, KeyId, Keys, Rebuilder, Replay, Rules, Running, Scheduler, SharedTrace, Static,
    Store, StoreError, Tasks, Time, TraceCache, Value, declared, formula,
};
use alacarte_stores::Memory;
use common::{RIGHT, Tape};

/// Names each kind of code once: as a variant, and in the list of all.
macro_rules! fragile {
    ($($name:ident),*) => {
        /// What may panic.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        enum Fragile {
            $($name),*
        }

        use Fragile::*;

        const EVERYTHING: &[Fragile] = &[$($name),*];
    };
}

fragile!(
    CloneValue,
    Fingerprint,
    CloneKey,
    Hash,
    Equal,
    Display,
    Has,
    Declared,
    Definition,
    Run,
    Load,
    Refresh,
    Modified,
    Archive,
    Restore,
    Replay,
    Append,
    Flush,
    Traces,
    Add,
    Observe
);

thread_local! {
    /// What is to panic, and after how many calls of it.
    static FUSE: Cell<Option<(Fragile, u32)>> = const { Cell::new(None) };
}

/// Panics if it is time.
fn burn(what: Fragile) {
    FUSE.set(match FUSE.get() {
        // Like `panic!`, but nothing is written to the terminal.
        Some((fragile, 0)) if fragile == what => {
            FUSE.set(None);
            resume_unwind(Box::new(format!("{what:?}")))
        }
        Some((fragile, left)) if fragile == what => Some((fragile, left - 1)),
        fuse => fuse,
    });
}

#[derive(Debug, PartialEq, Eq)]
struct Number(i64);

impl Clone for Number {
    fn clone(&self) -> Self {
        burn(CloneValue);
        Number(self.0)
    }
}

impl Value for Number {
    fn fingerprint(&self) -> alacarte_core::Fingerprint {
        burn(Fingerprint);
        self.0.fingerprint()
    }

    fn is_whole(&self) -> bool {
        true
    }
}

#[derive(Debug)]
struct Label(&'static str);

impl Clone for Label {
    fn clone(&self) -> Self {
        burn(CloneKey);
        Label(self.0)
    }
}

impl PartialEq for Label {
    fn eq(&self, other: &Self) -> bool {
        burn(Equal);
        self.0 == other.0
    }
}

impl Eq for Label {}

impl Hash for Label {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn(Hash);
        self.0.hash(state);
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        burn(Display);
        f.write_str(self.0)
    }
}

/// Tasks that may panic whenever they are asked anything.
struct Touchy(Rules<Label, Number>);

impl Tasks<Label, Number> for Touchy {
    type Power = Static;

    fn has(&self, key: &Label) -> bool {
        burn(Has);
        self.0.has(key)
    }

    fn run<'t>(&'t self, key: &Label, fetch: Fetch<'t, Label, Number>) -> Running<'t, Number> {
        burn(Run);
        self.0.run(key, fetch)
    }

    fn declared(&self, key: &Label, each: &mut dyn FnMut(&Label)) -> bool {
        burn(Declared);
        self.0.declared(key, each)
    }

    fn definition(&self, key: &Label) -> Option<alacarte_core::Fingerprint> {
        burn(Definition);
        self.0.definition(key)
    }
}

/// A store, a journal, a cache that may panic.
struct Brittle<T>(T);

impl Store<Label, Number> for Brittle<Memory<Label, Number>> {
    fn open(&mut self, keys: &mut Keys<Label>) {
        self.0.open(keys);
    }

    fn relies_on_journal(&self) -> bool {
        true
    }

    fn gives_away(&self) -> bool {
        self.0.gives_away()
    }

    fn load(&mut self, id: KeyId, key: &Label) -> Result<Option<Number>, StoreError> {
        burn(Load);
        self.0.load(id, key)
    }

    fn refresh(
        &mut self,
        _: &mut dyn Iterator<Item = (KeyId, &Label, Option<&Number>)>,
        _: &mut dyn FnMut(KeyId, Option<Number>, Time),
    ) -> Result<(), StoreError> {
        burn(Refresh);
        Ok(())
    }

    fn modified(&mut self, _: &Label) -> Option<Time> {
        burn(Modified);
        None
    }

    fn archive(&mut self, _: &Label, _: &Number) -> Result<(), StoreError> {
        burn(Archive);
        Ok(())
    }

    fn restore(&mut self, _: &Label, _: &Number) -> Result<bool, StoreError> {
        burn(Restore);
        Ok(true)
    }
}

impl Journal<Label, Number> for Brittle<Tape<Label, Number>> {
    fn replay(&mut self, keys: &mut Keys<Label>, each: &mut Replay<'_, Label, Number>) -> Result<(), StoreError> {
        self.0.replay(keys, &mut |keys, event, value| {
            burn(Replay);
            each(keys, event, value);
        })
    }

    fn append(&mut self, keys: &Keys<Label>, event: &Event<'_>, value: Option<&Number>) -> Result<(), StoreError> {
        burn(Append);
        self.0.append(keys, event, value)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        burn(Flush);
        Ok(())
    }

    fn keeps(&self) -> bool {
        self.0.keeps()
    }
}

impl TraceCache<Label, Number> for Brittle<Vec<SharedTrace<Label, Number>>> {
    fn traces(&mut self, each: &mut dyn FnMut(SharedTrace<Label, Number>)) -> Result<(), StoreError> {
        burn(Traces);
        self.0.iter().cloned().for_each(each);
        Ok(())
    }

    fn add(&mut self, trace: &SharedTrace<Label, Number>) -> Result<(), StoreError> {
        burn(Add);
        self.0.push(trace.clone());
        Ok(())
    }
}

fn tasks() -> Touchy {
    let chosen = async |fetch: Fetch<'_, Label, Number>| {
        let Number(d) = fetch.get(Label("D")).await?;
        fetch.get(Label(if d == 0 { "B" } else { "A" })).await
    };
    Touchy(
        Rules::new()
            .rule(Label("B"), formula([Label("A")], |[a]: [Number; 1]| Number(a.0 + 1)))
            .rule(Label("C"), formula([Label("B"), Label("D")], |[b, d]: [Number; 2]| Number(2 * b.0 + d.0)))
            .rule(Label("E"), declared([Label("D"), Label("B"), Label("A")], chosen))
            .rule(Label("F"), formula([Label("C"), Label("E")], |[c, e]: [Number; 2]| Number(c.0 * 100 + e.0))),
    )
}

fn truth(key: &str, a: i64, d: i64) -> i64 {
    let (b, c, e) = (a + 1, 2 * (a + 1) + d, if d == 0 { a + 1 } else { a });
    match key {
        "B" => b,
        "C" => c,
        "E" => e,
        _ => c * 100 + e,
    }
}

type Shaken = Build<
    Label,
    Number,
    Touchy,
    Brittle<Memory<Label, Number>>,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<Label, Number>>,
    Brittle<Tape<Label, Number>>,
>;

/// Does something again if it panicked, or ended with an error: a panic happens once.
fn twice<T, E: fmt::Debug>(about: &str, mut act: impl FnMut() -> Result<T, E>) -> (T, bool) {
    match catch_unwind(AssertUnwindSafe(&mut act)) {
        Ok(Ok(done)) => (done, false),
        _ => (act().unwrap_or_else(|error| panic!("{about}, and then: {error:?}")), true),
    }
}

/// A history in which everything is asked for; how many steps panicked.
fn play(scheduler: &str, rebuilder: &str, tape: &Tape<Label, Number>, about: &str) -> usize {
    let mut panicked = 0;
    for (first, second) in [((1, 0), (2, 0)), ((2, 1), (1, 1))] {
        let (mut a, mut d) = first;
        // The process begins without trouble, so that there is a build to be shaken.
        let fuse = FUSE.take();
        let mut build: Shaken =
            Build::new(tasks(), Brittle(Memory::from([(Label("A"), Number(a)), (Label("D"), Number(d))])))
                .scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
                .rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
                .journal(Brittle(tape.clone()))
                .cache(Brittle(Vec::new()))
                .observe(|_, _, _| burn(Observe));
        FUSE.set(fuse);
        let mut run = |build: &mut Shaken, key: &'static str, a: i64, d: i64| {
            panicked += usize::from(twice(about, || build.run([Label(key)])).1);
            let fuse = FUSE.take();
            assert_eq!(build.get(Label(key)), Some(Number(truth(key, a, d))), "{key} of {a} and {d}, {about}");
            FUSE.set(fuse);
        };
        run(&mut build, "C", a, d);
        run(&mut build, "F", a, d);
        let _ = twice(about, || build.set(Label("A"), Number(second.0)));
        a = second.0;
        run(&mut build, "B", a, d);
        let _ = twice(about, || build.set(Label("D"), Number(1 - d)));
        d = 1 - d;
        run(&mut build, "F", a, d);
        let _ = twice(about, || build.set(Label("A"), Number(first.0)));
        a = first.0;
        run(&mut build, "E", a, d);
        let _ = twice(about, || build.touch(Label("D")));
        let _ = twice(about, || build.remove(Label("B")));
        run(&mut build, "F", a, d);
        run(&mut build, "C", a, d);
        let _ = twice(about, || build.set(Label("A"), Number(5)));
        run(&mut build, "F", 5, d);
    }
    panicked
}

#[test]
fn whatever_panics_once_the_next_build_is_right() {
    let mut seen = Vec::new();
    for &what in EVERYTHING {
        for after in (0..8).chain((8..60).step_by(7)).chain((60..600).step_by(97)) {
            for (number, rebuilder) in RIGHT.iter().enumerate() {
                let scheduler = alacarte_schedulers::NAMES[(number + after as usize) % 4];
                for tape in [Tape::default(), Tape::forgetful()] {
                    FUSE.set(Some((what, after)));
                    let about = format!("{scheduler} × {rebuilder}, {what:?} panics after {after} calls");
                    let panicked = play(scheduler, rebuilder, &tape, &about);
                    if panicked > 0 && !seen.contains(&what) {
                        seen.push(what);
                    }
                    FUSE.set(None);
                }
            }
        }
    }
    // (Names are printed for deep traces and for failures; a value that is equal is not put back.)
    let unseen: Vec<Fragile> = EVERYTHING.iter().copied().filter(|what| !seen.contains(what)).collect();
    assert_eq!(unseen, [], "everything is asked for in some build");
}
