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

use alacarte_core::{Key, Question, Reason, Value};
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
    let begun = question.cursor().begun;
    if !begun {
        question.cursor().reason = Some(otherwise);
    }
    let defined = question.definition().is_some();
    let fits = |question: &Question<'_, K, V>, trace: &Trace<'t, EXTRA>, newest: bool| {
        let has_definition = !trace.is_empty() && trace.key(0).is_definition();
        has_definition == defined && admissible(question, trace, newest)
    };
    let Some(second) = older else {
        // Most keys have one trace, which needs no list.
        if !begun && !fits(question, &newest, true) {
            return Poll::Ready(Walked::Fails(otherwise));
        }
        return go_down_one(question, newest);
    };
    let traces: SmallVec<[Trace<'t, EXTRA>; 8]> = [newest, second].into_iter().chain(all).collect();
    let mut cursor = *question.cursor();
    if !begun {
        for (number, trace) in traces.iter().enumerate() {
            if fits(question, trace, number == 0) {
                cursor.candidates |= 1 << number;
            }
        }
    }
    let walked = go_down(question, &traces, &mut cursor);
    *question.cursor() = cursor;
    walked
}

/// The walk where there is one trace only: there is nothing to choose.
fn go_down_one<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    trace: Trace<'t, EXTRA>,
) -> Poll<Walked<'t, EXTRA>> {
    let length = trace.len();
    let mut position = question.cursor().position as usize;
    while position < length {
        let expected = trace.dependency(position);
        if !expected.grouped && position + 1 < length && trace.is_grouped(position + 1) {
            question.cursor().position = position as u32;
            ready!(fetch_group(question, trace, position));
        }
        match question.fetch(expected.key) {
            Poll::Ready(now) if now == Some(expected.fingerprint) => position += 1,
            Poll::Ready(now) => {
                let reason = Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now };
                return Poll::Ready(Walked::Fails(reason));
            }
            Poll::Pending => {
                question.cursor().position = position as u32;
                return Poll::Pending;
            }
        }
    }
    Poll::Ready(Walked::Holds { trace, newest: true })
}

fn go_down<'t, K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    traces: &[Trace<'t, EXTRA>],
    cursor: &mut alacarte_core::Cursor,
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
        for (number, other) in traces.iter().enumerate().skip(lead + 1).filter(|(_, other)| position < other.len()) {
            let recorded = other.dependency(position);
            if recorded.key == expected.key && now != Some(recorded.fingerprint) {
                cursor.candidates &= !(1 << number);
            }
        }
        if now == Some(expected.fingerprint) {
            cursor.position += 1;
            continue;
        }
        // What made the newest trace fail is what a person wants to know.
        if lead == 0 {
            cursor.reason = Some(Reason::DependencyChanged { key: expected.key, from: expected.fingerprint, to: now });
        }
        give_up(cursor, lead);
    }
    Poll::Ready(Walked::Fails(cursor.reason.unwrap_or(Reason::NeverBuilt)))
}

/// This trace does not hold; the next is followed from its beginning.
fn give_up(cursor: &mut alacarte_core::Cursor, lead: usize) {
    cursor.candidates &= !(1 << lead);
    cursor.position = 0;
}

/// Brings all of the group that begins here up to date at once.
fn fetch_group<K: Key, V: Value, const EXTRA: usize>(
    question: &mut Question<'_, K, V>,
    trace: Trace<'_, EXTRA>,
    begin: usize,
) -> Poll<()> {
    let mut all = Poll::Ready(());
    let end = (begin + 1..trace.len()).find(|&next| !trace.is_grouped(next)).unwrap_or(trace.len());
    if end == begin + 1 {
        return all;
    }
    for position in begin..end {
        if question.fetch(trace.key(position)).is_pending() {
            all = Poll::Pending;
        }
    }
    all
}
