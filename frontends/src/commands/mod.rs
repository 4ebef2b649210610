//! Builds that run commands: the processes, what compilers report of them afterwards, and what a person sees.
//!
//! What both front ends of files, [`ninja`](crate::ninja) and [`files`](crate::files), have in common.

mod captured;
mod cheats;
mod colours;
pub(crate) mod command_state;
mod depfile;
mod events;
pub(crate) mod exit_status;
mod hits;
mod interrupt;
mod jobserver;
mod makeflags;
mod nearest;
mod path;
pub(crate) mod process;
mod process_group;
mod reading;
mod recheck;
mod screen;
mod token_pipe;
pub(crate) mod tool_cache;
pub(crate) mod turn;
mod underway;
#[cfg(feature = "watch")]
mod watcher;

pub use colours::{colours_are_shown, without_colours};
pub use depfile::{DepfileEntry, DepfileError, parse_depfile};
pub(crate) use events::Events;
pub use events::{CommandEvent, Stage};
pub use hits::{bytes, hits};
pub use interrupt::{attended, ignored, tell_of_interruption};
pub use jobserver::{Jobserver, JobserverError, Token, Unsettled, is_jobserver_named};
pub(crate) use nearest::hint;
#[cfg(feature = "ninja")]
pub use nearest::nearest_within;
pub use path::canonicalise;
pub(crate) use path::{Root, canonicalise_with_slash};
pub(crate) use reading::still_hold;
#[cfg(feature = "ninja")]
pub(crate) use reading::still_holds;
pub use recheck::{Rechecks, chance};
#[cfg(feature = "ninja")]
pub(crate) use screen::NO_RULE;
pub(crate) use screen::program;
pub use screen::{NO_CACHE_OF_USER, Screen, clock, failed, tell_of_no_cache, tell_of_state, terminal_width};
#[cfg(feature = "ninja")]
pub(crate) use turn::beneath_ours;
pub use underway::{Commands, processors};
#[cfg(feature = "watch")]
pub use watcher::{Heard, WatchError, Watcher};
