//! salsa, in two ways. The graph lies beside the database in an `Arc`, unknown to salsa; inputs are salsa
//! inputs of default durability.
//!
//! - *salsa*: as its book teaches. A key is an interned struct, one tracked function gives the value of every key,
//!   and a key is interned whenever it is fetched.
//! - *salsa, tuned*: as fast as we could make it. A key with a task is a salsa input of one field, its number,
//!   said never to change (`Durability::NEVER_CHANGE`), so that reading it costs no edge; inputs are read
//!   directly; all handles are made beforehand. The handles (8 bytes a key) are counted as salsa's: nobody can
//!   ask it for a key without one.

use std::sync::Arc;

use alacarte_experiments::workloads::key_graph::{begin, mix};
use alacarte_experiments::workloads::{Contender, Engine, KeyGraph};
use salsa::{Durability, Setter, Storage};

#[salsa::input]
struct Input {
    #[returns(copy)]
    value: u64,
}

#[salsa::input]
struct Node {
    #[returns(copy)]
    number: u32,
}

/// What the tracked function sees of the database.
#[salsa::db]
trait Graphed: salsa::Database {
    fn graph(&self) -> &KeyGraph;
    fn inputs(&self) -> &[Input];
    fn nodes(&self) -> &[Node];
}

#[salsa::tracked(returns(copy))]
fn tuned_value(db: &dyn Graphed, node: Node) -> u64 {
    let key = node.number(db) as usize;
    db.graph().dependencies(key).iter().fold(begin(key), |sum, id| mix(sum, tuned_look_up(db, id.index())))
}

fn tuned_look_up(db: &dyn Graphed, key: usize) -> u64 {
    match db.inputs().get(key) {
        Some(input) => input.value(db),
        None => tuned_value(db, db.nodes()[key - db.inputs().len()]),
    }
}

#[salsa::interned]
struct Key<'db> {
    #[returns(copy)]
    number: u32,
}

#[salsa::tracked(returns(copy))]
fn interned_value<'db>(db: &'db dyn Graphed, key: Key<'db>) -> u64 {
    let key = key.number(db) as usize;
    match db.inputs().get(key) {
        Some(input) => input.value(db),
        None => {
            let dependencies = db.graph().dependencies(key).iter();
            dependencies.fold(begin(key), |sum, id| mix(sum, interned_look_up(db, id.index())))
        }
    }
}

fn interned_look_up(db: &dyn Graphed, key: usize) -> u64 {
    interned_value(db, Key::new(db, key as u32))
}

#[salsa::db]
#[derive(Clone)]
struct Database {
    storage: Storage<Self>,
    graph: Arc<KeyGraph>,
    inputs: Arc<[Input]>,
    nodes: Arc<[Node]>,
}

#[salsa::db]
impl salsa::Database for Database {}

#[salsa::db]
impl Graphed for Database {
    fn graph(&self) -> &KeyGraph {
        &self.graph
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

struct Salsa {
    database: Database,
    look_up: fn(&dyn Graphed, usize) -> u64,
}

impl Salsa {
    fn new(graph: Arc<KeyGraph>, look_up: fn(&dyn Graphed, usize) -> u64) -> Self {
        let storage = Storage::default();
        let mut database = Database { storage, graph: Arc::clone(&graph), inputs: Arc::new([]), nodes: Arc::new([]) };
        let inputs = (0..graph.inputs()).map(|input| Input::new(&database, graph.initial(input))).collect();
        database.inputs = inputs;
        Salsa { database, look_up }
    }

    fn with_nodes(mut self) -> Self {
        let (database, graph) = (&self.database, &self.database.graph);
        let nodes = (graph.inputs()..graph.len())
            .map(|key| Node::builder(key as u32).number_durability(Durability::NEVER_CHANGE).new(database))
            .collect();
        self.database.nodes = nodes;
        self
    }
}

impl Engine for Salsa {
    fn set(&mut self, input: usize, value: u64) {
        let handle = self.database.inputs[input];
        handle.set_value(&mut self.database).to(value);
    }

    fn run(&mut self) {
        for key in self.database.graph.targets() {
            std::hint::black_box((self.look_up)(&self.database, key));
        }
    }

    fn value(&self, key: usize) -> u64 {
        (self.look_up)(&self.database, key)
    }
}

/// The names of the [`contenders`] in tables.
pub const NAMES: [&str; 2] = ["salsa", "salsa, tuned"];

/// salsa as two engines. It recurses, so a long chain overflows the stack of the thread it runs on.
pub fn contenders() -> [Contender; 2] {
    [
        Contender::new(NAMES[0], |graph| Salsa::new(graph, interned_look_up)),
        Contender::new(NAMES[1], |graph| Salsa::new(graph, tuned_look_up).with_nodes()),
    ]
}
