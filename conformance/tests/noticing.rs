//! Whatever is exchanged is noticed: a collection of tasks, a store, a journal, and in whichever order a build is told of them.

#[path = "noticing/collections.rs"]
mod collections;
mod common;
#[path = "noticing/journals.rs"]
mod journals;
#[path = "noticing/orders.rs"]
mod orders;
#[path = "noticing/stores.rs"]
mod stores;

use alacarte_core::{Rules, formula};
use common::Key;

/// B adds this to A, C is twice B.
fn adding(added: i64) -> Rules<Key, i64> {
    Rules::new().rule("B", formula(["A"], move |[a]| a + added)).rule("C", formula(["B"], |[b]| 2 * b))
}
