//! The model of the jobserver: every interleaving of all small trees, random ones of larger trees, and what each law catches.

use alacarte_conformance::Trial;
use alacarte_conformance::jobserver::{
    Cheating, Discipline, JobFault, JobLaw, PlanScope, ProcessPlan, ProcessTree, RandomTrees, Story, Waiting,
    every_state, judge_interleavings, replay_story, smallest_story,
};

const PLAIN: Discipline = Discipline::PLAIN;
const OURS: Discipline = Discipline::OURS;
const REDO: Discipline = Discipline::REDO;

/// Ours, if they took a lock before they have a token again, and nobody were shown: who is, is not among those that wait for ever.
const LOCK_FIRST: Discipline = OURS.with_waiting(Waiting::LockFirst).with_cheats(Cheating::Never);

/// More states than any tree here comes to.
const BOUND: usize = 300_000;

/// What holds although some are killed, each with all that it started.
const WHOEVER_DIES: [JobLaw; 5] =
    [JobLaw::NoneTooMany, JobLaw::Bounded, JobLaw::Recovered, JobLaw::NoDeadlock, JobLaw::Unharmed];

/// What holds even if one was killed that had given its token back.
const IN_THE_END: [JobLaw; 3] = [JobLaw::Recovered, JobLaw::NoDeadlock, JobLaw::Unharmed];

/// Every law but this one.
fn but(left_out: JobLaw) -> Vec<JobLaw> {
    JobLaw::ALL.into_iter().filter(|law| *law != left_out).collect()
}

/// Explores every tree with up to so many processes beneath the server, and up to three jobs. How many states there are.
fn all(
    processes: usize,
    [locks, others]: [bool; 2],
    laws: &[JobLaw],
    make: impl Fn(ProcessPlan, u8) -> ProcessTree,
) -> Result<usize, Box<Story>> {
    let plans = (1..=processes)
        .flat_map(|count| ProcessPlan::every(PlanScope::new(count).with_locks(locks).with_others(others)));
    let trees = plans.flat_map(|plan| [1, 2, 3].map(|jobs| make(plan.clone(), jobs)));
    trees.map(|tree| every_state(&tree, laws, BOUND)).sum()
}

fn holds(judged: Result<usize, Box<Story>>, least: usize) {
    let states = judged.unwrap_or_else(|story| panic!("{story}"));
    assert!(states >= least, "only {states} states");
}

#[test]
fn every_law_holds_in_every_interleaving_of_all_small_trees() {
    for (server, other) in [(PLAIN, OURS), (OURS, PLAIN), (REDO, REDO)] {
        holds(
            all(4, [false, true], &JobLaw::ALL, |plan, jobs| ProcessTree::new(jobs, server, plan).beside(other)),
            13_000,
        );
    }
}

#[test]
fn with_a_lock_every_law_holds_where_all_give_their_tokens_back() {
    for discipline in [OURS, REDO] {
        holds(all(4, [true, false], &JobLaw::ALL, |plan, jobs| ProcessTree::new(jobs, discipline, plan)), 80_000);
    }
}

/// Who waits for the lock by the plain protocol holds a token that others wait for. All else holds beside ours, too.
#[test]
fn beside_others_that_hold_theirs_only_idle_tokens_are_lost() {
    for (server, other) in [(PLAIN, OURS), (OURS, PLAIN)] {
        let make = |plan, jobs| ProcessTree::new(jobs, server, plan).beside(other);
        holds(all(4, [true, true], &but(JobLaw::NoIdleToken), make), 400_000);
    }
}

#[test]
fn whoever_is_killed_and_when_a_server_of_ours_has_all_tokens_in_the_end() {
    for other in [PLAIN, OURS] {
        let make = |plan, jobs| ProcessTree::new(jobs, OURS, plan).beside(other).with_kills(1);
        holds(all(4, [false, true], &WHOEVER_DIES, make), 27_000);
        holds(all(4, [true, true], &IN_THE_END, make), 380_000);
        let make = |plan, jobs| ProcessTree::new(jobs, OURS, plan).beside(other).with_kills(2);
        holds(all(4, [false, true], &WHOEVER_DIES, make), 35_000);
    }
    // Even if what the killed one has started lives on: it counts as running until all of that has ended.
    let make = |plan, jobs| ProcessTree::new(jobs, OURS, plan).with_kills(1).with_orphans();
    holds(all(4, [false, false], &WHOEVER_DIES, make), 15_000);
}

/// Trees of up to some twenty processes.
#[test]
fn larger_trees_keep_the_laws_in_random_interleavings() {
    let trial = Trial::usually(1_000);
    let cases = trial.seed..trial.seed + trial.cases;
    let judge = |[kills, locks]: [bool; 2], laws: &[JobLaw], server: Discipline, other: Discipline| {
        let make = |plan| ProcessTree::new(1, server, plan).beside(other);
        let trees = RandomTrees::new(cases.clone()).with_kills(kills).with_locks(locks);
        judge_interleavings(&trees, laws, make).unwrap_or_else(|story| panic!("{story}"));
    };
    judge([false, false], &JobLaw::ALL, PLAIN, OURS);
    judge([false, true], &JobLaw::ALL, OURS, OURS);
    judge([false, true], &JobLaw::ALL, REDO, REDO);
    judge([false, true], &but(JobLaw::NoIdleToken), OURS, PLAIN);
    judge([true, false], &WHOEVER_DIES, OURS, PLAIN);
    judge([true, true], &IN_THE_END, OURS, PLAIN);
}

/// Each of these is caught by a law, and each law catches something.
#[test]
fn what_is_wrong_on_purpose_is_caught() {
    // (What is at fault, in whose place, who else is there, whether there is a lock, and the law that is broken.)
    let faults = [
        (JobFault::PutsNothingBack, PLAIN, OURS, false, JobLaw::Conserved),
        (JobFault::PutsNothingBack, OURS, PLAIN, false, JobLaw::Conserved),
        (JobFault::PutsBackTwice, PLAIN, PLAIN, false, JobLaw::NoneTooMany),
        (JobFault::ServesOneTooMany, PLAIN, PLAIN, false, JobLaw::Bounded),
        (JobFault::IgnoresItsOwn, PLAIN, PLAIN, false, JobLaw::NoDeadlock),
        (JobFault::StartsWithout, PLAIN, PLAIN, false, JobLaw::Bounded),
        (JobFault::KeepsItsOwn, OURS, PLAIN, false, JobLaw::NoIdleToken),
        (JobFault::LooksSeldom, OURS, PLAIN, false, JobLaw::NoIdleToken),
        (JobFault::SleepsInRead, PLAIN, PLAIN, false, JobLaw::NoIdleToken),
        (JobFault::MakesNonBlocking, OURS, PLAIN, false, JobLaw::Unharmed),
        (JobFault::EndsWithout, REDO, REDO, true, JobLaw::Conserved),
        (JobFault::MendsTooSoon, OURS, PLAIN, false, JobLaw::NoneTooMany),
        (JobFault::SharesCheats, REDO, REDO, true, JobLaw::NoneTooMany),
        (JobFault::OverlooksCheats, REDO, REDO, true, JobLaw::Recovered),
        (JobFault::SharesCheats, OURS, PLAIN, true, JobLaw::NoneTooMany),
        (JobFault::OverlooksCheats, OURS, PLAIN, true, JobLaw::Paid),
    ];
    for (fault, sound, other, locks, law) in faults {
        let make = |plan, jobs| ProcessTree::new(jobs, sound.with_fault(fault), plan).beside(other);
        let story = all(4, [locks, true], &[law], make).expect_err(&format!("{fault:?}: nothing was noticed"));
        println!("{fault:?}: {story}\n");
        // Random interleavings find it, too.
        let make = |plan| make(plan, 1);
        let found = judge_interleavings(&RandomTrees::new(0..20_000).with_locks(locks), &[law], make);
        assert!(found.is_err(), "{fault:?}: random interleavings do not find it");
    }
    let caught = |law| faults.iter().any(|(.., caught)| *caught == law);
    let idle: Vec<JobLaw> = JobLaw::ALL.into_iter().filter(|law| !caught(*law)).collect();
    assert!(idle.is_empty(), "these catch nothing: {idle:?}");
}

/// A make makes its command's token anew, whatever that one owes. Where a build of ours is above the make, it pays when the make has ended, and until then
/// one job too many is done; else nobody does.
#[test]
fn who_makes_a_token_up_beneath_a_plain_make_is_not_paid_for() {
    let always = OURS.with_cheats(Cheating::Always);
    for (server, other, law) in
        [(always, PLAIN, JobLaw::Paid), (PLAIN, always, JobLaw::Paid), (PLAIN, always, JobLaw::Recovered)]
    {
        let unpaid = story(law, [true, true], |plan, jobs| ProcessTree::new(jobs, server, plan).beside(other));
        assert!(unpaid.steps.iter().any(|step| step.contains("makes a token up")), "{unpaid}");
        assert!(unpaid.wrong.contains("and 1 made up"), "{unpaid}");
        let ours = [server, other].map(|discipline| if discipline == PLAIN { PLAIN } else { OURS });
        let replayed = replay_story(&unpaid, &unpaid.tree.clone().with_disciplines(ours), &[law]);
        assert!(replayed.iter().all(|scene| scene.wrong.is_none()), "{unpaid}");
    }
}

/// The smallest story in which a law is broken, of trees like these.
fn story(law: JobLaw, [locks, others]: [bool; 2], make: impl Fn(ProcessPlan, u8) -> ProcessTree) -> Story {
    let trees = |plan: ProcessPlan| [1, 2, 3].map(|jobs| make(plan.clone(), jobs)).into();
    let story =
        smallest_story(PlanScope::new(5).with_locks(locks).with_others(others), law, trees).expect("a law is broken");
    println!("{story}\n");
    story
}

/// What the plain protocol cannot hold, as the model finds it.
#[test]
fn a_killed_child_eats_tokens() {
    let plain = |plan, jobs| ProcessTree::new(jobs, PLAIN, plan).with_kills(1);
    let eaten = story(JobLaw::Recovered, [false, false], plain);
    assert_eq!(eaten.tree.to_string(), "2 jobs; top runs a; a runs b, c; b works; c works");
    assert!(eaten.wrong.contains("there are 1, for 2 jobs"), "{eaten}");
    // For the rest of the build one job less is done.
    let eaten = story(JobLaw::NoIdleToken, [false, false], plain);
    assert_eq!(eaten.tree.to_string(), "2 jobs; top runs a, d, e; a runs b, c; b works; c works; d works; e works");
    let ours = eaten.tree.clone().with_disciplines([OURS; 2]);
    assert!(replay_story(&eaten, &eaten.tree, &JobLaw::ALL).iter().any(|scene| scene.wrong.is_some()));
    assert!(replay_story(&eaten, &ours, &JobLaw::ALL).iter().all(|scene| scene.wrong.is_none()), "ours mend it");
}

#[test]
fn orphans_of_a_plain_make_work_on_tokens_that_were_made_anew() {
    let plain = |plan, jobs| ProcessTree::new(jobs, PLAIN, plan).with_kills(1).with_orphans();
    let orphans = story(JobLaw::Bounded, [false, false], plain);
    assert_eq!(orphans.tree.to_string(), "1 job; top runs a, c; a runs b; b works; c works");
}

#[test]
fn who_waits_for_a_lock_by_the_plain_protocol_wastes_a_token() {
    let waits = story(JobLaw::NoIdleToken, [true, false], |plan, jobs| ProcessTree::new(jobs, PLAIN, plan));
    assert_eq!(
        waits.tree.to_string(),
        "2 jobs; top runs a, b, c; a works under the lock; b works under the lock; c works"
    );
}

/// To take the lock first, and then a token, is right among others that do the same, and no others.
#[test]
fn a_lock_held_by_one_who_waits_for_a_token_stops_all() {
    let locked =
        story(JobLaw::NoDeadlock, [true, true], |plan, jobs| ProcessTree::new(jobs, LOCK_FIRST, plan).beside(PLAIN));
    let last = locked.steps.last().expect("some");
    assert!(last.contains("b waits for a token, has the lock"), "{locked}");
    let token_first = locked.tree.clone().with_disciplines([OURS, PLAIN]);
    let wrong = |tree: &ProcessTree| {
        replay_story(&locked, tree, &[JobLaw::NoDeadlock]).iter().any(|scene| scene.wrong.is_some())
    };
    assert!(wrong(&locked.tree) && !wrong(&token_first));
    // With up to four processes, every interleaving.
    let make = |plan, jobs| ProcessTree::new(jobs, LOCK_FIRST, plan).beside(PLAIN);
    assert!(all(4, [true, true], &[JobLaw::NoDeadlock], make).is_err());
    holds(all(4, [true, false], &JobLaw::ALL, |plan, jobs| ProcessTree::new(jobs, LOCK_FIRST, plan)), 80_000);
}

/// The price of giving a token back: whoever is killed without it leaves one too many, until the server counts.
#[test]
fn a_process_killed_without_its_token_leaves_one_too_many_for_a_while() {
    let make = |plan, jobs| ProcessTree::new(jobs, OURS, plan).with_kills(1);
    let killed = story(JobLaw::NoneTooMany, [true, false], make);
    assert!(killed.steps.iter().any(|step| step.contains("gives its token back")), "{killed}");
}
