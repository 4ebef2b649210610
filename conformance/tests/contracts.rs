//! Each metadata updater keeps its contract: after every event of a random history it says what a naive model says.
//!
//! So that the models are known to bite, each is also asked with a *liar* between the events and the updater, and has to notice.

use alacarte_conformance::Trial;
use alacarte_conformance::contracts::ours::{
    ChainModel, ConstructiveModel, DeepModel, DirtyModel, GraphModel, SeenModel, StepsModel, SuspectsModel, TimesModel,
    VerifyingModel,
};
use alacarte_conformance::contracts::{Contract, EventKind, Happening, INPUTS, Messenger, judge_contract};
use alacarte_core::{Dependency, Fingerprint, KeyId, MetadataUpdater, Value};

/// (Fewer histories than these find nothing.)
fn kept<C: Contract>() {
    let Trial { cases, .. } = Trial::default();
    let trial = Trial::default().with_cases(cases.max(256));
    if let Err(broken) = judge_contract::<C>(trial, |updater, _, what| what.show(updater)) {
        panic!("{broken:?}");
    }
}

fn noticed<C: Contract>(contract: &str, lie: &str, liar: Messenger<C::Of>) {
    let judged = judge_contract::<C>(Trial::default().with_cases(1024), liar);
    let Err(broken) = judged else { panic!("{contract}: {lie}: nothing was noticed") };
    println!("{:<60} {:>6}", format!("{contract}: {}", lie.replace('_', " ")), broken.cases);
}

macro_rules! contracts {
    ($($name:ident: $contract:ty, $($liar:ident: $lie:expr),+;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn holds() {
                kept::<$contract>();
            }
            $(#[test]
            fn $liar() {
                noticed::<$contract>(stringify!($name), stringify!($liar), $lie);
            })+
        }
    )*};
}

/// Tells of other dependencies.
fn with<U: MetadataUpdater>(updater: &mut U, what: &Happening, change: impl FnOnce(&mut Vec<Dependency>)) {
    let mut what = what.clone();
    change(&mut what.dependencies);
    what.show(updater);
}

/// The last build of the same key before.
fn before<'p>(past: &'p [Happening], what: &Happening) -> Option<&'p Happening> {
    past.iter().rev().find(|other| other.is_made() && other.key == what.key)
}

/// Tells everything but this.
fn except<U: MetadataUpdater>(updater: &mut U, what: &Happening, untold: bool) {
    if !untold {
        what.show(updater);
    }
}

contracts! {
    graph: GraphModel,
        a_forgotten_key_is_remembered: |graph, _, what| except(graph, what, what.kind == EventKind::Forgotten),
        a_restored_key_is_forgotten: |graph, _, what| except(graph, what, what.kind == EventKind::Restored),
        a_definition_counts_as_a_key: |graph, _, what| {
            with(graph, what, |list| list.iter_mut().for_each(|told| told.key = told.key.subject()));
        },
        an_edge_is_forgotten: |graph, _, what| with(graph, what, |list| list.truncate(list.len().saturating_sub(1))),
        an_old_edge_stays: |graph, past, what| {
            let old = before(past, what).map(|old| old.dependencies.clone()).unwrap_or_default();
            with(graph, what, |list| {
                list.extend(old.into_iter().filter(|old| what.dependencies.iter().all(|told| told.key != old.key)));
            });
        },
        the_order_is_forgotten: |graph, _, what| {
            with(graph, what, |list| list.sort_by_key(|told| (!told.key.is_definition(), told.key)));
        },
        groups_are_forgotten: |graph, _, what| {
            with(graph, what, |list| list.iter_mut().for_each(|told| told.grouped = false));
        },
        what_others_learned_counts: |graph, _, what| {
            let kind = if what.kind == EventKind::Imported { EventKind::Built } else { what.kind };
            what.clone().with_kind(kind).show(graph);
        };
    dirty: DirtyModel,
        a_forgotten_key_is_remembered: |bits, _, what| except(bits, what, what.kind == EventKind::Forgotten),
        a_bit_of_another_key_is_cleared: |bits, past, what| {
            what.show(bits);
            let other = past.iter().rev().find(|other| other.kind == EventKind::Built && other.key != what.key);
            other.filter(|other| other.is_plain()).into_iter().for_each(|other| other.show(bits));
        },
        a_damaged_output_is_forgotten: |bits, _, what| {
            except(bits, what, what.kind == EventKind::Changed && what.key.index() >= INPUTS);
        },
        a_replaced_definition_is_forgotten: |bits, _, what| except(bits, what, what.key.is_definition()),
        an_edited_input_is_forgotten: |bits, _, what| {
            except(bits, what, what.kind == EventKind::Changed && what.key.index() < INPUTS);
        },
        a_bit_is_never_cleared: |bits, past, what| {
            except(bits, what, what.is_made() && before(past, what).is_some());
        },
        a_changed_value_marks_nobody: |bits, past, what| {
            let value = before(past, what).filter(|_| what.is_made()).map_or(what.value, |old| old.value);
            what.clone().with_value(value).show(bits);
        },
        an_equal_value_marks_its_dependents: |bits, _, what| {
            if what.is_made() {
                what.clone().with_value(Some(991)).with_volatile(false).with_deep(false).show(bits);
            }
            what.show(bits);
        },
        a_volatile_key_is_clean: |bits, _, what| what.clone().with_volatile(false).show(bits),
        a_key_restored_from_its_inputs_is_clean: |bits, _, what| what.clone().with_deep(false).show(bits);
    suspects: SuspectsModel,
        a_forgotten_key_is_remembered: |bits, _, what| except(bits, what, what.kind == EventKind::Forgotten),
        a_dependency_is_forgotten: |bits, _, what| with(bits, what, |list| list.truncate(list.len().saturating_sub(1))),
        edges_that_flipped_are_forgotten: |bits, past, what| {
            let first = past.iter().find(|other| other.is_made() && other.key == what.key);
            with(bits, what, |list| {
                if let Some(first) = first {
                    list.clone_from(&first.dependencies);
                }
            });
        };
    seen: SeenModel,
        a_forgotten_key_is_remembered: |runs, _, what| except(runs, what, what.kind == EventKind::Forgotten),
        an_edited_input_is_forgotten: |runs, _, what| {
            except(runs, what, what.kind == EventKind::Changed && what.key.index() < INPUTS);
        },
        a_restored_key_is_forgotten: |runs, _, what| except(runs, what, what.kind == EventKind::Restored),
        a_volatile_run_is_one_to_go_by: |runs, _, what| what.clone().with_volatile(false).show(runs),
        a_deep_run_is_one_to_go_by: |runs, _, what| what.clone().with_deep(false).show(runs),
        a_value_goes_by_unseen: |runs, _, what| {
            with(runs, what, |list| list.truncate(list.len().saturating_sub(1)));
        },
        an_older_value_passes_for_what_was_seen: |runs, past, what| {
            let old = past.iter().rev().find(|other| other.kind == EventKind::Changed && other.key == what.key);
            let value = old.filter(|_| what.kind == EventKind::Changed).map_or(what.value, |old| old.value);
            what.clone().with_value(value).show(runs);
        },
        a_definition_counts_as_a_key: |runs, _, what| {
            with(runs, what, |list| list.iter_mut().for_each(|told| told.key = told.key.subject()));
        };
    times: TimesModel,
        a_forgotten_key_is_remembered: |times, _, what| except(times, what, what.kind == EventKind::Forgotten),
        a_tick_too_late: |times, _, what| what.clone().with_modified(what.modified + 1).show(times),
        what_is_gone_is_still_there: |times, _, what| except(times, what, what.value.is_none()),
        a_build_takes_no_time: |times, past, what| except(times, what, before(past, what).is_some()),
        a_definition_has_a_time: |times, _, what| what.clone().with_key(what.key.subject()).show(times),
        the_clock_only_goes_on: |times, past, what| {
            let latest = past.iter().map(|other| other.modified).max().unwrap_or(0);
            what.clone().with_modified(what.modified.max(latest)).show(times);
        };
    chain: ChainModel,
        a_forgotten_key_is_remembered: |chain, _, what| except(chain, what, what.kind == EventKind::Forgotten),
        a_key_keeps_its_place: |chain, _, what| except(chain, what, chain.position(what.key).is_some()),
        a_restored_key_has_no_place: |chain, _, what| except(chain, what, what.kind == EventKind::Restored),
        an_edited_key_goes_to_the_end: |chain, _, what| {
            let edited = what.kind == EventKind::Changed && !what.key.is_definition();
            let kind = if edited { EventKind::Built } else { what.kind };
            what.clone().with_kind(kind).show(chain);
        };
    steps: StepsModel,
        a_forgotten_key_is_remembered: |steps, _, what| except(steps, what, what.kind == EventKind::Forgotten),
        an_event_is_counted_twice: |steps, _, what| {
            what.show(steps);
            except(steps, what, what.kind != EventKind::Imported);
        },
        an_event_is_not_counted: |steps, _, what| except(steps, what, what.kind == EventKind::Imported),
        an_input_has_no_step: |steps, _, what| {
            except(steps, what, what.kind == EventKind::Changed && what.key.index() < INPUTS);
        },
        a_replaced_definition_is_no_change: |steps, _, what| except(steps, what, what.key.is_definition()),
        an_equal_value_is_a_change: |steps, past, what| {
            if before(past, what).is_some() && what.is_made() {
                what.clone().with_value(Some(991)).show(steps);
            }
            what.show(steps);
        },
        a_changed_value_is_none: |steps, past, what| {
            let value = before(past, what).filter(|_| what.is_made()).map_or(what.value, |old| old.value);
            what.clone().with_value(value).show(steps);
        },
        a_volatile_key_was_built: |steps, _, what| what.clone().with_volatile(false).show(steps),
        a_key_restored_from_its_inputs_was_built: |steps, _, what| {
            what.clone().with_deep(false).show(steps);
        };
    verifying: VerifyingModel,
        a_forgotten_key_is_remembered: |traces, _, what| except(traces, what, what.kind == EventKind::Forgotten),
        the_oldest_trace_stays_the_newest: |traces, _, what| {
            let fingerprint = what.value.unwrap_or_default().fingerprint();
            except(traces, what, traces.table().find(what.key, fingerprint, &what.dependencies).is_some());
        },
        a_volatile_value_is_kept: |traces, _, what| what.clone().with_volatile(false).show(traces),
        a_deep_trace_is_kept: |traces, _, what| what.clone().with_deep(false).show(traces),
        the_definition_is_left_out: |traces, _, what| {
            with(traces, what, |list| list.retain(|told| !told.key.is_definition()));
        },
        a_dependency_is_left_out: |traces, _, what| {
            with(traces, what, |list| list.truncate(list.len().saturating_sub(1)));
        },
        the_order_is_forgotten: |traces, _, what| {
            with(traces, what, |list| list.sort_by_key(|told| (!told.key.is_definition(), told.key)));
        },
        groups_are_forgotten: |traces, _, what| {
            with(traces, what, |list| list.iter_mut().for_each(|told| told.grouped = false));
        },
        the_fingerprint_of_another_dependency: |traces, _, what| {
            with(traces, what, |list| {
                let last = list.last().map(|last| last.fingerprint);
                list.iter_mut().for_each(|told| told.fingerprint = last.unwrap_or(told.fingerprint));
            });
        },
        the_other_half_of_a_fingerprint_is_lost: |traces, _, what| {
            // The half that a trace keeps is the same.
            with(traces, what, |list| {
                let turned = |told: Fingerprint| Fingerprint(told.0 ^ (1 << 32 | 1));
                list.iter_mut().for_each(|told| told.fingerprint = turned(told.fingerprint));
            });
        },
        the_result_before: |traces, past, what| {
            let value = before(past, what).filter(|_| what.is_made()).map_or(what.value, |old| old.value);
            what.clone().with_value(value).show(traces);
        },
        the_trace_of_another_key: |traces, _, what| {
            let key = if what.is_made() { KeyId::new(what.key.index() ^ 1) } else { what.key };
            what.clone().with_key(key).show(traces);
        };
    constructive: ConstructiveModel,
        a_forgotten_key_is_remembered: |traces, _, what| except(traces, what, what.kind == EventKind::Forgotten),
        what_others_learned_is_forgotten: |traces, _, what| except(traces, what, what.kind == EventKind::Imported),
        the_value_of_another_trace: |traces, past, what| {
            let value = past.iter().rev().find(|other| other.key == what.key).and_then(|other| other.value);
            what.clone().with_value(value.or(what.value)).show(traces);
        },
        the_value_of_another_key: |traces, past, what| {
            let other = past.iter().rev().find(|other| other.is_made() && other.key != what.key);
            let value = other.filter(|_| what.is_made()).map_or(what.value, |other| other.value);
            what.clone().with_value(value).show(traces);
        },
        what_others_learned_is_always_the_newest: |traces, _, what| {
            let kind = if what.kind == EventKind::Imported { EventKind::Built } else { what.kind };
            what.clone().with_kind(kind).show(traces);
        },
        a_volatile_value_is_kept: |traces, _, what| what.clone().with_volatile(false).show(traces),
        a_deep_trace_is_taken_for_a_shallow_one: |traces, _, what| what.clone().with_deep(false).show(traces),
        the_definition_is_left_out: |traces, _, what| {
            with(traces, what, |list| list.retain(|told| !told.key.is_definition()));
        };
    deep: DeepModel,
        a_forgotten_key_is_remembered: |traces, _, what| except(traces, what, what.kind == EventKind::Forgotten),
        a_deep_trace_is_taken_for_a_shallow_one: |traces, _, what| {
            what.clone().with_deep(false).show(traces);
        },
        a_shallow_trace_is_taken_for_a_deep_one: |traces, _, what| {
            what.clone().with_deep(what.kind != EventKind::Changed).show(traces);
        },
        a_volatile_key_is_no_input: |traces, _, what| {
            except(traces, what, what.volatile);
        },
        a_volatile_value_is_kept: |traces, _, what| what.clone().with_volatile(false).show(traces),
        the_dependencies_of_the_run_before: |traces, past, what| {
            let old = before(past, what).filter(|_| what.kind == EventKind::Built).map(|old| old.dependencies.clone());
            with(traces, what, |list| *list = old.unwrap_or(std::mem::take(list)));
        },
        the_definition_is_left_out: |traces, _, what| {
            with(traces, what, |list| list.retain(|told| !told.key.is_definition()));
        },
        a_key_that_lost_its_task_is_no_input: |traces, _, what| {
            except(traces, what, what.kind == EventKind::Changed && what.key.is_definition() && what.value.is_none());
        };
}
