//! The graphs: dense numbers for keys, one flat list of edges.
//!
//! Keys are numbered so that a key comes after all that it fetches; the first ones are the inputs. So the plain
//! arrays need no sorting, and every engine starts from the order that suits it best.

use alacarte_core::KeyId;

/// A graph of keys, and the function that gives each of them its value.
#[derive(Debug, Clone)]
pub struct KeyGraph {
    /// How many of the first keys are inputs.
    inputs: usize,
    /// Where each key's edges end in `edges`; they begin where those of the key before end.
    ends: Vec<u32>,
    edges: Vec<KeyId>,
    /// The first key that is demanded; so are all after it.
    demanded: usize,
    grouped: bool,
}

impl KeyGraph {
    fn new(inputs: usize) -> Self {
        KeyGraph { inputs, ends: vec![0; inputs], edges: Vec::new(), demanded: 0, grouped: false }
    }

    /// Adds a key that fetches these.
    fn key(&mut self, fetches: impl IntoIterator<Item = usize>) {
        self.edges.extend(fetches.into_iter().map(KeyId::new));
        self.ends.push(self.edges.len() as u32);
    }

    /// Ends the graph: the last so many keys are demanded.
    fn demanding(mut self, last: usize) -> Self {
        self.demanded = self.len() - last;
        self
    }

    /// How many keys there are, inputs included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// How many of the first keys are inputs.
    pub fn inputs(&self) -> usize {
        self.inputs
    }

    /// The keys that are demanded.
    pub fn targets(&self) -> std::ops::Range<usize> {
        self.demanded..self.len()
    }

    /// Whether tasks that find their dependencies while they run fetch them all at once.
    pub fn is_grouped(&self) -> bool {
        self.grouped
    }

    /// What a key fetches, in order.
    #[inline]
    pub fn dependencies(&self, key: usize) -> &[KeyId] {
        let start = if key == 0 { 0 } else { self.ends[key - 1] };
        &self.edges[start as usize..self.ends[key] as usize]
    }

    /// All edges, those of a key together.
    pub fn edges(&self) -> &[KeyId] {
        &self.edges
    }

    /// The value that an input starts with.
    pub fn initial(&self, input: usize) -> u64 {
        scramble(input as u64)
    }

    /// Every key's value for these inputs, computed as plainly as can be: what all engines are held to.
    pub fn expected(&self, inputs: &[u64]) -> Vec<u64> {
        let mut values = inputs.to_vec();
        for key in self.inputs..self.len() {
            let value = self.dependencies(key).iter().fold(begin(key), |sum, id| mix(sum, values[id.index()]));
            values.push(value);
        }
        values
    }
}

/// What the mixing of a key's dependencies starts from.
#[inline]
pub fn begin(key: usize) -> u64 {
    (key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

/// The bits of a value that its dependents do not see.
pub const HIDDEN: u32 = 8;

/// Mixes one dependency into the sum: a few instructions, the same in every engine. The lowest [`HIDDEN`] bits
/// are left out, so that an input can change without its dependents changing.
#[inline]
pub fn mix(sum: u64, value: u64) -> u64 {
    (sum.rotate_left(5) ^ (value >> HIDDEN)).wrapping_mul(0xf135_7aea_2e62_a9c5)
}

/// A number that looks random (splitmix64).
pub fn scramble(n: u64) -> u64 {
    let mut x = n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// `size` keys in ten layers: the first are the inputs, each key of another fetches five random ones of the
/// layer below, and the whole last layer is demanded.
pub fn layered(size: usize) -> KeyGraph {
    let width = (size / 10).max(1);
    let mut graph = KeyGraph::new(width);
    for key in width..10 * width {
        let below = (key / width - 1) * width;
        graph.key((0..5).map(|n| below + scramble((key * 5 + n) as u64) as usize % width));
    }
    graph.demanding(width)
}

/// `size` keys in a row, each fetching the one before; the first is the only input, the last is demanded.
pub fn chain(size: usize) -> KeyGraph {
    let mut graph = KeyGraph::new(1);
    for key in 1..size.max(2) {
        graph.key([key - 1]);
    }
    graph.demanding(1)
}

/// One key that fetches all of a row of keys as one group, each of which fetches an input of its own: about
/// `size` keys in all, nearly half of them fetched by the one.
pub fn fan_in(size: usize) -> KeyGraph {
    let width = (size / 2).max(1);
    let mut graph = KeyGraph::new(width);
    for input in 0..width {
        graph.key([input]);
    }
    graph.key(width..2 * width);
    graph.grouped = true;
    graph.demanding(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_after_what_they_fetch() {
        for graph in [layered(1000), chain(1000), fan_in(1000)] {
            assert!((1000..=1001).contains(&graph.len()));
            for key in 0..graph.len() {
                assert_eq!(graph.dependencies(key).is_empty(), key < graph.inputs());
                assert!(graph.dependencies(key).iter().all(|id| id.index() < key));
            }
        }
        assert_eq!(layered(1000).edges().len(), 900 * 5);
        assert_eq!(fan_in(1000).dependencies(1000).len(), 500);
    }

    #[test]
    fn hidden_bits_are_hidden_and_others_are_not() {
        let graph = layered(1000);
        let inputs: Vec<u64> = (0..graph.inputs()).map(|input| graph.initial(input)).collect();
        let before = graph.expected(&inputs);
        let mut hidden = inputs.clone();
        hidden[3] ^= (1 << HIDDEN) - 1;
        assert_eq!(graph.expected(&hidden)[graph.inputs()..], before[graph.inputs()..]);
        let mut seen = inputs;
        seen[3] ^= 1 << HIDDEN;
        let after = graph.expected(&seen);
        let changed = (graph.inputs()..graph.len()).filter(|&key| after[key] != before[key]).count();
        assert!(changed > 500, "one input reaches most of the graph: {changed} of 900");
    }
}
