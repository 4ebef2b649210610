//! Each scene goes wrong where it says, and right where it says; that is found by playing it.

use alacarte_experiments::gallery::{Fault, Performance, Role, SCENES, Scene, scene};

fn played(name: &str) -> Vec<Performance> {
    let scene = scene(name).expect("a scene of that name");
    (scene.play)().expect("it plays to its end")
}

/// The moment at which a scene first goes wrong (counted from 1), and what is wrong.
fn moment(name: &str) -> (usize, Vec<Fault>) {
    let performances = played(name);
    let wrong = performances.iter().find(|performance| performance.part.role == Role::Wrong).expect("one goes wrong");
    let moment = wrong.moment().unwrap_or_else(|| panic!("{name}: nothing went wrong"));
    (moment + 1, wrong.steps[moment].faults.clone())
}

fn value(key: &'static str, held: i64, truth: &[i64]) -> Vec<Fault> {
    vec![Fault::Value { key, held: Some(held), truth: truth.to_vec() }]
}

#[test]
fn the_gallery_has_the_twelve_cases() {
    let names = SCENES.map(|scene| scene.name);
    let expected = [
        "stale-queue",
        "forgotten-inputs",
        "shallow-deep-traces",
        "look-up-by-value",
        "frankenbuild",
        "revert-with-one-trace",
        "wide-clearing",
        "touched-output",
        "backwards-clock",
        "edit-during-build",
        "undeclared-input",
        "quadratic-restarts",
    ];
    assert_eq!(names, expected);
}

#[test]
fn values_go_wrong_at_their_moment() {
    assert_eq!(moment("stale-queue"), (3, value("D", 3, &[13])));
    assert_eq!(moment("forgotten-inputs"), (3, value("B", 2, &[4])));
    assert_eq!(moment("look-up-by-value"), (4, value("k5", 7, &[9])));
    assert_eq!(moment("frankenbuild"), (3, value("T", 1011, &[1010, 1111])));
    assert_eq!(moment("wide-clearing"), (4, value("D", 2, &[11])));
    assert_eq!(moment("touched-output"), (4, value("C", 11, &[21])));
    assert_eq!(moment("backwards-clock"), (3, value("B", 10, &[20])));
    assert_eq!(moment("edit-during-build"), (2, value("B", 10, &[20])));
    assert_eq!(moment("undeclared-input"), (3, value("B", 102, &[202])));
}

#[test]
fn needless_work_is_done_at_its_moment() {
    let looked = Fault::Looked { target: "D", between: vec!["B", "C"] };
    assert_eq!(moment("shallow-deep-traces"), (3, vec![looked]));
    let again = Fault::Again { key: "B", on: vec![("A", 51)] };
    assert_eq!(moment("revert-with-one-trace"), (3, vec![again]));
    // With ten keys the walk does as well as any; from then on it does worse with every row.
    assert_eq!(
        played("quadratic-restarts")[0].steps.iter().map(|step| step.faults.clone()).collect::<Vec<_>>(),
        [
            vec![],
            vec![Fault::Restarts { key: "k99".into(), starts: 100, enough: 10 }],
            vec![Fault::Restarts { key: "k999".into(), starts: 1000, enough: 10 }],
            vec![Fault::Unasked { target: "k9".into(), keys: 996 }],
        ]
    );
}

/// Both ways: the file was saved after the command had read it, and before.
#[test]
fn a_command_that_is_told_of_too_late_lies_twice() {
    let performances = played("edit-during-build");
    let faults: Vec<_> = performances[0].steps.iter().map(|step| step.faults.clone()).collect();
    assert_eq!(faults, [vec![], value("B", 10, &[20]), vec![], value("B", 50, &[40])]);
}

#[test]
fn ours_are_right_at_every_step_of_the_same_script() {
    for Scene { name, play, .. } in SCENES {
        let performances = play().expect("it plays to its end");
        let (wrong, right): (Vec<_>, Vec<_>) = performances.iter().partition(|one| one.part.role == Role::Wrong);
        assert_eq!(wrong.len(), 1, "{name}");
        assert!(!right.is_empty(), "{name}");
        let script = |performance: &Performance| {
            performance.steps.iter().map(|step| (step.does.clone(), step.built)).collect::<Vec<_>>()
        };
        for performance in right {
            assert_eq!(performance.moment(), None, "{name}: {:?}", performance.steps);
            assert_eq!(script(performance), script(wrong[0]), "{name}");
            assert!(performance.steps.iter().any(|step| step.built), "{name}: nothing was built");
        }
        marks(name, wrong[0]);
    }
}

/// The marks in the store agree with the verdict.
fn marks(name: &str, performance: &Performance) {
    for step in &performance.steps {
        for fault in &step.faults {
            let Fault::Value { key, .. } = fault else { continue };
            let held = step.store.iter().find(|held| held.key == *key);
            assert!(held.is_some_and(|held| held.is_off()), "{name}, «{}»: {:?}", step.does, step.store);
        }
    }
}

/// A frankenbuild is no set-valued build either: P is not what its task makes of the N beside it. Ours is.
#[test]
fn a_frankenbuild_is_wrong_key_by_key() {
    let performances = played("frankenbuild");
    let last = |performance: &Performance| {
        let store = performance.steps.last().expect("a step").store.iter();
        let held: std::collections::HashMap<_, _> = store.filter_map(|held| Some((held.key, held.value?))).collect();
        (held["P"] == held["N"] * 100, held["T"] == held["P"] + held["N"], held["N"] == 11)
    };
    assert_eq!(last(&performances[0]), (false, true, true));
    assert_eq!(last(&performances[1]), (true, true, true));
}

/// What is said of a step beforehand agrees with the build from scratch.
#[test]
fn what_is_said_is_so() {
    let mut said = 0;
    for Scene { name, .. } in SCENES.iter().filter(|scene| scene.name != "quadratic-restarts") {
        for step in &played(name)[0].steps {
            let Some((before, after)) = step.says.split_once(" should become ") else { continue };
            let number = after.split(|character: char| !character.is_ascii_digit()).next().unwrap_or_default();
            let number: i64 = number.parse().unwrap_or_else(|_| panic!("{name}: {after}"));
            // «D should become 13», «D is asked for: it should become 13».
            let said_of = |key: &str| before.split([' ', ':']).any(|word| word == key);
            let target = step.does.rsplit(' ').next().unwrap_or_default();
            assert!(said_of(target), "{name}: {}", step.says);
            let held = step.store.iter().find(|held| held.key == target).expect("a key");
            assert_eq!(held.truth, [number], "{name}: {}", step.says);
            said += 1;
        }
    }
    assert_eq!(said, 9);
}

/// What a reader sees of the metadata is what the system reads: the flaw is visible before it bites.
#[test]
fn the_metadata_show_the_flaw() {
    let lines = |name: &str, step: usize| {
        let performance = played(name).swap_remove(0);
        let panels = performance.steps[step - 1].metadata.iter();
        panels.flat_map(|panel| panel.lines.clone()).collect::<Vec<_>>()
    };
    assert!(lines("forgotten-inputs", 3).contains(&"A no step".to_owned()));
    assert!(lines("wide-clearing", 2).contains(&"D dirty  ← C".to_owned()));
    assert!(lines("wide-clearing", 3).contains(&"D clean  ← C".to_owned()));
    assert!(lines("touched-output", 3).contains(&"A at 4, B at 5, C at 3".to_owned()));
    assert!(lines("backwards-clock", 2).contains(&"A at 51, B at 101".to_owned()));
    let names = |line: &str| line.split(' ').filter(|word| word.starts_with('k')).collect::<Vec<_>>().join(" ");
    let newest = lines("look-up-by-value", 3).into_iter().find(|line| line.starts_with("k5"));
    assert_eq!(newest.map(|line| names(&line)), Some("k5 k0 k2 k3".to_owned()), "k2 was not read in that run");
}

/// A key that nothing is decided about, because nothing has changed, does not wait for anything: its build is over.
#[test]
fn nobody_waits_when_a_build_has_ended() {
    for Scene { name, .. } in SCENES {
        for step in played(name).iter().flat_map(|performance| &performance.steps) {
            let last = step.visits.last().map_or(String::new(), |visit| visit.what.join(", "));
            assert!(!last.contains("waits"), "{name}, {}: {last}", step.does);
        }
    }
    for (name, step) in [("edit-during-build", 2), ("undeclared-input", 3)] {
        let step = &played(name)[0].steps[step - 1];
        assert_eq!(step.visits[0].what, ["is up to date: nothing is known to have changed"], "{name}");
    }
}

#[test]
fn an_unknown_name_is_an_error_that_lists_all() {
    let error = scene("stale").expect_err("there is none of that name").to_string();
    for scene in SCENES {
        assert!(error.contains(scene.name), "{error}");
    }
}
