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
        let within = Promises::default()
            .with_within(Some(by))
            .with_cutoff(Thrift::Values)
            .with_null(true)
            .with_starts_once(true);
        check_numbers(Suspending::new(), Tolerance(moved(by)), within);
        check_numbers(BottomUp::new(), Tolerance(moved(by)), within);
        check_numbers(Restarting::new(), Tolerance(moved(by)), within.with_starts_once(false));
    }
}

/// What tolerates nothing is a verifying trace that remembers one run.
#[test]
fn what_tolerates_nothing_is_right() {
    let nothing = promises("verifying-trace").with_minimal(Thrift::Events).with_cutoff(Thrift::Values);
    check_numbers(Suspending::new(), Tolerance(moved(0)), nothing);
}
