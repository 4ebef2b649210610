//! Builds that follow suspects: which keys they visit, and how often.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::task::Poll;

use alacarte_core::{
    Answer, Build, Fetch, Fetched, KeyId, Metadata, Question, Rebuilder, Rules, Running, Static, Suspects, Tasks,
    declared, formula,
};
use alacarte_rebuilders::DirtyBit;
use alacarte_stores::Memory;
use common::{Key, ran, system};

/// The schedulers that follow suspects.
const FOLLOWING: [&str; 2] = ["topological", "bottom-up"];

/// Dirty bits, whose list of suspects is made anew whenever somebody asks for it.
#[derive(Default)]
struct Anew(Cell<u64>);

impl Rebuilder<Key, i64> for Anew {
    fn install(&self, metadata: &mut Metadata) {
        Rebuilder::<Key, i64>::install(&DirtyBit, metadata);
    }
    fn ask(&self, question: &mut Question<'_, Key, i64>, metadata: &Metadata) -> Poll<Answer<i64>> {
        DirtyBit.ask(question, metadata)
    }
    fn suspects<'m>(&self, metadata: &'m Metadata) -> Option<Suspects<'m>> {
        let suspects = Rebuilder::<Key, i64>::suspects(&DirtyBit, metadata)?;
        self.0.set(self.0.get() + 1);
        Some(Suspects::new(suspects.keys, self.0.get()))
    }
    fn dependents(&self, key: KeyId, metadata: &Metadata, each: &mut dyn FnMut(KeyId)) {
        Rebuilder::<Key, i64>::dependents(&DirtyBit, key, metadata, each);
    }
    fn dependency(&self, key: KeyId, position: usize, metadata: &Metadata) -> Option<Fetched> {
        Rebuilder::<Key, i64>::dependency(&DirtyBit, key, position, metadata)
    }
}

/// A key that has become volatile is a suspect for the next build. In this one it has run, however often the list is told.
#[test]
fn what_has_become_volatile_runs_once_in_a_build() {
    for scheduler in FOLLOWING {
        let runs = Rc::new(Cell::new(0));
        let count = runs.clone();
        let now_and_then = async move |fetch: Fetch<'_, Key, i64>| {
            count.set(count.get() + 1);
            let a = fetch.get("A").await?;
            if a > 1 {
                fetch.volatile();
            }
            Ok(a)
        };
        let tasks = Rules::new()
            .rule("volatile", declared(["A"], now_and_then))
            .rule("beside", formula(["A"], |[a]: [i64; 1]| a * 2))
            .rule("top", formula(["volatile", "beside"], |[left, right]| left + right));
        let mut build = Build::new(tasks, Memory::from([("A", 1)]))
            .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
            .with_rebuilder(Anew::default());
        build.run(["top"]).expect("built");
        build.set("A", 2).expect("set");
        build.run(["top"]).expect("built");
        assert_eq!((build.get("top"), runs.get()), (Some(6), 2), "{scheduler}");
    }
}

/// `top` fetches `left` and must follow `before`; both look at A, and neither comes to another value.
struct Ordered(Rules<Key, i64>);

impl Tasks<Key, i64> for Ordered {
    type Power = Static;

    fn has(&self, key: &Key) -> bool {
        self.0.has(key)
    }
    fn run<'t>(&'t self, key: &Key, fetch: Fetch<'t, Key, i64>) -> Running<'t, i64> {
        self.0.run(key, fetch)
    }
    fn declared(&self, key: &Key, each: &mut dyn FnMut(&Key)) -> bool {
        self.0.declared(key, each)
    }
    fn order_only(&self, key: &Key, each: &mut dyn FnMut(&Key)) {
        if *key == "top" {
            each(&"before");
        }
    }
}

/// That of two keys which changed nothing one only precedes it is no reason to visit a key.
#[test]
fn a_key_above_what_did_not_change_is_not_visited() {
    for scheduler in FOLLOWING {
        let sign = || formula(["A"], |[a]: [i64; 1]| a.signum());
        let rules = Rules::new()
            .rule("left", sign())
            .rule("before", sign())
            .rule("top", formula(["left"], |[left]: [i64; 1]| left + 1));
        let mut build = system(scheduler, "dirty-bit", Ordered(rules), &[("A", 1)]);
        build.run(["top"]).expect("built");
        for a in [2, 3] {
            build.set("A", a).expect("set");
            let report = build.run(["top"]).expect("built");
            assert_eq!((ran(&build, &report), report.kept), (vec!["before", "left"], 0), "{scheduler}");
        }
    }
}
