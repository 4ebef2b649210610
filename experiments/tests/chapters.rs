//! The counts that chapters quote of the sheet are those that the program gives.

use alacarte_experiments::compare::{Built, CompareOptions, StepOutcome, Workload};
use alacarte_experiments::systems::Menu;

struct Played(Vec<StepOutcome>);

impl Played {
    fn of<'p>(&'p self, scheduler: &'p str, rebuilder: &'p str) -> impl Iterator<Item = (&'p str, &'p Built)> {
        let mine = move |one: &&StepOutcome| one.scheduler == scheduler && one.rebuilder == rebuilder;
        self.0.iter().filter(mine).map(|one| (&*one.step, one.built.as_ref().expect("the sheet makes every step")))
    }

    fn at(&self, scheduler: &str, rebuilder: &str, step: &str) -> Built {
        let found = self.of(scheduler, rebuilder).find(|(name, _)| *name == step);
        found.unwrap_or_else(|| panic!("{scheduler} × {rebuilder} has no «{step}»")).1.clone()
    }

    fn restarts(&self, scheduler: &str, rebuilder: &str) -> u64 {
        self.of(scheduler, rebuilder).map(|(_, built)| built.restarts).sum()
    }

    fn fetches(&self, scheduler: &str, rebuilder: &str) -> u64 {
        self.of(scheduler, rebuilder).map(|(_, built)| built.fetches).sum()
    }
}

/// What a chapter says, its lines as one.
fn chapter(name: &str) -> String {
    let path = format!("{}/../paper-notes/{name}.md", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn chapters_quote_the_counts_of_today() {
    let menu = Menu::ours();
    let mut sheet = Workload::embedded().expect("it can be read").remove(0);
    assert_eq!(sheet.name(), "budget.csv");
    let played = sheet.play(&menu.chosen(&[], &[]), &CompareOptions::default(), &mut |_| {});
    let played = Played(played.expect("it is compared"));
    let (verifying, deep, dirty) = ("verifying-trace", "deep-constructive-trace", "dirty-bit");
    let restarts = |rebuilder| played.restarts("restarting", rebuilder);
    let after = |rebuilder, step| played.at("restarting", rebuilder, step);
    let (number, shared) = ("number changed", "shared number changed");
    let kept = |rebuilder, step| played.at("suspending", rebuilder, step).restored;
    let said = [
        ("schedulers/restarting", format!("| constructive trace | {} |", restarts("constructive-trace"))),
        ("schedulers/restarting", format!("| verifying trace | {} |", restarts(verifying))),
        ("schedulers/restarting", format!("| deep constructive trace | {} |", restarts(deep))),
        ("schedulers/restarting", format!("| dirty bit | {} |", restarts(dirty))),
        (
            "metadata/calc-chain",
            format!(
                "{} restarts while {} formulas run after «{number}», {} while {} run after «{shared}»",
                after(verifying, number).restarts,
                after(verifying, number).ran,
                after(verifying, shared).restarts,
                after(verifying, shared).ran,
            ),
        ),
        (
            "metadata/calc-chain",
            format!("that costs {} and {}", after(dirty, number).restarts, after(dirty, shared).restarts),
        ),
        (
            "rebuilders/dirty-bit",
            format!(
                "Ten steps of the sheet need {} fetches under the topological scheduler, where verifying traces need {}",
                played.fetches("topological", dirty),
                played.fetches("topological", verifying),
            ),
        ),
        (
            "schedulers/topological",
            format!(
                "{}, as the suspending scheduler does; restarting needs {}",
                played.at("topological", dirty, "clean").fetches,
                after(dirty, "clean").fetches,
            ),
        ),
        (
            "rebuilders/deep-constructive-trace",
            format!(
                "{} formulas instead of {} after the revert, {} instead of {} after the fresh checkout",
                kept(deep, "shared number reverted"),
                kept("constructive-trace", "shared number reverted"),
                kept(deep, "fresh checkout"),
                kept("constructive-trace", "fresh checkout"),
            ),
        ),
        (
            "rebuilders/deep-constructive-trace",
            format!("{} times in all ten steps under the suspending scheduler", played.fetches("suspending", deep)),
        ),
    ];
    for (page, sentence) in said {
        assert!(chapter(page).contains(&sentence), "{page}.md does not say any more: {sentence}");
    }
}
