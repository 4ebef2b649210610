//! What a trial plays, and what it says when it ends.

use std::process::{Command, Output};
use std::task::Poll;

use alacarte_conformance::relations::survives_revert;
use alacarte_conformance::{
    Expr, Graph, Name, Scenario, Setup, Step, Style, Subject, Trial, check, menu, perform, promises, scenario,
};
use alacarte_core::{Answer, Dynamic, Key, Metadata, Question, Reason, Rebuilder, Value};
use alacarte_schedulers::Suspending;

/// Runs a test of this program in a process whose environment says so.
fn in_environment(test: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.env_remove("CONFORMANCE_CASES").env_remove("CONFORMANCE_SEED").envs(variables.iter().copied());
    command.args(["--exact", test, "--nocapture"]).output().expect("it runs")
}

#[test]
fn the_usual_trial() {
    let Trial { cases, seed, .. } = Trial::default();
    println!("{cases} cases from seed {seed}");
}

#[test]
fn the_environment_says_how_many_cases_there_are_and_where_they_begin() {
    let trial = |variables: &[(&str, &str)]| {
        let output = in_environment("the_usual_trial", variables);
        assert!(output.status.success(), "{variables:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    assert!(trial(&[]).contains("2000 cases from seed 0"));
    assert!(trial(&[("CONFORMANCE_CASES", "1")]).contains("1 cases from seed 0"));
    let last = u64::MAX.to_string();
    assert!(trial(&[("CONFORMANCE_SEED", &last)]).contains(&format!("2000 cases from seed {last}")));
}

/// A trial that is not the one asked for must not pass for it.
#[test]
fn what_the_environment_cannot_mean_is_answered_by_what_is_possible() {
    for (variable, value, answer) in [
        ("CONFORMANCE_CASES", "0", "a whole number from 1 to 2^64 - 1"),
        ("CONFORMANCE_CASES", "abc", "a whole number from 1 to 2^64 - 1"),
        ("CONFORMANCE_CASES", "-5", "a whole number from 1 to 2^64 - 1"),
        ("CONFORMANCE_CASES", "", "a whole number from 1 to 2^64 - 1"),
        ("CONFORMANCE_SEED", "xyz", "a whole number from 0 to 2^64 - 1"),
        ("CONFORMANCE_SEED", "18446744073709551616", "a whole number from 0 to 2^64 - 1"),
    ] {
        let output = in_environment("the_usual_trial", &[(variable, value)]);
        let said = String::from_utf8(output.stderr).expect("text");
        assert!(!output.status.success(), "{variable}={value}");
        assert!(said.contains(&format!("{variable} is {value:?}: it must be {answer}")), "{said}");
    }
}

/// Keeps whatever there is.
#[derive(Clone)]
struct Careless;

impl<K: Key, V: Value> Rebuilder<K, V> for Careless {
    fn ask(&self, question: &mut Question<'_, K, V>, _: &Metadata) -> Poll<Answer<V>> {
        Poll::Ready(if question.current().is_some() { Answer::Keep } else { Answer::Run(Reason::NeverBuilt) })
    }
}

#[test]
#[should_panic(expected = "is broken")]
fn a_careless_rebuilder() {
    check(Suspending::new(), Careless);
}

/// What a counterexample of a broken law ends in is the line that tells it again.
#[test]
fn a_counterexample_is_told_again_by_the_line_that_it_ends_in() {
    let told = |variables: &[(&str, &str)]| {
        let output = in_environment("a_careless_rebuilder", variables);
        String::from_utf8(output.stderr).expect("text")
    };
    let first = told(&[("CONFORMANCE_SEED", "5")]);
    let (counterexample, end) = first.split_once("Found by seed ").expect("a seed");
    let (_, again) = end.split_once("Again: ").expect("how to see it again");
    let mut words = again.split_whitespace();
    let mut variable = || words.next().and_then(|word| word.split_once('=')).expect("a variable");
    let second = told(&[variable(), variable()]);
    assert!(again.contains(" cargo test"), "{again}");
    let (_, counterexample) = counterexample.split_once("Tasks").expect("tasks");
    assert!(second.contains(counterexample) && second.contains("after 1 cases"), "{first}\n{second}");
}

/// What is to happen in the middle of a build happens there, more often than after its end or never.
#[test]
fn the_middle_of_a_build_is_in_the_middle() {
    let combination = [menu("suspending", "verifying-trace")];
    // Those that are meant to be given up, and that were; those that are raced, and in which it came to that.
    let (mut given_up, mut raced) = ([0, 0], [0, 0]);
    for seed in 0..500 {
        let scenario = scenario(Style::everything(), seed);
        let played = perform::<Dynamic, _, _>(&scenario, &combination, Setup::default()).expect("it is right");
        let mut played = played.into_iter();
        for step in &scenario.steps {
            let count = match step {
                Step::Drop { .. } | Step::Crash { .. } => &mut given_up,
                Step::Race { .. } => &mut raced,
                Step::Build(_) => &mut [0, 0],
                _ => continue,
            };
            let midway = played.next().expect("a build").midway;
            *count = [count[0] + 1, count[1] + usize::from(midway)];
        }
    }
    println!("given up, of so many, in the middle: {given_up:?}; raced: {raced:?}");
    for [all, midway] in [given_up, raced] {
        assert!(2 * midway >= all, "{midway} of {all}");
    }
}

/// Tasks that are not deterministic, and turns, are as many scripts more.
#[test]
fn every_fourth_seed_is_played_without_determinism_and_by_turns_as_well() {
    for subject in Subject::all() {
        let scripts = |seed| {
            let (tally, broken) = subject.on_trial(seed, 1);
            assert!(broken.is_none(), "{subject}: {broken:?}");
            tally.scripts
        };
        assert!(scripts(8) > 2 * scripts(9), "{subject}");
    }
}

/// Who takes over has a name.
#[test]
fn a_counterexample_names_who_takes_over() {
    let build = || Step::Build(vec![Name(1)]);
    let graph = Graph::new([None, Some(Expr::Get(Name(0)))]);
    let steps = vec![build(), Step::Switch { to: 1, keeps_scheduler: false }, build(), build()];
    let scenario = Scenario::new(graph, [(Name(0), 1)], steps);
    // It promises what it does not keep.
    let busy = menu("restarting", "perpetual").with_promises(promises("dirty-bit"));
    let combinations = [menu("suspending", "dirty-bit"), busy];
    let broken = perform::<Dynamic, _, _>(&scenario, &combinations, Setup::default()).expect_err("it runs always");
    assert!(broken.counterexample.contains("2. restarting × perpetual takes over"), "{}", broken.counterexample);
}

/// A law that is asked of nothing holds of everything.
#[test]
fn nearly_every_scenario_has_something_to_revert() {
    for (style, least) in [(Style::plain(), 475), (Style::everything(), 400)] {
        let combination = menu("suspending", "constructive-trace");
        let judged =
            |&seed: &u64| survives_revert::<Dynamic, _, _>(&scenario(style, seed), &combination).expect("right");
        let judged = (0..500).filter(|seed| judged(seed).scripts == 1).count();
        println!("reverted: {judged} of 500");
        assert!(judged >= least, "{judged} of 500");
    }
}
