//! Many scenarios: looks for one that breaks a law, and shrinks it.

use std::fmt;

use alacarte_core::{Dynamic, Rebuilder, Scheduler, Schedules, Static};
use alacarte_rebuilders::{DeepConstructiveTrace, DirtyBit};

use crate::crashes::{Careless, judge_crashes};
use crate::draw::Recorded;
use crate::generate::{self, Style};
use crate::laws::Promises;
use crate::name::Name;
use crate::outside::Choices;
use crate::program::Declares;
use crate::relations::{Tally, judge_scenario};
use crate::script::Scenario;
use crate::shrink;
use crate::silence;
use crate::stage::{Broken, Combination, script};
use crate::trial::{SHRINKING, Trial, fitting, for_each_seed, judge_drawn, tell};
use crate::user::{self, Label, Makes, Part, Untold};

/// Looks for a scenario for which `fails` has something to say, and answers the smallest that it finds which breaks the
/// same law.
///
/// # Errors
/// If there is one.
pub fn explore(trial: Trial, fails: impl FnMut(&Scenario) -> Result<(), Broken>) -> Result<(), Broken> {
    seek(trial, Scenario::script, fails)
}

/// The same; `script` tells the steps of a counterexample that ends in a panic.
fn seek(
    trial: Trial,
    script: impl Fn(&Scenario) -> String,
    mut fails: impl FnMut(&Scenario) -> Result<(), Broken>,
) -> Result<(), Broken> {
    for_each_seed(trial, |choices| judge_choices(choices, trial.style, &script, &mut fails))
}

/// Judges the scenario of this style that these choices make.
fn judge_choices(
    choices: &mut dyn Choices,
    style: Style,
    script: impl Fn(&Scenario) -> String,
    mut fails: impl FnMut(&Scenario) -> Result<(), Broken>,
) -> Result<(), Broken> {
    let mut fails = |scenario: &Scenario| {
        silence::quietly(|| fails(scenario)).unwrap_or_else(|panic| {
            let counterexample = format!("{scenario}\n{}\n\nThe law `no-panic` is broken: {panic}\n", script(scenario));
            Err(Broken { law: "no-panic", counterexample, cases: 1, seed: 0 })
        })
    };
    let judged = judge_drawn(choices, SHRINKING, |draw| generate::scenario(style, draw), &mut fails);
    let Err((mut smallest, mut broken)) = judged else { return Ok(()) };
    // What is left is cut where nothing hangs on it.
    while let Some(found) = shrink::smaller(&smallest).into_iter().find_map(|scenario| match fails(&scenario) {
        Err(other) if other.law == broken.law => Some((scenario, other)),
        _ => None,
    }) {
        (smallest, broken) = found;
    }
    Err(broken)
}

/// Performs many scenarios, the combinations taking turns if there are several, and judges them by all laws: those of a
/// single build, and those that compare two performances.
///
/// # Errors
/// The smallest counterexample found of a law that is broken.
pub fn judge<P, S, R>(trial: Trial, combinations: &[Combination<'_, S, R>]) -> Result<(), Broken>
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let script = |scenario: &Scenario| script(scenario, combinations);
    seek(fitting::<P>(trial), script, |scenario| judge_scenario::<P, S, R>(scenario, combinations).map(|_| ()))
}

/// A way in which the scenario of a seed is played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// By the combination on trial alone.
    Alone,
    /// By it alone, where tasks are not deterministic.
    Nondeterministic,
    /// By it and others that take turns with it.
    ByTurns,
    /// By it alone, where tasks that declare what they fetch do so in circles.
    InCircles,
}

impl Way {
    pub const ALL: [Way; 4] = [Way::Alone, Way::Nondeterministic, Way::ByTurns, Way::InCircles];
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Way::Alone => "alone",
            Way::Nondeterministic => "nondeterministic",
            Way::ByTurns => "by-turns",
            Way::InCircles => "in-circles",
        })
    }
}

/// How a scenario is played: in this way, of this style, by these.
struct Play<'c, S, R> {
    way: Way,
    style: Style,
    combinations: &'c [Combination<'c, S, R>],
}

impl<'c, S, R> Play<'c, S, R> {
    /// All plays in which the first of these combinations is on trial.
    fn all<P: Declares>(trial: Trial, combinations: &'c [Combination<'c, S, R>]) -> Vec<Self> {
        let (alone, plain) = (&combinations[..1], fitting::<P>(trial).style);
        let mut plays = vec![Play { way: Way::Alone, style: plain, combinations: alone }];
        // Whoever takes over from one that is right within something would go on from what is not right.
        if combinations[0].promises.within.is_none() {
            let turns = Style { combinations: combinations.len(), ..plain };
            plays.push(Play { way: Way::Nondeterministic, style: plain.without_determinism(), combinations: alone });
            plays.push(Play { way: Way::ByTurns, style: turns, combinations });
            if plain != trial.style {
                plays.push(Play { way: Way::InCircles, style: trial.style, combinations: alone });
            }
        }
        plays
    }

    /// Judges by all laws the scenario that these choices make.
    fn judge<P>(&self, choices: &mut dyn Choices, tally: &mut Tally) -> Result<(), Broken>
    where
        P: Declares,
        S: Schedules<P>,
        R: Rebuilder<Name, i64>,
    {
        let script = |scenario: &Scenario| script(scenario, self.combinations);
        judge_choices(choices, self.style, script, |scenario| {
            *tally += judge_scenario::<P, S, R>(scenario, self.combinations)?;
            Ok(())
        })
    }
}

/// Plays in one way the scenario of these choices, the first combination being on trial.
pub(crate) fn again<P, S, R>(
    (way, choices): (Way, &[usize]),
    trial: Trial,
    combinations: &[Combination<'_, S, R>],
) -> (Tally, Option<Broken>)
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
{
    let plays = Play::all::<P>(trial, combinations);
    let play = plays.iter().find(|play| play.way == way).unwrap_or_else(|| panic!("it is not played {way}"));
    let mut tally = Tally::default();
    let judged = play.judge::<P>(&mut Recorded::new(choices), &mut tally);
    (tally, judged.err())
}

/// Tries the first of these combinations: it plays every seed alone, and every fourth also where tasks are not deterministic, by
/// turns with the others, where tasks that declare what they fetch do so in circles, and on a disk that crashes between its
/// writes; and it builds a user's own program, for which `makes` makes the combinations. Answers how much was done, and the
/// smallest counterexample found of a law that is broken.
pub(crate) fn on_trial<P, S, R, U>(
    trial: Trial,
    combinations: &[Combination<'_, S, R>],
    makes: &[Makes<'_, S, U>],
) -> (Tally, Option<Broken>)
where
    P: Declares,
    S: Schedules<P>,
    R: Rebuilder<Name, i64>,
    U: Rebuilder<Label, Part>,
{
    let plays = Play::all::<P>(trial, combinations);
    let mut tally = Tally::default();
    for case in 0..trial.cases {
        let seed = trial.seed.wrapping_add(case);
        let once = Trial { cases: 1, seed, ..trial };
        // Which seeds play how depends on nothing but themselves, so that each can be played again alone.
        for play in &plays[..if seed.is_multiple_of(4) { plays.len() } else { 1 }] {
            if let Err(broken) = for_each_seed(once, |choices| play.judge::<P>(choices, &mut tally)) {
                return (tally, Some(Broken { cases: case + 1, ..broken }));
            }
        }
        // (Who cannot see that a file is an older one again promises nothing of a crash, or of what somebody wrote.)
        if seed.is_multiple_of(4) && trial.style.overwrites && plays.len() > 1 {
            let mut judged = judge_crashes::<P, S, R>(once, combinations, Careless::Never);
            if !makes.is_empty() {
                judged = judged.and_then(|()| user::judge_program::<P, S, U>(once, makes, Untold::Nothing));
            }
            if let Err(broken) = judged {
                return (tally, Some(Broken { cases: case + 1, ..broken }));
            }
        }
    }
    (tally, None)
}

/// Judges a scheduler and a rebuilder of your own, over tasks that find their dependencies while they run: two thousand
/// random histories, with all that can happen to a build system, by every law that all must obey; and five hundred more
/// each in which tasks are not deterministic, in which other rebuilders take over and give back, in which the disk crashes
/// between its writes, and of a user's own program ([`user`]). A rebuilder that is for numbers alone is judged by [`judge`].
///
/// # Panics
/// If they break a law; the message tells the smallest counterexample found.
pub fn check<S, R>(scheduler: S, rebuilder: R)
where
    S: Schedules<Dynamic> + Clone + 'static,
    R: Rebuilder<Name, i64> + Rebuilder<Label, Part> + Clone + 'static,
{
    check_promises(scheduler, rebuilder, Promises::default());
}

/// The same, and by the laws that only those must obey who promise it.
///
/// # Panics
/// As [`check`].
pub fn check_promises<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Schedules<Dynamic> + Clone + 'static,
    R: Rebuilder<Name, i64> + Rebuilder<Label, Part> + Clone + 'static,
{
    judge_dynamic(&Yours::whole(scheduler, rebuilder, promises));
}

/// [`check_promises`] for a scheduler that knows all dependencies beforehand.
///
/// # Panics
/// As [`check`].
pub fn check_static<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Schedules<Static> + Clone + 'static,
    R: Rebuilder<Name, i64> + Rebuilder<Label, Part> + Clone + 'static,
{
    judge_static(&Yours::whole(scheduler, rebuilder, promises));
}

/// [`check_promises`] for a rebuilder that is for numbers alone: without a user's own program. One that promises values
/// [within](Promises::within) something is judged alone, for others cannot take over from it.
///
/// # Panics
/// As [`check`].
pub fn check_numbers<S, R>(scheduler: S, rebuilder: R, promises: Promises)
where
    S: Schedules<Dynamic> + Clone + 'static,
    R: Rebuilder<Name, i64> + Clone + 'static,
{
    judge_dynamic(&Yours::new(scheduler, rebuilder, promises));
}

type OfNames = Box<dyn Rebuilder<Name, i64>>;
type OfUsers = Box<dyn Rebuilder<Label, Part>>;

/// The strategies of somebody's own, behind pointers: so the laboratory is compiled once, with its own optimisation, and not
/// again for each of them, with that of the test that asks.
struct Yours {
    scheduler: Box<dyn Fn() -> Box<dyn Scheduler>>,
    rebuilder: Box<dyn Fn() -> OfNames>,
    /// The same rebuilder for a user's own program, unless it is for numbers alone.
    for_users: Option<Box<dyn Fn() -> OfUsers>>,
    promises: Promises,
}

impl Yours {
    fn new<S, R>(scheduler: S, rebuilder: R, promises: Promises) -> Self
    where
        S: Scheduler + Clone + 'static,
        R: Rebuilder<Name, i64> + Clone + 'static,
    {
        Yours {
            scheduler: Box::new(move || Box::new(scheduler.clone())),
            rebuilder: Box::new(move || Box::new(rebuilder.clone())),
            for_users: None,
            promises,
        }
    }

    fn whole<S, R>(scheduler: S, rebuilder: R, promises: Promises) -> Self
    where
        S: Scheduler + Clone + 'static,
        R: Rebuilder<Name, i64> + Rebuilder<Label, Part> + Clone + 'static,
    {
        let for_users = rebuilder.clone();
        let for_users: Box<dyn Fn() -> OfUsers> = Box::new(move || Box::new(for_users.clone()));
        Yours { for_users: Some(for_users), ..Yours::new(scheduler, rebuilder, promises) }
    }
}

fn judge_dynamic(yours: &Yours) {
    judge_yours::<Dynamic>(yours);
}

fn judge_static(yours: &Yours) {
    judge_yours::<Static>(yours);
}

fn judge_yours<P: Declares>(Yours { scheduler, rebuilder, for_users, promises }: &Yours)
where
    Box<dyn Scheduler>: Schedules<P>,
{
    // Of the others nothing is asked here but that they are right.
    let others = Promises { starts_once: promises.starts_once, ..Promises::default() };
    let shallow = Promises { shallow: true, deterministic: true, ..others };
    let yours = || (scheduler(), rebuilder());
    let dirty = || (scheduler(), Box::new(DirtyBit) as OfNames);
    let deep = || (scheduler(), Box::new(DeepConstructiveTrace) as OfNames);
    let combinations = [
        Combination { name: "the combination on trial".into(), make: Box::new(yours), promises: *promises },
        Combination { name: "its scheduler × dirty-bit".into(), make: Box::new(dirty), promises: others },
        Combination {
            name: "its scheduler × deep-constructive-trace".into(), make: Box::new(deep), promises: shallow
        },
    ];
    let for_users = for_users.as_ref().map(|rebuilder| move || (scheduler(), rebuilder()));
    let dirty = || (scheduler(), Box::new(DirtyBit) as OfUsers);
    let deep = || (scheduler(), Box::new(DeepConstructiveTrace) as OfUsers);
    let users: Vec<Makes<'_, _, _>> = match &for_users {
        Some(yours) => vec![yours, &dirty, &deep],
        None => Vec::new(),
    };
    tell(on_trial::<P, _, _, _>(Trial::default(), &combinations, &users).1.map_or(Ok(()), Err));
}
