//! Small scopes, whole: nothing within a bound is left out, and nothing there breaks a law; and what is broken on purpose is
//! found there, as far as what it takes is in the scope.

use alacarte_conformance::broken::{Fixture, all};
use alacarte_conformance::{Broken, Scope, Subject};

/// Two keys, three steps: enough for half of what is broken.
const SMALL: Scope = Scope::new(2, 3);

/// Where a component that is broken on purpose is found, if not within [`SMALL`].
enum Where {
    /// Within this scope.
    Within(Scope),
    /// Within this scope, in the program of this number.
    Program(Scope, usize),
    /// Not within the whole scope, which was searched to its end: it takes more keys or more steps.
    Larger,
    /// Not within three keys and four steps, for it takes what no history there has.
    Beyond(&'static str),
}

use Where::{Beyond, Larger, Program, Within};

/// What is not found within [`SMALL`].
const ELSEWHERE: &[(&str, Where)] = &[
    ("bits-cleared-at-start", Within(Scope::new(2, 4))),
    ("bits-claim-values", Within(Scope::new(2, 4))),
    ("steps-claim-values", Within(Scope::new(2, 4))),
    ("takes-nothing-over", Within(Scope::new(2, 4))),
    ("optimist", Program(Scope::new(3, 4), 198)),
    ("journal-repeats", Within(Scope::new(2, 4))),
    ("journal-swaps", Within(Scope::new(2, 4))),
    ("journal-misnames", Within(Scope::new(2, 4))),
    ("suspects-lack-new", Program(Scope::new(3, 3), 667)),
    ("verifies-at-once", Program(Scope::new(3, 3), 675)),
    ("verifies-backwards", Program(Scope::new(3, 3), 675)),
    ("verifies-beyond", Program(Scope::new(3, 3), 675)),
    ("verifies-group-heads", Program(Scope::new(3, 3), 471)),
    ("verifies-only-first", Program(Scope::new(3, 3), 453)),
    ("verifies-only-last", Program(Scope::new(3, 3), 448)),
    ("traces-ungrouped", Program(Scope::new(3, 3), 471)),
    ("traces-backwards", Program(Scope::new(3, 3), 675)),
    ("deep-only-first", Program(Scope::new(3, 3), 453)),
    ("steps-restless", Program(Scope::new(3, 3), 526)),
    ("deep-claims-cutoff", Program(Scope::new(3, 3), 526)),
    ("make-claims-cutoff", Program(Scope::new(3, 3), 699)),
    ("deaf", Program(Scope::new(3, 3), 773)),
    ("journal-loses", Program(Scope::new(3, 3), 447)),
    ("published-circle", Program(Scope::new(3, 3), 1067)),
    ("confident", Larger),
    ("bits-unclearing", Larger),
    ("bits-first-edges", Larger),
    ("bits-shallow", Larger),
    ("suspects-same-generation", Larger),
    ("suspects-no-dependents", Larger),
    ("verifies-mixed", Larger),
    ("cutoff-by-previous", Larger),
    ("cutoff-by-previous-output", Larger),
    ("traces-stale", Larger),
    ("values-late", Larger),
    ("deep-previous-run", Larger),
    ("restores-neighbour", Larger),
    ("restores-oldest", Larger),
    ("restores-nothing", Larger),
    ("restores-clipped", Larger),
    ("restores-crossed", Larger),
    ("restores-kept", Larger),
    ("restores-by-running", Larger),
    ("deep-no-trace", Larger),
    ("cache-first-value", Larger),
    ("deep-claims-all", Larger),
    ("verifying-claims-restores", Larger),
    ("counts-questions", Larger),
    ("takes-anything-over", Larger),
    ("precedes", Larger),
    ("tolerance-drifts", Beyond("values more than one apart")),
    ("tolerance-too-wide", Beyond("values more than one apart")),
    ("verifies-only-two", Beyond("a task with three dependencies")),
    ("bits-trusting", Beyond("an output that somebody wrote over, or that was lost")),
    ("verifies-any-output", Beyond("an output that somebody wrote over")),
    ("verifies-no-output", Beyond("an output that was lost")),
    ("steps-any-output", Beyond("an output that somebody wrote over")),
    ("make-and-outputs", Beyond("an output that somebody wrote over")),
    ("traces-volatile", Beyond("a volatile task")),
    ("deep-keeps-volatile", Beyond("a volatile task")),
    ("deep-volatile", Beyond("a volatile task")),
    ("journal-forgives", Beyond("a task that starts a key without waiting for it")),
    ("frankenbuild", Beyond("a task that is not deterministic")),
    ("make-and-the-clock", Beyond("a clock that is set back")),
    ("suspects-run-twice", Beyond("outside work")),
    ("work-takes-no-place", Beyond("outside work")),
    ("tasks-anonymous", Beyond("collections of tasks that are exchanged")),
    ("journal-deaf", Beyond("a journal that is chosen late")),
    ("store-remembers", Beyond("stores that are exchanged")),
    ("bits-remembering", Beyond("keys that are forgotten")),
];

/// Two keys, and histories as long as in the whole scope: what is proved here is proved again by each run of the tests.
const PROVED: Scope = Scope::new(2, Scope::WHOLE.steps);

/// How many programs [`PROVED`] has, and how many histories these come to for who sees all that happens.
///
/// That two keys have 20 programs can be told by hand. Neither looks at the other: both are one of five (an input, missing or
/// with one of two values; a constant), 15 pairs, three of which stay as they are when the values change places, so that (15 +
/// 3) / 2 = 9 are left. One looks at the other: four trees over one of five, of which two stay as they are, (20 + 2) / 2 = 11.
/// With one key there are three. Each of these 23 is played in four manners.
const SIZE: (usize, u64) = (92, 27_756);

#[test]
fn nothing_in_a_small_scope_breaks_a_law() {
    let threads = std::thread::available_parallelism().map_or(1, Into::into);
    let (programs, histories) = SIZE;
    assert_eq!(PROVED.programs(), programs);
    for finding in PROVED.exhaust(&Subject::all(), threads, &|_| ()) {
        let subject = finding.subject;
        if let Some(Broken { counterexample, seed, .. }) = finding.broken {
            panic!("{subject}, program {seed} of {PROVED:?}:\n{counterexample}");
        }
        match subject.rebuilder {
            // Make is spared the tasks that are replaced.
            "modification-time" => assert!((1..=histories).contains(&finding.cases), "{subject}"),
            _ => assert_eq!(finding.cases, histories, "{subject}"),
        }
        println!("{subject}: {} histories, {:?}", finding.cases, finding.tally);
    }
}

#[test]
fn the_whole_scope_is_of_the_size_that_is_said() {
    assert_eq!(Scope::WHOLE, Scope::new(3, 4));
    assert_eq!(Scope::WHOLE.programs(), 4_882);
}

#[test]
fn what_is_broken_is_found_within_a_small_scope() {
    let known: Vec<Fixture> = all().into_iter().filter(|fixture| fixture.unseen.is_none()).collect();
    for (name, _) in ELSEWHERE {
        assert!(known.iter().any(|fixture| fixture.name == *name), "{name} is not in the suite");
    }
    let mut found = 0;
    for fixture in &known {
        let name = fixture.name;
        let elsewhere = ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, place)| place);
        match (elsewhere, fixture.judge_within(SMALL, &|_| true)) {
            (None, Err(Broken { law, cases, .. })) => {
                found += 1;
                println!("{name:<28} {law:<18} {cases:>5}");
            }
            (None, Ok(())) => panic!("{name} is not found within {SMALL:?}"),
            (Some(_), Err(Broken { law, counterexample, .. })) => {
                panic!("{name} is found within {SMALL:?}, by `{law}`:\n{counterexample}")
            }
            (Some(Beyond(what)), Ok(())) => println!("{name:<28} takes {what}"),
            (Some(Larger), Ok(())) => println!("{name:<28} takes more keys or more steps"),
            (Some(Within(scope)), Ok(())) => {
                found += 1;
                later(fixture, *scope, &|_| true);
            }
            (Some(Program(scope, program)), Ok(())) => {
                found += 1;
                later(fixture, *scope, &|number| number == *program);
            }
        }
    }
    println!("{found} of {} are found", known.len());
}

fn later(fixture: &Fixture, scope: Scope, among: &dyn Fn(usize) -> bool) {
    let name = fixture.name;
    match fixture.judge_within(scope, among) {
        Ok(()) => panic!("{name} is not found within {scope:?}"),
        Err(Broken { law, seed, .. }) => println!("{name:<28} {law:<18} program {seed} of {scope:?}"),
    }
}

/// It is not what is broken that is found, if what it stands in for is found there too.
#[test]
fn what_it_stands_in_for_passes_the_same_scope() {
    let mut tried = Vec::new();
    for fixture in all().into_iter().filter(|fixture| fixture.unseen.is_none()) {
        let trial =
            (fixture.stands_for(), fixture.promises, fixture.style, fixture.setup, fixture.compared, fixture.manner);
        if tried.contains(&trial) {
            continue;
        }
        if let Err(Broken { law, counterexample, .. }) = fixture.judge_sound_within(SMALL) {
            panic!("instead of {}: {} is caught by `{law}`:\n{counterexample}", fixture.name, fixture.stands_for());
        }
        tried.push(trial);
    }
}
