//! Journal replay = live state, for each updater of this workspace: through the real log; and whatever a journal may not do,
//! the law notices.

use alacarte_conformance::broken::JournalLie;
use alacarte_conformance::contracts::ours::{
    ChainModel, ConstructiveModel, DeepModel, DirtyModel, GraphModel, SeenModel, StepsModel, SuspectsModel, TimesModel,
    VerifyingModel,
};
use alacarte_conformance::contracts::{Contract, check_replay, judge_replay};
use alacarte_conformance::{Broken, Tape, Trial};

/// Nothing is noticed of a journal that does not lie.
fn not_in_a_liar<C: Contract>(updater: &str) {
    let told = |lie| -> Result<(), Broken> {
        let trial = Trial::default().with_cases(256);
        judge_replay::<C, _, _>(trial, || {
            let tape = Tape::lying(lie);
            move || tape.clone()
        })
    };
    told(None).unwrap_or_else(|broken| panic!("{updater}: a journal that does not lie: {broken:?}"));
    for lie in [JournalLie::Loses, JournalLie::Swaps, JournalLie::Repeats, JournalLie::Misnames] {
        assert!(told(Some(lie)).is_err(), "{updater}: nothing was noticed of {lie:?}");
    }
}

macro_rules! replays {
    ($($name:ident: $contract:ty;)*) => {$(
        mod $name {
            use super::*;

            #[test]
            fn is_what_it_was() {
                check_replay::<$contract>();
            }

            #[test]
            fn is_not_after_a_lie() {
                not_in_a_liar::<$contract>(stringify!($name));
            }
        }
    )*};
}

replays! {
    graph: GraphModel;
    dirty: DirtyModel;
    suspects: SuspectsModel;
    times: TimesModel;
    seen: SeenModel;
    chain: ChainModel;
    steps: StepsModel;
    verifying: VerifyingModel;
    constructive: ConstructiveModel;
    deep: DeepModel;
}
