//! The menu: what each of our own rebuilders promises.

use crate::generate::Style;
use crate::laws::{Promises, Thrift};
use crate::stage::Combination;

pub use alacarte_rebuilders::NAMES as REBUILDERS;
pub use alacarte_schedulers::NAMES as SCHEDULERS;

/// What a rebuilder of our own promises.
///
/// # Panics
/// If there is none of that name.
pub fn promises(rebuilder: &str) -> Promises {
    let nothing = Promises::default();
    match rebuilder {
        "dirty-bit" => Promises { minimal: Thrift::Events, cutoff: Thrift::Events, null: true, ..nothing },
        "verifying-trace" => Promises { minimal: Thrift::Values, cutoff: Thrift::Values, null: true, ..nothing },
        "constructive-trace" => {
            Promises { minimal: Thrift::Values, cutoff: Thrift::Values, restores: true, null: true, ..nothing }
        }
        "deep-constructive-trace" => Promises {
            shallow: true,
            deterministic: true,
            minimal: Thrift::Values,
            restores: true,
            null: true,
            ..nothing
        },
        "step-trace" => Promises { minimal: Thrift::Events, cutoff: Thrift::Events, null: true, ..nothing },
        "modification-time" => Promises { null: true, ..nothing },
        "perpetual" => nothing,
        unknown => panic!("there is no rebuilder `{unknown}`: choose one of {}", REBUILDERS.join(", ")),
    }
}

/// What may happen in a history for this rebuilder: everything, but for what make cannot see.
pub fn style(rebuilder: &str) -> Style {
    let sees = rebuilder != "modification-time";
    Style {
        formulas: sees,
        overwrites: sees,
        races: sees,
        clocks: sees,
        volatile: sees,
        exchanges: sees,
        ..Style::everything()
    }
}

/// One of our own combinations, by name.
///
/// # Panics
/// If there is none of that name.
pub fn menu(scheduler: &str, rebuilder: &str) -> Combination<'static> {
    let (first, second) = (scheduler.to_owned(), rebuilder.to_owned());
    let make = move || {
        let scheduler = alacarte_schedulers::named(&first).expect("a scheduler of that name");
        (scheduler, alacarte_rebuilders::named(&second).expect("a rebuilder of that name"))
    };
    let promises = Promises { starts_once: scheduler != "restarting", ..promises(rebuilder) };
    Combination { name: format!("{scheduler} × {rebuilder}"), make: Box::new(make), promises }
}
