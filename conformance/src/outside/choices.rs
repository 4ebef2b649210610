//! Choices: at random, or all of them.

/// Decides what happens next.
///
/// ```
/// use alacarte_conformance::{Choices, every_interleaving};
///
/// // Two coins have four outcomes, each of which comes by once.
/// let mut seen = Vec::new();
/// let toss = |choices: &mut dyn Choices| [choices.choose(2), choices.choose(2)];
/// assert_eq!(every_interleaving(10, |path| Ok(seen.push(toss(path)))), Ok(4));
/// assert_eq!(seen, [[0, 0], [0, 1], [1, 0], [1, 1]]);
/// ```
pub trait Choices {
    /// A number below `of`, which is not 0. Asked also where there is only one answer.
    fn choose(&mut self, of: usize) -> usize;
}

/// Choices at random: the same seed, the same choices.
#[derive(Debug, Clone)]
pub struct Seeded(pub u64);

impl Choices for Seeded {
    fn choose(&mut self, of: usize) -> usize {
        // The generator splitmix64 (Steele, Lea, Flood: Fast splittable pseudorandom number generators, 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((mixed ^ mixed >> 31) % of as u64) as usize
    }
}

/// A path down the tree of all choices, as [`every_interleaving`] walks it, depth first.
#[derive(Debug, Default)]
pub struct Path {
    /// What is to be chosen, and of how many.
    steps: Vec<(usize, usize)>,
    /// How many steps have been taken.
    taken: usize,
    /// A step had another number of choices than when the path came by before.
    astray: Option<String>,
}

impl Choices for Path {
    fn choose(&mut self, of: usize) -> usize {
        let step = self.taken;
        self.taken += 1;
        match self.steps.get(step) {
            None => {
                self.steps.push((0, of));
                0
            }
            Some(&(choice, known)) if known == of => choice,
            Some(&(_, known)) => {
                let astray = || format!("choice {step} was one of {known}, and is now one of {of}");
                self.astray.get_or_insert_with(astray);
                0
            }
        }
    }
}

impl Path {
    /// Goes to the next path; `false` after the last.
    fn advance(&mut self) -> bool {
        self.taken = 0;
        while let Some((choice, of)) = self.steps.pop() {
            if choice + 1 < of {
                self.steps.push((choice + 1, of));
                return true;
            }
        }
        false
    }

    /// Plays must depend on the choices alone, or the tree that is walked is none.
    fn check(&self) -> Result<(), String> {
        match &self.astray {
            Some(astray) => Err(format!("it does not play the same twice: {astray}")),
            None if self.taken < self.steps.len() => {
                Err(format!("it does not play the same twice: it ended after {} choices", self.taken))
            }
            None => Ok(()),
        }
    }
}

/// Plays every interleaving, and answers how many there are.
///
/// # Errors
/// What `play` says of the first that it does not like, with its choices; or that there are more than `bound`: what
/// is not played is not silently left out.
pub fn every_interleaving(
    bound: usize,
    mut play: impl FnMut(&mut Path) -> Result<(), String>,
) -> Result<usize, String> {
    let mut path = Path::default();
    let mut played = 0;
    loop {
        if played == bound {
            return Err(format!("there are more than {bound} interleavings"));
        }
        played += 1;
        let outcome = play(&mut path);
        path.check().and(outcome).map_err(|what| {
            let choices: Vec<String> = path.steps.iter().map(|(choice, of)| format!("{choice} of {of}")).collect();
            format!("{what}\nin interleaving {played}, by these choices: {}", choices.join(", "))
        })?;
        if !path.advance() {
            return Ok(played);
        }
    }
}
