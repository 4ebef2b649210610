//! The walk down the traces of a key.
//!
//! Several traces of one key form a decision tree (THEORY, rule 2): a deterministic task always fetches the
//! same key first, and the same next one given the same answers. So the walk brings up to date the dependency
//! that the newest remaining trace names next, drops every trace that recorded another fingerprint of it there, and
//! goes on; it never fetches what the task would not. It stops as soon as no trace is left (rule 1), and brings
//! a group up to date at once (rule 3).
//!
//! Where a task has two fetches underway at once, their order depends on what was up to date already, and it is not one
//! tree. A trace that names another key where the newest one stands is therefore not dropped; when the newest one has
//! failed, the next is followed from its beginning. Each is an order in which the task did ask.

use std::task::{Poll, ready};

use alacarte_core::{Dependency, Fingerprint, Key, Question, Reason, Value};
use alacarte_metadata::{Trace, TraceTable};
use smallvec::SmallVec;

/// How far a walk has come. (In four words, which a question that waits keeps in place.)
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    /// How many dependencies have been verified.
    position: u32,
    /// Which traces still agree with all of them, a bit each, the newest lowest.
    candidates: u32,
    /// Where the newest trace was found not to hold.
    newest_fails: Option<Difference>,
}

/// A dependency that is not as its trace says.
#[derive(Debug, Clone, Copy)]
struct Difference {
    position: u32,
    now: Option<Fingerprint>,
}

/// Where a walk ended.
#[derive(Debug, Clone)]
pub enum Walked<'t, const EXTRA: usize> {
    /// This trace holds: the task would fetch exactly what it records. `newest` if no newer one was recorded.
    Holds {
        /// The trace.
        trace: Trace<'t, EXTRA>,
        /// Whether it is the newest of its key.
        newest: bool,
    },
    /// No admissible trace holds; the reason is the newest one's.
    Fails(Reason),
}

/// Walks the traces of the key that is asked about. A trace that is not `admissible` (which is told whether it is the
/// newest) is left out, for `otherwise`.
pub fn walk<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    table: &'t TraceTable<EXTRA>,
    otherwise: Reason,
    admissible: impl Fn(&Question<'_, K, V>, &Trace<'t, EXTRA>, bool) -> bool,
) -> Poll<Walked<'t, EXTRA>> {
    let mut all = table.of(question.key());
    let Some(newest) = all.next() else { return Poll::Ready(Walked::Fails(Reason::NeverBuilt)) };
    let older = all.next();
    let begun = question.is_resumed();
    let defined = question.definition().is_some();
    let fits = |question: &Question<'_, K, V>, trace: &Trace<'t, EXTRA>, newest: bool| {
        // (What the definition is, the walk itself sees: it is the first dependency.)
        trace.definition().is_some() == defined && admissible(question, trace, newest)
    };
    let Some(second) = older else {
        // Most keys have one trace, which needs no list.
        if !begun && !fits(question, &newest, true) {
            return Poll::Ready(Walked::Fails(otherwise));
        }
        return go_down_one(question, newest);
    };
    let traces: SmallVec<[Trace<'t, EXTRA>; 8]> = [newest, second].into_iter().chain(all).collect();
    let mut progress = if begun { *question.progress() } else { Progress::default() };
    if !begun {
        for (number, trace) in traces.iter().enumerate() {
            if fits(question, trace, number == 0) {
                progress.candidates |= 1 << number;
            }
        }
    }
    match go_down(question, &traces, &mut progress) {
        Poll::Ready(Some((trace, newest))) => Poll::Ready(Walked::Holds { trace, newest }),
        Poll::Ready(None) => Poll::Ready(Walked::Fails(match progress.newest_fails {
            Some(Difference { position, now }) => changed(newest.dependency(position as usize), now),
            None => otherwise,
        })),
        Poll::Pending => {
            *question.progress() = progress;
            Poll::Pending
        }
    }
}

/// The walk where there is one trace only: there is nothing to choose.
fn go_down_one<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    trace: Trace<'t, EXTRA>,
) -> Poll<Walked<'t, EXTRA>> {
    let length = trace.len();
    let mut position = *question.progress::<usize>();
    while position < length {
        let expected = trace.dependency(position);
        let group = begins_group(trace, position).then(|| trace.group(position));
        let now = match group.map(|group| question.fetch_group(group)) {
            Some(Poll::Pending) => Poll::Pending,
            _ => question.fetch(expected.key),
        };
        match now {
            Poll::Ready(now) if now == Some(expected.fingerprint) => position += 1,
            Poll::Ready(now) => return Poll::Ready(Walked::Fails(changed(expected, now))),
            Poll::Pending => {
                *question.progress() = position;
                return Poll::Pending;
            }
        }
    }
    Poll::Ready(Walked::Holds { trace, newest: true })
}

/// The walk where there are several: the trace that holds, and whether it is the newest.
fn go_down<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    traces: &[Trace<'t, EXTRA>],
    progress: &mut Progress,
) -> Poll<Option<(Trace<'t, EXTRA>, bool)>> {
    while progress.candidates != 0 {
        let lead = progress.candidates.trailing_zeros() as usize;
        let trace = traces[lead];
        let position = progress.position as usize;
        if position == trace.len() {
            return Poll::Ready(Some((trace, lead == 0)));
        }
        let expected = trace.dependency(position);
        if begins_group(trace, position) {
            let _ = ready!(question.fetch_group(trace.group(position)));
        }
        let now = ready!(question.fetch(expected.key));
        for (number, other) in traces.iter().enumerate().skip(lead + 1).filter(|(_, other)| position < other.len()) {
            let recorded = other.dependency(position);
            if recorded.key == expected.key && now != Some(recorded.fingerprint) {
                progress.candidates &= !(1 << number);
            }
        }
        if now == Some(expected.fingerprint) {
            progress.position += 1;
            continue;
        }
        // What made the newest trace fail is what a person wants to know.
        if lead == 0 {
            progress.newest_fails = Some(Difference { position: progress.position, now });
        }
        give_up(progress, lead);
    }
    Poll::Ready(None)
}

/// The reason that a dependency gives which is not what the trace expects.
fn changed(expected: Dependency, now: Option<Fingerprint>) -> Reason {
    Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now }
}

/// This trace does not hold; the next is followed from its beginning.
fn give_up(progress: &mut Progress, lead: usize) {
    progress.candidates &= !(1 << lead);
    progress.position = 0;
}

/// Whether this dependency and the next were fetched at once, and the one before was not.
fn begins_group<const EXTRA: usize>(trace: Trace<'_, EXTRA>, position: usize) -> bool {
    !trace.is_grouped(position) && position + 1 < trace.len() && trace.is_grouped(position + 1)
}
