//! `alacarte systems`: the menu, and who stands where in it.

use std::process::ExitCode;

use alacarte_experiments::systems::{Combination, RebuilderName, SYSTEMS, SchedulerName};
use comfy_table::{Cell, ContentArrangement, Table, presets};
use console::Style;

use crate::paragraph::{Page, width};
use crate::status::Problem;
use crate::table::{print, style};

pub fn systems() -> Result<ExitCode, Problem> {
    let mut menu = Table::new();
    menu.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    style(&mut menu);
    let header = SchedulerName::ALL.iter().map(|scheduler| scheduler.as_str());
    menu.set_header(std::iter::once("").chain(header));
    for rebuilder in RebuilderName::ALL {
        let cells = SchedulerName::ALL.map(|scheduler| {
            let combination = Combination { scheduler, rebuilder };
            let names: Vec<_> = SYSTEMS.iter().filter(|s| s.combination == combination).map(|s| s.name).collect();
            Cell::new(if names.is_empty() { "·".to_owned() } else { names.join("\n") })
        });
        menu.add_row(std::iter::once(Cell::new(rebuilder)).chain(cells));
    }
    let mut out = std::io::stdout().lock();
    print(&mut out, &menu)?;
    let mut page = Page::new(&mut out, width());
    page.gap()?;
    let widest = SYSTEMS.iter().map(|system| system.name.len()).max().unwrap_or(0);
    for system in SYSTEMS {
        let text = format!("= {}; remembers {}; {}", system.combination, system.remembers, system.note);
        page.item(&Style::new().bold(), system.name, widest + 2, &text)?;
    }
    page.gap()?;
    let others = "A cell without a name is a build system all the same. `alacarte compare` runs the cells of the paper's three \
                  schedulers, and any other that is named (--scheduler bottom-up), or all (--all).";
    page.text(0, others)?;
    Ok(ExitCode::SUCCESS)
}
