//! Each metadata updater keeps its contract: after every event of a random history it says what a naive model says.
//!
//! A model is a few lines over plain vectors. So that the checks are known to bite, each is also run with a *liar*
//! between the events and the updater, and has to notice.

#[path = "contracts/history.rs"]
mod history;
#[path = "contracts/models.rs"]
mod models;

use alacarte::{MetadataUpdater, Value};
use history::{INPUTS, Kind, Seed, Step, World, seeds};
use models::{Chain, Constructive, Deep, Dirty, Graph, Model, Steps, Suspects, Times, Verifying};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

/// Shows an event to an updater, knowing those before; or lies about it.
type Messenger<U> = fn(&mut U, &[Step], &Step);

fn run<M: Model>(messenger: Messenger<M::Of>, max_shrink_iters: u32) -> Result<(), TestError<Vec<Seed>>> {
    let config = Config { cases: 256, failure_persistence: None, max_shrink_iters, ..Config::default() };
    TestRunner::new(config).run(&seeds(), |seeds| {
        let mut world = World::new();
        seeds.iter().for_each(|seed| M::GO_ON(&mut world, seed));
        let (mut model, mut updater) = (M::default(), M::Of::default());
        for (n, step) in world.history.iter().enumerate() {
            model.see(step);
            messenger(&mut updater, &world.history[..n], step);
            let told = |error| match error {
                TestCaseError::Fail(why) => TestCaseError::fail(format!("{why}\nafter {:#?}", &world.history[..=n])),
                rejected => rejected,
            };
            model.check(&updater).map_err(told)?;
        }
        Ok(())
    })
}

fn kept<M: Model>() {
    if let Err(error) = run::<M>(|updater, _, step| step.show(updater), 4_096) {
        panic!("{error}");
    }
}

fn noticed<M: Model>(liar: Messenger<M::Of>) {
    assert!(matches!(run::<M>(liar, 0), Err(TestError::Fail(..))), "nothing was noticed");
}

macro_rules! contracts {
    ($($name:ident: $model:ty, $($liar:ident: $lie:expr),+;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn holds() {
                kept::<$model>();
            }
            $(#[test]
            fn $liar() {
                noticed::<$model>($lie);
            })+
        }
    )*};
}

/// Tells everything but this.
fn except<U: MetadataUpdater>(updater: &mut U, step: &Step, untold: bool) {
    if !untold {
        step.show(updater);
    }
}

contracts! {
    graph: Graph,
        a_restored_key_is_forgotten: |graph, _, step| except(graph, step, step.kind == Kind::Restored),
        a_definition_counts_as_a_key: |graph, _, step| {
            let mut step = step.clone();
            step.dependencies.iter_mut().for_each(|dependency| dependency.key = dependency.key.subject());
            step.show(graph);
        };
    dirty: Dirty,
        a_bit_of_another_key_is_cleared: |bits, past, step| {
            step.show(bits);
            let other = past.iter().rev().find(|other| other.kind == Kind::Built && other.key != step.key);
            other.filter(|other| other.is_plain()).into_iter().for_each(|other| other.show(bits));
        },
        a_damaged_output_is_forgotten: |bits, _, step| {
            except(bits, step, step.kind == Kind::Changed && step.key.index() >= INPUTS);
        };
    suspects: Suspects,
        a_dependency_is_forgotten: |bits, _, step| {
            let mut step = step.clone();
            step.dependencies.pop();
            step.show(bits);
        };
    times: Times,
        a_tick_too_late: |times, _, step| Step { modified: step.modified + 1, ..step.clone() }.show(times),
        what_is_gone_is_still_there: |times, _, step| except(times, step, step.value.is_none());
    chain: Chain,
        a_key_keeps_its_place: |chain, _, step| except(chain, step, chain.position(step.key).is_some());
    steps: Steps,
        an_event_is_counted_twice: |steps, _, step| {
            step.show(steps);
            except(steps, step, step.kind != Kind::Learned);
        };
    verifying: Verifying,
        the_oldest_trace_stays_the_newest: |traces, _, step| {
            let fingerprint = step.value.unwrap_or_default().fingerprint();
            except(traces, step, traces.table().knows(step.key, fingerprint, &step.dependencies));
        },
        a_volatile_value_is_kept: |traces, _, step| Step { volatile: false, ..step.clone() }.show(traces);
    constructive: Constructive,
        what_others_learned_is_forgotten: |traces, _, step| except(traces, step, step.kind == Kind::Learned),
        the_value_of_another_trace: |traces, past, step| {
            let value = past.iter().rev().find(|other| other.key == step.key).and_then(|other| other.value);
            Step { value: value.or(step.value), ..step.clone() }.show(traces);
        };
    deep: Deep,
        a_deep_trace_is_taken_for_a_shallow_one: |traces, _, step| {
            Step { deep: false, ..step.clone() }.show(traces);
        },
        a_volatile_key_is_no_input: |traces, _, step| {
            except(traces, step, step.volatile);
        };
}
