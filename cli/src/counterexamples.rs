//! `alacarte counterexamples`: the gallery, listed and played; and combinations of the menu that play in it too.

use std::io::{self, Write};
use std::process::ExitCode;

use alacarte_experiments::gallery::{
    Held, Performance, PlayedStep, Role, SCENES, Scene, SceneFault, Visit, list as keys, moment,
};
use alacarte_experiments::systems::{Menu, MenuCell};
use console::Style;

use crate::args::Counterexamples;
use crate::paragraph::{Page, UNBROKEN, width};
use crate::status::Problem;

pub fn counterexamples(menu: &Menu, arguments: &Counterexamples) -> Result<ExitCode, Problem> {
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
        let named = !(arguments.schedulers.is_empty() && arguments.rebuilders.is_empty());
        let mut combinations = menu.chosen(&arguments.schedulers, &arguments.rebuilders);
        combinations.retain(|combination| named || combination.is_own());
        others(&mut page, scene, &combinations, named)?;
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
    page.text(0, "`alacarte counterexamples NAME…` plays them, step by step; --scheduler S --rebuilder R has these two play too.")
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

/// One of those that the scene tells of.
fn perform(page: &mut Page<'_>, Performance { part, steps, .. }: &Performance) -> io::Result<()> {
    let wrong = part.role == Role::Wrong;
    let how = if wrong { "How it goes wrong" } else { "How it goes right" };
    page.heading(&Style::new().bold().underlined(), &format!("{how}: {}", part.system))?;
    tell(page, steps, (wrong, wrong), |_| Some(part.why.to_owned()))
}

/// Strategies of one's own, or such as were named: a line each, and these step by step. Nobody has written down why they do as they do.
fn others(page: &mut Page<'_>, scene: &Scene, combinations: &[MenuCell<'_>], named: bool) -> Result<(), Problem> {
    let Some(widest) = combinations.iter().map(|combination| combination.to_string().chars().count()).max() else {
        return Ok(());
    };
    let title = Style::new().bold().underlined();
    page.gap()?;
    page.heading(&title, if named { "How those do that you named" } else { "How your own do" })?;
    page.text(3, "By the same script, over the tasks of what goes wrong above.")?;
    page.gap()?;
    let mut played = Vec::new();
    for &combination in combinations {
        let what = match scene.refuses(combination) {
            Some(refusal) => format!("left out: {refusal}"),
            None => {
                let steps = scene.play_with(combination)?;
                let verdict = verdict(scene, combination, &steps);
                played.push((combination, steps));
                verdict
            }
        };
        let name = combination.to_string();
        let fill = " ".repeat(widest - name.chars().count());
        page.heading(&Style::new(), &format!("{name}{fill}  {what}"))?;
    }
    for (combination, steps) in played.into_iter().filter(|_| named) {
        page.gap()?;
        page.heading(&title, &format!("{combination}, step by step"))?;
        let excuse = |fault: Option<&SceneFault>| Some(format!("({})", scene.not_promised(combination, fault?)?));
        tell(page, &steps, (false, true), excuse)?;
    }
    Ok(())
}

/// What a combination did, in a line.
fn verdict(scene: &Scene, combination: MenuCell<'_>, steps: &[PlayedStep]) -> String {
    let wrong = moment(steps).and_then(|number| Some((number + 1, steps[number].faults.first()?)));
    let Some((number, fault)) = wrong else { return format!("✓{UNBROKEN}right at every step") };
    let excuse = scene.not_promised(combination, fault).map_or(String::new(), |excuse| format!(" ({excuse})"));
    format!("✗{UNBROKEN}{} from step {number}: {fault}{excuse}", fault.kind())
}

/// Step by step: what one should see, and all that is remembered, if that is wanted. At the first fault, or at the end, why.
fn tell(
    page: &mut Page<'_>,
    steps: &[PlayedStep],
    (says, all): (bool, bool),
    why: impl Fn(Option<&SceneFault>) -> Option<String>,
) -> io::Result<()> {
    let moment = moment(steps);
    for (number, step) in steps.iter().enumerate() {
        page.gap()?;
        page.heading(&Style::new().bold(), &format!("{}. {}", number + 1, step.does))?;
        if says {
            page.text(3, step.says)?;
        }
        shown(page, step, all)?;
        for fault in &step.faults {
            let before = number.checked_sub(1).map(|before| &steps[before]);
            let since = match before {
                _ if moment == Some(number) => "from here",
                Some(before) if !before.faults.is_empty() => "still",
                _ => "again",
            };
            page.heading(&Style::new().red().bold(), &format!("✗  {} {since}: {fault}", fault.kind()))?;
        }
        if moment == Some(number) {
            why(step.faults.first()).map_or(Ok(()), |why| page.text(3, &why))?;
        }
    }
    if moment.is_none() {
        page.gap()?;
        page.heading(&Style::new().green().bold(), "✓  right at every step")?;
        why(None).map_or(Ok(()), |why| page.text(3, &why))?;
    }
    Ok(())
}

/// Panels that tell the difference between what is right and what is wrong.
const DIFFERS: [&str; 2] = ["queue", "tokens"];

/// Queue, store and metadata after a step; of one that is right, what tells the difference.
fn shown(page: &mut Page<'_>, step: &PlayedStep, all: bool) -> io::Result<()> {
    if !step.built && !all {
        return Ok(());
    }
    let counted = step.metadata.iter().any(|panel| DIFFERS.contains(&panel.title));
    if step.built && step.visits.is_empty() && !counted {
        page.panel("queue", &["empty: nothing that it knows of has changed".to_owned()])?;
    }
    page.panel("queue", &step.visits.iter().map(visit).collect::<Vec<_>>())?;
    let off = Style::new().red();
    let held = step.store.iter().map(|held| (if held.is_off() { off.clone() } else { Style::new() }, cell(held)));
    page.flow("store", &held.collect::<Vec<_>>())?;
    for panel in step.metadata.iter().filter(|panel| all || DIFFERS.contains(&panel.title)) {
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
