//! Components that are broken on purpose: the laws must catch each.
//!
//! A law that catches nothing may be no law. So here is a room of rebuilders, schedulers, updaters and journals
//! that are each wrong in one way, and a list, [`all`], that says of each what is wrong with it, which laws are to
//! notice, and which component it stands in for. It promises what that one promises and is tried in the same
//! way: what is right passes the very trial that catches what is broken.
//!
//! | | |
//! |---|---|
//! | [`bare`] | rebuilders that hardly look at all |
//! | [`mistold_bits`] | dirty bits: told lies, read wrongly, told of wrongly |
//! | [`slipping_verifiers`], [`misrecorded_traces`] | traces that are verified wrongly; that were recorded wrongly |
//! | [`answers`] | constructive traces that put something else in place |
//! | [`slipping_deep`] | deep traces that miss a terminal input |
//! | [`slipping_steps`] | steps and times that are off by one |
//! | [`tolerant`] | tolerance of other moves than it promises |
//! | [`twist`], [`schedulers`] | schedulers that do one thing otherwise; orders that are none |
//! | [`journals`] | journals that give back something else than they were given |
//! | [`caches`] | shared caches that do |
//! | [`costs`] | rebuilders that are right, and look again for what they have found |
//! | [`crashes`] | what goes wrong only between two writes (tried by [`judge_crashes`](crate::judge_crashes)) |
//! | [`worlds`] | a store that writes to inputs, work that nobody hears end, parts that are exchanged unseen |
//! | [`lies`] | how an updater is lied to |
//! | [`published`] | what goes wrong in the published model |

pub mod answers;
pub mod bare;
mod by_hand;
pub mod caches;
pub mod costs;
pub mod crashes;
mod fixture;
pub mod journals;
pub mod lies;
mod list;
pub mod misrecorded_traces;
pub mod mistold_bits;
mod overpromising;
pub mod published;
pub mod schedulers;
pub mod slipping_deep;
pub mod slipping_steps;
pub mod slipping_verifiers;
pub mod tolerant;
pub mod twist;
pub mod worlds;

pub use fixture::{Fixture, Pair};
pub use list::all;
pub use overpromising::harmless;

pub use crate::faults::{CacheFault, Flaw, JournalLie, Shelf};
