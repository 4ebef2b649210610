//! Dropped builds: in every interleaving, at every sleep, what had finished by then is kept and all else is built
//! again.

use super::common::{Key, everywhere};
use super::interleaving_plan::Plan;
use super::site::Site;
use super::{BOUND, shapes};
use alacarte_conformance::{Outside, Seeded, every_interleaving};
use std::collections::BTreeSet;

/// What happens between the build that is dropped and the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Nothing,
    Restart,
    Edit,
    EditAndRestart,
}

/// Drops the build of a plan at every sleep of every interleaving: how many builds were dropped.
fn drop_everywhere(what: &str, plan: &Plan, edit: (Key, i64), outside: impl Fn() -> Outside) -> usize {
    let mut dropped = 0;
    everywhere(|scheduler, rebuilder| {
        for then in [Then::Nothing, Then::Restart, Then::Edit, Then::EditAndRestart] {
            for first in [true, false] {
                let mut polls = 0;
                loop {
                    let before = dropped;
                    let played = every_interleaving(BOUND, |path| {
                        let mut site = Site::new(plan, outside(), scheduler, rebuilder);
                        if !first {
                            site.build(&mut Seeded(5), None)?;
                            site.edit(edit.0, edit.1);
                        }
                        if site.build(path, Some(polls))?.is_some() {
                            return Ok(());
                        }
                        dropped += 1;
                        go_on(&mut site, then, rebuilder)
                    });
                    played.unwrap_or_else(|why| {
                        panic!("{what}, {scheduler} × {rebuilder}, dropped after {polls} polls, then {then:?}: {why}")
                    });
                    if dropped == before {
                        break;
                    }
                    polls += 1;
                }
            }
        }
    });
    dropped
}

/// The next build is right, and does not do again what was done; after it, nothing is left to do.
fn go_on(site: &mut Site, then: Then, rebuilder: &str) -> Result<(), String> {
    let finished: BTreeSet<Key> = site.ran().into_iter().collect();
    if matches!(then, Then::Edit | Then::EditAndRestart) {
        site.edit("b", 300);
    }
    if matches!(then, Then::Restart | Then::EditAndRestart) {
        site.restart();
    }
    site.build(&mut Seeded(11), None)?;
    if rebuilder == "perpetual" {
        return Ok(());
    }
    let again = site.ran().into_iter().find(|key| finished.contains(key));
    if let Some(key) = again.filter(|_| matches!(then, Then::Nothing | Then::Restart)) {
        return Err(format!("{key} had finished before the drop, and ran again"));
    }
    site.build(&mut Seeded(13), None)?;
    match site.ran().first() {
        Some(key) => Err(format!("{key} ran again, and nothing had happened")),
        None => Ok(()),
    }
}

#[test]
fn a_build_may_be_dropped_at_every_sleep() {
    let [diamond, joined, busy] = [shapes::diamond(), shapes::joined(), shapes::busy()];
    for (what, plan, jobs) in [("diamond", diamond, 2), ("joined", joined, 2), ("busy", busy, 2)] {
        assert!(drop_everywhere(what, &plan.with_jobs(jobs), ("a", 20), Outside::new) > 0);
    }
}

#[test]
fn pools_and_threads_may_be_dropped_too() {
    drop_everywhere("pools", &shapes::pools().with_jobs(2), ("a", 20), Outside::new);
    drop_everywhere("threads", &shapes::threads().with_jobs(2), ("a", 20), Outside::new);
}

/// Detached work that was underway is begun again, by the same process or by another, also after a build that failed.
#[test]
fn detached_work_that_was_dropped_is_begun_again() {
    for jobs in 1..=3 {
        drop_everywhere("detached", &shapes::detached().with_jobs(jobs), ("b", 200), Outside::new);
    }
}
