//! Each scene goes wrong where it says, and right where it says; that is found by playing it.

use std::task::Poll;

use alacarte_conformance::broken::published::{DirectTraces, TaskSteps};
use alacarte_conformance::{Name, promises};
use alacarte_core::{
    Answer, Key, KeyId, Metadata, Plan, PlanError, Power, Question, Rebuilder, Scheduler, Schedules, Value, WhenBlocked,
};
use alacarte_experiments::gallery::{
    Others, Performance, PlayedStep, Role, SCENES, Scene, SceneFault, moment as moment_of, scene,
};
use alacarte_experiments::systems::Menu;
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;

fn played(name: &str) -> Vec<Performance> {
    let scene = scene(name).expect("a scene of that name");
    (scene.play)().expect("it plays to its end")
}

/// The moment at which a scene first goes wrong (counted from 1), and what is wrong.
fn moment(name: &str) -> (usize, Vec<SceneFault>) {
    let performances = played(name);
    let wrong = performances.iter().find(|performance| performance.part.role == Role::Wrong).expect("one goes wrong");
    let moment = wrong.moment().unwrap_or_else(|| panic!("{name}: nothing went wrong"));
    (moment + 1, wrong.steps[moment].faults.clone())
}

/// A key, as it is written.
fn key(name: &str) -> Name {
    match name.strip_prefix('k') {
        Some(number) => Name(number.parse().expect("a number")),
        None => Name::letter(name.parse().expect("a letter")),
    }
}

fn value(name: &str, held: i64, truth: &[i64]) -> Vec<SceneFault> {
    vec![SceneFault::Value { key: key(name), held: Some(held), truth: truth.to_vec() }]
}

#[test]
fn the_gallery_has_these_cases() {
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
        "killed-child",
        "lock-without-token",
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
    let looked = SceneFault::Looked { target: key("D"), between: vec![key("B"), key("C")] };
    assert_eq!(moment("shallow-deep-traces"), (3, vec![looked]));
    let again = SceneFault::Again { key: key("B"), on: vec![(key("A"), 51)] };
    assert_eq!(moment("revert-with-one-trace"), (3, vec![again]));
    // With ten keys the walk does as well as any; from then on it does worse with every row.
    assert_eq!(
        played("quadratic-restarts")[0].steps.iter().map(|step| step.faults.clone()).collect::<Vec<_>>(),
        [
            vec![],
            vec![SceneFault::Restarts { key: Name(99), starts: 100, enough: 10 }],
            vec![SceneFault::Restarts { key: Name(999), starts: 1000, enough: 10 }],
            vec![SceneFault::Unasked { target: Name(9), keys: 996 }],
        ]
    );
}

#[test]
fn the_laws_of_the_jobserver_are_broken_at_their_moment() {
    let jobs = |law, what: &str| vec![SceneFault::Jobs { law, what: what.to_owned() }];
    let idle = "top waits for a token, and of 2 jobs 1 are done";
    assert_eq!(moment("killed-child"), (2, jobs("no-idle-token", idle)));
    let stuck = "nothing can happen any more, and not all have come to their end";
    assert_eq!(moment("lock-without-token"), (3, jobs("no-deadlock", stuck)));
    // What is said of each step is said of so many.
    for (name, steps) in [("killed-child", 2), ("lock-without-token", 3)] {
        assert!(
            played(name)
                .iter()
                .all(|one| one.steps.len() == steps && one.steps.iter().all(|step| !step.says.is_empty()))
        );
    }
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
            let SceneFault::Value { key, .. } = fault else { continue };
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
        let [n, p, t] = ["N", "P", "T"].map(|name| held[&key(name)]);
        (p == n * 100, t == p + n, n == 11)
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
            let held = step.store.iter().find(|held| held.key.to_string() == target).expect("a key");
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

/// A scheduler of somebody's own that leaves on its queue what it takes from it.
#[derive(Default)]
struct LeavesAll(Vec<KeyId>);

impl Scheduler for LeavesAll {
    fn when_blocked(&self) -> WhenBlocked {
        WhenBlocked::Keep
    }

    fn plan(&mut self, plan: &mut Plan<'_>, _: &Metadata) -> Result<(), PlanError> {
        self.0 = plan.targets.to_vec();
        Ok(())
    }

    fn push(&mut self, key: KeyId, _: &Metadata) {
        self.0.push(key);
    }

    fn pop(&mut self) -> Option<KeyId> {
        self.0.last().copied()
    }
}

impl<P: Power> Schedules<P> for LeavesAll {}

/// A rebuilder of somebody's own that is not written yet.
struct Unwritten;

impl<K: Key, V: Value> Rebuilder<K, V> for Unwritten {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        panic!("not written yet")
    }
}

/// A rebuilder of somebody's own that never comes to an answer, and asks for nothing.
struct Undecided;

impl<K: Key, V: Value> Rebuilder<K, V> for Undecided {
    fn ask(&self, _: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Pending
    }
}

/// A menu with strategies of somebody's own: right, wrong, and such as come to no end.
fn menu() -> Menu {
    Menu::ours()
        .with_rebuilder("sound", promises("verifying-trace"), || VerifyingTrace)
        .with_rebuilder("one-down", promises("constructive-trace"), || DirectTraces)
        .with_rebuilder("stepless", promises("step-trace"), || TaskSteps)
        .with_rebuilder("unwritten", promises("perpetual"), || Unwritten)
        .with_rebuilder("undecided", promises("perpetual"), || Undecided)
        .with_scheduler("mine", Suspending::new)
        .with_scheduler("leaves-all", LeavesAll::default)
}

/// What a combination of that menu does in a scene.
fn plays(menu: &Menu, name: &str, scheduler: &str, rebuilder: &str) -> Vec<PlayedStep> {
    let combination = menu.chosen(&[scheduler.into()], &[rebuilder.into()])[0];
    let scene = scene(name).expect("a scene of that name");
    assert_eq!(scene.refuses(combination), None, "{name}, {combination}");
    scene.play_with(combination).expect("it is played")
}

#[test]
fn ones_own_goes_wrong_where_what_is_like_it_does() {
    let menu = menu();
    for (name, scheduler, rebuilder) in
        [("stale-queue", "restarting", "one-down"), ("forgotten-inputs", "suspending", "stepless")]
    {
        let (step, faults) = moment(name);
        let own = plays(&menu, name, scheduler, rebuilder);
        assert_eq!(moment_of(&own), Some(step - 1), "{name}");
        assert_eq!(own[step - 1].faults, faults, "{name}");
        // All that can be seen of it is what the scene shows of its own.
        let told = |steps: &[PlayedStep]| steps.iter().map(|step| format!("{step:?}")).collect::<Vec<_>>();
        assert_eq!(told(&own), told(&played(name)[0].steps), "{name}");
    }
}

/// What the scene has gone right, goes right by its name too. (Where tasks are to blame, those of the one that goes wrong are played.)
#[test]
fn what_goes_right_does_so_from_a_menu_too() {
    let menu = menu();
    let right = [
        ("stale-queue", "restarting", "constructive-trace"),
        ("forgotten-inputs", "mine", "step-trace"),
        ("shallow-deep-traces", "suspending", "deep-constructive-trace"),
        ("look-up-by-value", "bottom-up", "deep-constructive-trace"),
        ("frankenbuild", "mine", "constructive-trace"),
        ("revert-with-one-trace", "suspending", "sound"),
        ("wide-clearing", "topological", "dirty-bit"),
        ("touched-output", "topological", "sound"),
        ("backwards-clock", "mine", "sound"),
        ("quadratic-restarts", "mine", "sound"),
    ];
    for (name, scheduler, rebuilder) in right {
        let own = plays(&menu, name, scheduler, rebuilder);
        assert_eq!(moment_of(&own), None, "{name}: {own:?}");
        assert!(own.iter().any(|step| step.built), "{name}");
    }
    for (name, step, fault) in
        [("edit-during-build", 1, value("B", 10, &[20])), ("undeclared-input", 2, value("B", 102, &[202]))]
    {
        assert_eq!(plays(&menu, name, "mine", "sound")[step].faults, fault, "{name}");
        assert_eq!(moment_of(&plays(&menu, name, "suspending", "perpetual")), None, "{name}");
    }
}

#[test]
fn an_order_made_beforehand_is_refused_where_tasks_find_what_they_fetch() {
    let menu = menu();
    let ordered = menu.chosen(&["topological".into()], &["sound".into()])[0];
    let builds = SCENES.into_iter().filter(|scene| !matches!(scene.others, Others::Nobody));
    let refusals = builds.filter_map(|scene| Some((scene.name, scene.refuses(ordered)?)));
    let refusals: Vec<_> = refusals.collect();
    let names: Vec<_> = refusals.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["edit-during-build", "undeclared-input", "quadratic-restarts"]);
    assert!(refusals.iter().all(|(_, why)| why.starts_with("topological orders tasks beforehand")), "{refusals:?}");
}

#[test]
fn strategies_that_come_to_no_end_are_at_fault_and_end_nothing() {
    let menu = menu();
    let builds = SCENES.into_iter().filter(|scene| !matches!(scene.others, Others::Nobody | Others::Graphs(_)));
    for name in builds.map(|scene| scene.name) {
        for (scheduler, rebuilder, says) in [
            ("suspending", "unwritten", "panicked: not written yet"),
            ("mine", "undecided", "its rebuilder answered `Pending`"),
            ("leaves-all", "perpetual", "`pop` must take what it answers"),
        ] {
            let own = plays(&menu, name, scheduler, rebuilder);
            let Some(SceneFault::Failed(why)) = moment_of(&own).and_then(|step| own[step].faults.first()) else {
                panic!("{name}, {scheduler} × {rebuilder}: {own:?}")
            };
            assert!(why.contains(says) && !why.contains('\n'), "{name}: {why}");
            // Nothing is made up of what it did before.
            assert!(own.iter().all(|step| !step.built && step.visits.is_empty()), "{name}: {own:?}");
        }
    }
}

/// Where strategies have no part, that is said.
#[test]
fn nobody_plays_where_only_processes_do() {
    let menu = menu();
    for name in ["killed-child", "lock-without-token"] {
        let scene = scene(name).expect("a scene of that name");
        for combination in menu.chosen(&[], &[]) {
            assert!(scene.refuses(combination).is_some_and(|why| why.contains("have no part")), "{name}");
        }
    }
}

/// What a strategy never promised is not held against it, and nothing else is excused.
#[test]
fn what_was_not_promised_is_said() {
    let menu = menu();
    let says = |name: &str, scheduler: &str, rebuilder: &str| {
        let own = plays(&menu, name, scheduler, rebuilder);
        let combination = menu.chosen(&[scheduler.into()], &[rebuilder.into()])[0];
        let step = moment_of(&own).unwrap_or_else(|| panic!("{name}: {own:?}"));
        scene(name).expect("a scene").not_promised(combination, &own[step].faults[0])
    };
    let deterministic = says("frankenbuild", "suspending", "deep-constructive-trace");
    assert!(deterministic.is_some_and(|said| said.contains("deterministic")));
    assert!(says("revert-with-one-trace", "suspending", "perpetual").is_some());
    assert!(says("shallow-deep-traces", "suspending", "constructive-trace").is_some());
    assert_eq!(says("stale-queue", "restarting", "one-down"), None);
    assert_eq!(says("forgotten-inputs", "suspending", "unwritten"), None);
}
