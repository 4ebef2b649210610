//! What was fetched at once is brought up to date at once (THEORY, rule 3).

use std::task::Poll;

use alacarte_core::{Key, KeyId, Question, Value};
use alacarte_metadata::DependencyGraph;

/// Brings the dependency at the question's cursor, the first of its group, and those fetched together with it up to
/// date; whether all of them have a value.
pub fn fetch_group<K: Key, V: Value>(
    question: &mut Question<'_, K, V>,
    graph: &DependencyGraph,
    first: KeyId,
) -> Poll<bool> {
    let mut all = question.fetch(first).map(|now| now.is_some());
    let mut position = question.cursor().position as usize + 1;
    while let Some((member, true)) = graph.dependency(question.key(), position) {
        match (question.fetch(member), &mut all) {
            (Poll::Ready(now), Poll::Ready(valued)) => *valued &= now.is_some(),
            (Poll::Pending, _) => all = Poll::Pending,
            (Poll::Ready(_), Poll::Pending) => {}
        }
        position += 1;
    }
    all
}
