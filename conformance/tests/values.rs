//! Values, keys and texts: what other processes and people rely on.

use std::fmt;
use std::io;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use alacarte_conformance::Tape;
use alacarte_core::{
    Build, BuildError, Cause, Decision, Event, Failure, Fetch, FetchRule, Fingerprint, Journal, Key, KeyId,
};
use alacarte_core::{
    Dynamic, Rule, RuleKey, Rules, StoreError, TaskError, Tasks, TypedRules, Value, WhenBlocked, formula, task,
};
use alacarte_core::{
    Keys, Metadata, MetadataUpdater, NoJournal, Output, Reason, Record, Report, Result, StableKeyHash,
};
use alacarte_metadata::{CalcChain, DependencyGraph, StepTraces};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use alacarte_stores::Memory;

/// They are written to disk, and read by another process of another version.
#[test]
fn fingerprints_are_the_same_for_ever() {
    let golden: [(Fingerprint, u64); 12] = [
        (0_u64.fingerprint(), 0xe220_a839_7b1d_cdaf),
        (1_i64.fingerprint(), 0xe4d9_7177_1b65_2c20),
        (u64::MAX.fingerprint(), 0xde0a_564c_bcd0_60c4),
        (true.fingerprint(), 0xe4d9_7177_1b65_2c20),
        (1.5_f64.fingerprint(), 0x8874_7b63_583e_67c7),
        ("text".fingerprint(), 0x09a3_c9fd_3168_1c83),
        (().fingerprint(), 0),
        (Some(3_u8).fingerprint(), 0x3cbe_ffe1_283c_07c7),
        (None::<u8>.fingerprint(), 0xe220_a839_7b1d_cdaf),
        (vec![1_u32, 2].fingerprint(), 0xcab1_b63d_911d_2e33),
        ((1_u32, 2_u32).fingerprint(), 0xe6f3_0974_fc9f_de7b),
        (Fingerprint::default().combine(Fingerprint(9)), 0x63cb_e1e4_5932_0dd7),
    ];
    for (fingerprint, expected) in golden {
        assert_eq!(fingerprint, Fingerprint(expected));
    }
}

#[test]
fn a_value_has_one_fingerprint_whatever_it_is_wrapped_in() {
    let text = "text".fingerprint();
    let same = [
        String::from("text").fingerprint(),
        Rc::<str>::from("text").fingerprint(),
        Arc::<str>::from("text").fingerprint(),
        Rc::new("text").fingerprint(),
        Arc::new("text").fingerprint(),
    ];
    assert!(same.iter().all(|other| *other == text));
    assert_eq!(1.5_f32.fingerprint(), 1.5_f64.fingerprint());
    assert_ne!((1_u8, 2_u8).fingerprint(), (2_u8, 1_u8).fingerprint());
    assert_ne!(2.5_f64.fingerprint(), 1.5_f64.fingerprint());
    assert_ne!("other".fingerprint(), text);
}

#[test]
fn half_of_a_fingerprint_knows_all_of_it() {
    let whole = Fingerprint(0x0123_4567_89ab_cdef);
    assert_eq!(whole.fold32(), 0x0123_4567 ^ 0x89ab_cdef);
    assert_eq!((whole.to_string(), format!("{whole:?}")), ("88888888".into(), "0123456789abcdef".into()));
    assert_eq!(Fingerprint(7).to_string(), "00000007");
}

#[test]
fn keys_are_numbered_as_they_are_met() {
    let mut keys: Keys<&str> = Keys::default();
    assert_eq!((keys.is_empty(), keys.len()), (true, 0));
    keys.reserve(10);
    let ids = ["a", "b", "a", "c"].map(|key| keys.intern(&key));
    assert_eq!(ids.map(KeyId::index), [0, 1, 0, 2]);
    assert_eq!((keys.is_empty(), keys.len()), (false, 3));
    assert_eq!(keys.iter().collect::<Vec<_>>(), [(ids[0], &"a"), (ids[1], &"b"), (ids[3], &"c")]);
    assert_eq!((keys.find(&"b"), keys.find(&"d")), (Some(ids[1]), None));
    assert_eq!((keys.show(ids[1]), keys.show(ids[1].definition())), ("b".into(), "the definition of b".into()));
    assert_eq!(*keys.name(ids[3].definition()), "c");
    assert_eq!(format!("{:?} {:?}", ids[3], ids[3].definition()), "key2 def2");
}

#[test]
fn a_number_survives_the_raw_form_and_leaves_its_highest_bit_free() {
    for id in [KeyId::new(0), KeyId::new(5), KeyId::new(KeyId::LIMIT - 1)] {
        for id in [id, id.definition()] {
            assert_eq!(id.to_raw() >> 31, 0);
            assert_eq!((KeyId::from_raw(id.to_raw()), KeyId::from_raw(id.to_raw() | 1 << 31)), (id, id));
            assert_eq!((id.definition().definition(), id.subject().subject()), (id.definition(), id.subject()));
        }
    }
    assert_eq!(KeyId::LIMIT, 1 << 30);
}

/// Names are what processes have in common; numbers are not.
#[test]
fn a_key_and_its_definition_have_names_of_their_own() {
    fn names(names: &dyn StableKeyHash, id: KeyId) -> [Fingerprint; 2] {
        [names.stable_hash(id), names.stable_hash(id.definition())]
    }
    let mut keys: Keys<String> = Keys::default();
    let ids = ["a", "b"].map(|key| keys.intern(&key.to_owned()));
    let mut others: Keys<&str> = Keys::default();
    let reversed = ["b", "a"].map(|key| others.intern(&key));
    assert_eq!(names(&keys, ids[0]), names(&others, reversed[1]));
    let all = [names(&keys, ids[0]), names(&keys, ids[1]), names(&(), ids[0]), names(&(), ids[1])].concat();
    for (at, name) in all.iter().enumerate() {
        assert!(!all[..at].contains(name), "two names are one");
    }
}

fn failed(key: &str, cause: Cause) -> String {
    Failure::new(key.to_owned(), cause).to_string()
}

#[test]
fn errors_say_what_is_wrong_and_what_to_do_about_it() {
    let b = || String::from("b");
    assert_eq!(failed("a", Cause::Task("no".into())), "a: no");
    assert_eq!(failed("a", Cause::Panic("no".into())), "a: its task panicked: no");
    assert_eq!(failed("a", Cause::Dependency { dependency: b() }), "a: it needs b, which failed");
    let missing = "which has no task and no value (define a rule for it, or give it a value)";
    assert_eq!(failed("a", Cause::MissingInput { dependency: b() }), format!("a: it needs b, {missing}"));
    assert_eq!(failed("a", Cause::MissingTarget), format!("a: it has{}", &missing[9..]));
    assert_eq!(failed("a", Cause::Cycle { path: vec!["a".into(), b(), "a".into()] }), "a cycle: a → b → a");
    assert!(
        failed("a", Cause::Undeclared { dependency: b() }).starts_with("a: it fetched b, which it did not declare")
    );
    assert!(failed("a", Cause::FetchedAtWork { dependency: b() }).contains("b, which is not up to date, inside"));
    assert!(failed("a", Cause::Dynamic).contains("choose the restarting or suspending scheduler"));
    assert!(failed("a", Cause::Stuck).contains("its scheduler has lost it"));
    assert!(
        failed("a", Cause::PendingOnNothing).contains("its rebuilder answered `Pending` without fetching anything")
    );
    assert!(failed("a", Cause::GivenWithoutEnd).contains("`pop` must take what it answers"));
    let error = StoreError::new("read", "the attic", io::Error::other("dark"));
    assert_eq!(failed("a", error.into()), "cannot read the attic: dark");
    let failures = [("a", Cause::Task("no".into())), ("b", Cause::Dynamic), ("c", Cause::Task("nor".into()))];
    let failures = failures.map(|(key, cause)| Failure::new(key, cause));
    let told = BuildError::new(failures.to_vec(), Report::default()).to_string();
    let lines: Vec<&str> = told.split('\n').collect();
    assert_eq!((lines.len(), lines[0], lines[2]), (3, "a: no", "c: nor"));
    assert!(Cause::Dependency { dependency: b() }.is_consequence() && !Cause::Dynamic.is_consequence());
}

#[derive(Debug)]
struct Outer(io::Error);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("outer")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn an_error_that_becomes_a_tasks_own_tells_its_causes() {
    let error = TaskError::from(Outer(io::Error::other("inner")));
    assert_eq!((error.to_string(), format!("{error:?}")), ("outer: inner".into(), "outer: inner".into()));
    assert_eq!(TaskError::new("no").to_string(), "no");
}

#[test]
fn reasons_are_told_in_words_with_the_names_of_keys() {
    let mut keys: Keys<&str> = Keys::default();
    let key = keys.intern(&"b");
    let (from, to) = (Fingerprint(1), Fingerprint(2));
    let told = |reason: Reason| reason.explain(&keys);
    assert_eq!(told(Reason::DependencyChanged { key, from, to: Some(to) }), "b changed from 00000001 to 00000002");
    assert!(told(Reason::DependencyChanged { key, from, to: None }).starts_with("b has no value any more"));
    assert_eq!(told(Reason::Newer { key, modified: 5, than: 4 }), "b is newer: modified at 5, after 4");
    let others =
        [Reason::NeverBuilt, Reason::OutputChanged, Reason::Dirty, Reason::Always, Reason::Volatile, Reason::Evicted];
    let told: Vec<String> = others.into_iter().map(told).collect();
    assert_eq!(told[0], "it was never built here");
    assert!(told.iter().all(|one| told.iter().filter(|other| one == *other).count() == 1), "{told:?}");
}

#[test]
fn an_event_knows_whom_it_is_about() {
    let record = Record::new(KeyId::new(3), &[], Fingerprint(0), &(), &());
    let changed = Event::Changed { key: KeyId::new(4), fingerprint: None, value: None, modified: 0, input: true };
    let events = [Event::Built(record), Event::Restored(record), Event::Imported(record), changed];
    assert_eq!(events.map(|event| event.key().map(KeyId::index)), [Some(3), Some(3), Some(3), Some(4)]);
    let forgotten: Event<'_> = Event::Forgotten { keys: &[KeyId::new(4)] };
    assert_eq!(forgotten.key(), None);
}

#[test]
fn metadata_are_installed_once_however_many_read_them() {
    let mut metadata = Metadata::default();
    assert_eq!((metadata.is_empty(), metadata.len()), (true, 0));
    metadata.install::<CalcChain>();
    metadata.install::<StepTraces>();
    metadata.install::<CalcChain>();
    metadata.install::<DependencyGraph>();
    assert_eq!((metadata.is_empty(), metadata.len()), (false, 3));
    metadata.apply(&Event::Changed {
        key: KeyId::new(1),
        fingerprint: Some(Fingerprint(1)),
        value: None,
        modified: 1,
        input: true,
    });
    let steps = metadata.read::<StepTraces>();
    assert_eq!((steps.changed(KeyId::new(1)), steps.changed(KeyId::new(0))), (1, 0));
    #[derive(Default)]
    struct Unnamed;
    impl MetadataUpdater for Unnamed {
        fn apply(&mut self, _: &Event<'_>) {}
    }
    let read = std::panic::catch_unwind(AssertUnwindSafe(|| {
        metadata.read::<Unnamed>();
    }));
    assert!(metadata.get::<Unnamed>().is_none() && metadata.get::<CalcChain>().is_some());
    assert!(metadata.get_mut::<Unnamed>().is_none());
    *metadata.get_mut().expect("it is installed") = StepTraces::default();
    assert_eq!(metadata.read::<StepTraces>().changed(KeyId::new(1)), 0);
    let said = read.expect_err("nobody named it");
    assert!(
        said.downcast_ref::<String>().is_some_and(|text| text.contains("is read, but no strategy has installed it"))
    );
}

#[test]
fn strategies_are_found_by_their_names() {
    for name in alacarte_schedulers::NAMES {
        let blocked = alacarte_schedulers::named(name).expect("a scheduler").when_blocked();
        let expected = match name {
            "topological" => WhenBlocked::Refuse,
            "restarting" => WhenBlocked::Drop,
            _ => WhenBlocked::Keep,
        };
        assert_eq!(blocked, expected, "{name}");
    }
    assert!(alacarte_schedulers::named("any").is_none() && alacarte_rebuilders::named::<&str, i64>("any").is_none());
    for name in alacarte_rebuilders::NAMES {
        assert!(alacarte_rebuilders::named::<&str, i64>(name).is_some(), "{name}");
    }
}

#[test]
fn journals_say_whether_they_keep_anything() {
    fn told<J: Journal<&'static str, i64>>(journal: &J) -> (bool, u64) {
        (journal.keeps(), journal.bytes())
    }
    struct Plain;
    impl Journal<&'static str, i64> for Plain {
        fn replay(
            &mut self,
            _: &mut Keys<&'static str>,
            _: &mut alacarte_core::Replay<'_, &'static str, i64>,
        ) -> std::result::Result<(), StoreError> {
            Ok(())
        }
        fn append(&mut self, _: &Keys<&'static str>, _: &Event<'_, i64>) -> std::result::Result<(), StoreError> {
            Ok(())
        }
    }
    assert_eq!((told(&NoJournal), told(&Plain), told(&Tape::forgetful())), ((false, 0), (true, 0), (false, 0)));
}

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Square(u32);
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Cube(u32);
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Side(u32);

impl Rule for Square {
    type Output = u32;
    const VERSION: u64 = 3;
    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<u32> {
        let side = fetch.rule(Side(self.0)).await?;
        Ok(side * side)
    }
}

impl Rule for Cube {
    type Output = (u32, u32);
    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<(u32, u32)> {
        let (side, square) = (fetch.rule(Side(self.0)).await?, fetch.rule(Square(self.0)).await?);
        Ok((side * square, side))
    }
}

impl Rule for Side {
    type Output = u32;
    const INPUT: bool = true;
    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<u32> {
        unreachable!("an input")
    }
}

#[test]
fn a_typed_key_is_its_rule_and_its_parameters() {
    let (square, cube): (RuleKey, RuleKey) = (Square(2).into(), RuleKey::new(Cube(2)));
    assert!(square == RuleKey::new(Square(2)) && square != RuleKey::new(Square(3)) && square != cube);
    assert_eq!((square.as_rule(), square.as_rule::<Cube>()), (Some(&Square(2)), None));
    assert_eq!((square.to_string(), format!("{square:?}")), ("Square(2)".into(), "Square(2)".into()));
    // Two rules with the same parameters are two keys, and keys of a table of hashes are spread.
    let state = std::collections::hash_map::RandomState::new();
    let hash = |key: &RuleKey| std::hash::BuildHasher::hash_one(&state, key);
    assert_eq!(hash(&square), hash(&RuleKey::new(Square(2))));
    assert!(hash(&square) != hash(&cube) && hash(&square) != hash(&RuleKey::new(Square(3))));
    assert!(TypedRules.has(&square) && !TypedRules.has(&RuleKey::new(Side(2))));
    assert_eq!(TypedRules.definition(&square), Some(3_u64.fingerprint()));
    assert_eq!(TypedRules.definition(&cube), Some(0_u64.fingerprint()));
    fn is_key<K: Key>(_: &K) {}
    is_key(&square);
}

#[test]
fn typed_rules_build_each_other_and_are_told_by_their_names() {
    let mut build = Build::new(TypedRules, Memory::from([(Side(0).into(), Output::new(3_u32))]))
        .with_scheduler(Suspending::new())
        .with_rebuilder(VerifyingTrace);
    let cube = RuleKey::new(Cube(0));
    build.run([&cube]).expect("built");
    let output = build.get(&cube).expect("a value");
    assert_eq!((output.get::<(u32, u32)>(), output.get::<u32>()), (Some(&(27, 3)), None));
    assert_eq!(output.fingerprint(), (27_u32, 3_u32).fingerprint());
    // Wrapped, a value is as whole as it was, and takes as much room, and that of the wrapping.
    #[derive(Clone)]
    struct Part;
    impl Value for Part {
        fn fingerprint(&self) -> Fingerprint {
            Fingerprint(0)
        }
    }
    assert!(output.is_whole() && !Output::new(Part).is_whole());
    let wrapping = Output::new(Part).size_in_bytes();
    assert!(wrapping > 0);
    assert_eq!(Output::new("x".repeat(100)).size_in_bytes(), wrapping + "x".repeat(100).size_in_bytes());
    let error = build.run([RuleKey::new(Square(1))]).expect_err("it has no side").to_string();
    assert!(error.starts_with("Square(1): it needs Side(1), which has no task"), "{error}");
}

/// What is told of a build may be asked for afterwards.
#[test]
fn a_build_answers_for_its_keys_and_parts() {
    let tasks = alacarte_core::Rules::new().rule("B", alacarte_core::formula(["A"], |[a]: [i64; 1]| a + 1));
    let mut build =
        Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    build.reserve(4);
    assert_eq!((build.get("A"), build.get("B"), build.get("C")), (None, None, None), "nothing was asked for yet");
    let told = Rc::new(std::cell::Cell::new(0));
    let count = told.clone();
    let observer = move |_: &Keys<&'static str>, _, _: &Decision| count.set(count.get() + 1);
    let mut build = build.with_observer(observer).with_journal(Tape::default());
    let report = build.run(["B"]).expect("built");
    assert_eq!((build.names(&report.ran), build.get("A"), build.get("B")), (vec!["B"], Some(1), Some(2)));
    assert!(told.get() > 0 && build.tasks().has(&"B") && build.metadata().len() == 1);
    assert_eq!(build.keys().len(), 2);
    assert_eq!(build.journal().appended(), 2);
    // A store in memory gives away what it was asked for.
    assert_eq!(format!("{:?}", build.store()), format!("{:?}", Memory::<&str, i64>::new()));
    build.store_mut();
    build.tasks_mut();
    assert!(build.run(["B"]).expect("built").ran.is_empty());
}

/// A key of one's own type is asked for by what it borrows as, and made of it if it is new.
#[test]
fn keys_that_are_strings_are_named_by_texts() {
    let tasks: Rules<String, i64, Dynamic> = Rules::new()
        .rule("B", formula(["A"], |[a]| a + 1))
        .rule(
            "C",
            task(async |fetch| {
                fetch.detach("D");
                Ok(fetch.get("B").await? + fetch.all(["A", "B"]).await?[0] + i64::from(fetch.is_ready("A")))
            }),
        )
        .rule("D", formula([] as [&str; 0], |[]| 7));
    let mut build = Build::new(tasks, Memory::new()).with_scheduler(Suspending::new()).with_rebuilder(VerifyingTrace);
    assert!(build.set("A", 1).expect("set"));
    for targets in [&["C"], &["D"]] {
        build.run(targets).expect("built");
    }
    assert_eq!([build.get("C"), build.get("D"), build.get("E")], [Some(4), Some(7), None]);
    let (owned, borrowed) = ("A".to_owned(), &"C".to_owned());
    build.set(&owned, 2).expect("set");
    build.run([borrowed]).expect("built");
    assert_eq!((build.get(owned), build.touch("A").expect("touched")), (Some(2), true));
    assert_eq!((build.get(borrowed), build.remove("A").expect("removed")), (Some(6), true));
    assert_eq!(build.intern("C"), build.keys().find("C").expect("known"));
}
