//! One of them, chosen at run time by its name.

use alacarte_core::Scheduler;

use crate::{BottomUp, Restarting, Suspending, Topological};

/// The names of the schedulers: the paper's three, and one more.
pub const NAMES: [&str; 4] = ["topological", "restarting", "suspending", "bottom-up"];

/// The scheduler of this name, if there is one.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::schedulers::{NAMES, named};
///
/// for name in NAMES {
///     let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
///     let build = Build::new(tasks, Memory::from([("A", 1)])).with_rebuilder(VerifyingTrace);
///     build.with_scheduler(named(name).unwrap()).run(["B"])?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn named(name: &str) -> Option<Box<dyn Scheduler>> {
    match name {
        "topological" => Some(Box::new(Topological::new())),
        "restarting" => Some(Box::new(Restarting::new())),
        "suspending" => Some(Box::new(Suspending::new())),
        "bottom-up" => Some(Box::new(BottomUp::new())),
        _ => None,
    }
}
