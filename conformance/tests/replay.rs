//! Journal replay = live state: an updater that was shown what a journal gives back is the one that lived through it.
//!
//! Every history is written to the real log. In the middle of it a process ends, and another goes on with what the log
//! gives back; at the end a third reads the whole. All that they say is what the model says that saw every event. (A log that
//! was shortened has forgotten old traces on purpose, and is not judged here.)

#[path = "contracts/history.rs"]
#[allow(dead_code, reason = "the contracts use the rest")]
mod history;
#[path = "contracts/models.rs"]
mod models;

use alacarte::{Event, Journal, Keys, MetadataUpdater, Record};
use alacarte_conformance::Tape;
use alacarte_conformance::broken::Lie;
use alacarte_stores::{Log, SharedBytes};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult, TestError, TestRng, TestRunner};

use history::{KEYS, Seed, Step, World, cases, seeds};
use models::{Chain, Constructive, Deep, Dirty, Graph, Model, Steps, Suspects, Times, Verifying};

/// A process: what it remembers, and where it writes.
struct Process<U, J> {
    keys: Keys<u64>,
    updater: U,
    journal: J,
}

impl<U: MetadataUpdater + Default, J: Journal<u64, u64>> Process<U, J> {
    /// Begins with what the journal gives back.
    fn new(mut journal: J) -> Self {
        let (mut keys, mut updater) = (Keys::default(), U::default());
        for key in 0..KEYS as u64 {
            keys.intern(&key);
        }
        let replayed = journal.replay(&mut keys, &mut |_, event, _| {
            // Names are left out of it: the model knows keys by number.
            updater.apply(&match event {
                Event::Built(record) => Event::Built(unnamed(*record)),
                Event::Restored(record) => Event::Restored(unnamed(*record)),
                Event::Learned(record) => Event::Learned(unnamed(*record)),
                changed => *changed,
            });
        });
        replayed.expect("memory can be read");
        Process { keys, updater, journal }
    }

    fn live(&mut self, step: &Step) {
        step.show(&mut self.updater);
        let Process { keys, journal, .. } = self;
        step.with_event(|event| journal.append(keys, event, step.value.as_ref())).expect("memory can be written");
    }

    fn end(mut self) {
        self.journal.flush().expect("memory can be written");
    }
}

fn unnamed(record: Record<'_>) -> Record<'_> {
    Record { names: &(), ..record }
}

fn lives<M: Model, J: Journal<u64, u64>>(history: &[Step], open: impl Fn() -> J) -> TestCaseResult {
    let mut model = M::default();
    let (before, after) = history.split_at(history.len() / 2);
    for steps in [before, after] {
        let mut process = Process::<M::Of, J>::new(open());
        model.check(&process.updater)?;
        for step in steps {
            model.see(step);
            process.live(step);
            model.check(&process.updater)?;
        }
        process.end();
    }
    model.check(&Process::<M::Of, J>::new(open()).updater)
}

/// Lets many histories live, in journals that each of them opens with what `journal` makes.
fn run<M: Model, J: Journal<u64, u64>, O: Fn() -> J>(
    cases: u32,
    journal: impl Fn() -> O,
) -> Result<(), TestError<Vec<Seed>>> {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 512, ..Config::default() };
    let rng = TestRng::from_seed(config.rng_algorithm, &[8; 32]);
    TestRunner::new_with_rng(config, rng).run(&seeds(), |seeds| {
        let mut world = World::new();
        seeds.iter().for_each(|seed| M::GO_ON(&mut world, seed));
        lives::<M, J>(&world.history, journal()).map_err(|error| match error {
            TestCaseError::Fail(why) => TestCaseError::fail(format!("{why}\nafter {:#?}", world.history)),
            rejected => rejected,
        })
    })
}

fn in_the_log<M: Model>() {
    let lived = run::<M, _, _>(cases(), || {
        let bytes = SharedBytes::default();
        move || Log::from_bytes(bytes.clone())
    });
    if let Err(error) = lived {
        panic!("{error}");
    }
}

/// Whatever a journal may not do, the law notices, updater by updater; and nothing of one that does not lie.
fn not_in_a_liar<M: Model>(updater: &str) {
    let told = |lie| {
        run::<M, _, _>(256, || {
            let tape = Tape::lying(lie);
            move || tape.clone()
        })
    };
    assert!(told(None).is_ok(), "{updater}: a journal does not lie");
    for lie in [Lie::Loses, Lie::Swaps, Lie::Repeats, Lie::Misnames] {
        assert!(matches!(told(Some(lie)), Err(TestError::Fail(..))), "{updater}: nothing was noticed of {lie:?}");
    }
}

macro_rules! replays {
    ($($name:ident: $model:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn is_what_it_was() {
                in_the_log::<$model>();
            }

            #[test]
            fn is_not_after_a_lie() {
                not_in_a_liar::<$model>(stringify!($name));
            }
        }
    )*};
}

replays! {
    graph: Graph;
    dirty: Dirty;
    suspects: Suspects;
    times: Times;
    chain: Chain;
    steps: Steps;
    verifying: Verifying;
    constructive: Constructive;
    deep: Deep;
}
