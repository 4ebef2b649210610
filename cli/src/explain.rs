//! `alacarte explain`: why the last build did what it did on the way to a target, in sentences.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use alacarte_core::Fingerprint;
use alacarte_frontends::history::{CommandCounts, Ending, Outcome, Why, word_changes};
use alacarte_frontends::ninja::{
    ChangedDependency, DependencyKind, Explained, Explanation, Fate, NearMiss, Origin, Session, Since, Told,
};
use alacarte_stores::{shown, text_of};

use crate::args::Explain;
use crate::paragraph::{Page, count, width};
use crate::reasons::{first_line, milliseconds, name, outcome_in_words, why_in_words};
use crate::status::{Problem, there};

/// So many commands that were kept are named, and so many dependencies that had changed.
const NAMED: usize = 12;

pub fn explain(arguments: &Explain) -> Result<ExitCode, Problem> {
    there(&arguments.place.directory)?;
    let session = Session::new(&arguments.place.directory, &arguments.place.file);
    let explanation = session.explain(&text_of(arguments.target.as_bytes()))?;
    let mut text = Vec::new();
    tell(&mut Page::new(&mut text, width()), &explanation)?;
    io::stdout().lock().write_all(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn tell(page: &mut Page<'_>, explanation: &Explanation) -> io::Result<()> {
    let Explanation { target, build, source_of, commands, .. } = explanation;
    let target = name(target.as_str());
    if let Some(readers) = source_of {
        let read = count(*readers as u64, "command reads", "commands read");
        return page.text(0, &format!("{target} is a source: no command makes it. {read} it."));
    }
    let CommandCounts { ran, restored, failed, .. } = build.counts();
    let ended = match build.end.map(|end| end.ending) {
        Some(Ending::Succeeded) => "",
        Some(Ending::Failed) => " It failed.",
        Some(Ending::Interrupted) => " It was interrupted.",
        None => " It did not come to its end: it was killed, or is still at work.",
    };
    page.text(
        0,
        &format!(
            "{target}, in build {}, the last that had anything to do ({ran} ran, {restored} restored, {failed} failed).{ended}",
            build.number
        ),
    )?;
    let is_told = |explained: &&Explained| !matches!(explained.fate, Fate::Kept { .. } | Fate::Unasked { .. });
    for Explained { key, fate, .. } in commands.iter().filter(is_told) {
        page.gap()?;
        match fate {
            Fate::Told(told) => tell_of_one(page, key.as_str(), told)?,
            Fate::Waits { needs } => {
                page.text(
                    0,
                    &format!(
                        "{}: not built, because it needs {}, which failed.",
                        name(key.as_str()),
                        name(needs.as_str())
                    ),
                )?;
            }
            _ => page.text(
                0,
                &format!("{}: no build has seen it yet. The manifest has named it since.", name(key.as_str())),
            )?,
        }
    }
    let rest: Vec<&Explained> = commands.iter().filter(|explained| !is_told(explained)).collect();
    if rest.is_empty() {
        return Ok(());
    }
    page.gap()?;
    // Those nearest to the target are those that were asked about.
    for Explained { key, fate, .. } in rest.iter().rev().take(NAMED) {
        page.text_hanging(0, 4, &kept(key.as_str(), fate))?;
    }
    match rest.len().saturating_sub(NAMED) {
        0 => Ok(()),
        more => page.text(
            0,
            &format!(
                "And {} that did not run either: ask for one of them by its name.",
                count(more as u64, "command", "commands")
            ),
        ),
    }
}

/// Why a command did not run.
fn kept(key: &str, fate: &Fate) -> String {
    let key = name(key);
    let last = |since: &Option<Since>| match since {
        Some(since) => format!("build {}, in which {}", since.build, in_the_past(since)),
        None => "a build that is not remembered any more".into(),
    };
    match fate {
        Fate::Kept { since, certain: true } => {
            format!("{key}: kept. Nothing that it reads has changed since {}.", last(since))
        }
        Fate::Kept { since, .. } => {
            format!("{key}: kept, or not looked at before the build ended. It was last made in {}.", last(since))
        }
        Fate::Unasked { since } => {
            format!(
                "{key}: not looked at, because the build was asked for other targets. It was last made in {}.",
                last(since)
            )
        }
        _ => key,
    }
}

fn in_the_past(Since { command, changed, .. }: &Since) -> String {
    match (&command.outcome, changed) {
        (Outcome::Restored, _) => "it was restored from a trace".into(),
        (_, Some(changed)) => format!("it ran because {}", dependency(changed)),
        (_, None) => format!("it ran because {}", why_in_words(&command.why)),
    }
}

fn tell_of_one(page: &mut Page<'_>, key: &str, told: &Told) -> io::Result<()> {
    let Told { command, runs, changed, line_before, output_gone, origin, near_miss, .. } = told;
    let key = name(key);
    let took = milliseconds(command.took);
    let head = match &command.outcome {
        Outcome::Ran { changed: true } => format!("{key}: ran ({took})."),
        Outcome::Ran { changed: false } => {
            format!("{key}: ran ({took}), and made what it had made before, so nothing has to run because of it.")
        }
        Outcome::Failed { code } => format!("{key}: failed ({took}), with exit code {code}."),
        Outcome::Refused { why } => format!("{key}: ran ({took}), and counts as failed: {}.", first_line(why)),
        Outcome::NotRun { why } => format!("{key}: could not run: {}.", first_line(why)),
        Outcome::Restored => match origin {
            Some(Origin::Here) => format!(
                "{key}: restored. An earlier build of this directory had made it from the same files by the same command."
            ),
            _ => format!(
                "{key}: restored from the cache. Another build had made it from the same files by the same command."
            ),
        },
        Outcome::Interrupted => format!("{key}: was running ({took}) when the build was ended."),
        other => format!("{key}: {} ({took}).", outcome_in_words(other)),
    };
    page.text_hanging(0, 4, &head)?;
    if *runs > 1 {
        page.text(4, &format!("It ran {runs} times, because it reads files that were made while it ran."))?;
    }
    if matches!(command.outcome, Outcome::NotRun { .. } if command.why == Why::Unknown) {
        return Ok(());
    }
    let why = match (&command.why, output_gone) {
        (_, Some(true)) => "its output was gone".into(),
        (_, Some(false)) => "its output was not what the command had made: something else has written it".into(),
        (why, _) => why_in_words(why),
    };
    if changed.is_empty() {
        // (What was restored without a reason was never built here.)
        let why = match (&command.why, output_gone) {
            (Why::Unknown, None) if command.outcome == Outcome::Restored => "it was never built here".into(),
            _ => why,
        };
        let had = if command.outcome == Outcome::Restored { "It was needed" } else { "It had to run" };
        page.text_hanging(4, 6, &format!("{had} because {why}."))?;
    } else {
        let had = if command.outcome == Outcome::Restored {
            "Its last run did not hold because"
        } else {
            "It had to run because"
        };
        for (number, changed) in changed.iter().take(NAMED).enumerate() {
            let begin = if number == 0 { had } else { "Also," };
            page.text_hanging(4, 6, &format!("{begin} {}.", dependency(changed)))?;
        }
        if changed.len() > NAMED {
            page.text(4, &format!("And {} more of its dependencies had changed.", changed.len() - NAMED))?;
        }
    }
    if changed.iter().any(|changed| changed.kind == DependencyKind::OwnCommand) || command.why == Why::CommandChanged {
        tell_of_line(page, line_before.as_deref(), command.line.as_deref())?;
    }
    if let Some(near) = near_miss {
        page.text_hanging(4, 6, &near_miss_in_words(near))?;
    }
    Ok(())
}

/// How the command line has changed.
fn tell_of_line(page: &mut Page<'_>, before: Option<&str>, now: Option<&str>) -> io::Result<()> {
    let (Some(before), Some(now)) = (before, now) else {
        let why = if now.is_some() && before.is_none() {
            "The line is the same, or the one before is not remembered: what the edge declares (inputs, outputs, \
             depfile, response file) may have changed."
        } else {
            "The command line is not remembered."
        };
        return page.text_hanging(4, 6, why);
    };
    for change in word_changes(before, now) {
        let (gone, new) = (shown(change.gone), shown(change.new));
        let text = match (change.gone, change.new) {
            ("", _) => format!("New in it: {new}"),
            (_, "") => format!("Gone from it: {gone}"),
            _ => format!("In it, {gone} became {new}"),
        };
        page.text_hanging(6, 8, &text)?;
    }
    Ok(())
}

fn dependency(changed: &ChangedDependency) -> String {
    let key = name(changed.key.as_str());
    let from_to = match (changed.from, changed.to) {
        (Some(from), Some(to)) => format!(" ({} became {})", Fingerprint(from), Fingerprint(to)),
        _ => String::new(),
    };
    match changed.kind {
        DependencyKind::OwnCommand => "its command changed".into(),
        DependencyKind::OtherCommand => format!("the command of {key} changed"),
        DependencyKind::Source if changed.to.is_none() && changed.from.is_some() => {
            format!("{key} was gone, or had no content that could be compared")
        }
        DependencyKind::Group => format!("something behind the name {key} changed"),
        DependencyKind::Made => format!("{key} was made anew{from_to}"),
        _ => format!("{key} changed{from_to}"),
    }
}

fn near_miss_in_words(near: &NearMiss) -> String {
    let NearMiss { known, agreed, of, differed, .. } = near;
    let known = count(*known as u64, "other run", "other runs");
    let what = match differed.kind {
        DependencyKind::OwnCommand => "was of another command".into(),
        DependencyKind::OtherCommand => format!("needed another command of {}", name(differed.key.as_str())),
        _ if differed.to.is_none() => format!("had read {}, which this one did not", name(differed.key.as_str())),
        _ => format!("had read another {}", name(differed.key.as_str())),
    };
    format!(
        "The cache knows {known} of it. The nearest {what}; the {agreed} of {of} dependencies before that were the same."
    )
}
