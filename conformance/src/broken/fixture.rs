//! A broken component on the list, and the trial that is to catch it.

use std::fmt;

use alacarte_core::{Dynamic, Rebuilder, Static};

use super::twist::{Straight, Twist, Twisted};
use crate::exhaustive::{self, Scope};
use crate::faults::{CacheFault, Flaw, JournalLie};
use crate::generate::Style;
use crate::judge::explore;
use crate::laws::{Promises, Thrift};
use crate::menu::promises;
use crate::name::Name;
use crate::program::Declares;
use crate::relations::judge_by;
use crate::script::{Manner, Scenario};
use crate::stage::{Broken, Combination, Setup, perform};
use crate::trial::{Trial, fitting};

/// What a component is tried with.
#[derive(Clone, Copy)]
enum Trials<'t> {
    /// So many random scenarios.
    Random(u64),
    /// All that is within a scope, of programs of these numbers.
    Within(Scope, &'t dyn Fn(usize) -> bool),
}

/// Makes a rebuilder.
type Maker = Box<dyn Fn() -> Box<dyn Rebuilder<Name, i64>>>;

/// A scheduler and a rebuilder.
pub type Pair = (Twisted, Box<dyn Rebuilder<Name, i64>>);

/// One component that is broken on purpose.
#[non_exhaustive]
pub struct Fixture {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong with it, in a line.
    pub wrong: &'static str,
    /// The rule of `paper-notes/rules.md` that it violates, or the defect there that it is an example of.
    pub theory: Option<&'static str>,
    /// The laws by which it may be caught.
    pub laws: &'static [&'static str],
    /// If no law can see it: what does. (A test of its own catches it.)
    pub unseen: Option<&'static str>,
    /// Whether it is not of a kind that this stage has a place for: only a test of its own can try it.
    pub apart: bool,
    /// The scheduler that is at work, or that it stands in for.
    pub scheduler: &'static str,
    /// The rebuilder that is at work, or that it stands in for.
    pub rebuilder: &'static str,
    /// What it promises; if nothing else is said, what that rebuilder promises.
    pub promises: Promises,
    /// What may happen in the trial.
    pub style: Style,
    /// How scenarios are played.
    pub manner: Option<Manner>,
    /// How it is performed.
    pub setup: Setup,
    /// Whether the laws that compare two performances are asked too.
    pub compared: bool,
    /// A rebuilder without fault that takes turns with it.
    pub beside: Option<&'static str>,
    /// The history that shows it, where random ones do so less than once in some thousand times.
    pub by_hand: Option<fn() -> Scenario>,
    broken: Maker,
    sound: Option<Maker>,
    twist: Option<fn(&str) -> Twisted>,
}

impl fmt::Debug for Fixture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fixture = f.debug_struct("Fixture");
        fixture.field("name", &self.name).field("wrong", &self.wrong).field("laws", &self.laws).finish_non_exhaustive()
    }
}

impl Fixture {
    /// A component in the place of this rebuilder, under the suspending scheduler, in a trial in which inputs do not
    /// go missing.
    pub(super) fn new(name: &'static str, wrong: &'static str, rebuilder: &'static str) -> Self {
        Fixture {
            name,
            wrong,
            theory: None,
            // What promises less is caught by the law that asks less.
            laws: if promises(rebuilder).shallow { &["shallow-correct"] } else { &["correct"] },
            unseen: None,
            apart: false,
            scheduler: "suspending",
            rebuilder,
            promises: promises(rebuilder),
            style: Style { formulas: true, overwrites: true, touches: true, restarts: true, ..Style::plain() },
            manner: None,
            setup: Setup::default(),
            compared: false,
            beside: None,
            by_hand: None,
            broken: Box::new(move || named(rebuilder)),
            sound: None,
            twist: None,
        }
    }

    /// The rebuilder that is broken.
    pub(super) fn is<R: Rebuilder<Name, i64> + 'static>(mut self, broken: impl Fn() -> R + 'static) -> Self {
        self.broken = Box::new(move || Box::new(broken()));
        self
    }

    /// The same without its fault, where that is not the rebuilder on the menu.
    pub(super) fn but_for<R: Rebuilder<Name, i64> + 'static>(mut self, sound: impl Fn() -> R + 'static) -> Self {
        self.sound = Some(Box::new(move || Box::new(sound())));
        self
    }

    /// What the scheduler does otherwise.
    pub(super) fn twisted<T: Twist + Default + 'static>(mut self) -> Self {
        self.twist = Some(|scheduler| Twisted::new(scheduler, T::default()));
        self
    }

    pub(super) fn under(self, scheduler: &'static str) -> Self {
        Fixture { scheduler, ..self }
    }

    pub(super) fn beside(mut self, rebuilder: &'static str) -> Self {
        self.beside = Some(rebuilder);
        self.style.combinations = 2;
        self
    }

    pub(super) fn by_hand(self, scenario: fn() -> Scenario) -> Self {
        Fixture { by_hand: Some(scenario), ..self }
    }

    pub(super) fn theory(self, theory: &'static str) -> Self {
        Fixture { theory: Some(theory), ..self }
    }

    pub(super) fn caught_by(self, laws: &'static [&'static str]) -> Self {
        Fixture { laws, ..self }
    }

    pub(super) fn unseen(self, unseen: &'static str) -> Self {
        Fixture { laws: &[], unseen: Some(unseen), ..self }
    }

    pub(super) fn apart(self, unseen: &'static str) -> Self {
        Fixture { apart: true, ..self }.unseen(unseen)
    }

    pub(super) fn promising(self, promises: Promises) -> Self {
        Fixture { promises, ..self }
    }

    /// Promises nothing beyond right values, so that nothing else can be what is wrong.
    pub(super) fn values_only(mut self) -> Self {
        self.promises = Promises { shallow: self.promises.shallow, ..Promises::default() };
        self
    }

    /// Promises to restore, and nothing else beyond right values.
    pub(super) fn values_and_restores(mut self) -> Self {
        self.promises = Promises { restores: true, ..Promises::default() };
        self
    }

    /// Nothing happens but edits and builds.
    pub(super) fn edits_only(self) -> Self {
        self.styled(|style| (style.formulas, style.overwrites, style.restarts) = (false, false, false))
    }

    pub(super) fn going_on(mut self) -> Self {
        self.manner = Some(Manner { keep_going: true, ..Manner::default() });
        self
    }

    pub(super) fn missing(mut self) -> Self {
        self.style.missing = true;
        self
    }

    pub(super) fn styled(mut self, change: impl FnOnce(&mut Style)) -> Self {
        change(&mut self.style);
        self
    }

    pub(super) fn working(mut self) -> Self {
        self.manner = Some(Manner { work: Some(3), jobs: 2, keep_going: true, ..Manner::default() });
        self
    }

    pub(super) fn compared(self) -> Self {
        Fixture { compared: true, ..self }
    }

    pub(super) fn sharing(mut self, fault: CacheFault) -> Self {
        self.setup.cache = Some(fault);
        self
    }

    pub(super) fn lying(mut self, lie: JournalLie) -> Self {
        self.setup.lie = Some(lie);
        self
    }

    pub(super) fn flawed(mut self, flaw: Flaw) -> Self {
        self.setup.flaw = Some(flaw);
        self
    }

    /// Only the laws by which it may be caught are asked, for others would notice it sooner: the relations too.
    pub(super) fn alone(mut self) -> Self {
        self.setup.only = Some(self.laws);
        self.compared()
    }

    /// The scheduler and the rebuilder of which one is broken.
    pub fn pair(&self) -> Pair {
        let straight = |scheduler: &str| Twisted::new(scheduler, Straight);
        (self.twist.unwrap_or(straight)(self.scheduler), (self.broken)())
    }

    /// The same two without a fault.
    pub fn sound_pair(&self) -> Pair {
        let rebuilder = self.sound.as_ref().map_or_else(|| named(self.rebuilder), |sound| sound());
        (Twisted::new(self.scheduler, Straight), rebuilder)
    }

    /// Tries it.
    ///
    /// # Errors
    /// If it is caught, as it should be.
    pub fn judge(&self, cases: u64) -> Result<(), Broken> {
        self.play(Trials::Random(cases), self.name.into(), &|| self.pair(), self.setup)
    }

    /// Tries it with everything within a scope, of the programs those whose numbers are `among` the ones asked for.
    ///
    /// # Errors
    /// If it is caught there, as in the program whose number is the seed.
    pub fn judge_within(&self, scope: Scope, among: &dyn Fn(usize) -> bool) -> Result<(), Broken> {
        self.play(Trials::Within(scope, among), self.name.into(), &|| self.pair(), self.setup)
    }

    /// Tries, in the very same way, what it stands in for.
    ///
    /// # Errors
    /// As [`Fixture::judge_sound`].
    pub fn judge_sound_within(&self, scope: Scope) -> Result<(), Broken> {
        self.play(Trials::Within(scope, &|_| true), self.stands_for(), &|| self.sound_pair(), self.sound_setup())
    }

    /// Tries, in the very same way, what it stands in for.
    ///
    /// # Errors
    /// If that is caught: it is not what is broken that the laws catch.
    pub fn judge_sound(&self, cases: u64) -> Result<(), Broken> {
        self.play(Trials::Random(cases), self.stands_for(), &|| self.sound_pair(), self.sound_setup())
    }

    fn sound_setup(&self) -> Setup {
        Setup { lie: None, flaw: None, cache: self.setup.cache.map(|_| CacheFault::None), ..self.setup }
    }

    /// What it stands in for.
    pub fn stands_for(&self) -> String {
        let alone = format!("{} × {}", self.scheduler, self.rebuilder);
        self.beside.map_or(alone.clone(), |beside| format!("{alone}, and {beside} by turns"))
    }

    fn play(&self, trials: Trials<'_>, name: String, make: &dyn Fn() -> Pair, setup: Setup) -> Result<(), Broken> {
        let mut combinations = vec![Combination { name, make: Box::new(make), promises: self.promises }];
        combinations.extend(self.beside.map(|beside| Combination {
            name: beside.into(),
            make: Box::new(|| (Twisted::new(self.scheduler, Straight), named(beside))),
            promises: promises(beside),
        }));
        if self.scheduler == "topological" {
            self.over::<Static>(trials, &combinations, setup)
        } else {
            self.over::<Dynamic>(trials, &combinations, setup)
        }
    }

    fn over<P: Declares>(
        &self,
        trials: Trials<'_>,
        combinations: &[Combination<'_, Twisted>],
        setup: Setup,
    ) -> Result<(), Broken> {
        let perform = |scenario: &Scenario| match self.compared {
            true => judge_by::<P, _, _>(scenario, combinations, setup).map(drop),
            false => perform::<P, _, _>(scenario, combinations, setup).map(drop),
        };
        let perform = |scenario: &Scenario, way: u64| {
            let Manner { signed, dated, .. } = scenario.manner;
            let manner = self.manner.map_or(scenario.manner, |manner| Manner {
                signed,
                dated,
                work: manner.work.map(|seed| seed + way),
                ..manner
            });
            perform(&Scenario { manner, ..scenario.clone() })
        };
        let cases = match trials {
            Trials::Within(scope, among) => {
                return exhaustive::seek(scope, among, self.style, |scenario| perform(scenario, 0));
            }
            Trials::Random(cases) => cases,
        };
        if let Some(scenario) = self.by_hand {
            // Where there is work outside, who works and what ends first is tried in some ways.
            let ways = if self.manner.is_some_and(|manner| manner.work.is_some()) { 64 } else { 1 };
            let tried = |way: u64| perform(&scenario(), way).err().map(|broken| Broken { cases: way + 1, ..broken });
            let mut broken = (0..ways).filter_map(tried).peekable();
            let Some(first) = broken.peek().cloned() else { return Ok(()) };
            return Err(broken.find(|broken| self.laws.contains(&broken.law)).unwrap_or(first));
        }
        let trial = fitting::<P>(Trial { cases, style: self.style, ..Trial::default() });
        explore(trial, |scenario| perform(scenario, 0))
    }
}

fn named(rebuilder: &str) -> Box<dyn Rebuilder<Name, i64>> {
    alacarte_rebuilders::named(rebuilder).expect("a rebuilder of that name")
}

/// Promises to avoid work, and no others.
pub(super) fn thrifty(minimal: Thrift, cutoff: Thrift, null: bool) -> Promises {
    Promises { minimal, cutoff, null, ..Promises::default() }
}
