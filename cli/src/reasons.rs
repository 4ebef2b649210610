//! What became of commands, and why, in words.

use std::time::Duration;

use alacarte_frontends::history::{Outcome, Why};
use alacarte_stores::shown;

use crate::table::duration;

/// A time as a person says it.
pub(crate) fn milliseconds(time: Duration) -> String {
    duration(time.as_secs_f64() * 1000.0)
}

/// What became of a command, in a word or a few.
pub(crate) fn outcome_in_words(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Ran { changed: true } => "ran".into(),
        Outcome::Ran { changed: false } => "ran, and made what it had made before".into(),
        Outcome::Failed { code } => format!("failed with exit code {code}"),
        Outcome::Refused { why } => format!("ran, and counts as failed: {}", first_line(why)),
        Outcome::NotRun { why } => format!("could not run: {}", first_line(why)),
        Outcome::Restored => "restored".into(),
        Outcome::Interrupted => "was running when the build was ended".into(),
        _ => "ended in a way for which there are no words here".into(),
    }
}

/// A reason as a half-sentence behind "because".
pub(crate) fn why_in_words(why: &Why) -> String {
    match why {
        Why::Unknown => "nobody said why".into(),
        Why::NeverBuilt => "it had never been built here".into(),
        Why::OutputChanged => "its output was gone, or was not what the command had made".into(),
        Why::Changed { key, to: Some(_), .. } => format!("{} changed", name(key.as_str())),
        Why::Changed { key, .. } => format!("{} was gone, or had changed", name(key.as_str())),
        Why::CommandChanged => "its command changed".into(),
        Why::OtherCommandChanged { key } => format!("the command of {} changed", name(key.as_str())),
        Why::Dirty => "something that it depends on changed".into(),
        Why::Newer { key, .. } => format!("{} was newer than its output", name(key.as_str())),
        Why::Always => "it runs in every build".into(),
        Why::Volatile => "what it made last was good for that build only".into(),
        Why::Evicted => "what it had made could not be brought back from the cache".into(),
        Why::Other(why) => shown(why).into_owned(),
        _ => "of something for which there are no words here".into(),
    }
}

/// The first line of what was said.
pub(crate) fn first_line(text: &str) -> String {
    shown(text.lines().next().unwrap_or_default()).trim_end_matches('.').to_owned()
}

/// A file's name as it is shown.
pub(crate) fn name(key: &str) -> String {
    shown(key).into_owned()
}
