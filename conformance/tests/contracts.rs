//! Each metadata updater keeps its contract: after every event of a random history it says what a naive model says.
//!
//! A model is a few lines over plain vectors. So that the checks are known to bite, each is also run with a *liar*
//! between the events and the updater, and has to notice.

#[path = "contracts/history.rs"]
mod history;
#[path = "contracts/models.rs"]
mod models;

use std::cell::Cell;

use alacarte::{Dependency, Fingerprint, KeyId, MetadataUpdater, Value};
use history::{INPUTS, Kind, Seed, Step, World, cases, seeds};
use models::{Chain, Constructive, Deep, Dirty, Graph, Model, Steps, Suspects, Times, Verifying};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRng, TestRunner};

/// Shows an event to an updater, knowing those before; or lies about it.
type Messenger<U> = fn(&mut U, &[Step], &Step);

/// Tells many histories, the same in every run; after the first that is noticed to be wrong, how many it took.
fn run<M: Model>(
    messenger: Messenger<M::Of>,
    (cases, max_shrink_iters): (u32, u32),
) -> (u32, Result<(), TestError<Vec<Seed>>>) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters, ..Config::default() };
    let rng = TestRng::from_seed(config.rng_algorithm, &[7; 32]);
    let tried = Cell::new(0);
    let told = TestRunner::new_with_rng(config, rng).run(&seeds(), |seeds| {
        tried.set(tried.get() + 1);
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
    });
    (tried.get(), told)
}

fn kept<M: Model>() {
    if let (_, Err(error)) = run::<M>(|updater, _, step| step.show(updater), (cases(), 4_096)) {
        panic!("{error}");
    }
}

fn noticed<M: Model>(contract: &str, lie: &str, liar: Messenger<M::Of>) {
    let (cases, told) = run::<M>(liar, (1024, 0));
    assert!(matches!(told, Err(TestError::Fail(..))), "{contract}: {lie}: nothing was noticed");
    println!("{:<60} {cases:>6}", format!("{contract}: {}", lie.replace('_', " ")));
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
                noticed::<$model>(stringify!($name), stringify!($liar), $lie);
            })+
        }
    )*};
}

/// Tells of other dependencies.
fn with<U: MetadataUpdater>(updater: &mut U, step: &Step, change: impl FnOnce(&mut Vec<Dependency>)) {
    let mut step = step.clone();
    change(&mut step.dependencies);
    step.show(updater);
}

/// The last build of the same key before.
fn before<'p>(past: &'p [Step], step: &Step) -> Option<&'p Step> {
    past.iter().rev().find(|other| other.is_made() && other.key == step.key)
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
            with(graph, step, |list| list.iter_mut().for_each(|told| told.key = told.key.subject()));
        },
        an_edge_is_forgotten: |graph, _, step| with(graph, step, |list| list.truncate(list.len().saturating_sub(1))),
        an_old_edge_stays: |graph, past, step| {
            let old = before(past, step).map(|old| old.dependencies.clone()).unwrap_or_default();
            with(graph, step, |list| {
                list.extend(old.into_iter().filter(|old| step.dependencies.iter().all(|told| told.key != old.key)));
            });
        },
        the_order_is_forgotten: |graph, _, step| {
            with(graph, step, |list| list.sort_by_key(|told| (!told.key.is_definition(), told.key)));
        },
        groups_are_forgotten: |graph, _, step| {
            with(graph, step, |list| list.iter_mut().for_each(|told| told.grouped = false));
        },
        what_others_learned_counts: |graph, _, step| {
            let kind = if step.kind == Kind::Learned { Kind::Built } else { step.kind };
            Step { kind, ..step.clone() }.show(graph);
        };
    dirty: Dirty,
        a_bit_of_another_key_is_cleared: |bits, past, step| {
            step.show(bits);
            let other = past.iter().rev().find(|other| other.kind == Kind::Built && other.key != step.key);
            other.filter(|other| other.is_plain()).into_iter().for_each(|other| other.show(bits));
        },
        a_damaged_output_is_forgotten: |bits, _, step| {
            except(bits, step, step.kind == Kind::Changed && step.key.index() >= INPUTS);
        },
        a_replaced_definition_is_forgotten: |bits, _, step| except(bits, step, step.key.is_definition()),
        an_edited_input_is_forgotten: |bits, _, step| {
            except(bits, step, step.kind == Kind::Changed && step.key.index() < INPUTS);
        },
        a_bit_is_never_cleared: |bits, past, step| {
            except(bits, step, step.is_made() && before(past, step).is_some());
        },
        a_changed_value_marks_nobody: |bits, past, step| {
            let value = before(past, step).filter(|_| step.is_made()).map_or(step.value, |old| old.value);
            Step { value, ..step.clone() }.show(bits);
        },
        an_equal_value_marks_its_dependents: |bits, _, step| {
            if step.is_made() {
                Step { value: Some(991), volatile: false, deep: false, ..step.clone() }.show(bits);
            }
            step.show(bits);
        },
        a_volatile_key_is_clean: |bits, _, step| Step { volatile: false, ..step.clone() }.show(bits),
        a_key_restored_from_its_inputs_is_clean: |bits, _, step| Step { deep: false, ..step.clone() }.show(bits);
    suspects: Suspects,
        a_dependency_is_forgotten: |bits, _, step| with(bits, step, |list| list.truncate(list.len().saturating_sub(1))),
        edges_that_flipped_are_forgotten: |bits, past, step| {
            let first = past.iter().find(|other| other.is_made() && other.key == step.key);
            with(bits, step, |list| {
                if let Some(first) = first {
                    list.clone_from(&first.dependencies);
                }
            });
        };
    times: Times,
        a_tick_too_late: |times, _, step| Step { modified: step.modified + 1, ..step.clone() }.show(times),
        what_is_gone_is_still_there: |times, _, step| except(times, step, step.value.is_none()),
        a_build_takes_no_time: |times, past, step| except(times, step, before(past, step).is_some()),
        a_definition_has_a_time: |times, _, step| Step { key: step.key.subject(), ..step.clone() }.show(times),
        the_clock_only_goes_on: |times, past, step| {
            let latest = past.iter().map(|other| other.modified).max().unwrap_or(0);
            Step { modified: step.modified.max(latest), ..step.clone() }.show(times);
        };
    chain: Chain,
        a_key_keeps_its_place: |chain, _, step| except(chain, step, chain.position(step.key).is_some()),
        a_restored_key_has_no_place: |chain, _, step| except(chain, step, step.kind == Kind::Restored),
        an_edited_key_goes_to_the_end: |chain, _, step| {
            let edited = step.kind == Kind::Changed && !step.key.is_definition();
            let kind = if edited { Kind::Built } else { step.kind };
            Step { kind, ..step.clone() }.show(chain);
        };
    steps: Steps,
        an_event_is_counted_twice: |steps, _, step| {
            step.show(steps);
            except(steps, step, step.kind != Kind::Learned);
        },
        an_event_is_not_counted: |steps, _, step| except(steps, step, step.kind == Kind::Learned),
        an_input_has_no_step: |steps, _, step| {
            except(steps, step, step.kind == Kind::Changed && step.key.index() < INPUTS);
        },
        a_replaced_definition_is_no_change: |steps, _, step| except(steps, step, step.key.is_definition()),
        an_equal_value_is_a_change: |steps, past, step| {
            if before(past, step).is_some() && step.is_made() {
                Step { value: Some(991), ..step.clone() }.show(steps);
            }
            step.show(steps);
        },
        a_changed_value_is_none: |steps, past, step| {
            let value = before(past, step).filter(|_| step.is_made()).map_or(step.value, |old| old.value);
            Step { value, ..step.clone() }.show(steps);
        },
        a_volatile_key_was_built: |steps, _, step| Step { volatile: false, ..step.clone() }.show(steps),
        a_key_restored_from_its_inputs_was_built: |steps, _, step| {
            Step { deep: false, ..step.clone() }.show(steps);
        };
    verifying: Verifying,
        the_oldest_trace_stays_the_newest: |traces, _, step| {
            let fingerprint = step.value.unwrap_or_default().fingerprint();
            except(traces, step, traces.table().knows(step.key, fingerprint, &step.dependencies));
        },
        a_volatile_value_is_kept: |traces, _, step| Step { volatile: false, ..step.clone() }.show(traces),
        a_deep_trace_is_kept: |traces, _, step| Step { deep: false, ..step.clone() }.show(traces),
        the_definition_is_left_out: |traces, _, step| {
            with(traces, step, |list| list.retain(|told| !told.key.is_definition()));
        },
        a_dependency_is_left_out: |traces, _, step| {
            with(traces, step, |list| list.truncate(list.len().saturating_sub(1)));
        },
        the_order_is_forgotten: |traces, _, step| {
            with(traces, step, |list| list.sort_by_key(|told| (!told.key.is_definition(), told.key)));
        },
        groups_are_forgotten: |traces, _, step| {
            with(traces, step, |list| list.iter_mut().for_each(|told| told.grouped = false));
        },
        the_fingerprint_of_another_dependency: |traces, _, step| {
            with(traces, step, |list| {
                let last = list.last().map(|last| last.fingerprint);
                list.iter_mut().for_each(|told| told.fingerprint = last.unwrap_or(told.fingerprint));
            });
        },
        the_other_half_of_a_fingerprint_is_lost: |traces, _, step| {
            // The half that a trace keeps is the same.
            with(traces, step, |list| {
                let turned = |told: Fingerprint| Fingerprint(told.0 ^ (1 << 32 | 1));
                list.iter_mut().for_each(|told| told.fingerprint = turned(told.fingerprint));
            });
        },
        the_result_before: |traces, past, step| {
            let value = before(past, step).filter(|_| step.is_made()).map_or(step.value, |old| old.value);
            Step { value, ..step.clone() }.show(traces);
        },
        the_trace_of_another_key: |traces, _, step| {
            let key = if step.is_made() { KeyId::new(step.key.index() ^ 1) } else { step.key };
            Step { key, ..step.clone() }.show(traces);
        };
    constructive: Constructive,
        what_others_learned_is_forgotten: |traces, _, step| except(traces, step, step.kind == Kind::Learned),
        the_value_of_another_trace: |traces, past, step| {
            let value = past.iter().rev().find(|other| other.key == step.key).and_then(|other| other.value);
            Step { value: value.or(step.value), ..step.clone() }.show(traces);
        },
        the_value_of_another_key: |traces, past, step| {
            let other = past.iter().rev().find(|other| other.is_made() && other.key != step.key);
            let value = other.filter(|_| step.is_made()).map_or(step.value, |other| other.value);
            Step { value, ..step.clone() }.show(traces);
        },
        what_others_learned_is_always_the_newest: |traces, _, step| {
            let kind = if step.kind == Kind::Learned { Kind::Built } else { step.kind };
            Step { kind, ..step.clone() }.show(traces);
        },
        a_volatile_value_is_kept: |traces, _, step| Step { volatile: false, ..step.clone() }.show(traces),
        a_deep_trace_is_taken_for_a_shallow_one: |traces, _, step| Step { deep: false, ..step.clone() }.show(traces),
        the_definition_is_left_out: |traces, _, step| {
            with(traces, step, |list| list.retain(|told| !told.key.is_definition()));
        };
    deep: Deep,
        a_deep_trace_is_taken_for_a_shallow_one: |traces, _, step| {
            Step { deep: false, ..step.clone() }.show(traces);
        },
        a_shallow_trace_is_taken_for_a_deep_one: |traces, _, step| {
            Step { deep: step.kind != Kind::Changed, ..step.clone() }.show(traces);
        },
        a_volatile_key_is_no_input: |traces, _, step| {
            except(traces, step, step.volatile);
        },
        a_volatile_value_is_kept: |traces, _, step| Step { volatile: false, ..step.clone() }.show(traces),
        the_dependencies_of_the_run_before: |traces, past, step| {
            let old = before(past, step).filter(|_| step.kind == Kind::Built).map(|old| old.dependencies.clone());
            with(traces, step, |list| *list = old.unwrap_or(std::mem::take(list)));
        },
        the_definition_is_left_out: |traces, _, step| {
            with(traces, step, |list| list.retain(|told| !told.key.is_definition()));
        },
        a_key_that_lost_its_task_is_no_input: |traces, _, step| {
            except(traces, step, step.kind == Kind::Changed && step.key.is_definition() && step.value.is_none());
        };
}
