//! Random tales: a history, and what happens behind each of its builds.

use crate::draw::Draw;
use crate::generate::{Style, scenario};
use crate::name::Name;
use crate::script::{Scenario, Step};

/// What happens behind a build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mishap {
    Nothing,
    /// A new process goes on, with this combination.
    Restart(usize),
    /// Another machine builds everything, with another value of an input.
    Neighbour(Name, i64),
    /// The disk crashes, and a new process goes on. How much of each kind is lost, of 255 parts; the bits of files and copies.
    Crash {
        to: usize,
        parts: [u8; 3],
        files: u8,
        copies: u8,
    },
}

/// A history with mishaps, one behind each build.
#[derive(Debug, Clone)]
pub(super) struct Tale {
    pub scenario: Scenario,
    pub mishaps: Vec<Mishap>,
}

/// A random tale of this style.
pub(super) fn tale(style: Style, draw: &mut Draw<'_>) -> Tale {
    let mut scenario = scenario(Style { combinations: 1, ..style }, draw);
    scenario.manner.work = None;
    let inputs: Vec<Name> = scenario.inputs.keys().copied().collect();
    let mishap = |draw: &mut Draw<'_>| {
        let [kind, which, a, b, c, files, copies] = std::array::from_fn(|_| draw.byte());
        let to = usize::from(which) % style.combinations;
        match kind {
            0..80 => Mishap::Nothing,
            80..110 => Mishap::Restart(to),
            110..160 if !inputs.is_empty() => {
                Mishap::Neighbour(inputs[usize::from(which) % inputs.len()], i64::from(a % 8))
            }
            // Half of the time, one kind of thing is safe.
            _ => Mishap::Crash {
                to,
                parts: [a, b, c].map(|part| part.saturating_sub(128) * 2),
                files: if files < 128 { 0 } else { files & which },
                copies: if copies < 128 { 0 } else { copies & which },
            },
        }
    };
    let mut drawn = draw.list(0..style.steps, mishap).into_iter();
    let (mut steps, mut mishaps) = (Vec::new(), Vec::new());
    let top = Step::Build(scenario.graph.keys().next_back().into_iter().collect());
    for step in std::mem::take(&mut scenario.steps) {
        let is_build = matches!(step, Step::Build(_));
        steps.push(step);
        if !is_build {
            continue;
        }
        let mishap = drawn.next().unwrap_or(Mishap::Nothing);
        mishaps.push(mishap);
        if let Mishap::Crash { .. } = mishap {
            // What is remembered wrongly shows when an old state comes back.
            steps.extend([top.clone(), Step::Revert, top.clone()]);
            mishaps.extend([Mishap::Nothing; 2]);
        }
    }
    scenario.steps = steps;
    Tale { scenario, mishaps }
}

/// The same histories for everybody: nothing fails, and what happens to files happens behind the build's back.
pub(super) fn style(of: Style, combinations: usize) -> Style {
    Style { formulas: of.formulas, overwrites: true, combinations, steps: 16, ..Style::plain() }
}
