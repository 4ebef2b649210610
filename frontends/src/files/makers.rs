//! Which rule makes which file.

use std::collections::{BTreeSet, HashMap};

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
    /// Those whose paths have some, by how the paths begin and by how they end. (A build with thousands of patterns has many such
    /// beginnings or ends, but few lengths of them.)
    patterns: ByText<ByText<Vec<usize>>>,
    /// How the paths of files and directories that rules make begin, sorted: all of it where there are no stars.
    beginnings: Vec<(String, usize)>,
    /// A rule makes a directory with all that lies in it.
    makes_trees: bool,
    /// How much was looked up and matched.
    #[cfg(test)]
    steps: std::cell::Cell<usize>,
}

/// What is known of texts, and which lengths these have.
#[derive(Debug, Default)]
struct ByText<T> {
    known: HashMap<String, T>,
    lengths: BTreeSet<usize>,
}

impl<T: Default> ByText<T> {
    fn of(&mut self, text: &str) -> &mut T {
        self.lengths.insert(text.len());
        self.known.entry(text.to_owned()).or_default()
    }
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
        let mut patterns = ByText::<ByText<Vec<usize>>>::default();
        let files = rules.iter().enumerate().filter(|(_, outputs)| !outputs.phony);
        let files = files.flat_map(|(rule, outputs)| outputs.patterns.iter().map(move |pattern| (pattern, rule)));
        let makes_trees = files.clone().any(|(pattern, _)| pattern.is_tree());
        let beginning = |pattern: &Pattern| match pattern.is_literal() {
            true => pattern.to_string(),
            false => pattern.directory().to_owned(),
        };
        let mut beginnings: Vec<_> = files.map(|(pattern, rule)| (beginning(pattern), rule)).collect();
        beginnings.sort_unstable();
        for (rule, outputs) in rules.iter().enumerate() {
            if !outputs.patterns[0].is_literal() {
                for pattern in &outputs.patterns {
                    let (begin, end) = pattern.ends();
                    let rules = patterns.of(begin).of(end);
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
        Makers {
            rules,
            literal,
            patterns,
            beginnings,
            makes_trees,
            #[cfg(test)]
            steps: std::cell::Cell::default(),
        }
    }

    /// The rule that makes this file. (The first of several, of which [`Makers::rivals`] tells.)
    pub fn of(&self, key: &FileKey) -> Option<Maker<'_>> {
        self.all(key).next()
    }

    /// Whether a rule makes this file, or a directory that it lies in (a phony name is no file).
    pub fn makes(&self, key: &FileKey) -> bool {
        self.makes_itself(key) || self.around(key).is_some()
    }

    /// The pattern by which a rule makes this.
    fn pattern(&self, key: &FileKey) -> Option<&Pattern> {
        self.of(key)?.outputs.patterns.iter().find(|pattern| pattern.matches(key.as_str()))
    }

    fn makes_itself(&self, key: &FileKey) -> bool {
        self.of(key).is_some_and(|maker| !maker.outputs.phony)
    }

    /// The directory that a rule makes, with all that lies in it, and in which this lies; the directory itself, if it is named
    /// without a slash.
    pub fn around(&self, key: &FileKey) -> Option<FileKey> {
        if !self.makes_trees {
            return None;
        }
        let itself = (!key.is_tree()).then(|| format!("{key}/"));
        let around = directories(key.as_str()).filter(|directory| !directory.is_empty() && *directory != key.as_str());
        let around = around.chain(itself.as_deref()).map(FileKey::from);
        around.into_iter().find(|directory| self.makes_itself(directory))
    }

    /// What a rule makes in this directory, by the pattern that says so, as far as patterns say where their files lie.
    pub fn beneath(&self, tree: &FileKey) -> Option<&Pattern> {
        let tree = inside(tree);
        let from = self.beginnings.partition_point(|(beginning, _)| beginning.as_str() < tree);
        let beneath = self.beginnings[from..].iter().take_while(|(beginning, _)| beginning.starts_with(tree));
        let mut patterns = beneath.flat_map(|(_, rule)| &self.rules[*rule].patterns);
        patterns.find(|pattern| {
            let itself = pattern.is_literal() && pattern.as_str() == tree;
            !itself && (if pattern.is_literal() { pattern.as_str() } else { pattern.directory() }).starts_with(tree)
        })
    }

    /// What to say of an output that lies in what another rule makes, or in which another one makes something.
    pub fn overlap(&self, output: &FileKey) -> Option<String> {
        let said = |around: &FileKey, beneath: &str| {
            let by = self.pattern(around)?;
            Some(format!(
                "`{by}` makes the directory {around}, and {beneath} in it: have one rule make all that lies there, or another place"
            ))
        };
        if let Some(around) = self.around(output) {
            return said(&around, &format!("`{}` makes {output}", self.pattern(output)?));
        }
        let beneath = output.is_tree().then(|| self.beneath(output))??;
        said(output, &format!("`{beneath}` makes files"))
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
            false => self.candidates(key.as_str()),
        };
        rules.sort_unstable();
        rules.dedup();
        #[cfg(test)]
        self.steps.set(self.steps.get() + rules.len());
        named.chain(rules.into_iter().flat_map(move |rule| {
            let parts = self.rules[rule].patterns.iter().filter_map(|output| output.parts(key.as_str()));
            parts.map(move |parts| maker(rule, parts))
        }))
    }

    /// The rules of whose patterns one begins and ends as this path does.
    fn candidates(&self, path: &str) -> Vec<usize> {
        let mut rules = Vec::new();
        for &begin in self.patterns.lengths.range(..=path.len()) {
            #[cfg(test)]
            self.steps.set(self.steps.get() + 1);
            let Some(by_end) = path.get(..begin).and_then(|begin| self.patterns.known.get(begin)) else { continue };
            for &end in by_end.lengths.range(..=path.len() - begin) {
                #[cfg(test)]
                self.steps.set(self.steps.get() + 1);
                let ending = path.get(path.len() - end..).and_then(|end| by_end.known.get(end));
                rules.extend(ending.into_iter().flatten());
            }
        }
        rules
    }
}

/// How the paths begin of what lies in a directory.
pub(super) fn inside(tree: &FileKey) -> &str {
    if tree.as_str() == "./" { "" } else { tree.as_str() }
}

/// All directories that a path lies in, each with a slash at its end, and the one that has no name.
fn directories(path: &str) -> impl Iterator<Item = &str> {
    std::iter::once("").chain(path.match_indices('/').map(|(at, _)| &path[..=at]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn makers(patterns: &[String]) -> Makers {
        let rule = |pattern: &String| {
            let patterns = vec![Pattern::new(pattern).expect("a pattern")];
            RuleOutputs { patterns, phony: false }
        };
        Makers::new(patterns.iter().map(rule).collect())
    }

    /// Rules and files: as many patterns as files, told apart by their directories, beginnings, ends, or names.
    #[test]
    fn many_patterns_and_many_files_cost_as_much_as_files_alone() {
        type Name = fn(usize) -> String;
        let families: [(&str, Name, Name); 6] = [
            ("directories", |at| format!("out/{at}/*.o"), |at| format!("out/{at}/main.o")),
            ("beginnings", |at| format!("out/module{at}-*.o"), |at| format!("out/module{at}-main.o")),
            ("ends", |at| format!("out/*.{at}.o"), |at| format!("out/main.{at}.o")),
            ("both", |at| format!("{at}*{at}"), |at| format!("{at}-main-{at}")),
            ("depth", |at| format!("**/{at}"), |at| format!("out/deep/{at}")),
            ("names", |at| format!("out/{at}.o"), |at| format!("out/{at}.o")),
        ];
        for (family, pattern, file) in families {
            let cost = |count: usize| {
                // (Numbers of one length: each further length is looked up, too.)
                let makers = makers(&(1000..1000 + count).map(pattern).collect::<Vec<_>>());
                for at in 0..count {
                    let maker = makers.of(&FileKey::from(file(1000 + at))).expect("a rule makes it");
                    assert_eq!(maker.rule, at, "{family}");
                }
                makers.steps.get()
            };
            let (half, whole) = (cost(2000), cost(4000));
            assert!(whole <= 2 * half, "{family}: {half} steps for 2000, {whole} for 4000");
        }
    }

    /// Whatever a path begins and ends with, the rules found by that are those whose patterns match.
    #[test]
    fn what_is_found_by_its_ends_is_what_matches() {
        let texts = ["", "a", "b", "ä", "a/", "/", "ab"];
        let mut patterns: Vec<String> = Vec::new();
        for (begin, end) in texts.iter().flat_map(|begin| texts.map(|end| (begin, end))) {
            for stars in ["*", "**", "*b*", "*a**"] {
                let pattern = Pattern::new(format!("{begin}{stars}{end}")).expect("a pattern").to_string();
                if !patterns.contains(&pattern) {
                    patterns.push(pattern);
                }
            }
        }
        let all = makers(&patterns);
        for (one, other) in texts.iter().flat_map(|one| texts.map(|other| (one, other))) {
            for path in [format!("{one}{other}"), format!("{one}b{other}"), format!("{one}ä/a{other}{one}")] {
                let found: Vec<usize> = all.all(&FileKey::from(path.as_str())).map(|maker| maker.rule).collect();
                let matching = |rule: &usize| all.rules[*rule].patterns[0].matches(&path);
                assert_eq!(found, (0..patterns.len()).filter(matching).collect::<Vec<_>>(), "{path}");
            }
        }
    }
}
