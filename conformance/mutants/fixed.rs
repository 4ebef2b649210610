//! The fixed cases of `tests/`, as one program: it is linked once a mutant, and takes less than a second.
#![allow(clippy::duplicate_mod, reason = "each of them has its own copy of what they share")]

#[path = "../tests/cases.rs"]
mod cases;
#[path = "../tests/counts.rs"]
mod counts;
#[path = "../tests/defects.rs"]
mod defects;
#[path = "../tests/events.rs"]
mod events;
#[path = "../tests/faults.rs"]
mod faults;
#[path = "../tests/order.rs"]
mod order;
#[path = "../tests/propagation.rs"]
mod propagation;
#[path = "../tests/reasons.rs"]
mod reasons;
#[path = "../tests/regressions.rs"]
mod regressions;
#[path = "../tests/sharing.rs"]
mod sharing;
#[path = "../tests/stopping.rs"]
mod stopping;
#[path = "../tests/tasks.rs"]
mod tasks;
#[path = "../tests/values.rs"]
mod values;
#[path = "../tests/walks.rs"]
mod walks;
