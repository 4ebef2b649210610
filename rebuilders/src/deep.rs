//! Deep constructive trace: if the *terminal inputs* of a trace are as they were, its value is put in place;
//! nothing in between need exist.
//!
//! Buck (topological) and Nix (suspending). No early cutoff: a changed input changes everything above it, equal
//! or not. Tasks must be deterministic. A volatile key counts as an input: it has to be brought up to date to
//! know its value.

use std::task::Poll;

use alacarte_core::{
    Answer, Key, KeyId, Metadata, Question, Reason, Rebuilder, Restored, SharableTrace, Value, count_steps,
};
use alacarte_metadata::{DeepConstructiveTraces, Stand, Trace, Verdict};

/// Restores a key if the terminal inputs of one of its traces are as they were.
///
/// ```
/// use alacarte::prelude::*;
///
/// let tasks = Rules::new()
///     .rule("B", formula(["A"], |[a]| a / 10))
///     .rule("C", formula(["B"], |[b]| b + 1));
/// let build = Build::new(tasks, Memory::from([("A", 40)])).with_scheduler(Suspending::new());
/// let mut build = build.with_rebuilder(DeepConstructiveTrace);
/// build.run(["C"])?;
///
/// // C is kept because its input A is the same, although B is gone.
/// build.remove("B")?;
/// assert!(build.run(["C"])?.ran.is_empty());
/// assert_eq!((build.get("B"), build.get("C")), (None, Some(5)));
///
/// // No early cutoff: B is 4 again, but C runs because its input A changed.
/// build.set("A", 41)?;
/// let report = build.run(["C"])?;
/// assert_eq!(build.names(&report.ran), ["B", "C"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct DeepConstructiveTrace;

/// What following one trace down to its inputs found.
enum Found {
    Holds,
    Fails(Reason),
}

impl<K: Key, V: Value> Rebuilder<K, V> for DeepConstructiveTrace {
    fn install(&self, metadata: &mut Metadata) {
        metadata.install::<DeepConstructiveTraces<V>>();
    }

    fn ask(&self, question: &mut Question<'_, K, V>, metadata: &Metadata) -> Poll<Answer<V>> {
        let traces = metadata.read::<DeepConstructiveTraces<V>>();
        let mut why = None;
        traces.enter(question.revision());
        for trace in traces.table().of(question.key()) {
            match follow(question, traces, trace) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Found::Fails(reason)) => why = why.or(Some(reason)),
                Poll::Ready(Found::Holds) => {
                    // The value of an older run, or of somebody else's, may be equal in a part only. And what is built above
                    // is filed under the present deep fingerprint: a trace that was learned has to become that first.
                    let own = question.is_built() && traces.is_present(question.key(), trace);
                    let stands = question.current() == Some(trace.fingerprint()) && (own || question.is_whole());
                    if stands && own {
                        return Poll::Ready(Answer::Keep);
                    }
                    let value = if stands { None } else { traces.value(trace).cloned() };
                    let dependencies = trace.dependencies().collect();
                    return Poll::Ready(Answer::Restore(Restored::new(dependencies, true, value)));
                }
            }
        }
        Poll::Ready(Answer::Run(why.unwrap_or(Reason::NeverBuilt)))
    }

    fn restores(&self) -> bool {
        true
    }

    fn sharable_trace(&self, key: KeyId, metadata: &Metadata) -> Option<SharableTrace> {
        let traces = metadata.read::<DeepConstructiveTraces<V>>();
        let newest = traces.table().newest(key)?;
        Some(SharableTrace::new(newest.dependencies().collect(), Some(traces.deep(newest))))
    }
}

/// Follows a trace, through those of its dependencies with the deep fingerprints that it names, down to its
/// terminal inputs. Each trace is followed at most once in a build: the table remembers the verdict, and where a question
/// stands that has to wait.
fn follow<'t, K: Key, V: Value>(
    question: &mut Question<'_, K, V>,
    traces: &'t DeepConstructiveTraces<V>,
    root: Trace<'t, 3>,
) -> Poll<Found> {
    if let Some(Verdict::Fails) = traces.verdict(root) {
        return Poll::Ready(Found::Fails(Reason::Dirty));
    }
    if question.definition().is_some() != root.definition().is_some() {
        return Poll::Ready(Found::Fails(Reason::Dirty));
    }
    if let Some(Verdict::Holds) = traces.verdict(root) {
        return Poll::Ready(Found::Holds);
    }
    let (key, beginning) = (question.key(), Stand::new(question.key(), root));
    // (If newer traces took the place of one of them while the question waited, it begins again.)
    let waited = traces.take_up(key).filter(|stands| stands[0].deep == beginning.deep);
    let found = |stand: Stand| Some((stand, traces.find(stand.key, stand.deep)?));
    let waited: Option<Vec<_>> = waited.and_then(|stands| stands.into_iter().map(found).collect());
    let mut before = waited.as_ref().map_or(0, Vec::len);
    let mut stack = waited.unwrap_or_else(|| vec![(beginning, root)]);
    while let Some((mut stand, trace)) = stack.pop() {
        before = before.min(stack.len());
        match look_into(question, traces, trace, &mut stand) {
            Seen::End => traces.judge(stand.number, Verdict::Holds),
            Seen::Below(key, below) => stack.extend([(stand, trace), (Stand::new(key, below), below)]),
            Seen::Pending(awaited) => {
                let stands = stack.into_iter().map(|(stand, _)| stand).chain([stand]).collect();
                traces.put_aside(key, stands, before, awaited);
                return Poll::Pending;
            }
            Seen::Differs(reason) => {
                for failed in stack.into_iter().map(|(stand, _)| stand).chain([stand]) {
                    traces.judge(failed.number, Verdict::Fails);
                }
                return Poll::Ready(Found::Fails(reason));
            }
        }
    }
    Poll::Ready(Found::Holds)
}

/// What comes next in a trace that is looked into.
enum Seen<'t> {
    /// Nothing: it holds.
    End,
    /// A trace of this key that has to be looked into first.
    Below(KeyId, Trace<'t, 3>),
    /// A key that is not up to date.
    Pending(KeyId),
    /// A dependency that is not as it was.
    Differs(Reason),
}

/// Looks at the dependencies of a trace from where it stands on, as far as they are as they were.
fn look_into<'t, K: Key, V: Value>(
    question: &mut Question<'_, K, V>,
    traces: &'t DeepConstructiveTraces<V>,
    trace: Trace<'_, 3>,
    stand: &mut Stand,
) -> Seen<'t> {
    while stand.position < trace.len() {
        count_steps(1);
        let expected = trace.dependency(stand.position);
        let now = if traces.is_volatile(expected.key) && !expected.key.is_definition() {
            question.fetch(expected.key)
        } else if question.is_input(expected.key) {
            question.input(expected.key)
        } else {
            let below = traces.find(expected.key, expected.fingerprint);
            match below.map(|below| (below, traces.verdict(below))) {
                Some((_, Some(Verdict::Holds))) => Poll::Ready(Some(expected.fingerprint)),
                Some((below, None)) => {
                    if question.definition_matches(expected.key, below.definition().is_some()) {
                        // It is looked into once, by the question that came first.
                        return match traces.awaited(below) {
                            Some(awaited) if question.fetch(awaited).is_pending() => Seen::Pending(awaited),
                            _ => Seen::Below(expected.key, below),
                        };
                    }
                    Poll::Ready(None)
                }
                Some((_, Some(Verdict::Fails))) | None => Poll::Ready(None),
            }
        };
        let Poll::Ready(now) = now else { return Seen::Pending(expected.key) };
        if now != Some(expected.fingerprint) {
            let reason = Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now };
            return Seen::Differs(reason);
        }
        stand.position += 1;
    }
    Seen::End
}
