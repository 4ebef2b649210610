//! The list of what is broken.

use alacarte_rebuilders::{
    ConstructiveTrace, DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, StepTrace, VerifyingTrace,
};

use super::answers::{Answers, Twisted, Undefined};
use super::bits::{self, ClearedAtStart, Mistold, Telling, WideBit};
use super::deep::{self, Deep};
use super::fixture::Fixture;
use super::journals::Lie;
use super::lies::Misled;
use super::steps::{self, LateTime, Off, Stepper};
use super::verifying::{Slip, Verifier};
use super::{bare, by_hand, schedulers, traces};
use crate::laws::{Promises, Thrift};

fn of(minimal: Thrift, cutoff: Thrift, null: bool) -> Promises {
    Promises { minimal, cutoff, null, ..Promises::default() }
}

/// Everything in this room.
pub fn all() -> Vec<Fixture> {
    [hardly_looking(), dirty_bits(), verifying(), constructive(), deep(), steps(), claims(), orders(), journals()]
        .into_iter()
        .flatten()
        .collect()
}

fn hardly_looking() -> Vec<Fixture> {
    vec![
        Fixture::new("keeps-all", "keeps whatever was ever built", "verifying-trace").is(|| bare::KeepsAll),
        Fixture::new("keeps-anything", "keeps what the store holds, whoever put it there", "verifying-trace")
            .is(|| bare::KeepsAnything),
        Fixture::new("keeps-nothing", "keeps a key that has no value", "verifying-trace")
            .is(|| bare::KeepsNothing)
            .caught_by(&["correct", "honest"]),
        Fixture::new("undecided", "its answer is always pending", "verifying-trace")
            .is(|| bare::Undecided)
            .caught_by(&["honest"]),
        Fixture::new("circular", "to decide about a key it asks for that key", "verifying-trace")
            .is(|| bare::Circular)
            .caught_by(&["honest"]),
        Fixture::new("lazy", "keeps every other key that it is asked about", "perpetual").is(bare::Lazy::default),
    ]
}

fn dirty_bits() -> Vec<Fixture> {
    let new = |name, wrong| Fixture::new(name, wrong, "dirty-bit");
    vec![
        new("bits-blind", "a replaced definition sets no bit")
            .is(|| Misled::<_, bits::Blind>::new(DirtyBit))
            .theory("rule 7"),
        new("bits-cleared-widely", "all bits are cleared when anything was built")
            .is(|| WideBit)
            .theory("rule 5")
            .promising(Promises::default()),
        new("bits-cleared-at-start", "a bit is cleared when the task starts, and stays so if it fails")
            .is(ClearedAtStart::default)
            .theory("rule 5")
            .missing()
            .caught_by(&["honest"]),
        new("bits-no-input-edges", "a changed input marks nobody").is(|| Misled::<_, bits::Inputless>::new(DirtyBit)),
        new("bits-one-level", "a key that was built to another value marks nobody")
            .is(|| Misled::<_, bits::OneLevel>::new(DirtyBit)),
        new("bits-unclearing", "a bit that was set once is never cleared")
            .is(|| Misled::<_, bits::Unclearing>::new(DirtyBit))
            .caught_by(&["minimal"])
            .promising(of(Thrift::Events, Thrift::None, false)),
        new("bits-first-edges", "edges that flipped are forgotten")
            .is(|| Misled::<_, bits::FirstEdges>::new(DirtyBit))
            .caught_by(&["correct", "reached-only"])
            .values_only(),
        new("bits-last-edge", "the last edge of each key is forgotten")
            .is(|| Misled::<_, bits::LastEdge>::new(DirtyBit)),
        new("bits-trusting", "an output that was overwritten or lost sets no bit")
            .is(|| Misled::<_, bits::Trusting>::new(DirtyBit)),
        new("bits-shallow", "a key restored from its terminal inputs counts as looked at")
            .is(|| Misled::<_, bits::Shallow>::new(DirtyBit))
            .beside("deep-constructive-trace")
            .by_hand(by_hand::restored_then_built),
        new("suspects-lack-one", "one suspect is not told").is(|| Mistold(Telling::LacksOne)).under("topological"),
        new("suspects-lack-new", "suspects that come up during the build are not told")
            .is(|| Mistold(Telling::LacksNew))
            .under("topological"),
        new("suspects-same-edition", "a list made anew is said to be the same")
            .is(|| Mistold(Telling::SameEdition))
            .under("topological")
            .by_hand(by_hand::a_list_made_anew),
        new("suspects-no-dependents", "nobody is said to depend on a key that has to wait")
            .is(|| Mistold(Telling::NoDependents))
            .under("topological")
            .missing()
            .working(),
    ]
}

fn verifying() -> Vec<Fixture> {
    let new = |name, wrong, slip| {
        Fixture::new(name, wrong, "verifying-trace").is(move || Verifier(slip)).but_for(|| Verifier(Slip::None))
    };
    let recorded = |name, wrong| Fixture::new(name, wrong, "verifying-trace");
    vec![
        new("verifies-at-once", "brings all dependencies up to date at once", Slip::AtOnce)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-backwards", "verifies the last dependency first", Slip::Backwards)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-beyond", "goes on after the first mismatch", Slip::GoesOn)
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        new("verifies-mixed", "takes one dependency from one trace, the next from another", Slip::Mixes)
            .theory("rule 2")
            .caught_by(&["correct", "reached-only"]),
        new("verifies-group-heads", "looks at the first of a group only", Slip::GroupHead).theory("rule 3"),
        new("verifies-no-definition", "a replaced definition is not seen", Slip::NoDefinition).theory("rule 7"),
        new("verifies-any-output", "an overwritten value stands", Slip::AnyOutput),
        new("verifies-no-output", "a lost value stands", Slip::NoOutput).caught_by(&["correct", "honest"]),
        new("verifies-but-first", "ignores the first dependency", Slip::ButFirst),
        new("verifies-but-last", "ignores the last dependency", Slip::ButLast),
        new("verifies-only-first", "looks at the first dependency only", Slip::OnlyFirst),
        new("verifies-only-last", "looks at the last dependency only", Slip::OnlyLast),
        new("verifies-only-two", "trusts a longer list from the third dependency on", Slip::OnlyTwo),
        new("verifies-no-value", "a dependency without a value agrees with anything", Slip::NoValue)
            .missing()
            .caught_by(&["honest"]),
        new("cutoff-by-definition", "compares a dependency's definition, not its value", Slip::ByDefinition),
        new("cutoff-by-previous", "compares with the trace before the newest", Slip::ByPrevious).values_only(),
        new("cutoff-by-previous-output", "the result of the trace before stands too", Slip::ByPreviousOutput),
        new("looks-one-step-down", "compares dependencies as they are before they are up to date", Slip::Before)
            .theory("defect: Bazel, restarting queue × constructive traces")
            .under("restarting"),
        recorded("traces-clipped", "a trace lacks its last dependency")
            .is(|| Misled::<_, traces::Clipped>::new(VerifyingTrace)),
        recorded("traces-ungrouped", "of a group only the first is recorded")
            .is(|| Misled::<_, traces::Ungrouped>::new(VerifyingTrace))
            .theory("rule 3"),
        recorded("traces-stale", "a trace records what the dependencies were before")
            .is(|| Misled::<_, traces::Stale>::new(VerifyingTrace))
            .values_only(),
        recorded("traces-backwards", "a trace records the last dependency first")
            .is(|| Misled::<_, traces::Backwards>::new(VerifyingTrace))
            .theory("rule 1")
            .caught_by(&["reached-only"])
            .edits_only(),
        recorded("traces-sequences", "a group is recorded as a sequence")
            .is(|| Misled::<_, traces::Sequences>::new(VerifyingTrace))
            .theory("rule 3")
            .unseen("a count of what is underway at once"),
        recorded("traces-volatile", "a volatile value is kept")
            .is(|| Misled::<_, traces::Volatile>::new(VerifyingTrace))
            .unseen("volatile tasks"),
    ]
}

fn constructive() -> Vec<Fixture> {
    let new = |name, wrong, twisted| Fixture::new(name, wrong, "constructive-trace").is(move || Answers(twisted));
    vec![
        new("cache-neighbour", "a cache that returns its neighbour", Twisted::Neighbour),
        new("restores-oldest", "restores the value of another trace of the key", Twisted::Oldest),
        new("restores-nothing", "says that it restored, and does not", Twisted::Unmoved),
        new("restores-clipped", "forgets a dependency of what it restores", Twisted::Clipped),
        new("restores-crossed", "restores one value with the dependencies of another", Twisted::Crossed).values_only(),
        new("restores-kept", "keeps what the store holds if any trace holds", Twisted::Kept),
        new("restores-by-running", "runs the task of what it could put back", Twisted::Rerun).caught_by(&["minimal"]),
        new("null-but-talkative", "appends an event for what it keeps", Twisted::Talkative).caught_by(&["null-build"]),
        Fixture::new("restores-any-definition", "restores whatever the definition", "constructive-trace")
            .is(|| Undefined)
            .theory("rule 7"),
        Fixture::new("values-late", "a value is kept under the trace before", "constructive-trace")
            .is(|| Misled::<_, traces::LateValue>::new(ConstructiveTrace))
            .values_only(),
    ]
}

fn deep() -> Vec<Fixture> {
    let new = |name, wrong, slip| {
        Fixture::new(name, wrong, "deep-constructive-trace").is(move || Deep(slip)).but_for(|| Deep(deep::Slip::None))
    };
    vec![
        new("deep-no-definitions", "definitions are no terminal inputs", deep::Slip::NoDefinitions).theory("rule 7"),
        new("deep-own-definition", "definitions below the key are no terminal inputs", deep::Slip::OwnDefinition)
            .theory("rule 7"),
        new("deep-any-kind", "a definition that is new goes unseen", deep::Slip::AnyKind).theory("rule 7"),
        new("deep-newest", "follows the newest trace of a dependency, not the one that is named", deep::Slip::Newest)
            .theory("rule 4"),
        new("deep-only-first", "looks at the first terminal input only", deep::Slip::OnlyFirst),
        new("deep-no-trace", "a key without a trace counts as unchanged", deep::Slip::NoTrace)
            .unseen("traces that were evicted"),
        new("deep-previous-run", "takes the dependencies of the previous run", deep::Slip::None)
            .is(|| Misled::<_, traces::Previous>::new(DeepConstructiveTrace))
            .theory("rule 4")
            .values_only(),
        new("deep-volatile", "a volatile key is no terminal input", deep::Slip::Volatile).unseen("volatile tasks"),
        new("deep-keeps-volatile", "restores a volatile value", deep::Slip::None)
            .is(|| Misled::<_, traces::DeepVolatile>::new(DeepConstructiveTrace))
            .unseen("volatile tasks"),
        Fixture::new("frankenbuild", "deep traces of tasks that are not deterministic", "verifying-trace")
            .is(|| DeepConstructiveTrace)
            .promising(Promises { shallow: true, ..Promises::default() })
            .theory("rule 8")
            .unseen("the law `set-correct`, over non-deterministic tasks and evicted values"),
    ]
}

fn steps() -> Vec<Fixture> {
    let new = |name, wrong, off| {
        Fixture::new(name, wrong, "step-trace").is(move || Stepper(off)).but_for(|| Stepper(Off::By0))
    };
    let told = |name, wrong| Fixture::new(name, wrong, "step-trace");
    vec![
        new("steps-built-late", "the step of a build is one too late", Off::BuiltLate),
        new("steps-built-early", "the step of a build is one too early, and `>=` for `>`", Off::BuiltEarly)
            .caught_by(&["early-cutoff"]),
        new("steps-any-output", "an overwritten value stands", Off::AnyOutput),
        new("steps-no-value", "a dependency that is gone has not changed", Off::NoValue).missing().going_on(),
        new("steps-but-first", "the first dependency is left out", Off::ButFirst),
        told("steps-blind", "a replaced definition is no change")
            .is(|| Misled::<_, steps::Blind>::new(StepTrace))
            .theory("rule 7")
            .caught_by(&["correct", "reached-only"])
            .values_only(),
        told("steps-restless", "every build counts as a change")
            .is(|| Misled::<_, steps::Restless>::new(StepTrace))
            .caught_by(&["early-cutoff"]),
        told("steps-slow", "a change is noticed a build too late")
            .is(|| Misled::<_, steps::Slow>::new(StepTrace))
            .values_only(),
        Fixture::new("times-late", "the time of a build is a tick too late", "modification-time")
            .is(|| LateTime)
            .styled(|style| (style.formulas, style.overwrites) = (false, false)),
    ]
}

fn claims() -> Vec<Fixture> {
    let (none, events, values) = (Thrift::None, Thrift::Events, Thrift::Values);
    let busy = |name, wrong| Fixture::new(name, wrong, "verifying-trace").is(|| Perpetual);
    vec![
        busy("claims-minimal", "runs everything, and claims to be minimal")
            .promising(of(values, none, false))
            .caught_by(&["minimal"]),
        busy("claims-cutoff", "runs everything, and claims early cutoff")
            .promising(of(none, values, false))
            .caught_by(&["early-cutoff"]),
        busy("claims-null", "runs everything, and claims that a null build does nothing")
            .promising(of(none, none, true))
            .caught_by(&["null-build"]),
        Fixture::new("bits-claim-values", "dirty bits that claim to see an edit and its revert", "verifying-trace")
            .is(|| DirtyBit)
            .promising(of(values, none, false))
            .caught_by(&["minimal"]),
        Fixture::new("steps-claim-values", "step traces that claim to be verifying traces", "verifying-trace")
            .is(|| StepTrace)
            .promising(of(values, none, false))
            .caught_by(&["minimal"]),
        Fixture::new("deep-claims-cutoff", "deep traces that claim early cutoff", "constructive-trace")
            .is(|| DeepConstructiveTrace)
            .promising(Promises { shallow: true, ..of(values, values, true) })
            .caught_by(&["early-cutoff"]),
        Fixture::new("deep-claims-all", "deep traces that claim to leave nothing out of date", "constructive-trace")
            .is(|| DeepConstructiveTrace)
            .promising(of(values, none, true)),
        Fixture::new("verifying-claims-restores", "verifying traces that claim to restore", "constructive-trace")
            .is(|| VerifyingTrace)
            .promising(Promises { restores: true, ..of(values, none, true) })
            .caught_by(&["minimal"]),
        Fixture::new("make-claims-cutoff", "make, which claims early cutoff", "dirty-bit")
            .is(|| ModificationTime)
            .promising(of(none, events, true))
            .styled(|style| (style.formulas, style.overwrites) = (false, false))
            .caught_by(&["early-cutoff"]),
        Fixture::new("make-and-commands", "make, where commands are replaced", "perpetual")
            .is(|| ModificationTime)
            .styled(|style| style.overwrites = false)
            .theory("rule 7")
            .caught_by(&["correct", "reached-only"]),
        Fixture::new("make-and-outputs", "make, where outputs are overwritten", "perpetual")
            .is(|| ModificationTime)
            .styled(|style| style.formulas = false)
            .theory("rule 6"),
        Fixture::new("make-and-the-clock", "make, where the clock is set back", "perpetual")
            .is(|| ModificationTime)
            .styled(|style| (style.formulas, style.overwrites) = (false, false))
            .theory("rule 6")
            .unseen("a clock that is set back"),
    ]
}

fn orders() -> Vec<Fixture> {
    let new = |name, wrong, scheduler| Fixture::new(name, wrong, "verifying-trace").under(scheduler);
    let bits = |name, wrong| Fixture::new(name, wrong, "dirty-bit").under("topological");
    vec![
        new("loses-keys", "every other key that can go on is lost", "restarting")
            .twisted::<schedulers::Loses>()
            .caught_by(&["honest"]),
        new("whole-chain", "starts whatever it ever saw, reached or not", "suspending")
            .twisted::<schedulers::WholeChain>()
            .theory("defect: restarting with a chain")
            .caught_by(&["reached-only"]),
        new("refuses", "refuses a task that has to wait, without an order", "suspending")
            .twisted::<schedulers::Refuses>()
            .caught_by(&["honest"]),
        new("ignores-an-edge", "takes a key before the one that it needs", "topological")
            .twisted::<schedulers::IgnoresEdge>()
            .caught_by(&["honest"]),
        new("reversed", "takes dependents first", "topological")
            .twisted::<schedulers::Reversed>()
            .caught_by(&["honest"]),
        new("old-order", "keeps its order though tasks were replaced", "topological")
            .twisted::<schedulers::OldOrder>()
            .caught_by(&["honest"]),
        new("forbids", "says of nothing that it may be fetched", "topological")
            .twisted::<schedulers::Forbids>()
            .caught_by(&["honest"]),
        bits("deaf", "forgets suspects that come up during the build").twisted::<schedulers::Deaf>(),
        bits("optimist", "says of every build that it was complete")
            .twisted::<schedulers::Optimist>()
            .missing()
            .caught_by(&["honest"]),
        bits("follower", "follows suspects whatever the targets")
            .twisted::<schedulers::Follower>()
            .caught_by(&["honest"]),
        new("precedes", "says of every key that what it declares came before", "topological")
            .twisted::<schedulers::Precedes>()
            .unseen("detached keys, which an order does not place"),
        new("permits", "luck passes for order", "topological")
            .twisted::<schedulers::Permits>()
            .unseen("undeclared dependencies"),
        new("unchained", "forgets the calc chain", "restarting")
            .twisted::<schedulers::Unchained>()
            .unseen("a count of restarts"),
    ]
}

fn journals() -> Vec<Fixture> {
    let new = |name, wrong, lie| Fixture::new(name, wrong, "dirty-bit").lying(lie);
    vec![
        new("journal-repeats", "an old record comes again after newer ones", Lie::Repeats).values_only(),
        new("journal-loses", "a record in the middle is lost, and nothing tells of it", Lie::Loses).values_only(),
        new("journal-swaps", "the last two records change places", Lie::Swaps).values_only(),
        new("journal-misnames", "a record is told under another key's name", Lie::Misnames).values_only(),
    ]
}

/// What looks broken and is not: no law may catch it.
pub fn harmless() -> Vec<Fixture> {
    vec![
        Fixture::new("stutters", "gives every key twice: the engine visits none that is up to date", "verifying-trace")
            .under("restarting")
            .twisted::<schedulers::Stutters>(),
        Fixture::new("or-equal", "`>=` for `>`: every event is a step of its own", "step-trace")
            .is(|| Stepper(Off::OrEqual)),
        Fixture::new("trusts-silence", "runs everything, but not where nothing happened", "perpetual")
            .is(|| bare::Busy)
            .promising(of(Thrift::None, Thrift::None, true)),
        Fixture::new("unrestored", "does not hear of restored keys: their bits stay set", "dirty-bit")
            .is(|| Misled::<_, bits::Unrestored>::new(DirtyBit))
            .beside("constructive-trace"),
        Fixture::new("journal-torn", "the last record is lost, which costs rebuilds", "dirty-bit")
            .lying(Lie::Torn)
            .values_only(),
    ]
}
