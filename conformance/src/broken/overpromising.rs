//! Components without a fault that promise what they do not keep; and some that look broken, and are not.

use alacarte_rebuilders::{DeepConstructiveTrace, DirtyBit, ModificationTime, Perpetual, StepTrace, VerifyingTrace};

use super::fixture::{Fixture, thrifty};
use super::lies::Misled;
use super::schedulers::Stutters;
use super::slipping_steps::{Off, Stepper};
use super::{bare, by_hand, mistold_bits};
use crate::faults::JournalLie;
use crate::laws::{Promises, Thrift};

/// What of this is on the list.
pub(super) fn list() -> Vec<Fixture> {
    let (none, events, values) = (Thrift::None, Thrift::Events, Thrift::Values);
    let busy = |name, wrong| Fixture::new(name, wrong, "verifying-trace").is(|| Perpetual);
    vec![
        busy("claims-minimal", "runs everything, and claims to be minimal")
            .promising(thrifty(values, none, false))
            .caught_by(&["minimal"]),
        busy("claims-cutoff", "runs everything, and claims early cutoff")
            .promising(thrifty(none, values, false))
            .caught_by(&["early-cutoff"]),
        busy("claims-null", "runs everything, and claims that a null build does nothing")
            .promising(thrifty(none, none, true))
            .caught_by(&["null-build"]),
        Fixture::new("bits-claim-values", "dirty bits that claim to see an edit and its revert", "verifying-trace")
            .is(|| DirtyBit)
            .promising(thrifty(values, none, false))
            .caught_by(&["minimal"]),
        Fixture::new("steps-claim-values", "step traces that claim to be verifying traces", "verifying-trace")
            .is(|| StepTrace)
            .promising(thrifty(values, none, false))
            .caught_by(&["minimal"]),
        Fixture::new("deep-claims-cutoff", "deep traces that claim early cutoff", "constructive-trace")
            .is(|| DeepConstructiveTrace)
            .promising(Promises { shallow: true, ..thrifty(values, values, true) })
            .caught_by(&["early-cutoff"]),
        Fixture::new("deep-claims-all", "deep traces that claim to leave nothing out of date", "constructive-trace")
            .is(|| DeepConstructiveTrace)
            .promising(thrifty(values, none, true))
            .caught_by(&["correct"]),
        Fixture::new("verifying-claims-restores", "verifying traces that claim to restore", "constructive-trace")
            .is(|| VerifyingTrace)
            .promising(Promises { restores: true, ..thrifty(values, none, true) })
            .caught_by(&["minimal"]),
        Fixture::new("make-claims-cutoff", "make, which claims early cutoff", "dirty-bit")
            .is(|| ModificationTime)
            .promising(thrifty(none, events, true))
            .styled(|style| (style.formulas, style.overwrites) = (false, false))
            .caught_by(&["early-cutoff"]),
        Fixture::new("make-and-commands", "make, where commands are replaced", "perpetual")
            .is(|| ModificationTime)
            .styled(|style| style.overwrites = false)
            .theory("rule 7")
            .caught_by(&["correct", "reached-only"]),
        Fixture::new("make-and-outputs", "make, where outputs are overwritten", "perpetual")
            .is(|| ModificationTime)
            .styled(|style| style.formulas = false)
            .theory("rule 6"),
        Fixture::new("make-and-the-clock", "make, where the clock is set back", "verifying-trace")
            .is(|| ModificationTime)
            .values_only()
            .styled(|style| (style.formulas, style.overwrites, style.clocks) = (false, false, true))
            .theory("rule 6"),
        Fixture::new(
            "claims-to-share",
            "traces without values that claim to be of use elsewhere",
            "constructive-trace",
        )
        .is(|| VerifyingTrace)
        .promising(Promises { restores: true, ..Promises::default() })
        .compared()
        .caught_by(&["survives-revert", "shared"]),
        Fixture::new("short-memory", "constructive traces that find the newest only", "constructive-trace")
            .is(|| bare::ShortMemory)
            .values_and_restores()
            .compared()
            .caught_by(&["survives-revert"]),
        Fixture::new("keeps-to-itself", "constructive traces that teach nobody", "constructive-trace")
            .is(|| bare::Selfish)
            .values_and_restores()
            .compared()
            .caught_by(&["shared"]),
        busy("knows-no-past", "runs in a new process what it would keep in the old one")
            .is(bare::Newcomer::default)
            .promising(Promises::default())
            .compared()
            .caught_by(&["warm-is-cold"]),
        // (A new process counts from the beginning; `warm-is-cold` would notice that as well.)
        busy("counts-questions", "runs every fifth key that it is asked about, in whatever order")
            .is(bare::Counts::default)
            .caught_by(&["parallel-is-sequential"])
            .alone(),
        busy("takes-nothing-over", "runs what the one before it has built")
            .is(bare::Newcomer::default)
            .beside("verifying-trace")
            .caught_by(&["handover"])
            .alone(),
        busy("takes-anything-over", "keeps what the one before it has left, up to date or not")
            .is(bare::Heir::default)
            .beside("dirty-bit")
            .caught_by(&["handover"])
            .alone(),
    ]
}

/// What looks broken and is not: no law may catch it.
pub fn harmless() -> Vec<Fixture> {
    vec![
        Fixture::new("stutters", "gives every key twice: the engine visits none that is up to date", "verifying-trace")
            .under("restarting")
            .twisted::<Stutters>(),
        Fixture::new("or-equal", "`>=` for `>`: every event is a step of its own", "step-trace")
            .is(|| Stepper(Off::OrEqual)),
        Fixture::new("trusts-silence", "runs everything, but not where nothing happened", "perpetual")
            .is(|| bare::Busy)
            .promising(thrifty(Thrift::None, Thrift::None, true)),
        Fixture::new("unrestored", "does not hear of restored keys: their bits stay set", "dirty-bit")
            .is(|| Misled::<_, mistold_bits::Unrestored>::new(DirtyBit))
            .beside("constructive-trace"),
        Fixture::new("suspects-shrank", "a list of suspects that grew shorter is said to be the same", "dirty-bit")
            .is(|| mistold_bits::Mistold(mistold_bits::Telling::SameEdition))
            .under("topological")
            .by_hand(by_hand::a_list_that_shrank),
        Fixture::new("journal-torn", "the last record is lost, which costs rebuilds", "dirty-bit")
            .lying(JournalLie::Torn)
            .styled(|style| style.formulas = false)
            .values_only(),
    ]
}
