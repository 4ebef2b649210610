//! Random tales: a history, and what happens behind each of its builds.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::generate::{Style, scenarios};
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

pub(super) fn tales(style: Style) -> impl Strategy<Value = Tale> {
    let gene = any::<u8>;
    let genes = vec((gene(), gene(), (gene(), gene(), gene()), gene(), gene()), 0..style.steps);
    (scenarios(Style { combinations: 1, ..style }), genes).prop_map(move |(mut scenario, genes)| {
        scenario.manner.work = None;
        let inputs: Vec<Name> = scenario.inputs.keys().copied().collect();
        let mishap = |(kind, which, (a, b, c), files, copies): (u8, u8, (u8, u8, u8), u8, u8)| {
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
        let (mut steps, mut mishaps, mut genes) = (Vec::new(), Vec::new(), genes.into_iter());
        let top = Step::Build(scenario.graph.keys().next_back().into_iter().collect());
        for step in std::mem::take(&mut scenario.steps) {
            let is_build = matches!(step, Step::Build(_));
            steps.push(step);
            if !is_build {
                continue;
            }
            let mishap = genes.next().map_or(Mishap::Nothing, mishap);
            mishaps.push(mishap);
            if let Mishap::Crash { .. } = mishap {
                // What is remembered wrongly shows when an old state comes back.
                steps.extend([top.clone(), Step::Revert, top.clone()]);
                mishaps.extend([Mishap::Nothing; 2]);
            }
        }
        scenario.steps = steps;
        Tale { scenario, mishaps }
    })
}

/// The same histories for everybody: nothing fails, and what happens to files happens behind the build's back.
pub(super) fn style(of: Style, combinations: usize) -> Style {
    Style { formulas: of.formulas, overwrites: true, combinations, steps: 16, ..Style::plain() }
}
