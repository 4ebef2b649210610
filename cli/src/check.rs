//! `alacarte check`: random histories in bulk, or all histories of a small scope, judged by every law.

use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use alacarte_conformance::{Campaign, Finding, Scope, Subject, TaskKind, regressions};
use alacarte_experiments::systems::Menu;
use alacarte_stores::to_stderr;
use clap::error::ErrorKind;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use crate::args::{self, Check, Format, Tasks};
use crate::paragraph::{Page, count, width};
use crate::status::Problem;
use crate::table::{print, style};

pub fn check(menu: &Menu, arguments: &Check) -> Result<ExitCode, Problem> {
    let subjects = subjects(menu, arguments)?;
    let begun = Instant::now();
    let findings = if arguments.exhaustive { exhaustive(arguments, &subjects)? } else { random(arguments, &subjects)? };
    let mut out = std::io::stdout().lock();
    match arguments.format {
        Format::Table => {
            table(&mut out, &findings)?;
            let total: u64 = findings.iter().map(|finding| finding.cases).sum();
            let histories = count(total, "history", "histories");
            writeln!(out, "\n{histories} in {:.1} s.", begun.elapsed().as_secs_f64())?;
            counterexamples(&mut out, arguments, &findings)?;
        }
        Format::Json => {
            let rows: Vec<_> = findings.iter().map(row).collect();
            serde_json::to_writer_pretty(&mut out, &rows).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Csv => csv(&mut out, &findings)?,
    }
    out.flush()?;
    let broken = findings.iter().any(|finding| finding.broken.is_some());
    Ok(if broken { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Plays random histories.
fn random<'m>(arguments: &Check, subjects: &[Subject<'m>]) -> Result<Vec<Finding<'m>>, Problem> {
    let (cases, seed) = (arguments.cases, arguments.seed.unwrap_or(0));
    let campaign = Campaign::new(cases).with_seed(seed).with_threads(args::jobs(arguments.jobs));
    if arguments.format == Format::Table {
        let combinations = count(subjects.len() as u64, "combination", "combinations");
        match cases {
            1 => to_stderr(format_args!("{combinations} × 1 history, of seed {seed}")),
            _ => to_stderr(format_args!("{combinations} × {cases} histories, of seeds {seed} up")),
        }
    }
    let bar = bar(cases.saturating_mul(subjects.len() as u64))?;
    // Whoever names a seed wants to see that one.
    let mut findings = if arguments.seed.is_none() { again(subjects) } else { Vec::new() };
    if findings.is_empty() {
        let played = AtomicU64::new(0);
        findings = campaign.run(subjects, &|subject, cases| {
            bar.set_message(subject.to_string());
            bar.set_position(played.fetch_add(cases, Ordering::Relaxed) + cases);
        });
    }
    bar.finish_and_clear();
    Ok(findings)
}

/// Plays all that is within the scope.
fn exhaustive<'m>(arguments: &Check, subjects: &[Subject<'m>]) -> Result<Vec<Finding<'m>>, Problem> {
    let scope = scope(arguments);
    let programs = scope.programs() as u64;
    if arguments.format == Format::Table {
        let Scope { keys, steps, .. } = scope;
        to_stderr(format_args!(
            "{} × every history of up to {} of {} of up to {}",
            count(subjects.len() as u64, "combination", "combinations"),
            count(steps as u64, "step", "steps"),
            count(programs, "program", "programs"),
            count(keys as u64, "key", "keys"),
        ));
    }
    let bar = bar(programs * subjects.len() as u64)?;
    let findings = scope.exhaust(subjects, args::jobs(arguments.jobs), &|subject| {
        bar.set_message(subject.to_string());
        bar.inc(1);
    });
    bar.finish_and_clear();
    Ok(findings)
}

fn scope(arguments: &Check) -> Scope {
    Scope::new(arguments.keys.into(), arguments.steps.into())
}

fn bar(length: u64) -> Result<ProgressBar, Problem> {
    let bar = ProgressBar::new(length);
    bar.set_style(ProgressStyle::with_template("{bar:30} {percent:>3}% {eta:>4}  {wide_msg}")?);
    Ok(bar)
}

fn subjects<'m>(menu: &'m Menu, arguments: &Check) -> Result<Vec<Subject<'m>>, Problem> {
    let chosen = |names: &[String], name: &str| names.is_empty() || names.iter().any(|chosen| chosen == name);
    let kind = |tasks| match tasks {
        TaskKind::Static => Tasks::Static,
        TaskKind::Dynamic => Tasks::Dynamic,
    };
    let subjects: Vec<Subject<'m>> = menu
        .lab()
        .subjects()
        .into_iter()
        .filter(|subject| chosen(&arguments.schedulers, subject.scheduler))
        .filter(|subject| chosen(&arguments.rebuilders, subject.rebuilder))
        .filter(|subject| arguments.tasks.is_none_or(|tasks| tasks == kind(subject.tasks)))
        .collect();
    if subjects.is_empty() {
        let why = "the topological scheduler orders tasks beforehand, so it builds static tasks only: \
                   leave `--tasks dynamic` out, or choose another scheduler";
        return Err(args::command(menu).error(ErrorKind::ArgumentConflict, why).into());
    }
    Ok(subjects)
}

/// Cases that broke a law once are played before all others; those that do so again are all that is told.
fn again(subjects: &[Subject<'_>]) -> Vec<Finding<'static>> {
    let known = regressions().into_iter().filter(|case| subjects.contains(&case.subject));
    known.map(|case| case.play()).filter(|finding| finding.broken.is_some()).collect()
}

/// Below this width, the number of scripts is left out.
const WIDE: usize = 90;

fn table(out: &mut impl Write, findings: &[Finding<'_>]) -> Result<(), Problem> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    style(&mut table);
    let wide = width() >= WIDE;
    let right = |name: &str| Cell::new(name).set_alignment(CellAlignment::Right);
    let mut header = vec![Cell::new(""), Cell::new("tasks"), right("cases")];
    header.extend(wide.then(|| right("scripts")));
    header.extend(["builds", "task runs", "time"].map(right));
    table.set_header(header);
    let mut scheduler = "";
    for finding in findings {
        let Subject { rebuilder, tasks, .. } = finding.subject;
        if finding.subject.scheduler != scheduler {
            scheduler = finding.subject.scheduler;
            table.add_row([Cell::new(scheduler).add_attribute(Attribute::Bold)]);
        }
        let number = |number: u64| Cell::new(number).set_alignment(CellAlignment::Right);
        let mut cells = vec![Cell::new(format!("  {rebuilder}")), Cell::new(tasks), number(finding.cases)];
        cells.extend(wide.then(|| number(finding.tally.scripts)));
        cells.extend([number(finding.tally.builds), number(finding.tally.runs)]);
        cells.push(right(&format!("{:.1} s", finding.time.as_secs_f64())));
        cells.push(match &finding.broken {
            None => Cell::new("✓"),
            Some(broken) => Cell::new(format!("✗ {}", broken.law)).fg(Color::Red),
        });
        table.add_row(cells);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    print(out, &table)?;
    let mut page = Page::new(out, width());
    page.gap()?;
    page.text(0, "✓ every law it promises holds    ✗ breaks this law")?;
    if findings.iter().any(|finding| finding.subject.scheduler == "restarting") {
        page.text(0, "restarting does not promise: starts-once")?;
    }
    let mut told = Vec::new();
    for Subject { menu, rebuilder, .. } in findings.iter().map(|finding| finding.subject) {
        if told.contains(&rebuilder) {
            continue;
        }
        told.push(rebuilder);
        // (What is started how often is the scheduler's.)
        let not: Vec<_> =
            menu.promises(rebuilder).not_promised().into_iter().filter(|law| *law != "starts-once").collect();
        if !not.is_empty() {
            page.text(0, &format!("{rebuilder} does not promise: {}", not.join(", ")))?;
        }
    }
    Ok(())
}

/// What is wrong, and how to see it again.
fn counterexamples(out: &mut impl Write, arguments: &Check, findings: &[Finding<'_>]) -> Result<(), Problem> {
    for finding in findings {
        let Some(broken) = &finding.broken else { continue };
        let Subject { scheduler, rebuilder, tasks, .. } = finding.subject;
        writeln!(out, "\n{}\n", finding.subject)?;
        Page::new(&mut *out, width()).counterexample(0, &broken.counterexample)?;
        writeln!(out, "\nTo see it again:")?;
        if arguments.exhaustive {
            let Scope { keys, steps, .. } = scope(arguments);
            writeln!(
                out,
                "  alacarte check --exhaustive --keys {keys} --steps {steps} --scheduler {scheduler} --rebuilder {rebuilder} --tasks {tasks}"
            )?;
            continue;
        }
        let check = format!("alacarte check --scheduler {scheduler} --rebuilder {rebuilder} --tasks {tasks}");
        if finding.kept {
            // It is played before all others.
            writeln!(out, "  {check}")?;
            continue;
        }
        writeln!(out, "  {check} --cases 1 --seed {}", broken.seed)?;
        writeln!(out, "To have it played for ever, in conformance/regressions.txt:")?;
        writeln!(out, "  # {}\n  {scheduler} {rebuilder} {tasks} {}", broken.law, broken.seed)?;
    }
    Ok(())
}

/// The seed by which a broken law is seen again. A case that is kept has none.
fn seed(finding: &Finding<'_>) -> Option<u64> {
    finding.broken.as_ref().filter(|_| !finding.kept).map(|broken| broken.seed)
}

fn row(finding: &Finding<'_>) -> serde_json::Value {
    let Subject { scheduler, rebuilder, tasks, .. } = finding.subject;
    let broken = finding.broken.as_ref();
    json!({
        "scheduler": scheduler,
        "rebuilder": rebuilder,
        "tasks": tasks.to_string(),
        "cases": finding.cases,
        "scripts": finding.tally.scripts,
        "builds": finding.tally.builds,
        "task_runs": finding.tally.runs,
        "seconds": finding.time.as_secs_f64(),
        "broken": broken.map(|broken| broken.law),
        "seed": seed(finding),
        "counterexample": broken.map(|broken| &broken.counterexample),
    })
}

fn csv(out: &mut impl Write, findings: &[Finding<'_>]) -> Result<(), Problem> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "scheduler",
        "rebuilder",
        "tasks",
        "cases",
        "scripts",
        "builds",
        "task_runs",
        "seconds",
        "broken",
        "seed",
        "counterexample",
    ])?;
    for finding in findings {
        let Subject { scheduler, rebuilder, tasks, .. } = finding.subject;
        let broken = finding.broken.as_ref();
        writer.write_record([
            scheduler,
            rebuilder,
            &tasks.to_string(),
            &finding.cases.to_string(),
            &finding.tally.scripts.to_string(),
            &finding.tally.builds.to_string(),
            &finding.tally.runs.to_string(),
            &format!("{:.3}", finding.time.as_secs_f64()),
            broken.map_or("", |broken| broken.law),
            &seed(finding).map_or(String::new(), |seed| seed.to_string()),
            broken.map_or("", |broken| &broken.counterexample),
        ])?;
    }
    writer.flush()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use alacarte_conformance::Broken;

    use super::*;

    fn told(kept: bool) -> (String, Option<u64>) {
        let mut finding = Campaign::new(0).run(&Subject::all()[..1], &|_, _| ()).remove(0);
        finding.broken = Some(Broken::new("correct", "A counterexample.").with_cases(3).with_seed(17));
        finding.kept = kept;
        let arguments = Check {
            exhaustive: false,
            keys: 3,
            steps: 4,
            cases: 3,
            seed: None,
            schedulers: Vec::new(),
            rebuilders: Vec::new(),
            tasks: None,
            format: Format::Table,
            jobs: None,
        };
        let mut out = Vec::new();
        counterexamples(&mut out, &arguments, std::slice::from_ref(&finding)).expect("told");
        (String::from_utf8(out).expect("text"), seed(&finding))
    }

    #[test]
    fn a_law_that_a_seed_breaks_is_seen_again_by_that_seed() {
        let (counterexample, seed) = told(false);
        let Subject { scheduler, rebuilder, tasks, .. } = Subject::all()[0];
        assert!(
            counterexample.contains(&format!("--rebuilder {rebuilder} --tasks {tasks} --cases 1 --seed 17\n")),
            "{counterexample}"
        );
        assert!(
            counterexample.ends_with(&format!("  # correct\n  {scheduler} {rebuilder} {tasks} 17\n")),
            "{counterexample}"
        );
        assert_eq!(seed, Some(17));
    }

    /// A case that is kept is played before all others, and need not be kept once more.
    #[test]
    fn a_law_that_a_kept_case_breaks_is_seen_again_without_a_seed() {
        let (counterexample, seed) = told(true);
        assert!(counterexample.contains("To see it again:\n  alacarte check --scheduler "), "{counterexample}");
        assert!(!counterexample.contains("seed") && !counterexample.contains("for ever"), "{counterexample}");
        assert_eq!(seed, None);
    }
}
