//! The comparison as a table that a person likes to read.

use std::io::{self, IsTerminal, Write};
use std::ops::Range;

use alacarte_experiments::compare::StepOutcome;
use alacarte_experiments::systems::{MenuCell, SYSTEMS};
use alacarte_frontends::commands::bytes;
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, LineStyle, Table, TableStyle, presets};

use crate::paragraph::{Page, columns, width};

/// No wider than the terminal, if its arrangement is dynamic. Honours what the user said about colours: NO_COLOR, CLICOLOR_FORCE, and otherwise whether a person looks.
pub fn style(table: &mut Table) {
    table.set_width(u16::try_from(columns()).unwrap_or(u16::MAX));
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    if set("NO_COLOR") {
        table.force_no_tty();
    } else if set("CLICOLOR_FORCE") {
        table.enforce_styling();
    } else if !io::stdout().is_terminal() {
        table.force_no_tty();
    }
}

/// Prints a table without the blanks at the ends of its lines.
pub fn print(out: &mut impl Write, table: &Table) -> io::Result<()> {
    for line in table.to_string().lines() {
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

/// How much of the table there is room for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Room {
    /// Steps by name, and what it cost.
    All,
    /// Steps by name.
    Steps,
    /// Steps by number.
    Numbers,
}

/// Rules at the top, under the header and at the bottom; nothing between rows.
const LINES: TableStyle = TableStyle::new()
    .header_separator(LineStyle::new('─', '─', '─', '─'))
    .bottom_border(LineStyle::new('─', '─', '─', '─'));

/// Prints one workload's outcomes: a row a combination, a column a step. Steps for which there is no room beside each other stand in
/// several tables.
pub fn comparison(
    out: &mut impl Write,
    workload: &str,
    unit: &str,
    steps: &[String],
    combinations: &[MenuCell<'_>],
    outcomes: &[StepOutcome],
) -> io::Result<()> {
    let available = columns();
    let fits = |room: Room, part: Range<usize>| {
        let mut table = cells(room, steps, part, combinations, outcomes);
        table.force_no_tty();
        table.lines().all(|line| line.trim_end().chars().count() <= available)
    };
    let all = 0..steps.len();
    let room = [Room::All, Room::Steps].into_iter().find(|room| fits(*room, all.clone())).unwrap_or(Room::Numbers);
    let mut rest = all.clone();
    loop {
        // (A step takes a column at least. One for which there is no room alone has a table of its own all the same.)
        let most = rest.end.min(rest.start + available);
        let end = (rest.start + 1..=most).rev().find(|end| fits(room, rest.start..*end));
        let part = rest.start..end.unwrap_or(rest.end.min(rest.start + 1));
        let mut table = cells(room, steps, part.clone(), combinations, outcomes);
        style(&mut table);
        let which = if part == all {
            "each step".to_owned()
        } else if part.len() == 1 {
            format!("step {} of {}", part.end, steps.len())
        } else {
            format!("steps {} to {} of {}", part.start + 1, part.end, steps.len())
        };
        writeln!(out, "{workload}: {unit}s run at {which}\n")?;
        print(out, &table)?;
        rest.start = part.end;
        if rest.is_empty() {
            break;
        }
        writeln!(out)?;
    }
    let mut page = Page::new(out, available);
    for (step, reason) in not_made(outcomes) {
        page.text_hanging(2, 4, &format!("{NOT_MADE}: «{step}»: {reason}"))?;
    }
    if room == Room::Numbers {
        let legend: Vec<String> =
            steps.iter().enumerate().map(|(number, step)| format!("{} {step}", number + 1)).collect();
        for line in legend.chunks(3) {
            page.text_hanging(2, 4, &line.join(" · "))?;
        }
    }
    if room != Room::All {
        let mut table = table_of_costs(steps.len(), combinations, outcomes);
        style(&mut table);
        writeln!(out, "\n{workload}: what all steps together cost\n")?;
        print(out, &table)?;
    }
    Ok(())
}

/// The table of a part of the steps.
fn cells(
    room: Room,
    steps: &[String],
    part: Range<usize>,
    combinations: &[MenuCell<'_>],
    outcomes: &[StepOutcome],
) -> Table {
    let mut table = Table::new();
    table.load_style(LINES).set_content_arrangement(ContentArrangement::Disabled);
    let headers = steps.iter().enumerate().take(part.end).skip(part.start).map(|(number, step)| match room {
        Room::Numbers => (number + 1).to_string(),
        Room::All | Room::Steps => {
            step.split([' ', ',']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join("\n")
        }
    });
    let mut header = vec![Cell::new("")];
    header.extend(headers.map(|step| right(Cell::new(step))));
    if room == Room::All {
        header.extend(COSTS.map(|name| right(Cell::new(name))));
    }
    table.set_header(header);
    let indent = if room == Room::Numbers { " " } else { "  " };
    add_rows(&mut table, indent, steps.len(), combinations, outcomes, |rows| {
        let mut cells: Vec<Cell> = rows[part.clone()].iter().map(cell).collect();
        if room == Room::All {
            cells.extend(costs(rows).map(Cell::new));
        }
        cells
    });
    for column in table.column_iter_mut() {
        column.set_padding((0, u16::from(room != Room::Numbers)));
    }
    table
}

/// A row a combination, below the name of its scheduler.
fn add_rows(
    table: &mut Table,
    indent: &str,
    steps: usize,
    combinations: &[MenuCell<'_>],
    outcomes: &[StepOutcome],
    cells: impl Fn(&[StepOutcome]) -> Vec<Cell>,
) {
    let mut scheduler = None;
    for (number, combination) in combinations.iter().enumerate() {
        let baseline = combination.is_baseline();
        if scheduler != Some((combination.scheduler, baseline)) {
            scheduler = Some((combination.scheduler, baseline));
            let title = format!("{}{}", combination.scheduler, if baseline { " (baselines)" } else { "" });
            table.add_row([Cell::new(title).add_attribute(Attribute::Bold)]);
        }
        let cells = cells(&outcomes[number * steps..][..steps]).into_iter().map(right);
        table.add_row(std::iter::once(Cell::new(format!("{indent}{}", combination.rebuilder))).chain(cells));
    }
}

/// What all steps together cost.
const COSTS: [&str; 4] = ["restarts", "fetches", "journal", "time"];

fn costs(rows: &[StepOutcome]) -> [String; 4] {
    let built = || rows.iter().filter_map(|outcome| outcome.built.as_ref());
    let journal = built().map(|built| built.journal_bytes).max().unwrap_or(0);
    let mut time = duration(built().fold(0.0, |sum, built| sum + built.wall_ms));
    // (Where the script was played several times: no sum of the steps is farther from another.)
    let spread = built().fold(0.0, |sum, built| sum + built.wall_ms_spread);
    if spread > 0.0 {
        time = format!("{time} ± {}", duration(spread));
    }
    let restarts: u64 = built().map(|built| built.restarts).sum();
    let fetches: u64 = built().map(|built| built.fetches).sum();
    [restarts.to_string(), fetches.to_string(), bytes(journal), time]
}

/// What each combination cost, where the table of the steps has no room for it.
fn table_of_costs(steps: usize, combinations: &[MenuCell<'_>], outcomes: &[StepOutcome]) -> Table {
    let mut table = Table::new();
    table.load_style(LINES).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(std::iter::once(Cell::new("")).chain(COSTS.map(|name| right(Cell::new(name)))));
    add_rows(&mut table, "  ", steps, combinations, outcomes, |rows| costs(rows).map(Cell::new).into());
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table
}

/// The steps that could not be made, and why; each once.
fn not_made(outcomes: &[StepOutcome]) -> Vec<(&str, &str)> {
    let mut steps: Vec<(&str, &str)> = Vec::new();
    for outcome in outcomes {
        if let Some(reason) = &outcome.not_made
            && !steps.iter().any(|(step, _)| *step == outcome.step)
        {
            steps.push((&outcome.step, reason));
        }
    }
    steps
}

fn cell(outcome: &StepOutcome) -> Cell {
    let Some(built) = &outcome.built else { return Cell::new(NOT_MADE).fg(Color::Yellow) };
    let restored = if built.restored > 0 { format!("+{}", built.restored) } else { String::new() };
    let text = format!("{}{restored}", built.ran);
    if !built.correct {
        return Cell::new(format!("{text} ✗")).fg(Color::Red).add_attribute(Attribute::Bold);
    }
    match (built.ran, built.restored) {
        (0, 0) => Cell::new("–").add_attribute(Attribute::Dim),
        (0, _) => Cell::new(text).fg(Color::Green),
        _ => Cell::new(text),
    }
}

/// What stands in the column of a step that could not be made. The reason stands below the table.
const NOT_MADE: &str = "not made";

fn right(cell: Cell) -> Cell {
    cell.set_alignment(CellAlignment::Right)
}

/// Milliseconds as a person says them.
pub fn duration(milliseconds: f64) -> String {
    if milliseconds < 100.0 { format!("{milliseconds:.1} ms") } else { format!("{:.2} s", milliseconds / 1000.0) }
}

/// What the signs mean, what is wrong and why, and which systems stand in which cells.
pub fn epilogue(out: &mut impl Write, outcomes: &[StepOutcome], combinations: &[MenuCell<'_>]) -> io::Result<()> {
    writeln!(out, "  –     nothing ran")?;
    writeln!(out, "  3+4   3 ran, 4 values came from the cache (a command with two outputs counts")?;
    writeln!(out, "        twice, an alias once more)")?;
    writeln!(out, "  ✗     differs from a build from scratch")?;
    let mut wrong: Vec<&StepOutcome> = outcomes.iter().filter(|outcome| outcome.is_wrong()).collect();
    wrong.dedup_by_key(|outcome| (&outcome.workload, outcome.scheduler, outcome.rebuilder));
    for outcome in wrong {
        let StepOutcome { workload, scheduler, rebuilder, step, .. } = outcome;
        let problem = outcome.built.as_ref().and_then(|built| built.problem.as_deref());
        let problem = problem.unwrap_or("its result differs");
        let first = problem.lines().next().unwrap_or_default();
        writeln!(out)?;
        Page::new(out, width()).text(2, &format!("✗ {scheduler} × {rebuilder} on {workload}, «{step}»: {first}"))?;
        if rebuilder == &"modification-time" {
            let make = "Expected where a command or a formula was edited: this row imitates make, which compares file times only, so it \
                        misses that.";
            Page::new(out, width()).text(4, make)?;
        }
    }
    writeln!(out, "\nThe named systems:\n")?;
    let mut list = Table::new();
    list.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    style(&mut list);
    for system in SYSTEMS.iter().filter(|system| combinations.iter().any(|cell| system.stands_in(*cell))) {
        list.add_row([
            format!("  {}", system.name),
            format!("= {} × {}", system.scheduler, system.rebuilder),
            system.note.to_owned(),
        ]);
    }
    print(out, &list)
}
