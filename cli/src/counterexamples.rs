//! `alacarte counterexamples`: the gallery, listed and played.

use std::io::{self, Write};
use std::process::ExitCode;

use alacarte_experiments::gallery::{Held, Performance, Played, Role, SCENES, Scene, Visit, list as keys};
use console::Style;

use crate::args::Counterexamples;
use crate::paragraph::{Page, UNBROKEN, width};
use crate::status::Problem;

pub fn counterexamples(arguments: &Counterexamples) -> Result<ExitCode, Problem> {
    let scenes = &arguments.names;
    let mut out = io::stdout().lock();
    let mut page = Page::new(&mut out, width());
    if scenes.is_empty() {
        list(&mut page)?;
    }
    for (number, scene) in scenes.iter().enumerate() {
        if number > 0 {
            page.rule()?;
        }
        play(&mut page, scene)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn list(page: &mut Page<'_>) -> io::Result<()> {
    let widest = SCENES.iter().map(|scene| scene.name.len()).max().unwrap_or(0);
    for scene in SCENES {
        page.item(&Style::new().bold(), scene.name, widest + 2, scene.title)?;
    }
    page.gap()?;
    page.text(0, "`alacarte counterexamples NAME…` plays them, step by step.")
}

fn play(page: &mut Page<'_>, scene: &Scene) -> Result<(), Problem> {
    let performances = (scene.play)()?;
    page.heading(&Style::new().bold(), &format!("{}: {}", scene.name, scene.title))?;
    page.gap()?;
    page.text(0, scene.idea)?;
    page.gap()?;
    for task in scene.tasks {
        page.text(4, task)?;
    }
    for performance in &performances {
        page.gap()?;
        perform(page, performance)?;
    }
    Ok(())
}

fn perform(page: &mut Page<'_>, performance: &Performance) -> io::Result<()> {
    let wrong = performance.part.role == Role::Wrong;
    let title = if wrong { "How it goes wrong" } else { "How it goes right" };
    page.heading(&Style::new().bold().underlined(), &format!("{title}: {}", performance.part.system))?;
    let moment = performance.moment();
    for (number, step) in performance.steps.iter().enumerate() {
        page.gap()?;
        page.heading(&Style::new().bold(), &format!("{}. {}", number + 1, step.does))?;
        if wrong {
            page.text(3, step.says)?;
        }
        shown(page, step, wrong)?;
        for fault in &step.faults {
            let what = fault.kind();
            let before = number.checked_sub(1).map(|before| &performance.steps[before]);
            let since = match before {
                _ if moment == Some(number) => "from here",
                Some(before) if !before.faults.is_empty() => "still",
                _ => "again",
            };
            page.heading(&Style::new().red().bold(), &format!("✗  {what} {since}: {fault}"))?;
        }
        if moment == Some(number) {
            page.text(3, performance.part.why)?;
        }
    }
    if moment.is_none() {
        page.gap()?;
        page.heading(&Style::new().green().bold(), "✓  right at every step")?;
        page.text(3, performance.part.why)?;
    }
    Ok(())
}

/// Queue, store and metadata after a step; of one that is right, what tells the difference.
fn shown(page: &mut Page<'_>, step: &Played, all: bool) -> io::Result<()> {
    if !step.built && !all {
        return Ok(());
    }
    let counted = step.metadata.iter().any(|panel| panel.title == "queue");
    if step.built && step.visits.is_empty() && !counted {
        page.panel("queue", &["empty: nothing that it knows of has changed".to_owned()])?;
    }
    page.panel("queue", &step.visits.iter().map(visit).collect::<Vec<_>>())?;
    let off = Style::new().red();
    let held = step.store.iter().map(|held| (if held.is_off() { off.clone() } else { Style::new() }, cell(held)));
    page.flow("store", &held.collect::<Vec<_>>())?;
    for panel in step.metadata.iter().filter(|panel| all || panel.title == "queue") {
        page.panel(panel.title, &panel.lines)?;
    }
    Ok(())
}

fn visit(visit: &Visit) -> String {
    let mut line = format!("{} {}", visit.key, visit.what.join(", "));
    if !visit.queue.is_empty() {
        let blank = UNBROKEN.to_string();
        line += &format!(" [queue:{blank}{}]", keys(&visit.queue, &blank));
    }
    line
}

fn cell(held: &Held) -> String {
    let Held { key, value, .. } = held;
    match (value, held.fingerprint()) {
        (Some(value), Some(fingerprint)) if held.is_off() => {
            format!("{key} = {value} ({fingerprint}) ≠ {}", held.truth())
        }
        (Some(value), Some(fingerprint)) => format!("{key} = {value} ({fingerprint})"),
        _ => format!("{key} –"),
    }
}
