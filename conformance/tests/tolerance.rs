//! Tolerance: right within what is tolerated, and no more is run than that takes.

use alacarte_conformance::{Promises, Thrift, check_numbers, promises};
use alacarte_rebuilders::Tolerance;
use alacarte_schedulers::{BottomUp, Restarting, Suspending};

fn moved(by: u64) -> impl Fn(&i64, &i64) -> bool + Clone + 'static {
    move |then, now| then.abs_diff(*now) > by
}

#[test]
fn values_are_right_within_what_is_tolerated() {
    for by in [1, 3] {
        let within =
            Promises { within: Some(by), cutoff: Thrift::Values, null: true, starts_once: true, ..Promises::default() };
        check_numbers(Suspending::new(), Tolerance(moved(by)), within);
        check_numbers(BottomUp::new(), Tolerance(moved(by)), within);
        check_numbers(Restarting::new(), Tolerance(moved(by)), Promises { starts_once: false, ..within });
    }
}

/// What tolerates nothing is a verifying trace that remembers one run.
#[test]
fn what_tolerates_nothing_is_right() {
    let nothing = Promises { minimal: Thrift::Events, cutoff: Thrift::Values, ..promises("verifying-trace") };
    check_numbers(Suspending::new(), Tolerance(moved(0)), nothing);
}
