//! Histories that show what random ones hardly ever do.

use crate::expr::Expr;
use crate::graph::Graph;
use crate::name::Name;
use crate::script::{Manner, Scenario, Step};

fn get(key: u32) -> Expr {
    Expr::Get(Name(key))
}

fn scenario(inputs: &[i64], tasks: impl IntoIterator<Item = Expr>, steps: Vec<Step>) -> Scenario {
    let none = inputs.iter().map(|_| None);
    Scenario {
        graph: Graph { tasks: none.chain(tasks.into_iter().map(Some)).collect() },
        inputs: (0..).map(Name).zip(inputs.iter().copied()).collect(),
        steps,
        manner: Manner { signed: true, ..Manner::default() },
    }
}

/// While suspects are followed, a branch flips to an input that was never met. That is news, so the list of dirty
/// keys is gone through and made anew, and is then exactly as long as the part of the old one that was told: the
/// suspect at its end is known only to who asks for the generation.
pub(super) fn a_list_made_anew() -> Scenario {
    branch_flips(3)
}

/// The same, but that the new list is shorter than what was told of the old one.
pub(super) fn a_list_that_shrank() -> Scenario {
    branch_flips(5)
}

fn branch_flips(lowest: u32) -> Scenario {
    let branch = Expr::If { condition: Box::new(get(1)), even: Box::new(get(1)), odd: Box::new(get(2)) };
    let last = Expr::Sum((lowest..8).map(Name).collect());
    let build = Step::Build(vec![Name(8)]);
    let steps =
        vec![build.clone(), Step::Edit { key: Name(0), value: 1 }, Step::Edit { key: Name(1), value: 1 }, build];
    scenario(&[0, 0, 5], [get(0), branch, get(3), get(3), get(4), last], steps)
}

/// Deep traces restore the last key of a chain and leave the one before it as it was; then the input goes back to
/// what that one was built from, and bits take over. The key between is built to the value that it had, which
/// is no news to anybody.
pub(super) fn restored_then_built() -> Scenario {
    let build = || Step::Build(vec![Name(2)]);
    let edit = |value| Step::Edit { key: Name(0), value };
    let mut steps = vec![Step::Switch { to: 1, keeps_scheduler: false }, build(), edit(1), build(), edit(0), build()];
    steps.extend([edit(1), Step::Switch { to: 0, keeps_scheduler: false }, build()]);
    scenario(&[0], [get(0), get(1)], steps)
}

/// A file is edited while the journal is put aside, and what is built of it is told to the journal; then the file becomes again
/// what the journal believes that it always was.
pub(super) fn a_journal_is_chosen_late() -> Scenario {
    let build = || Step::Build(vec![Name(1)]);
    let edit = |value| Step::Edit { key: Name(0), value };
    let late = [build(), Step::PutJournalAside, edit(1), Step::TakeJournalBack, build()];
    let steps = late.into_iter().chain([edit(0), Step::Restart, build()]).collect();
    let scenario = scenario(&[0], [get(0)], steps);
    Scenario { manner: Manner { dated: true, ..scenario.manner }, ..scenario }
}

/// A key that changed has a dependent that does outside work, and another one further above: who does not know that
/// what lies above a key that waits may still change builds the upper one twice.
pub(super) fn a_dependent_that_works() -> Scenario {
    let upper = Expr::Add { left: Box::new(get(4)), right: Box::new(Expr::Sum(vec![Name(6)])) };
    let build = Step::Build(vec![Name(7)]);
    let steps = vec![build.clone(), Step::Edit { key: Name(1), value: 2 }, build];
    scenario(&[0, 1, 0], [get(1), get(3), get(4), get(5), upper], steps)
}

/// The key below is built for so many values of the input that its trace of the first is no more.
pub(super) fn a_trace_that_made_way() -> Scenario {
    let build = |key| Step::Build(vec![Name(key)]);
    let others = (1..=20).flat_map(|value| [Step::Edit { key: Name(0), value }, build(1)]);
    let steps = [build(2)].into_iter().chain(others).chain([build(2)]).collect();
    scenario(&[0], [get(0), get(1)], steps)
}

/// A chain of three of which all values are lost, and whose input is edited and edited back. No two keys ever hold the same.
pub(super) fn a_chain_that_was_lost() -> Scenario {
    let above = |key| Expr::Add { left: Box::new(get(key)), right: Box::new(Expr::Const(1)) };
    let build = || Step::Build(vec![Name(3)]);
    let mut steps = vec![build()];
    steps.extend((1..4).map(|key| Step::Lose(Name(key))));
    steps.extend([build(), Step::Edit { key: Name(0), value: 10 }, build(), Step::Revert, build(), build()]);
    scenario(&[0], (0..3).map(above), steps)
}

/// What a task has started fails, and the process ends. In the next it would not fail; but the task that started it
/// stands, and starts nothing.
pub(super) fn what_was_started_failed() -> Scenario {
    let starts = Expr::Start { key: Name(1), then: Box::new(Expr::Const(1)) };
    let build = Step::Build(vec![Name(2)]);
    let steps = vec![build.clone(), Step::Restart, Step::Edit { key: Name(0), value: 1 }, build];
    scenario(&[7], [Expr::Check(Box::new(get(0))), starts], steps)
}
