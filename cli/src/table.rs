//! The comparison as a table that a person likes to read.

use std::io::{self, IsTerminal, Write};

use alacarte_experiments::compare::Outcome;
use alacarte_experiments::systems::{Combination, SYSTEMS};
use comfy_table::{Attribute, Cell, CellAlignment, Color, ContentArrangement, Table, presets};

/// Honours what the user said about colours: NO_COLOR, CLICOLOR_FORCE, and otherwise whether a person looks.
pub fn style(table: &mut Table) {
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

/// Prints one workload's outcomes: a row a combination, a column a step.
pub fn comparison(
    out: &mut impl Write,
    workload: &str,
    unit: &str,
    steps: &[String],
    combinations: &[Combination],
    outcomes: &[Outcome],
) -> io::Result<()> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_HORIZONTAL_ONLY).set_content_arrangement(ContentArrangement::Dynamic);
    style(&mut table);
    let header = ["scheduler", "rebuilder"].map(str::to_owned).into_iter().chain(steps.iter().cloned());
    table.set_header(header.chain(["restarts", "fetches", "journal", "time"].map(str::to_owned)));
    for (number, combination) in combinations.iter().enumerate() {
        let rows = &outcomes[number * steps.len()..][..steps.len()];
        let again = number > 0 && combinations[number - 1].scheduler == combination.scheduler;
        let mut cells =
            vec![Cell::new(if again { "" } else { combination.scheduler.as_str() }), Cell::new(combination.rebuilder)];
        cells.extend(rows.iter().map(|outcome| right(cell(outcome))));
        let restarts: u64 = rows.iter().map(|outcome| outcome.restarts).sum();
        let fetches: u64 = rows.iter().map(|outcome| outcome.fetches).sum();
        let milliseconds: f64 = rows.iter().map(|outcome| outcome.wall_ms).sum();
        let journal = rows.iter().map(|outcome| outcome.journal_bytes).max().unwrap_or(0);
        cells.push(right(Cell::new(restarts)));
        cells.push(right(Cell::new(fetches)));
        cells.push(right(Cell::new(bytes(journal))));
        cells.push(right(Cell::new(duration(milliseconds))));
        table.add_row(cells);
    }
    writeln!(out, "{workload}: {unit}s run at each step (+ restored from a trace)\n")?;
    print(out, &table)?;
    Ok(())
}

fn cell(outcome: &Outcome) -> Cell {
    let restored = if outcome.restored > 0 { format!("+{}", outcome.restored) } else { String::new() };
    let text = format!("{}{restored}", outcome.ran);
    if !outcome.correct {
        return Cell::new(format!("{text} ✗")).fg(Color::Red).add_attribute(Attribute::Bold);
    }
    match (outcome.ran, outcome.restored) {
        (0, 0) => Cell::new("–").add_attribute(Attribute::Dim),
        (0, _) => Cell::new(text).fg(Color::Green),
        _ => Cell::new(text),
    }
}

fn right(cell: Cell) -> Cell {
    cell.set_alignment(CellAlignment::Right)
}

/// A size as a person says it.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..10_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{} MB", bytes / 1_000_000),
    }
}

/// Milliseconds as a person says them.
pub fn duration(milliseconds: f64) -> String {
    if milliseconds < 100.0 { format!("{milliseconds:.1} ms") } else { format!("{:.2} s", milliseconds / 1000.0) }
}

/// What the signs mean, what is wrong and why, and which systems stand in which cells.
pub fn epilogue(out: &mut impl Write, outcomes: &[Outcome], combinations: &[Combination]) -> io::Result<()> {
    writeln!(
        out,
        "  –     nothing ran          3+4   3 ran, 4 were restored          ✗   differs from a build from scratch"
    )?;
    let mut wrong: Vec<&Outcome> = outcomes.iter().filter(|outcome| !outcome.correct).collect();
    wrong.dedup_by_key(|outcome| (&outcome.workload, outcome.scheduler, outcome.rebuilder));
    for outcome in wrong {
        let Outcome { workload, scheduler, rebuilder, step, .. } = outcome;
        let problem = outcome.problem.as_deref().unwrap_or("its result differs");
        let first = problem.lines().next().unwrap_or_default();
        writeln!(out, "\n  ✗ {scheduler} × {rebuilder} on {workload}, «{step}»: {first}")?;
        if rebuilder == &"modification-time" {
            writeln!(
                out,
                "    So it is with make, which this yardstick models: it compares times, and a command has none."
            )?;
        }
    }
    writeln!(out, "\nThe named systems:\n")?;
    let mut list = Table::new();
    list.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Dynamic);
    style(&mut list);
    for system in SYSTEMS.iter().filter(|system| combinations.contains(&system.combination)) {
        list.add_row([format!("  {}", system.name), format!("= {}", system.combination), system.note.to_owned()]);
    }
    print(out, &list)
}
