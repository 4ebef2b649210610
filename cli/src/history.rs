//! `alacarte history`: the builds of a directory, and what is to be known of them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use alacarte_frontends::history::{
    CommandCounts, CommandRecord, Ending, History, Outcome, PastBuild, Why, word_changes,
};
use alacarte_frontends::ninja::Session;
use alacarte_stores::shown;
use console::Style;

use crate::args;
use crate::args::Question;
use crate::paragraph::{Page, UNBROKEN, count, width};
use crate::profile;
use crate::reasons::milliseconds;
use crate::status::{Problem, there};

/// So much of each kind is listed of a difference.
const LISTED: usize = 20;

pub fn history(arguments: &args::History) -> Result<ExitCode, Problem> {
    there(&arguments.place.directory)?;
    let session = Session::new(&arguments.place.directory, &arguments.place.file);
    let history = session.past()?;
    let mut text = Vec::new();
    match &arguments.question {
        None => list(&mut text, &history)?,
        Some(Question::Diff { old, new }) => diff(&mut text, &history, history.build(*old)?, history.build(*new)?)?,
        Some(Question::CriticalPath { number }) => {
            let last = || history.builds().next_back().map_or(0, |last| last.number);
            let build = history.build(number.unwrap_or_else(last))?;
            profile::tell_critical_path(&mut text, build, &session.look()?.critical_path(build))?;
        }
        Some(Question::Profile { number, file }) => profile::write(history.build(*number)?, file)?,
    }
    io::stdout().lock().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

/// All builds, oldest first, a line each.
fn list(out: &mut impl Write, history: &History) -> io::Result<()> {
    writeln!(out, "build  when (UTC)            took     ran  restored  failed  asked for")?;
    for build in history.builds() {
        let CommandCounts { ran, restored, failed, .. } = build.counts();
        let took = build.end.map_or("?".into(), |end| milliseconds(end.took));
        let ended = match build.end.map(|end| end.ending) {
            Some(Ending::Succeeded | Ending::Failed) => "",
            Some(Ending::Interrupted) => " (interrupted)",
            None => " (unfinished)",
        };
        let begin = build.about.as_ref().map_or(0, |about| about.at);
        let line = format!(
            "{:>5}  {}  {took:>8}  {ran:>6}  {restored:>8}  {failed:>6}  ",
            build.number,
            date(Duration::from_nanos(begin))
        );
        let room = width().saturating_sub(line.chars().count() + ended.len()).max(1);
        writeln!(out, "{}", format!("{line}{}{ended}", asked(build, room)).trim_end())?;
    }
    Ok(())
}

/// What a build was asked for, in so many letters.
fn asked(build: &PastBuild, room: usize) -> String {
    let Some(targets) = &build.targets else { return cut("default targets", room) };
    let names: Vec<String> = targets.iter().map(|target| shown(target.as_str()).into_owned()).collect();
    cut(&names.join(" "), room)
}

/// As much of a line as there is room for.
fn cut(names: &str, room: usize) -> String {
    if names.chars().count() <= room {
        return names.to_owned();
    }
    names.chars().take(room.saturating_sub(1)).chain(['…']).collect()
}

/// Year, month, day, hour and minute of a time since 1970, by the Gregorian calendar.
fn date(since: Duration) -> String {
    let (days, seconds) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // The year is taken to begin in March, so that the day that some years lack is its last.
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", seconds / 3600, seconds / 60 % 60)
}

/// What differs between two builds.
fn diff(out: &mut dyn Write, history: &History, old: &PastBuild, new: &PastBuild) -> io::Result<()> {
    let mut page = Page::new(out, width());
    for build in [old, new] {
        page.text_hanging(0, 4, &heading(build))?;
    }
    let settings = |build: &PastBuild| {
        build.about.as_ref().map(|about| (about.scheduler.clone(), about.rebuilder.clone(), about.jobs))
    };
    if let (Some(one), Some(other)) = (settings(old), settings(new))
        && one != other
    {
        let words = |(scheduler, rebuilder, jobs): (String, String, usize)| {
            format!("{scheduler}{UNBROKEN}×{UNBROKEN}{rebuilder}, {}", count(jobs as u64, "job", "jobs"))
        };
        page.text_hanging(0, 4, &format!("Built by {}, then by {}.", words(one), words(other)))?;
    }
    let (before, after) = (ran(old), ran(new));
    let only = |one: &BTreeMap<&str, &CommandRecord>, other: &BTreeMap<&str, &CommandRecord>| -> Vec<String> {
        one.iter()
            .filter(|(key, _)| !other.contains_key(*key))
            .map(|(key, command)| format!("{} ({})", shown(key), milliseconds(command.took)))
            .collect()
    };
    listed(&mut page, &format!("Ran in build {} only", old.number), &only(&before, &after))?;
    listed(&mut page, &format!("Ran in build {} only", new.number), &only(&after, &before))?;
    let mut both: Vec<(&str, Duration, Duration)> =
        before.iter().filter_map(|(key, one)| Some((*key, one.took, after.get(key)?.took))).collect();
    both.sort_by_key(|(_, one, other)| std::cmp::Reverse(one.abs_diff(*other)));
    let both: Vec<String> = both
        .into_iter()
        .map(|(key, one, other)| format!("{} ({}, then {})", shown(key), milliseconds(one), milliseconds(other)))
        .collect();
    listed(&mut page, "Ran in both", &both)?;
    let (first, last) = (old.number.min(new.number), old.number.max(new.number));
    let between = || history.builds().filter(move |build| build.number > first && build.number <= last);
    let commands = || between().flat_map(|build| &build.commands);
    let files: BTreeSet<&str> = between().flat_map(|build| &build.changed).map(|key| key.as_str()).collect();
    let files: Vec<String> = files.into_iter().map(|file| shown(file).into_owned()).collect();
    listed(&mut page, "Files that changed between them", &files)?;
    let lines: BTreeSet<&str> = commands()
        .filter(|command| has_changed(history, command, first, last))
        .map(|command| command.key.as_str())
        .collect();
    let lines: Vec<String> = lines.into_iter().map(|key| command_change(history, key, first, last)).collect();
    listed(&mut page, "Commands that changed between them", &lines)?;
    Ok(())
}

fn heading(build: &PastBuild) -> String {
    let CommandCounts { ran, restored, failed, .. } = build.counts();
    let took = match build.end.map(|end| (milliseconds(end.took), end.ending)) {
        Some((took, Ending::Succeeded)) => took,
        Some((took, Ending::Failed)) => format!("{took}, and failed"),
        Some((took, Ending::Interrupted)) => format!("{took}, and was interrupted"),
        None => "an unknown time, because it did not come to its end".into(),
    };
    let asked = asked(build, 60);
    format!("Build {} took {took}: {ran} ran, {restored} restored, {failed} failed (asked for: {asked}).", build.number)
}

/// The last run of each command in a build.
fn ran(build: &PastBuild) -> BTreeMap<&str, &CommandRecord> {
    let ran = |command: &&CommandRecord| command.outcome.has_run() && command.outcome != Outcome::Interrupted;
    build.commands.iter().filter(ran).map(|command| (command.key.as_str(), command)).collect()
}

/// Whether the line of a command is another than before, or the rebuilder said so.
fn has_changed(history: &History, command: &CommandRecord, first: u64, last: u64) -> bool {
    let line = |up_to: u64| history.of_command(&command.key, up_to).find_map(|(_, command)| command.line.as_deref());
    command.why == Why::CommandChanged || line(first).is_some() && line(first) != line(last)
}

/// How the line of a command came to be another between two builds.
fn command_change(history: &History, key: &str, first: u64, last: u64) -> String {
    let line = |up_to: u64| history.of_command(&key.into(), up_to).find_map(|(_, command)| command.line.as_deref());
    let (Some(before), Some(now)) = (line(first), line(last)) else { return shown(key).into_owned() };
    let changes = word_changes(before, now).into_iter().map(|change| match (shown(change.gone), shown(change.new)) {
        (gone, new) if gone.is_empty() => format!("new: {new}"),
        (gone, new) if new.is_empty() => format!("gone: {gone}"),
        (gone, new) => format!("{gone} became {new}"),
    });
    format!("{}: {}", shown(key), changes.collect::<Vec<_>>().join("; "))
}

fn listed(page: &mut Page<'_>, title: &str, lines: &[String]) -> io::Result<()> {
    if lines.is_empty() {
        return Ok(());
    }
    page.gap()?;
    page.heading(&Style::new(), &format!("{title}: {}", lines.len()))?;
    for line in lines.iter().take(LISTED) {
        page.text_hanging(2, 6, line)?;
    }
    match lines.len().saturating_sub(LISTED) {
        0 => Ok(()),
        more => page.text(2, &format!("and {more} more")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, said) in [
            (0, "1970-01-01 00:00"),
            (951_782_399, "2000-02-28 23:59"),
            (951_782_400, "2000-02-29 00:00"),
            (1_709_251_200, "2024-03-01 00:00"),
            (4_107_542_400, "2100-03-01 00:00"),
        ] {
            assert_eq!(date(Duration::from_secs(seconds)), said);
        }
    }
}
