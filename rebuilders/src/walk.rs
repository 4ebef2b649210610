//! The walk down the traces of a key.
//!
//! Several traces of one key form a decision tree (THEORY, rule 2): a deterministic task always fetches the
//! same key first, and the same next one given the same answers. So the walk brings up to date the dependency
//! that the newest remaining trace names next, drops every trace that recorded another fingerprint of it, and
//! goes on; it never fetches what the task would not. It stops as soon as no trace is left (rule 1), and brings
//! a group up to date at once (rule 3).

use std::task::{Poll, ready};

use alacarte::{Key, Question, Reason, Value};
use alacarte_metadata::{Trace, TraceTable};
use smallvec::SmallVec;

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

/// Walks the traces of the key that is asked about. A trace that is not `admissible` is left out, for `otherwise`.
pub fn walk<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    table: &'t TraceTable<EXTRA>,
    otherwise: Reason,
    admissible: impl Fn(&Question<'_, K, V>, &Trace<'t, EXTRA>) -> bool,
) -> Poll<Walked<'t, EXTRA>> {
    let traces: SmallVec<[Trace<'t, EXTRA>; 8]> = table.of(question.key()).collect();
    let mut cursor = *question.cursor();
    if !cursor.begun {
        let reason = if traces.is_empty() { Reason::NeverBuilt } else { otherwise };
        cursor.reason = Some(reason);
        let defined = question.definition().is_some();
        for (number, trace) in traces.iter().enumerate() {
            let has_definition = !trace.is_empty() && trace.dependency(0).key.is_definition();
            if has_definition == defined && admissible(question, trace) {
                cursor.candidates |= 1 << number;
            }
        }
    }
    let walked = go_down(question, &traces, &mut cursor);
    *question.cursor() = cursor;
    walked
}

fn go_down<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    traces: &[Trace<'t, EXTRA>],
    cursor: &mut alacarte::Cursor,
) -> Poll<Walked<'t, EXTRA>> {
    while cursor.candidates != 0 {
        let lead = cursor.candidates.trailing_zeros() as usize;
        let trace = traces[lead];
        let position = cursor.position as usize;
        if position == trace.len() {
            return Poll::Ready(Walked::Holds { trace, newest: lead == 0 });
        }
        let expected = trace.dependency(position);
        if !expected.grouped {
            ready!(fetch_group(question, trace, position));
        }
        let now = ready!(question.fetch(expected.key));
        for (number, other) in traces.iter().enumerate() {
            let agrees = position < other.len() && {
                let recorded = other.dependency(position);
                recorded.key == expected.key && Some(recorded.fingerprint) == now
            };
            if !agrees {
                cursor.candidates &= !(1 << number);
            }
        }
        // What made the newest trace fail is what a person wants to know.
        if cursor.candidates & 1 << lead == 0 && lead == 0 {
            cursor.reason = Some(Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now });
        }
        cursor.position += 1;
    }
    Poll::Ready(Walked::Fails(cursor.reason.unwrap_or(Reason::NeverBuilt)))
}

/// Brings all of the group that begins here up to date at once.
fn fetch_group<K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    trace: Trace<'_, EXTRA>,
    begin: usize,
) -> Poll<()> {
    let mut all = Poll::Ready(());
    let members = (begin + 1..trace.len()).map(|position| trace.dependency(position)).take_while(|next| next.grouped);
    let mut members = members.peekable();
    if members.peek().is_none() {
        return all;
    }
    for member in std::iter::once(trace.dependency(begin)).chain(members) {
        if question.fetch(member.key).is_pending() {
            all = Poll::Pending;
        }
    }
    all
}
