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
