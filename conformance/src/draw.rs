//! Random values that can be made smaller, by generation from a *choice sequence*: the method of Hypothesis (MacIver and
//! Donaldson, "Test-Case Reduction via Test-Case Generation", ECOOP 2020).
//!
//! A generator is a function that draws numbers below a bound, its *choices*; smaller ones mean simpler things. So a value is
//! a function of a sequence of numbers. They come at random first. When the value breaks a law, the sequence is made smaller
//! (elements of lists are cut out, numbers lowered) and the value is generated again: whatever comes of it is a value that the
//! generator could have made.

use std::ops::Range;

use crate::outside::Choices;

/// What a generator draws from. It notes the choices, and where the elements of lists lie among them.
pub(crate) struct Draw<'c> {
    source: &'c mut dyn Choices,
    choices: Vec<usize>,
    lists: Vec<List>,
}

/// Where a list lies in the sequence.
struct List {
    /// The choice of its length: how many elements it has beyond those that it must have.
    length: usize,
    /// Where each element begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Draw<'_> {
    /// A number below this one, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        let choice = self.source.choose(bound);
        self.choices.push(choice);
        choice
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.below(256) as u8
    }

    /// One of some things, the simplest of which comes first.
    pub fn one_of<T: Copy>(&mut self, things: &[T]) -> T {
        things[self.below(things.len())]
    }

    /// The number of an alternative; of each it is said how often it is taken. The first is the simplest.
    pub fn weighted(&mut self, weights: &[usize]) -> usize {
        let mut choice = self.below(weights.iter().sum());
        let is_taken = |&weight: &usize| {
            let taken = choice < weight;
            choice = choice.saturating_sub(weight);
            taken
        };
        weights.iter().position(is_taken).unwrap_or_default()
    }

    /// A list of one of these lengths.
    pub fn list<T>(&mut self, lengths: Range<usize>, mut element: impl FnMut(&mut Self) -> T) -> Vec<T> {
        let (number, length) = (self.lists.len(), self.choices.len());
        // Lists within it come behind it.
        self.lists.push(List { length, bounds: Vec::new() });
        let count = lengths.start + self.below(lengths.len());
        let mut bounds = vec![self.choices.len()];
        let elements = (0..count).map(|_| {
            let element = element(self);
            bounds.push(self.choices.len());
            element
        });
        let elements = elements.collect();
        self.lists[number].bounds = bounds;
        elements
    }
}

/// A sequence that is drawn once more. Where it has ended, every choice is 0; one that is out of bounds is the highest.
pub(crate) struct Recorded<'s>(std::slice::Iter<'s, usize>);

impl<'s> Recorded<'s> {
    pub fn new(choices: &'s [usize]) -> Self {
        Recorded(choices.iter())
    }
}

impl Choices for Recorded<'_> {
    fn choose(&mut self, of: usize) -> usize {
        self.0.next().map_or(0, |&choice| choice.min(of - 1))
    }
}

/// A value, and the choices that made it.
pub(crate) struct Drawn<T> {
    pub value: T,
    pub choices: Vec<usize>,
    lists: Vec<List>,
}

impl<T> Drawn<T> {
    /// What the generator makes of these choices.
    pub fn from(source: &mut dyn Choices, generate: impl Fn(&mut Draw<'_>) -> T) -> Self {
        let mut draw = Draw { source, choices: Vec::new(), lists: Vec::new() };
        let value = generate(&mut draw);
        Drawn { value, choices: draw.choices, lists: draw.lists }
    }

    /// Fewer choices are smaller; of as many, those of which the first that differs is lower.
    fn is_smaller_than(&self, other: &Self) -> bool {
        (self.choices.len(), &self.choices) < (other.choices.len(), &other.choices)
    }

    fn is_length(&self, at: usize) -> bool {
        self.lists.iter().any(|list| list.length == at)
    }
}

/// The smallest value that is found to fail too, and how it does; `fails` is called so many times at most. It ends: each
/// sequence is smaller than the one before.
pub(crate) fn smallest<T, E>(
    (found, error): (Drawn<T>, E),
    calls: u32,
    generate: impl Fn(&mut Draw<'_>) -> T,
    fails: impl FnMut(&T) -> Option<E>,
) -> (T, E) {
    let mut search = Search { best: found, error, calls, generate, fails };
    let mut progress = true;
    while progress {
        let before = search.best.choices.clone();
        search.cut_lists();
        search.lower_choices();
        progress = search.best.choices != before;
    }
    (search.best.value, search.error)
}

struct Search<T, E, G, F> {
    best: Drawn<T>,
    error: E,
    /// How often `fails` may still be called.
    calls: u32,
    generate: G,
    fails: F,
}

impl<T, E, G: Fn(&mut Draw<'_>) -> T, F: FnMut(&T) -> Option<E>> Search<T, E, G, F> {
    /// Takes what these choices make, if it is smaller and fails too.
    fn attempt(&mut self, choices: &[usize]) -> bool {
        if self.calls == 0 {
            return false;
        }
        let drawn = Drawn::from(&mut Recorded::new(choices), &self.generate);
        if !drawn.is_smaller_than(&self.best) {
            return false;
        }
        self.calls -= 1;
        let Some(error) = (self.fails)(&drawn.value) else { return false };
        (self.best, self.error) = (drawn, error);
        true
    }

    /// Cuts elements out of each list: as many as it can do without, then by halves; the last first, for less hangs on them.
    fn cut_lists(&mut self) {
        let mut number = 0;
        // (What comes before a list decides that it is there. That stays as it is when the list is cut.)
        while let Some(list) = self.best.lists.get(number) {
            let mut many = self.best.choices[list.length];
            while many > 0 {
                let mut end = self.best.lists[number].bounds.len() - 1;
                while end >= many {
                    self.cut(number, end - many..end);
                    end -= many;
                }
                many /= 2;
            }
            number += 1;
        }
    }

    fn cut(&mut self, list: usize, elements: Range<usize>) {
        let List { length, ref bounds } = self.best.lists[list];
        let mut choices = self.best.choices.clone();
        if choices[length] >= elements.len() {
            choices[length] -= elements.len();
            choices.drain(bounds[elements.start]..bounds[elements.end]);
            self.attempt(&choices);
        }
    }

    /// Lowers each choice that is not the length of a list.
    fn lower_choices(&mut self) {
        let mut at = 0;
        while let Some(&choice) = self.best.choices.get(at) {
            if choice > 0 && !self.best.is_length(at) {
                self.lower(&[at]);
                // Where it takes two things that are alike, none of them can be lowered alone.
                let alike = |at: &usize| self.best.choices[*at] == choice && !self.best.is_length(*at);
                let alike: Vec<usize> = (at..self.best.choices.len()).filter(alike).collect();
                if alike.len() > 1 && alike[0] == at {
                    self.lower(&alike);
                }
            }
            at += 1;
        }
    }

    /// Lowers these choices, which are alike: to 0, or by halves as far as it goes.
    fn lower(&mut self, places: &[usize]) {
        let (mut passes, mut fails) = (0, self.best.choices[places[0]]);
        let mut set = |choice: usize| {
            let mut choices = self.best.choices.clone();
            // (What was lowered before may have made the sequence shorter.)
            places.iter().filter(|&&at| at < self.best.choices.len()).for_each(|&at| choices[at] = choice);
            self.attempt(&choices)
        };
        if set(0) {
            return;
        }
        while passes + 1 < fails {
            let middle = passes.midpoint(fails);
            *(if set(middle) { &mut fails } else { &mut passes }) = middle;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outside::Seeded;

    fn numbers(draw: &mut Draw<'_>) -> Vec<usize> {
        draw.list(0..20, |draw| draw.below(1000))
    }

    /// A number, or some trees.
    #[derive(Debug, Clone, PartialEq)]
    enum Tree {
        Leaf(usize),
        Node(Vec<Tree>),
    }

    impl Tree {
        fn draw(depth: usize, draw: &mut Draw<'_>) -> Self {
            match draw.weighted(&[1, if depth < 4 { 2 } else { 0 }]) {
                0 => Tree::Leaf(draw.below(50)),
                _ => Tree::Node(draw.list(1..6, |draw| Tree::draw(depth + 1, draw))),
            }
        }

        fn leaves(&self) -> Vec<usize> {
            match self {
                Tree::Leaf(leaf) => vec![*leaf],
                Tree::Node(trees) => trees.iter().flat_map(Tree::leaves).collect(),
            }
        }
    }

    /// What is made of a seed, and the smallest that fails too, if it does.
    fn shrunk<T>(seed: u64, generate: impl Fn(&mut Draw<'_>) -> T, fails: impl Fn(&T) -> bool) -> Option<T> {
        let drawn = Drawn::from(&mut Seeded(seed), &generate);
        let failed = fails(&drawn.value);
        failed.then(|| smallest((drawn, ()), 20_000, generate, |value| fails(value).then_some(())).0)
    }

    /// What all seeds that fail come down to: at least so many of a hundred.
    fn all_shrunk<T>(
        least: usize,
        generate: impl Fn(&mut Draw<'_>) -> T,
        fails: impl Fn(&T) -> bool,
    ) -> impl Iterator<Item = T> {
        let all: Vec<T> = (0..100).filter_map(|seed| shrunk(seed, &generate, &fails)).collect();
        assert!(all.len() >= least, "only {} of 100 fail", all.len());
        all.into_iter()
    }

    fn trees(draw: &mut Draw<'_>) -> Tree {
        Tree::draw(0, draw)
    }

    #[test]
    fn a_seed_means_one_value_and_its_choices_mean_it_too() {
        let mut different = Vec::new();
        for seed in 0..100 {
            let drawn = Drawn::from(&mut Seeded(seed), trees);
            assert_eq!(Drawn::from(&mut Seeded(seed), trees).value, drawn.value);
            let again = Drawn::from(&mut Recorded::new(&drawn.choices), trees);
            assert_eq!((&again.value, &again.choices), (&drawn.value, &drawn.choices));
            different.push(drawn.choices);
        }
        different.sort();
        different.dedup();
        assert!(different.len() > 60, "{}", different.len());
    }

    /// What splitmix64 is known to make of this seed: 6457827717110365317, 3203168211198807973 and so on.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        let choices = Drawn::from(&mut Seeded(1_234_567), |draw| [(); 5].map(|()| draw.below(1000))).value;
        assert_eq!(choices, [317, 973, 423, 431, 821]);
    }

    #[test]
    fn what_is_not_there_is_the_simplest_and_what_is_too_high_the_highest() {
        assert_eq!(Drawn::from(&mut Recorded::new(&[]), numbers).value, []);
        assert_eq!(Drawn::from(&mut Recorded::new(&[]), trees).value, Tree::Leaf(0));
        let drawn = Drawn::from(&mut Recorded::new(&[2, 7, 5000]), numbers);
        assert_eq!((drawn.value, drawn.choices), (vec![7, 999], vec![2, 7, 999]));
        let drawn = Drawn::from(&mut Recorded::new(&[3]), |draw| draw.list(2..7, Draw::byte));
        assert_eq!(drawn.value, [0; 5]);
    }

    #[test]
    fn an_alternative_is_taken_as_often_as_it_is_said() {
        let taken = |choice| Drawn::from(&mut Recorded::new(&[choice]), |draw| draw.weighted(&[3, 0, 1, 2])).value;
        assert_eq!([0, 1, 2, 3, 4, 5, 6].map(taken), [0, 0, 0, 2, 3, 3, 3]);
        let taken = |choice| Drawn::from(&mut Recorded::new(&[choice]), |draw| draw.one_of(&['a', 'b'])).value;
        assert_eq!([0, 1].map(taken), ['a', 'b']);
    }

    #[test]
    fn lists_have_all_lengths_that_they_may_have_and_no_other() {
        let mut lengths: Vec<usize> = (0..200)
            .map(|seed| Drawn::from(&mut Seeded(seed), |draw| draw.list(2..6, Draw::byte)).value.len())
            .collect();
        lengths.sort_unstable();
        lengths.dedup();
        assert_eq!(lengths, [2, 3, 4, 5]);
    }

    #[test]
    fn one_number_too_high_is_left_alone_and_as_low_as_can_be() {
        all_shrunk(90, numbers, |numbers| numbers.iter().any(|&n| n >= 100)).for_each(|list| assert_eq!(list, [100]));
    }

    #[test]
    fn two_that_are_alike_are_lowered_together() {
        let generate = |draw: &mut Draw<'_>| draw.list(0..20, |draw| draw.below(30));
        let fails = |list: &Vec<usize>| (1..list.len()).any(|at| list[..at].contains(&list[at]));
        all_shrunk(60, generate, fails).for_each(|list| assert_eq!(list, [0, 0]));
    }

    #[test]
    fn what_must_stand_in_order_stays_in_order() {
        let fails = |list: &Vec<usize>| list.windows(2).any(|pair| pair[0] > pair[1] + 9);
        all_shrunk(80, numbers, fails).for_each(|list| assert_eq!(list, [10, 0]));
    }

    #[test]
    fn a_list_keeps_the_elements_that_it_must_have() {
        let generate = |draw: &mut Draw<'_>| draw.list(3..9, |draw| draw.below(10));
        all_shrunk(40, generate, |list| list.contains(&7)).for_each(|list| {
            let mut sorted = list.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 0, 7], "{list:?}");
        });
    }

    #[test]
    fn lists_within_lists_are_cut_too() {
        let fails = |tree: &Tree| tree.leaves().iter().filter(|&&leaf| leaf >= 10).count() > 2;
        for tree in all_shrunk(30, trees, fails) {
            assert_eq!(tree.leaves(), [10, 10, 10], "{tree:?}");
        }
    }

    /// Lower, but longer: if that were taken, there might be no end.
    #[test]
    fn fewer_choices_are_smaller_whatever_they_are() {
        let generate = |draw: &mut Draw<'_>| match draw.below(2) {
            0 => vec![draw.byte(), draw.byte()],
            _ => Vec::new(),
        };
        let drawn = Drawn::from(&mut Recorded::new(&[1]), generate);
        assert_eq!(smallest((drawn, ()), 100, generate, |_| Some(())).0, []);
    }

    #[test]
    fn it_tries_so_often_and_no_more_and_what_it_answers_fails() {
        for calls in [0, 1, 2, 5, 20] {
            for seed in 0..50 {
                let drawn = Drawn::from(&mut Seeded(seed), numbers);
                let sum = |list: &Vec<usize>| list.iter().sum::<usize>();
                if sum(&drawn.value) < 2000 {
                    continue;
                }
                let (found, mut called) = (drawn.value.clone(), 0);
                let fails = |list: &Vec<usize>| {
                    called += 1;
                    Some(sum(list)).filter(|&sum| sum >= 2000)
                };
                let (list, error) = smallest((drawn, sum(&found)), calls, numbers, fails);
                assert!(called <= calls, "{called} of {calls}");
                assert!(sum(&list) >= 2000 && error == sum(&list), "{list:?}: {error}");
                assert!(list == found || called > 0);
            }
        }
    }
}
