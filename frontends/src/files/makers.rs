//! Which rule makes which file.

use std::collections::HashMap;

use alacarte_stores::FileKey;

use super::pattern::Pattern;

/// What a rule says that it makes.
#[derive(Debug, Clone)]
pub(super) struct RuleOutputs {
    /// The paths, whose patterns have as many stars each.
    pub patterns: Vec<Pattern>,
    /// It makes no file, and runs in every build that reaches it.
    pub phony: bool,
}

/// What all rules make, by path.
#[derive(Debug)]
pub(super) struct Makers {
    rules: Vec<RuleOutputs>,
    /// The rules whose paths have no stars.
    literal: HashMap<FileKey, Vec<usize>>,
    /// Those whose paths have some, by how the paths begin: the directory before the first star. (A build with thousands of patterns has
    /// many such directories.)
    patterns: HashMap<String, Vec<usize>>,
}

/// The rule that makes a file.
#[derive(Debug)]
pub(super) struct Maker<'m> {
    /// Its number among all rules.
    pub rule: usize,
    pub outputs: &'m RuleOutputs,
    /// What its stars match.
    pub parts: Vec<String>,
}

impl Maker<'_> {
    /// All files that it makes along with this one.
    pub fn files(&self) -> Vec<FileKey> {
        self.outputs.patterns.iter().map(|output| FileKey::from(output.fill(&self.parts))).collect()
    }
}

impl Makers {
    pub fn new(rules: Vec<RuleOutputs>) -> Self {
        let mut literal = HashMap::<FileKey, Vec<usize>>::new();
        let mut patterns = HashMap::<String, Vec<usize>>::new();
        for (rule, outputs) in rules.iter().enumerate() {
            if !outputs.patterns[0].is_literal() {
                for pattern in &outputs.patterns {
                    let rules = patterns.entry(pattern.directory().to_owned()).or_default();
                    if rules.last() != Some(&rule) {
                        rules.push(rule);
                    }
                }
                continue;
            }
            for output in &outputs.patterns {
                literal.entry(FileKey::from(output.to_string())).or_default().push(rule);
            }
        }
        Makers { rules, literal, patterns }
    }

    /// The rule that makes this file. (The first of several, of which [`Makers::rivals`] tells.)
    pub fn of(&self, key: &FileKey) -> Option<Maker<'_>> {
        self.all(key).next()
    }

    /// Whether a rule makes this file (a phony name is no file).
    pub fn makes(&self, key: &FileKey) -> bool {
        self.of(key).is_some_and(|maker| !maker.outputs.phony)
    }

    /// Whether this is the name of a phony rule.
    pub fn is_phony(&self, key: &FileKey) -> bool {
        self.of(key).is_some_and(|maker| maker.outputs.phony)
    }

    /// What rules make, as far as it is named without stars.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.literal.keys().map(FileKey::as_str)
    }

    /// What to say of an output of this rule that another one makes, too, or this one for something else.
    pub fn rivals(&self, output: &FileKey, maker: &Maker<'_>) -> Option<String> {
        let rival = self.all(output).find(|other| (other.rule, &other.parts) != (maker.rule, &maker.parts))?;
        let [one, other] = [maker, &rival].map(|maker| &maker.outputs.patterns[0]);
        Some(format!(
            "two rules make {output}, `{one}` and `{other}`: name it in one rule alone, or make the patterns differ"
        ))
    }

    fn all<'m, 'k>(&'m self, key: &'k FileKey) -> impl Iterator<Item = Maker<'m>> + use<'m, 'k> {
        let maker = |rule: usize, parts| Maker { rule, outputs: &self.rules[rule], parts };
        let named = self.literal.get(key).into_iter().flatten().map(move |&rule| maker(rule, Vec::new()));
        let mut rules: Vec<usize> = match self.literal.contains_key(key) {
            true => Vec::new(),
            false => directories(key.as_str())
                .filter_map(|directory| self.patterns.get(directory))
                .flatten()
                .copied()
                .collect(),
        };
        rules.sort_unstable();
        rules.dedup();
        named.chain(rules.into_iter().flat_map(move |rule| {
            let parts = self.rules[rule].patterns.iter().filter_map(|output| output.parts(key.as_str()));
            parts.map(move |parts| maker(rule, parts))
        }))
    }
}

/// All directories that a path lies in, each with a slash at its end, and the one that has no name.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(at, _)| &path[..=at]))
}
