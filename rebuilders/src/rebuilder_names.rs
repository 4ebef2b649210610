//! One of them, chosen at run time by its name.

use alacarte_core::{Key, Rebuilder, Value};

use crate::{
    ConstructiveTrace, DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, StepTrace, VerifyingTrace,
};

/// The names of the rebuilders: four of the paper's table, step traces, and the baselines.
pub const NAMES: [&str; 7] = [
    "dirty-bit",
    "verifying-trace",
    "constructive-trace",
    "deep-constructive-trace",
    "step-trace",
    "perpetual",
    "modification-time",
];

/// The rebuilder of this name, if there is one.
///
/// ```
/// use alacarte::prelude::*;
/// use alacarte::rebuilders::{NAMES, named};
///
/// for name in NAMES {
///     let tasks = Rules::new().rule("B", formula(["A"], |[a]| a + 1));
///     let build = Build::new(tasks, Memory::from([("A", 1)])).with_scheduler(Suspending::new());
///     build.with_rebuilder(named(name).unwrap()).run(["B"])?;
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn named<K: Key, V: Value>(name: &str) -> Option<Box<dyn Rebuilder<K, V>>> {
    Some(match name {
        "dirty-bit" => Box::new(DirtyBit),
        "verifying-trace" => Box::new(VerifyingTrace),
        "constructive-trace" => Box::new(ConstructiveTrace),
        "deep-constructive-trace" => Box::new(DeepConstructiveTrace),
        "step-trace" => Box::new(StepTrace),
        "perpetual" => Box::new(Perpetual),
        "modification-time" => Box::new(ModificationTime),
        _ => return None,
    })
}
