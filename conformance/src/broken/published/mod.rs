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
//! | [`ChainWalk`] | walks the calc chain: restarts without end, keys that nobody asked for | `Restarting` |

use super::fixture::Fixture;
use crate::laws::Promises;

mod bits;
mod chain;
mod direct;
mod flat;
mod steps;

pub use bits::{WideBit, WideBits};
pub use chain::{ChainWalk, Stopped, Walk};
pub use direct::DirectTraces;
pub use flat::{ByParent, ByValue, Flat, FlatTrace, FlatTraces, LookUp};
pub use steps::{InputlessSteps, TaskSteps};

/// What of this is on the list. (That [`ByParent`] is not deep, and that [`ChainWalk`] restarts without end, tests of their
/// own show: no value is wrong.)
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
            .theory("rule 4"),
        Fixture::new("published-bits", "clears the bits of keys that were not brought up to date", "dirty-bit")
            .is(|| WideBit)
            .values_only()
            .theory("rule 5"),
    ]
}
