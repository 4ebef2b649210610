//! Waiting for one's turn: of two builds that a make has begun at once in one directory, the second waits until the first has ended.
//!
//! Only one build may be at work on a journal. A user who begins a second one by hand is told so. Beneath a make nobody
//! is at fault: its `-j` had both begin. Then the token that this process owns would be idle while it waits, and is
//! given to others, as redo gives its own. It takes the journal when it has a token again, and not before: a process
//! that has the journal and waits for a token stops all that have a token and wait for the journal (the laboratory's
//! `jobserver` finds how).
//!
//! A build beneath another build of ours does not wait: that one has a journal itself, and might wait for this one.

use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use alacarte_core::{Key, StoreError, Value};
use alacarte_stores::{Log, to_stderr};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::command_state;
use super::jobserver::LEVEL;
use super::screen::program;
use super::underway::Commands;

/// So long it is waited before the journal is tried once more.
const PAUSE: Duration = Duration::from_millis(20);

/// Whether a build of ours runs this process.
pub(crate) fn beneath_ours() -> bool {
    std::env::var_os(LEVEL).is_some()
}

/// Opens the journal, when no other build is at work on it.
pub(crate) async fn open_journal<K, V>(commands: &Commands, state: &Path) -> Result<Log<K, V>, StoreError>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    let open = || command_state::open_journal(state);
    let joined = commands.joined().filter(|_| !beneath_ours());
    let Some(jobserver) = joined else { return open() };
    let mut told = false;
    loop {
        match open() {
            Err(busy) if busy.source.kind() == ErrorKind::WouldBlock => {
                if !std::mem::replace(&mut told, true) {
                    to_stderr(format_args!("{}: waiting: {}", program(), busy.source));
                }
            }
            opened => return opened,
        }
        let given = jobserver.give_back();
        loop {
            tokio::time::sleep(PAUSE).await;
            match open() {
                Err(busy) if busy.source.kind() == ErrorKind::WouldBlock => {}
                // It is given up at once, and taken again with a token.
                _ => break,
            }
        }
        if let Some(given) = given {
            let failed = |error| StoreError::new("take a token of the jobserver for", state.display(), error);
            given.take_again().await.map_err(failed)?;
        }
    }
}
