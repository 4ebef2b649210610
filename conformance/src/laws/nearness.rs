//! Nearness: correctness of what tolerates that values move a little.

use std::collections::BTreeSet;

use super::{BuildEnding, Moment, show};
use crate::name::Name;

/// Whether a value has moved by more than this, or is no more, or was none.
pub(super) fn has_moved(then: Option<i64>, now: Option<i64>, within: u64) -> bool {
    then.zip(now).is_none_or(|(then, now)| then.abs_diff(now) > within)
}

/// Where values are promised within ε: each value that the targets reach is what its task gives for what one of its runs was
/// given, and none of that has moved by more than ε since; and a build fails only if a task fails for what the keys hold, or
/// by right. (What a run was given leads on, and not what it would be given by right: under a condition that may be another key.)
pub fn near(moment: &mut Moment<'_>) -> Result<(), String> {
    let Some(within) = moment.promises.within.filter(|_| !moment.nondeterministic) else { return Ok(()) };
    if !moment.ending.is_success() {
        let mut asked = moment.targets.to_vec();
        asked.extend(moment.detached());
        let reach = moment.truth.widest_reach(&asked);
        let circle = moment.truth.declares_a_circle(&asked);
        let fails = reach.into_iter().any(|key| {
            moment.truth.value(key).is_none()
                || moment.truth.possible(key, moment.values).iter().all(|run| run.value.is_none())
        });
        return match moment.ending {
            BuildEnding::Failed(error) if !fails && !circle => {
                Err(format!("the build failed, but all it needs has a value: {error}"))
            }
            _ => Ok(()),
        };
    }
    let mut todo: Vec<_> = moment.targets.iter().chain(&moment.onlooker.due).copied().collect();
    let mut looked_at = BTreeSet::new();
    while let Some(key) = todo.pop() {
        if !looked_at.insert(key) {
            continue;
        }
        let is = moment.values.get(&key).copied().flatten();
        if !moment.truth.has_task(key) {
            if is != moment.truth.value(key) || (is.is_none() && moment.targets.contains(&key)) {
                return Err(format!(
                    "the input {key} is {}, but should be {}",
                    show(is),
                    show(moment.truth.value(key))
                ));
            }
            continue;
        }
        let mut why = "it has never run".to_owned();
        // (Which run the build goes by is its own affair: a journal may have lost the last one.)
        let run = moment.onlooker.saw.get(&key).into_iter().flatten().rev().find(|saw| {
            let gives = moment.truth.possible(key, saw).first().and_then(|run| run.value);
            let value = |key: &Name| moment.values.get(key).copied().flatten();
            let moved = saw.iter().find(|(fetched, then)| has_moved(**then, value(fetched), within));
            if gives != is || is.is_none() {
                why = format!("for what its last run was given its task gives {}", show(gives));
            } else if let Some((fetched, then)) = moved {
                why = format!("{fetched}, which was {} when it ran, is {}", show(*then), show(value(fetched)));
            }
            gives == is && is.is_some() && moved.is_none()
        });
        match run {
            Some(saw) => todo.extend(saw.keys()),
            None => return Err(format!("{key} is {}, but {why}", show(is))),
        }
    }
    Ok(())
}
