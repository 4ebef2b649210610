//! `alacarte systems`: the menu, and who stands where in it.

use std::process::ExitCode;

use alacarte_experiments::systems::{Menu, SYSTEMS};
use comfy_table::{Cell, ContentArrangement, Table, presets};
use console::Style;

use crate::paragraph::{Page, width};
use crate::status::Problem;
use crate::table::{print, style};

pub fn systems(menu: &Menu) -> Result<ExitCode, Problem> {
    let mut grid = Table::new();
    grid.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    style(&mut grid);
    grid.set_header(std::iter::once("").chain(menu.schedulers()));
    for rebuilder in menu.rebuilders() {
        let cells = menu.all().into_iter().filter(|cell| cell.rebuilder == rebuilder).map(|cell| {
            let names: Vec<_> = SYSTEMS.iter().filter(|system| system.stands_in(cell)).map(|s| s.name).collect();
            Cell::new(if names.is_empty() { "·".to_owned() } else { names.join("\n") })
        });
        grid.add_row(std::iter::once(Cell::new(rebuilder)).chain(cells));
    }
    let mut out = std::io::stdout().lock();
    print(&mut out, &grid)?;
    let mut page = Page::new(&mut out, width());
    page.gap()?;
    let widest = SYSTEMS.iter().map(|system| system.name.len()).max().unwrap_or(0);
    for system in SYSTEMS {
        let text =
            format!("= {} × {}; remembers {}; {}", system.scheduler, system.rebuilder, system.remembers, system.note);
        page.item(&Style::new().bold(), system.name, widest + 2, &text)?;
    }
    page.gap()?;
    let others = "A cell without a name is a build system all the same. `alacarte compare` runs the paper's four rebuilders \
                  under its three schedulers, and the baselines under the topological one; any other cell that is named \
                  (--scheduler bottom-up, --rebuilder step-trace); or all (--all).";
    page.text(0, others)?;
    Ok(ExitCode::SUCCESS)
}
