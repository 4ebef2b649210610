//! Deep constructive trace: if the *terminal inputs* of a trace are as they were, its value is put in place;
//! nothing in between need exist.
//!
//! Buck (topological) and Nix (suspending). No early cutoff: a changed input changes everything above it, equal
//! or not. Tasks must be deterministic. A volatile key counts as an input: it has to be brought up to date to
//! know its value.

use std::collections::HashSet;
use std::task::Poll;

use alacarte::{Answer, Key, KeyId, Lesson, Question, Reason, Rebuilder, Restored, Value};
use alacarte_metadata::{DeepConstructiveTraces, Trace, Verdict};

/// Restores a key if the terminal inputs of one of its traces are as they were.
#[derive(Debug, Clone, Copy, Default)]
pub struct DeepConstructiveTrace;

/// What following one trace down to its inputs found.
enum Found {
    Holds,
    Fails(Reason),
}

impl<K: Key, V: Value> Rebuilder<K, V> for DeepConstructiveTrace {
    type Reads = DeepConstructiveTraces<V>;

    fn ask(&self, question: &mut Question<'_, K, V>, traces: &DeepConstructiveTraces<V>) -> Poll<Answer<V>> {
        let mut why = None;
        for (number, trace) in traces.table().of(question.key()).enumerate() {
            match follow(question, traces, trace) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Found::Fails(reason)) => why = why.or(Some(reason)),
                Poll::Ready(Found::Holds) => {
                    // The value of an older run, or of somebody else's, may be equal in a part only.
                    let own = question.is_built() && traces.is_last(question.key(), trace);
                    let stands = question.current() == Some(trace.fingerprint()) && (own || question.is_whole());
                    if stands && number == 0 && question.is_built() {
                        return Poll::Ready(Answer::Keep);
                    }
                    let value = if stands { None } else { traces.value(trace).cloned() };
                    let dependencies = trace.dependencies().collect();
                    return Poll::Ready(Answer::Restore(Restored { dependencies, deep: true, value }));
                }
            }
        }
        Poll::Ready(Answer::Run(why.unwrap_or(Reason::NeverBuilt)))
    }

    fn restores(&self) -> bool {
        true
    }

    fn lesson(&self, key: KeyId, traces: &DeepConstructiveTraces<V>) -> Option<Lesson> {
        let newest = traces.table().newest(key)?;
        Some(Lesson { dependencies: newest.dependencies().collect(), deep: true })
    }
}

/// Follows a trace, through those of its dependencies with the deep fingerprints that it names, down to its
/// terminal inputs. Each trace is followed at most once while nothing changes: the table remembers the verdict.
fn follow<'t, K: Key, V: Value>(
    question: &mut Question<'_, K, V>,
    traces: &'t DeepConstructiveTraces<V>,
    root: Trace<'t, 3>,
) -> Poll<Found> {
    if let Some(Verdict::Fails) = traces.verdict(root) {
        return Poll::Ready(Found::Fails(Reason::Dirty));
    }
    let defined = question.definition().is_some();
    if defined != (!root.is_empty() && root.dependency(0).key.is_definition()) {
        return Poll::Ready(Found::Fails(Reason::Dirty));
    }
    if let Some(Verdict::Holds) = traces.verdict(root) {
        return Poll::Ready(Found::Holds);
    }
    // Traces that lead to a volatile key are followed anew by each question, if only once.
    let mut wavering = HashSet::new();
    let mut path = vec![(root, 0, Verdict::Holds)];
    while let Some(&mut (trace, ref mut position, ref mut verdict)) = path.last_mut() {
        if *position == trace.len() {
            let verdict = *verdict;
            traces.judge(trace, verdict);
            path.pop();
            if verdict == Verdict::Wavers {
                wavering.insert(traces.number(trace));
                path.last_mut().into_iter().for_each(|(.., above)| *above = Verdict::Wavers);
            }
            continue;
        }
        let expected = trace.dependency(*position);
        *position += 1;
        let now = if traces.is_volatile(expected.key) && !expected.key.is_definition() {
            *verdict = Verdict::Wavers;
            question.fetch(expected.key)
        } else if question.is_input(expected.key) {
            question.input(expected.key)
        } else {
            match traces.find(expected.key, expected.fingerprint) {
                Some(below) if traces.verdict(below) == Some(Verdict::Holds) => continue,
                Some(below) if wavering.contains(&traces.number(below)) => {
                    *verdict = Verdict::Wavers;
                    continue;
                }
                Some(below)
                    if traces.verdict(below) != Some(Verdict::Fails)
                        && question.definition_matches(
                            expected.key,
                            !below.is_empty() && below.dependency(0).key.is_definition(),
                        ) =>
                {
                    path.push((below, 0, Verdict::Holds));
                    continue;
                }
                _ => Poll::Ready(None),
            }
        };
        let Poll::Ready(now) = now else { return Poll::Pending };
        if now != Some(expected.fingerprint) {
            for (failed, ..) in path {
                traces.judge(failed, Verdict::Fails);
            }
            let reason = Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now };
            return Poll::Ready(Found::Fails(reason));
        }
    }
    Poll::Ready(Found::Holds)
}
