//! The published model's components with the defects that it has, in our own terms.
//!
//! Each is a strategy like any other, to be composed with the right ones; each is wrong in exactly one way.
//!
//! | | what goes wrong | the right one |
//! |---|---|---|
//! | [`DirectTraces`] | looks at direct dependencies only, before they are up to date | `ConstructiveTrace` |
//! | [`TaskSteps`] | has no step for inputs, and so does not see them change | `StepTrace` |
//! | [`FlatTrace`] over [`ByParent`] | counts keys in between as inputs: not deep | `DeepConstructiveTrace` |
//! | [`FlatTrace`] over [`ByValue`] | looks inputs up by (key, value): those of another run | `DeepConstructiveTrace` |
//! | [`WideBit`] | clears bits of keys that were not brought up to date | `DirtyBit` |
//! | [`ScanTrace`] | goes through all traces to find those of a key | `VerifyingTrace` |
//! | [`Rotates`] | gives keys that wait over and over: in a circle, for ever | `Restarting` |
//! | [`ChainWalk`] | walks the calc chain: restarts without end, keys that nobody asked for | `Restarting` |

use super::by_hand;
use super::fixture::Fixture;
use crate::laws::Promises;

mod chain_walk;
mod direct;
mod flat;
mod missing_steps;
mod rotates;
mod scan;
mod wide_bits;

pub use chain_walk::{ChainWalk, Stopped, Walk, WalkStart};
pub use direct::DirectTraces;
pub use flat::{ByParent, ByValue, Flat, FlatInput, FlatTrace, FlatTraces, LookUp};
pub use missing_steps::{InputlessSteps, TaskSteps};
pub use rotates::Rotates;
pub use scan::{Listed, ListedTraces, ScanTrace};
pub use wide_bits::{WideBit, WideBits};

/// What of this is on the list. (That [`ByParent`] is not deep, that [`ScanTrace`] looks at too much, and that [`ChainWalk`]
/// starts too often, tests of their own show by a count: no value is wrong.)
pub(super) fn list() -> Vec<Fixture> {
    vec![
        Fixture::new("published-bazel", "looks one step down, before that is up to date", "constructive-trace")
            .is(|| DirectTraces)
            .under("restarting")
            .values_only()
            .theory("defect: Bazel"),
        Fixture::new("published-steps", "has no step for inputs", "step-trace")
            .is(|| TaskSteps)
            .values_only()
            .theory("defect: step traces"),
        Fixture::new("published-deep-by-value", "looks inputs up by (key, value)", "deep-constructive-trace")
            .is(|| FlatTrace(ByValue))
            .promising(Promises { shallow: true, ..Promises::default() })
            .caught_by(&["shallow-correct"])
            .theory("defect: look-up by value"),
        Fixture::new("published-deep-by-parent", "counts keys in between as inputs", "deep-constructive-trace")
            .is(|| FlatTrace(ByParent))
            .by_hand(by_hand::a_chain_that_was_lost)
            .unseen("a count of the keys that it looks at")
            .theory("defect: not deep"),
        Fixture::new("published-walk", "starts a key again though what it waits for is not there", "perpetual")
            .under("restarting")
            .apart("a count of starts")
            .theory("defect: restarting with a chain"),
        Fixture::new("published-scan", "goes through all traces to find those of a key", "verifying-trace")
            .is(ScanTrace::default)
            .unseen("a count of the traces that it looks at")
            .theory("defect: look-up scans every trace"),
        Fixture::new("published-circle", "gives keys that wait in a circle over and over", "verifying-trace")
            .under("restarting")
            .twisted::<Rotates>()
            .styled(|style| style.circles = true)
            .going_on()
            .caught_by(&["honest"])
            .theory("defect: a cycle hangs"),
        Fixture::new("published-bits", "clears the bits of keys that were not brought up to date", "dirty-bit")
            .is(|| WideBit)
            .values_only()
            .theory("rule 5"),
    ]
}
