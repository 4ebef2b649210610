//! A rebuilder around another says what that says, in all but its own matter.

use std::task::Poll;

use alacarte_core::{
    Answer, Build, Fetched, Fingerprint, KeyId, Metadata, Question, Reason, Rebuilder, Rules, SharableTrace, Suspects,
    formula,
};
use alacarte_metadata::ConstructiveTraces;
use alacarte_rebuilders::{ConstructiveTrace, DeepConstructiveTrace, Rechecked, Restores, Within};
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;

/// Says something of its own to every question; to what can be denied, this.
#[derive(Clone, Copy)]
struct Odd(bool);

impl Restores<i64> for Odd {
    type Traces = ConstructiveTraces<i64>;
}

impl Rebuilder<u32, i64> for Odd {
    fn ask(&self, _: &mut Question<'_, u32, i64>, _: &Metadata) -> Poll<Answer<i64>> {
        Poll::Ready(Answer::Run(Reason::Other("odd")))
    }

    fn skips_unchanged_builds(&self) -> bool {
        self.0
    }

    fn heeds_touches(&self) -> bool {
        self.0
    }

    fn suspects<'m>(&self, _: &'m Metadata) -> Option<Suspects<'m>> {
        Some(Suspects::new(&[], 7))
    }

    fn dependents(&self, key: KeyId, _: &Metadata, each: &mut dyn FnMut(KeyId)) {
        each(KeyId::new(key.index() + 1));
    }

    fn dependency(&self, key: KeyId, position: usize, _: &Metadata) -> Option<Fetched> {
        Some(Fetched::new(KeyId::new(key.index() + position)).with_grouped(true))
    }

    fn restores(&self) -> bool {
        self.0
    }

    fn sharable_trace(&self, key: KeyId, _: &Metadata) -> Option<SharableTrace> {
        Some(SharableTrace::new(Vec::new(), Some(Fingerprint(key.index() as u64))))
    }
}

#[test]
fn what_the_inner_one_says_is_said() {
    let metadata = Metadata::default();
    let key = KeyId::new(3);
    let said = |rebuilder: &dyn Rebuilder<u32, i64>| {
        let mut dependents = Vec::new();
        rebuilder.dependents(key, &metadata, &mut |key| dependents.push(key));
        (
            (rebuilder.skips_unchanged_builds(), rebuilder.heeds_touches(), rebuilder.restores(), dependents),
            rebuilder.suspects(&metadata).map(|suspects| (suspects.keys.len(), suspects.generation)),
            rebuilder.dependency(key, 5, &metadata),
            rebuilder.sharable_trace(key, &metadata).map(|trace| (trace.dependencies, trace.deep)),
        )
    };
    for odd in [Odd(true), Odd(false)] {
        let boxed: Box<dyn Rebuilder<u32, i64>> = Box::new(odd);
        assert_eq!(said(&boxed), said(&odd), "Box");
        assert_eq!(said(&Within::new(9, odd)), said(&odd), "Within");
        assert_eq!(said(&Rechecked::new(odd, 50, 9)), said(&odd), "Rechecked");
    }
}

/// How many keys are restored when edits are taken back, one after the other.
fn restored(rebuilder: impl Rebuilder<&'static str, i64> + 'static) -> Vec<usize> {
    let tasks: Rules<&str, i64> = Rules::new().rule("B", formula(["A"], |[a]: [i64; 1]| a + 1));
    let mut build =
        Build::new(tasks, Memory::from([("A", 0)])).with_scheduler(Suspending::new()).with_rebuilder(rebuilder);
    let mut edited = |a: i64| {
        build.set("A", a).expect("set");
        let restored = build.run(["B"]).expect("built").restored.len();
        assert_eq!(build.get("B"), Some(a + 1));
        restored
    };
    [0, 1, 2, 3, 2, 1, 0].into_iter().map(&mut edited).collect()
}

#[test]
fn no_more_bytes_of_values_are_kept_than_they_may_take() {
    for (bytes, expected) in [(0, [0, 0, 0, 0, 0, 0, 0]), (1000, [0, 0, 0, 0, 1, 1, 1])] {
        assert_eq!(restored(Within::new(bytes, ConstructiveTrace)), expected, "{bytes} bytes");
        assert_eq!(restored(Within::new(bytes, DeepConstructiveTrace)), expected, "{bytes} bytes");
    }
}
