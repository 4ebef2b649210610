//! What ran when in a build, as JSON that viewers of traces show (`ui.perfetto.dev`, `chrome://tracing`): a lane for each job, an event for each command.
//! And what took the time, in words.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use alacarte_frontends::history::{CommandRecord, Outcome, PastBuild};
use alacarte_frontends::ninja::Session;
use alacarte_stores::{shown, to_stdout};
use serde_json::{Value, json};
use thiserror::Error;

use crate::paragraph::{Page, count, width};
use crate::reasons::{milliseconds, outcome_in_words, why_in_words};
use crate::status::Problem;

#[derive(Debug, Error)]
#[error("cannot write the profile {path}: {source}")]
pub(crate) struct Unwritten {
    path: PathBuf,
    source: io::Error,
}

/// Writes a build to a file, and says so.
pub(crate) fn write(build: &PastBuild, file: &Path) -> Result<(), Problem> {
    let unwritten = |source| Unwritten { path: file.to_owned(), source };
    let text = serde_json::to_vec(&trace(build))?;
    std::fs::write(file, text).map_err(unwritten)?;
    let ran = build.commands.iter().filter(|command| command.outcome.has_run()).count();
    let number = build.number;
    let what = if number > 0 { format!("build {number}") } else { "this build".into() };
    let commands = count(ran as u64, "command", "commands");
    to_stdout(format_args!(
        "alacarte: wrote {what} ({commands}) to {}: open it at ui.perfetto.dev",
        shown(&file.to_string_lossy())
    ))?;
    Ok(())
}

/// Writes the build that has just ended to a file, and says what took the time.
pub(crate) fn of_this_build(session: &Session, past: Option<&PastBuild>, file: &Path) -> Result<(), Problem> {
    let nothing = PastBuild::default();
    let build = past.unwrap_or(&nothing);
    write(build, file)?;
    if past.is_some() {
        let mut text = Vec::new();
        tell_critical_path(&mut text, build, &session.look()?.critical_path(build))?;
        io::stdout().lock().write_all(&text)?;
    }
    Ok(())
}

/// The build in the format of Chrome's traces.
fn trace(build: &PastBuild) -> Value {
    let lane = |lane: u32| lane + 1;
    let ran = || build.commands.iter().filter(|command| command.outcome.has_run());
    let lanes = ran().map(|command| command.lane + 1).max().unwrap_or(0);
    let name = |what: &str, lane: Option<u32>, name: String| json!({"ph": "M", "pid": 1, "tid": lane.unwrap_or(0), "name": what, "args": {"name": name}});
    let mut events = vec![name("process_name", None, format!("alacarte build {}", build.number))];
    events.extend((0..lanes).map(|number| name("thread_name", Some(lane(number)), format!("job {}", lane(number)))));
    events.extend(ran().map(|command| {
        let mut arguments = json!({
            "outcome": outcome_in_words(&command.outcome),
            "why": why_in_words(&command.why),
        });
        if let Some(line) = &command.line {
            arguments["command"] = json!(shown(line));
        }
        json!({
            "ph": "X",
            "pid": 1,
            "tid": lane(command.lane),
            "name": shown(command.key.as_str()),
            "cat": "command",
            "ts": microseconds(command.start),
            // (A lane is free before its next command is started; both ends are rounded alike.)
            "dur": microseconds(command.end()) - microseconds(command.start),
            "args": arguments,
        })
    }));
    let restored = build.commands.iter().filter(|command| command.outcome == Outcome::Restored);
    events.extend(restored.map(|command| {
        json!({
            "ph": "i",
            "pid": 1,
            "tid": 0,
            "s": "p",
            "name": shown(command.key.as_str()),
            "cat": "restored",
            "ts": microseconds(command.start),
        })
    }));
    json!({"displayTimeUnit": "ms", "traceEvents": events})
}

fn microseconds(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Prints the critical path of a build.
pub(crate) fn tell_critical_path(
    out: &mut impl Write,
    build: &PastBuild,
    path: &[&CommandRecord],
) -> Result<(), Problem> {
    let sum: Duration = path.iter().map(|command| command.took).sum();
    let took = build.end.map_or(String::new(), |end| format!(" of the {} that the build took", milliseconds(end.took)));
    let mut page = Page::new(out, width());
    if path.is_empty() {
        page.text(0, "no command ran, so there is no critical path")?;
        return Ok(());
    }
    let commands = count(path.len() as u64, "command", "commands");
    page.text(0, &format!("critical path: {commands}, {}{took}", milliseconds(sum)))?;
    for command in path {
        let name = shown(command.key.as_str()).into_owned();
        page.text_hanging(
            0,
            12,
            &format!("{:>10}\u{a0}\u{a0}{name}", milliseconds(command.took).replace(' ', "\u{a0}")),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use alacarte_frontends::history::Why;

    use super::*;

    #[test]
    fn a_lane_is_a_thread_and_a_command_an_event() {
        let command = |key: &str, lane: u32, start: u64, outcome: Outcome| {
            let mut command = CommandRecord::new(key.into(), outcome, Why::NeverBuilt);
            (command.start, command.took) = (Duration::from_nanos(start), Duration::from_nanos(1_500));
            command.lane = lane;
            command
        };
        let mut build = PastBuild::default();
        let ran = Outcome::Ran { changed: true };
        build.commands = vec![
            command("a", 0, 700, ran.clone()),
            command("b", 0, 2_200, Outcome::Failed { code: 1 }),
            command("c", 1, 0, ran),
            command("d", 0, 0, Outcome::Restored),
        ];
        let trace = trace(&build);
        let events = trace["traceEvents"].as_array().expect("a list");
        let of = |kind: &str| -> Vec<&Value> { events.iter().filter(|event| event["ph"] == kind).collect() };
        let lanes: Vec<_> =
            of("X").iter().map(|event| (event["tid"].clone(), event["ts"].clone(), event["dur"].clone())).collect();
        let expected = [(1, 0, 2), (1, 2, 1), (2, 0, 1)];
        assert_eq!(lanes, expected.map(|(tid, ts, dur)| (json!(tid), json!(ts), json!(dur))));
        assert_eq!((of("M").len(), of("i").len()), (3, 1));
    }
}
