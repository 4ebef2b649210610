//! A comparison that is asked to end early: Ctrl-C.
//!
//! Who holds a [`Stop`] may raise it from another thread. The comparison looks at it between files that it copies and
//! between steps, and waits for it beside every build; a build that is dropped ends its commands with their children. Then
//! the scratch directory is removed as after any other end.

use tokio::sync::watch;

/// A request to end early; its clones are one.
#[derive(Debug, Clone, Default)]
pub struct Stop(watch::Sender<bool>);

impl Stop {
    /// Asks the comparison to end.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }

    /// Whether it was asked to.
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Ready when it is asked to.
    pub(super) async fn raised(&self) {
        // It errs when all senders are gone, and `self` is one.
        let _ = self.0.subscribe().wait_for(|raised| *raised).await;
    }
}
