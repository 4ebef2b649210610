//! `alacarte claims`: the paper's tables, measured.

use std::io::Write;
use std::process::ExitCode;

use alacarte_experiments::claims::{Claim, ClaimOptions, ClaimVerdict, ENOUGH, PROPERTIES, Property, measure, rows};
use alacarte_experiments::systems::Menu;
use comfy_table::{Attribute, Cell, CellAlignment, ContentArrangement, Table, presets};
use console::Style;
use indicatif::{ProgressBar, ProgressStyle};

use crate::args::{self, Claims, Format};
use crate::paragraph::{Page, UNBROKEN, columns, count, width};
use crate::status::Problem;
use crate::table::{print, style};

pub fn claims(menu: &Menu, arguments: &Claims) -> Result<ExitCode, Problem> {
    let bar = ProgressBar::no_length();
    bar.set_style(ProgressStyle::with_template("{bar:30} {pos}/{len} trials {eta:>4}")?);
    let options = ClaimOptions::new(arguments.cases).with_seed(arguments.seed).with_threads(args::jobs(arguments.jobs));
    let cells = measure(menu, options, &|done, of| {
        bar.set_length(of as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();
    let mut out = std::io::stdout().lock();
    match arguments.format {
        Format::Table => tell(menu, &mut out, arguments, &cells)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &cells).map_err(std::io::Error::from)?;
            writeln!(out)?;
        }
        Format::Csv => csv(&mut out, &cells)?,
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn tell(menu: &Menu, out: &mut impl Write, arguments: &Claims, cells: &[Claim]) -> Result<(), Problem> {
    let Claims { cases, seed, .. } = arguments;
    matrix(menu, out, cells)?;
    let mut page = Page::new(out, width());
    page.gap()?;
    let histories = count(*cases, "random history of seed", "random histories of seeds");
    let up = if *cases == 1 { "" } else { " up" };
    page.text(0, &format!("✓ held in {histories} {seed}{up}    ✗ refuted by a counterexample"))?;
    let enough = format!(
        "! the paper says otherwise: what it claims was refuted, or what it denies held in at least {ENOUGH} histories"
    );
    page.text(0, &enough)?;
    page.text(0, "  (its claims: alacarte claims --format json)")?;
    page.gap()?;
    let widest = PROPERTIES.iter().map(|property| property.short.len()).max().unwrap_or(0);
    for property in PROPERTIES {
        page.item(&Style::new().bold(), property.short, widest + 2, property.says)?;
    }
    differences(&mut page, cells)?;
    Ok(())
}

/// Below this, ten columns beside the names are too many.
const TABLE: usize = 80;

/// So many columns are taken by ten words beside the names.
const WORDS: usize = 96;

fn matrix(menu: &Menu, out: &mut impl Write, cells: &[Claim]) -> Result<(), Problem> {
    if width() < TABLE {
        return Ok(list(menu, &mut Page::new(out, width()), cells)?);
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    style(&mut table);
    // Ten words stand beside each other where there is room for them, and else on two lines each.
    let narrow = columns() < WORDS;
    let head = |property: &Property| if narrow { property.narrow } else { property.short };
    let mut header = vec![Cell::new("")];
    header.extend(PROPERTIES.iter().map(|it| Cell::new(head(it)).set_alignment(CellAlignment::Center)));
    table.set_header(header);
    let mut title = None;
    for (row, cells) in rows(menu).iter().zip(cells.chunks(PROPERTIES.len())) {
        if title != Some(row.group) {
            title = Some(row.group);
            table.add_row([Cell::new(row.group).add_attribute(Attribute::Bold)]);
        }
        let mut line = vec![Cell::new(format!("  {}", row.system.unwrap_or(row.rebuilder)))];
        line.extend(cells.iter().map(|cell| Cell::new(mark(cell)).set_alignment(CellAlignment::Center)));
        table.add_row(line);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    print(out, &table)?;
    Ok(())
}

fn mark(cell: &Claim) -> String {
    let mark = if cell.verdict == ClaimVerdict::Held { "✓" } else { "✗" };
    format!("{mark}{}", if cell.differs() { "!" } else { " " })
}

/// The matrix, a row below the other.
fn list(menu: &Menu, page: &mut Page<'_>, cells: &[Claim]) -> std::io::Result<()> {
    let mut title = None;
    for (row, cells) in rows(menu).iter().zip(cells.chunks(PROPERTIES.len())) {
        if title != Some(row.group) {
            title = Some(row.group);
            page.gap()?;
            page.heading(&Style::new().bold(), row.group)?;
        }
        page.text(2, row.system.unwrap_or(row.rebuilder))?;
        let marks = PROPERTIES
            .iter()
            .zip(cells)
            .map(|(property, cell)| format!("{}{UNBROKEN}{}", mark(cell).trim_end(), property.short));
        page.text(4, &marks.collect::<Vec<_>>().join(" "))?;
    }
    Ok(())
}

/// Where the measurement and the paper part: each with its counterexample.
fn differences(page: &mut Page<'_>, cells: &[Claim]) -> Result<(), Problem> {
    let differing: Vec<&Claim> = cells.iter().filter(|cell| cell.differs()).collect();
    if differing.is_empty() {
        return Ok(());
    }
    page.gap()?;
    page.heading(&Style::new().bold(), "Where this is not what the paper claims")?;
    page.text(0, "(paper-notes/claims.md says why.)")?;
    for claim in differing {
        let place = format!("{} × {}", claim.scheduler, claim.rebuilder);
        let who = claim.system.map_or(place.clone(), |system| format!("{system} = {place}"));
        page.gap()?;
        match &claim.counterexample {
            None => {
                let cases = count(claim.cases, "history", "histories");
                let text = format!(
                    "{who}, {}: no counterexample in {cases}; the paper says that there is one.",
                    claim.property
                );
                page.text(0, &text)?;
            }
            Some(counterexample) => {
                let cases = count(claim.cases, "history", "histories");
                let text = format!("{who}, {}: refuted after {cases}; the paper says that it holds.", claim.property);
                page.text(0, &text)?;
                page.counterexample(4, counterexample)?;
            }
        }
    }
    Ok(())
}

fn csv(out: &mut impl Write, cells: &[Claim]) -> Result<(), Problem> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record([
        "scheduler",
        "rebuilder",
        "system",
        "property",
        "verdict",
        "cases",
        "counterexample",
        "paper",
    ])?;
    for cell in cells {
        writer.write_record([
            cell.scheduler,
            cell.rebuilder,
            cell.system.unwrap_or_default(),
            cell.property,
            if cell.verdict == ClaimVerdict::Held { "held" } else { "refuted" },
            &cell.cases.to_string(),
            cell.counterexample.as_deref().unwrap_or_default(),
            &cell.paper.map_or(String::new(), |claimed| claimed.to_string()),
        ])?;
    }
    writer.flush()?;
    Ok(())
}
