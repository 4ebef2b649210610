//! A broken component on the list, and the trial that is to catch it.

use alacarte::{Dynamic, Rebuilder, Static};
use alacarte_rebuilders::AnyRebuilder;

use super::caches::Fault;
use super::journals::Lie;
use super::twist::{Straight, Twist, Twisted};
use crate::check::{Trial, judge};
use crate::expr::Name;
use crate::generate::Style;
use crate::laws::Promises;
use crate::menu::promises;
use crate::script::Scenario;
use crate::stage::{Broken, Combination, Setup, perform};

/// A scheduler and a rebuilder.
pub type Pair = (Twisted, AnyRebuilder<Name, i64>);

/// One component that is broken on purpose.
pub struct Fixture {
    /// What it is called.
    pub name: &'static str,
    /// What is wrong with it, in a line.
    pub wrong: &'static str,
    /// The rule of THEORY.md that it violates, or the defect there that it is an example of.
    pub theory: Option<&'static str>,
    /// The laws by which it may be caught.
    pub laws: &'static [&'static str],
    /// If no law of today can see it: what would. (Tests show by hand that it is broken.)
    pub unseen: Option<&'static str>,
    /// The scheduler that is at work, or that it stands in for.
    pub scheduler: &'static str,
    /// The rebuilder that is at work, or that it stands in for.
    pub rebuilder: &'static str,
    /// What it promises; if nothing else is said, what that rebuilder promises.
    pub promises: Promises,
    /// What may happen in the trial.
    pub style: Style,
    /// How it is performed.
    pub setup: Setup,
    /// A rebuilder without fault that takes turns with it.
    pub beside: Option<&'static str>,
    /// The history that shows it, where random ones do so less than once in some thousand times.
    pub by_hand: Option<fn() -> Scenario>,
    broken: Box<dyn Fn() -> AnyRebuilder<Name, i64>>,
    sound: Option<Box<dyn Fn() -> AnyRebuilder<Name, i64>>>,
    twist: Option<fn(&str) -> Twisted>,
}

impl Fixture {
    /// A component in the place of this rebuilder, under the suspending scheduler, in a trial in which inputs do not
    /// go missing.
    pub(super) fn new(name: &'static str, wrong: &'static str, rebuilder: &'static str) -> Self {
        Fixture {
            name,
            wrong,
            theory: None,
            laws: &["correct"],
            unseen: None,
            scheduler: "suspending",
            rebuilder,
            promises: promises(rebuilder),
            style: Style { restarts: true, missing: false, ..Style::everything() },
            setup: Setup::default(),
            beside: None,
            by_hand: None,
            broken: Box::new(move || named(rebuilder)),
            sound: None,
            twist: None,
        }
    }

    /// The rebuilder that is broken.
    pub(super) fn is<R: Rebuilder<Name, i64> + 'static>(mut self, broken: impl Fn() -> R + 'static) -> Self {
        self.broken = Box::new(move || AnyRebuilder::new(broken()));
        self
    }

    /// The same without its fault, where that is not the rebuilder on the menu.
    pub(super) fn but_for<R: Rebuilder<Name, i64> + 'static>(mut self, sound: impl Fn() -> R + 'static) -> Self {
        self.sound = Some(Box::new(move || AnyRebuilder::new(sound())));
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

    pub(super) fn promising(self, promises: Promises) -> Self {
        Fixture { promises, ..self }
    }

    /// Promises nothing beyond right values, so that nothing else can be what is wrong.
    pub(super) fn values_only(mut self) -> Self {
        self.promises = Promises { shallow: self.promises.shallow, ..Promises::default() };
        self
    }

    /// Nothing happens but edits and builds.
    pub(super) fn edits_only(self) -> Self {
        self.styled(|style| (style.formulas, style.overwrites, style.restarts) = (false, false, false))
    }

    pub(super) fn going_on(mut self) -> Self {
        self.setup.keep_going = true;
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
        self.setup = Setup { work: Some(3), jobs: 2, keep_going: true, ..self.setup };
        self
    }

    pub(super) fn sharing(mut self, fault: Fault) -> Self {
        self.setup.cache = Some(fault);
        self
    }

    pub(super) fn lying(mut self, lie: Lie) -> Self {
        self.setup.lie = Some(lie);
        self
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
    pub fn judge(&self, cases: u32) -> Result<(), Broken> {
        self.play(cases, self.name.into(), &|| self.pair(), self.setup)
    }

    /// Tries, in the very same way, what it stands in for.
    ///
    /// # Errors
    /// If that is caught: it is not what is broken that the laws catch.
    pub fn judge_sound(&self, cases: u32) -> Result<(), Broken> {
        self.play(
            cases,
            self.stands_for(),
            &|| self.sound_pair(),
            Setup { lie: None, cache: self.setup.cache.map(|_| Fault::None), ..self.setup },
        )
    }

    /// What it stands in for.
    pub fn stands_for(&self) -> String {
        let alone = format!("{} × {}", self.scheduler, self.rebuilder);
        self.beside.map_or(alone.clone(), |beside| format!("{alone}, and {beside} by turns"))
    }

    fn play(&self, cases: u32, name: String, make: &dyn Fn() -> Pair, setup: Setup) -> Result<(), Broken> {
        let trial = Trial { cases, style: self.style, setup };
        let mut combinations = vec![Combination { name, make: Box::new(make), promises: self.promises }];
        combinations.extend(self.beside.map(|beside| Combination {
            name: beside.into(),
            make: Box::new(|| (Twisted::new(self.scheduler, Straight), named(beside))),
            promises: promises(beside),
        }));
        let ordered = self.scheduler == "topological";
        if let Some(scenario) = self.by_hand {
            let scenario = scenario();
            let played = if ordered {
                perform::<Static, _, _>(&scenario, &combinations, setup)
            } else {
                perform::<Dynamic, _, _>(&scenario, &combinations, setup)
            };
            return played.map(drop);
        }
        if ordered { judge::<Static, _, _>(trial, &combinations) } else { judge::<Dynamic, _, _>(trial, &combinations) }
    }
}

fn named(rebuilder: &str) -> AnyRebuilder<Name, i64> {
    AnyRebuilder::named(rebuilder).expect("a rebuilder of that name")
}
