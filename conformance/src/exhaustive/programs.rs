//! Every program of a few keys over two values.
//!
//! A task that is a function of what it fetches is a *decision tree*: it answers, or it fetches a key that it has not fetched
//! yet and goes on in one of two ways. So all tasks over two values can be listed, and all programs made of them.
//!
//! Two programs are the same up to symmetry if one becomes the other when keys are named otherwise, or when the two values
//! change places in all keys at once. Of these one is played. (One key's values alone are not exchanged: an engine that takes
//! one key's value for another's would be wrong in one program and right in the other.)

use std::collections::BTreeMap;

use crate::expr::Expr;
use crate::graph::Graph;
use crate::name::Name;

/// A task.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Task {
    /// It answers this value.
    Answer(bool),
    /// It fetches this key, and goes on in the first way if it finds zero, in the second if it finds one.
    Fetch(usize, Box<[Task; 2]>),
    /// It fetches two keys as one group, as a formula does, and answers their sum.
    Group(usize, usize),
    /// It fetches two keys by two futures at once, and answers the sum.
    Join(usize, usize),
    /// It fails. (At the beginning no task does.)
    Fail,
}

/// What a key is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// An input, and what it holds.
    Input(Option<bool>),
    /// A key with a task.
    Task(Task),
}

/// What each key is, by its number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Model(pub Vec<Part>);

impl Task {
    /// The task that answers what this key holds.
    pub fn copy(key: usize) -> Task {
        Task::Fetch(key, Box::new([Task::Answer(false), Task::Answer(true)]))
    }

    /// Every decision tree over these keys.
    fn trees(keys: &[usize]) -> Vec<Task> {
        let mut trees = vec![Task::Answer(false), Task::Answer(true)];
        for &key in keys {
            let others: Vec<usize> = keys.iter().copied().filter(|&other| other != key).collect();
            let ways = Task::trees(&others);
            for zero in &ways {
                let fetch = |one: &Task| Task::Fetch(key, Box::new([zero.clone(), one.clone()]));
                trees.extend(ways.iter().map(fetch));
            }
        }
        trees
    }

    /// Whether it may fetch this key.
    pub fn mentions(&self, key: usize) -> bool {
        match self {
            Task::Answer(_) | Task::Fail => false,
            Task::Fetch(fetched, ways) => *fetched == key || ways.iter().any(|way| way.mentions(key)),
            Task::Group(a, b) | Task::Join(a, b) => *a == key || *b == key,
        }
    }

    /// The same task where keys are named otherwise, and where the values have changed places if `flipped`.
    fn seen(&self, names: &[usize], flipped: bool) -> Task {
        let pair = |a: usize, b: usize| (names[a].min(names[b]), names[a].max(names[b]));
        match self {
            Task::Answer(value) => Task::Answer(value ^ flipped),
            Task::Fetch(key, ways) => {
                let [zero, one] = ways.each_ref().map(|way| way.seen(names, flipped));
                Task::Fetch(names[*key], Box::new(if flipped { [one, zero] } else { [zero, one] }))
            }
            Task::Group(a, b) => Task::Group(pair(*a, *b).0, pair(*a, *b).1),
            Task::Join(a, b) => Task::Join(pair(*a, *b).0, pair(*a, *b).1),
            Task::Fail => Task::Fail,
        }
    }

    pub fn expr(&self) -> Expr {
        let get = |key: usize| Box::new(Expr::Get(name(key)));
        match self {
            Task::Answer(value) => Expr::Const(i64::from(*value)),
            Task::Fetch(key, _) if *self == Task::copy(*key) => Expr::Get(name(*key)),
            Task::Fetch(key, ways) => {
                let [zero, one] = ways.each_ref().map(|way| Box::new(way.expr()));
                Expr::If { condition: get(*key), even: zero, odd: one }
            }
            Task::Group(a, b) => Expr::Sum(vec![name(*a), name(*b)]),
            Task::Join(a, b) => Expr::Join { left: get(*a), right: get(*b) },
            Task::Fail => Expr::Check(Box::new(Expr::Const(7))),
        }
    }
}

pub(super) fn name(key: usize) -> Name {
    Name(key as u32)
}

impl Model {
    /// Every program of so many keys, one of each that are the same up to symmetry, that has no circle; or that has one, and an
    /// input.
    pub fn all(keys: usize, circular: bool) -> Vec<Model> {
        // Where there is no circle some key fetches nothing. It comes first.
        let leaves = Model::parts(0, 1);
        let mut partial: Vec<Vec<Part>> = leaves.into_iter().map(|leaf| vec![leaf]).collect();
        for key in 1..keys {
            let parts = Model::parts(key, keys);
            let longer = |model: &Vec<Part>| {
                let longer = |part: &Part| model.iter().cloned().chain([part.clone()]).collect();
                parts.iter().map(longer).collect::<Vec<Vec<Part>>>()
            };
            partial = partial.iter().flat_map(longer).collect();
        }
        let models = partial.into_iter().map(Model);
        models.filter(|model| model.belongs(circular) && model.is_least()).collect()
    }

    /// What a key may be.
    fn parts(key: usize, keys: usize) -> Vec<Part> {
        let others: Vec<usize> = (0..keys).filter(|&other| other != key).collect();
        let mut tasks = Task::trees(&others);
        if let &[a, b] = &others[..] {
            tasks.extend([Task::Group(a, b), Task::Join(a, b)]);
        }
        let inputs = [None, Some(false), Some(true)].map(Part::Input);
        inputs.into_iter().chain(tasks.into_iter().map(Part::Task)).collect()
    }

    fn belongs(&self, circular: bool) -> bool {
        if !self.is_circular() {
            return !circular;
        }
        // A sum may be two: nobody must fetch it, where there are but two values.
        let sums = self.0.iter().any(|part| matches!(part, Part::Task(Task::Group(..) | Task::Join(..))));
        circular && !sums && matches!(self.0[0], Part::Input(_))
    }

    /// Whether keys mention each other in a circle.
    pub fn is_circular(&self) -> bool {
        (0..self.0.len()).any(|key| self.leads_to(key, key))
    }

    /// Whether it is the first of those that are the same up to symmetry.
    fn is_least(&self) -> bool {
        let begins = |model: &Model| match &model.0[0] {
            Part::Input(_) | Part::Task(Task::Answer(_)) => true,
            Part::Task(_) => false,
        };
        let images = permutations(self.0.len()).into_iter().flat_map(|names| {
            let image = |flipped: bool| self.seen(&names, flipped);
            [image(false), image(true)]
        });
        images.filter(begins).all(|image| *self <= image)
    }

    fn seen(&self, names: &[usize], flipped: bool) -> Model {
        let mut parts = self.0.clone();
        for (key, part) in self.0.iter().enumerate() {
            parts[names[key]] = match part {
                Part::Input(value) => Part::Input(value.map(|value| value ^ flipped)),
                Part::Task(task) => Part::Task(task.seen(names, flipped)),
            };
        }
        Model(parts)
    }

    /// Whether an input has no value.
    pub fn lacks_an_input(&self) -> bool {
        self.0.contains(&Part::Input(None))
    }

    /// How many keys it has.
    pub fn keys(&self) -> usize {
        self.0.len()
    }

    /// The task of a key.
    pub fn task(&self, key: usize) -> Option<&Task> {
        match &self.0[key] {
            Part::Task(task) => Some(task),
            Part::Input(_) => None,
        }
    }

    /// Whether a key mentions another, or one that leads to it.
    pub fn leads_to(&self, key: usize, other: usize) -> bool {
        let mut reached = vec![false; self.0.len()];
        let mut todo = vec![key];
        while let Some(key) = todo.pop() {
            let Some(task) = self.task(key) else { continue };
            for next in (0..self.0.len()).filter(|&next| task.mentions(next)) {
                if !std::mem::replace(&mut reached[next], true) {
                    todo.push(next);
                }
            }
        }
        reached[other]
    }

    /// The tasks, and what the inputs hold.
    pub fn program(&self) -> (Graph, BTreeMap<Name, i64>) {
        let (mut tasks, mut inputs) = (Vec::new(), BTreeMap::new());
        for (key, part) in self.0.iter().enumerate() {
            match part {
                Part::Input(value) => {
                    inputs.extend(value.map(|value| (name(key), i64::from(value))));
                    tasks.push(None);
                }
                Part::Task(task) => tasks.push(Some(task.expr())),
            }
        }
        (Graph { tasks }, inputs)
    }
}

/// All orders of so many numbers.
fn permutations(count: usize) -> Vec<Vec<usize>> {
    if count == 0 {
        return vec![Vec::new()];
    }
    let with_last = |order: Vec<usize>| {
        let with_last = move |at: usize| {
            let mut order = order.clone();
            order.insert(at, count - 1);
            order
        };
        (0..count).map(with_last)
    };
    permutations(count - 1).into_iter().flat_map(with_last).collect()
}
