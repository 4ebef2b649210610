//! Cases that once broke a law. They are played first, by the tests and by every campaign.
//!
//! A case is a seed, played in all ways; or one way and the choices of a scenario, as the generator notes them
//! ([`draw`](crate::draw)). What a seed means is decided by the generator of random numbers, which has changed once: the
//! scenarios that had been found before are kept as choices.

use std::time::Instant;

use crate::campaign::Finding;
use crate::judge::Way;
use crate::menu::Subject;

/// The cases, as they are kept. A line has scheduler, rebuilder, tasks, and a seed; or in its place a way and choices, two
/// digits of base sixteen each. What was found stands above.
const KEPT: &str = include_str!("../regressions.txt");

/// A case that once broke a law.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Regression {
    /// Who broke it.
    pub subject: Subject<'static>,
    /// What it found.
    pub found: &'static str,
    played: Played,
}

#[derive(Debug, Clone)]
enum Played {
    Seed(u64),
    Choices(Way, Vec<usize>),
}

impl Regression {
    /// Plays it.
    pub fn play(&self) -> Finding<'static> {
        let begun = Instant::now();
        let (tally, broken) = match &self.played {
            Played::Seed(seed) => self.subject.on_trial(*seed, 1),
            Played::Choices(way, choices) => self.subject.again(*way, choices),
        };
        Finding { subject: self.subject, cases: 1, tally, time: begun.elapsed(), broken, kept: true }
    }
}

/// All that are kept.
///
/// # Panics
/// If a line of the list cannot be understood.
pub fn regressions() -> Vec<Regression> {
    let subjects = Subject::all();
    let mut found = "";
    let mut cases = Vec::new();
    for line in KEPT.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(what) = line.strip_prefix('#') {
            found = what.trim();
            continue;
        }
        let case = case(line, found, &subjects);
        cases.push(case.unwrap_or_else(|why| panic!("regressions.txt: {line:?}: {why}")));
    }
    cases
}

fn case(line: &str, found: &'static str, subjects: &[Subject<'static>]) -> Result<Regression, String> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let (&[scheduler, rebuilder, tasks], played) = words.split_first_chunk().ok_or("it has too few words")?;
    let is_named = |subject: &&Subject<'_>| {
        (subject.scheduler, subject.rebuilder) == (scheduler, rebuilder) && subject.tasks.to_string() == tasks
    };
    let &subject = subjects.iter().find(is_named).ok_or("nobody on the menu is that")?;
    let played = match *played {
        [seed] => Played::Seed(seed.parse().map_err(|error| format!("the seed: {error}"))?),
        [way, choices] => {
            let way = Way::ALL.into_iter().find(|known| known.to_string() == way).ok_or("there is no such way")?;
            let choice = |at| usize::from_str_radix(choices.get(at..at + 2).unwrap_or_default(), 16);
            let choices = (0..choices.len()).step_by(2).map(choice).collect::<Result<_, _>>();
            Played::Choices(way, choices.map_err(|error| format!("the choices: {error}"))?)
        }
        _ => return Err("behind the tasks comes a seed, or a way and choices".into()),
    };
    Ok(Regression { subject, found, played })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::{Drawn, Recorded};
    use crate::generate::{self, Style};
    use crate::menu::TaskKind;
    use crate::outside::Seeded;

    fn read(line: &str) -> Result<Regression, String> {
        case(line, "", &Subject::all())
    }

    #[test]
    fn a_seed_that_is_kept_is_played_as_a_trial_of_one_case() {
        for seed in [7, 8] {
            let kept = read(&format!("suspending dirty-bit dynamic {seed}")).expect("a case");
            let (tally, broken) = kept.subject.on_trial(seed, 1);
            let played = kept.play();
            assert!(played.kept && played.broken.is_none() && broken.is_none());
            assert_eq!(played.tally, tally);
        }
    }

    /// The choices that a seed makes, if they are kept, make what the seed makes: played alone, as most seeds are.
    #[test]
    fn choices_that_are_kept_are_played_as_the_seed_that_makes_them() {
        for seed in [1, 2, 3, 5, 6, 7] {
            let seeded = read(&format!("suspending dirty-bit dynamic {seed}")).expect("a case");
            let style = seeded.subject.menu.style("dirty-bit");
            let drawn = Drawn::from(&mut Seeded(seed), |draw| generate::scenario(style, draw));
            let digits: String = drawn.choices.iter().map(|choice| format!("{choice:02x}")).collect();
            let kept = read(&format!("suspending dirty-bit dynamic alone {digits}")).expect("a case");
            assert_eq!(kept.play().tally, seeded.play().tally, "{seed}");
        }
    }

    /// If the generator drew otherwise than when they were kept, they would make other scenarios, and find nothing.
    #[test]
    fn choices_that_are_kept_are_read_as_they_are_written() {
        let mut read = 0;
        for Regression { subject, found, played } in regressions() {
            let Played::Choices(way, choices) = played else { continue };
            let style = subject.menu.style(subject.rebuilder);
            let plain = Style { circles: style.circles && subject.tasks == TaskKind::Dynamic, ..style };
            let style = match way {
                Way::Alone => plain,
                Way::Nondeterministic => plain.without_determinism(),
                Way::ByTurns => Style { combinations: subject.by_turns().len(), ..plain },
                Way::InCircles => style,
            };
            let drawn = Drawn::from(&mut Recorded::new(&choices), |draw| generate::scenario(style, draw));
            assert_eq!(drawn.choices.get(..choices.len()), Some(&choices[..]), "{subject}, {way}: {found}");
            read += 1;
        }
        assert!(read >= 75, "{read}");
    }

    #[test]
    fn a_line_that_cannot_be_understood_is_answered_by_why() {
        for (line, why) in [
            ("suspending dirty-bit", "too few words"),
            ("suspending dirty-bit static", "a seed, or a way and choices"),
            ("suspending dirty-bit static alone 00 00", "a seed, or a way and choices"),
            ("suspending dirty-bits static 7", "nobody on the menu"),
            ("suspending dirty-bit statics 7", "nobody on the menu"),
            ("topological dirty-bit dynamic 7", "nobody on the menu"),
            ("suspending dirty-bit static -7", "the seed: invalid digit"),
            ("suspending dirty-bit static alone 0g", "the choices: invalid digit"),
            ("suspending dirty-bit static alone 000", "the choices: "),
            ("suspending dirty-bit static together 00", "no such way"),
        ] {
            let said = read(line).expect_err(line);
            assert!(said.contains(why), "{line}: {said}");
        }
    }
}
