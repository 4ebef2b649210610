//! `alacarte compare`: every combination on the same script.

use std::io::Write;
use std::process::ExitCode;

use alacarte_experiments::compare::{CompareError, CompareOptions, Confinement, StepOutcome, Workload};
use alacarte_experiments::systems::{BASELINES, Menu};
use alacarte_stores::to_stderr;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use crate::args::{self, Compare, Format};
use crate::ending;
use crate::status::Problem;
use crate::table;

pub fn compare(menu: &Menu, workloads: Vec<Workload>, arguments: &Compare) -> Result<ExitCode, Problem> {
    let options = CompareOptions::default()
        .with_jobs(args::jobs(arguments.jobs))
        .with_seed(arguments.seed)
        .with_repeat(arguments.repeat.max(1).into())
        .with_edits(arguments.edits.clone())
        .with_cache(arguments.cache.clone());
    let caught = ending::raise(&options.stop)?;
    match everything(menu, workloads, arguments, &options) {
        Err(error) if matches!(error.downcast_ref(), Some(CompareError::Stopped)) => {
            to_stderr(format_args!("\nalacarte: {error}"));
            Ok(caught.exit_code())
        }
        other => other,
    }
}

fn everything(
    menu: &Menu,
    workloads: Vec<Workload>,
    arguments: &Compare,
    options: &CompareOptions,
) -> Result<ExitCode, Problem> {
    let mut workloads = match &arguments.workload {
        Some(path) => vec![Workload::at(path, options)?],
        None if workloads.is_empty() => Workload::embedded()?,
        None => workloads,
    };
    let chosen = || menu.chosen(&arguments.schedulers, &arguments.rebuilders);
    let mut combinations = if arguments.all { menu.all() } else { chosen() };
    for workload in &workloads {
        let refusal = combinations.iter().find_map(|&combination| workload.refuses(combination));
        if let Some(refusal) = refusal {
            if arguments.schedulers.iter().any(|scheduler| menu.lab().is_ordered(scheduler)) {
                return Err(refusal.into());
            }
            to_stderr(format_args!("alacarte: left out: {refusal}"));
            combinations.retain(|&combination| workload.refuses(combination).is_none());
        }
    }

    // One more player than there are combinations: the build from scratch.
    let steps: usize = workloads.iter().map(|workload| workload.steps().len() * (combinations.len() + 1)).sum();
    let bar = ProgressBar::new((steps * options.repeat) as u64);
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} {eta:>4}  {wide_msg}")?);
    let mut all = Vec::new();
    let mut out = std::io::stdout().lock();
    for workload in &mut workloads {
        let outcomes = workload.play(&combinations, options, &mut |progress| {
            let player = progress.combination.map_or("from scratch".to_owned(), |combination| combination.to_string());
            bar.set_message(format!("{}: {player}: {}", progress.workload, progress.step));
            bar.inc(1);
        })?;
        if let Some(confinement) = workload.confinement().filter(|found| **found != Confinement::Whole) {
            bar.suspend(|| to_stderr(format_args!("alacarte: {}: {confinement}", workload.name())));
        }
        if arguments.format == Format::Table {
            let steps: Vec<String> = workload.steps().iter().map(|step| step.name.clone()).collect();
            bar.suspend(|| {
                table::comparison(&mut out, workload.name(), workload.unit(), &steps, &combinations, &outcomes)?;
                writeln!(out)
            })?;
        }
        all.extend(outcomes);
    }
    bar.finish_and_clear();
    match arguments.format {
        Format::Table => table::epilogue(&mut out, &all, &combinations)?,
        Format::Json => {
            let rows: Vec<Row<'_>> = all.iter().map(|outcome| Row { outcome, made: Made::now(options) }).collect();
            serde_json::to_writer_pretty(&mut out, &rows).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Csv => csv(&mut out, &all, options)?,
    }
    out.flush()?;
    Ok(verdict(&all))
}

/// A baseline may be wrong where the system that it models is wrong; a combination of the menu may not.
fn verdict(outcomes: &[StepOutcome]) -> ExitCode {
    let wrong = outcomes.iter().any(|outcome| outcome.is_wrong() && !BASELINES.contains(&outcome.rebuilder));
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// How a comparison was made, so that it can be made again.
#[derive(Serialize)]
struct Made {
    seed: u64,
    repeated: usize,
    version: &'static str,
    machine: String,
}

impl Made {
    fn now(options: &CompareOptions) -> Self {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let machine = format!("{} {}, {processors} processors", std::env::consts::OS, std::env::consts::ARCH);
        Made { seed: options.seed, repeated: options.repeat, version: env!("CARGO_PKG_VERSION"), machine }
    }
}

/// What is written of each outcome for other programs.
#[derive(Serialize)]
struct Row<'o> {
    #[serde(flatten)]
    outcome: &'o StepOutcome,
    #[serde(flatten)]
    made: Made,
}

fn csv(out: &mut impl Write, outcomes: &[StepOutcome], options: &CompareOptions) -> Result<(), Problem> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "workload",
        "scheduler",
        "rebuilder",
        "system",
        "step",
        "ran",
        "restored",
        "kept",
        "restarts",
        "fetches",
        "wall_ms",
        "journal_bytes",
        "correct",
        "problem",
        "not_made",
        "wall_ms_spread",
        "edit",
        "seed",
        "repeated",
        "version",
        "machine",
    ])?;
    let made = Made::now(options);
    for outcome in outcomes {
        let mut fields = [
            &outcome.workload,
            outcome.scheduler,
            outcome.rebuilder,
            outcome.system.unwrap_or_default(),
            &outcome.step,
        ]
        .map(str::to_owned)
        .to_vec();
        match &outcome.built {
            Some(built) => fields.extend([
                built.ran.to_string(),
                built.restored.to_string(),
                built.kept.to_string(),
                built.restarts.to_string(),
                built.fetches.to_string(),
                format!("{:.3}", built.wall_ms),
                built.journal_bytes.to_string(),
                built.correct.to_string(),
                built.problem.clone().unwrap_or_default(),
            ]),
            // What was not measured is no zero.
            None => fields.extend(std::iter::repeat_n(String::new(), 9)),
        }
        fields.push(outcome.not_made.clone().unwrap_or_default());
        let spread = outcome.built.as_ref().map(|built| format!("{:.3}", built.wall_ms_spread));
        fields.extend([spread.unwrap_or_default(), outcome.edit.clone().unwrap_or_default()]);
        fields.extend([made.seed.to_string(), made.repeated.to_string(), made.version.into(), made.machine.clone()]);
        writer.write_record(fields)?;
    }
    writer.flush()?;
    Ok(())
}
