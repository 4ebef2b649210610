//! salsa, as a user who wants it fast would use it.
//!
//! Inputs are salsa inputs of default durability. A key with a task is a salsa input too, of one field, its number, which is said never to
//! change (`Durability::NEVER_CHANGE`), so that reading it costs no edge; one tracked function gives its value.
//! The graph lies beside the database in an `Arc`, unknown to salsa. The handles (8 bytes a key) are counted as salsa's: nobody can
//! ask it for a key without one.

use std::sync::Arc;

use alacarte_experiments::workloads::graph::{begin, mix};
use alacarte_experiments::workloads::{Contender, Engine, Graph};
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
    fn graph(&self) -> &Graph;
    fn inputs(&self) -> &[Input];
    fn nodes(&self) -> &[Node];
}

#[salsa::tracked(returns(copy))]
fn value(db: &dyn Graphed, node: Node) -> u64 {
    let key = node.number(db) as usize;
    let graph = db.graph();
    graph.dependencies(key).iter().fold(begin(key), |sum, id| mix(sum, look_up(db, id.index())))
}

fn look_up(db: &dyn Graphed, key: usize) -> u64 {
    match db.inputs().get(key) {
        Some(input) => input.value(db),
        None => value(db, db.nodes()[key - db.inputs().len()]),
    }
}

#[salsa::db]
#[derive(Clone)]
struct Database {
    storage: Storage<Self>,
    graph: Arc<Graph>,
    inputs: Arc<[Input]>,
    nodes: Arc<[Node]>,
}

#[salsa::db]
impl salsa::Database for Database {}

#[salsa::db]
impl Graphed for Database {
    fn graph(&self) -> &Graph {
        &self.graph
    }

    fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

struct Salsa(Database);

impl Salsa {
    fn new(graph: Arc<Graph>) -> Self {
        let storage = Storage::default();
        let mut database = Database { storage, graph: Arc::clone(&graph), inputs: Arc::new([]), nodes: Arc::new([]) };
        let inputs = (0..graph.inputs()).map(|input| Input::new(&database, graph.initial(input))).collect();
        let nodes = (graph.inputs()..graph.len())
            .map(|key| Node::builder(key as u32).number_durability(Durability::NEVER_CHANGE).new(&database))
            .collect();
        database.inputs = inputs;
        database.nodes = nodes;
        Salsa(database)
    }
}

impl Engine for Salsa {
    fn set(&mut self, input: usize, value: u64) {
        let handle = self.0.inputs[input];
        handle.set_value(&mut self.0).to(value);
    }

    fn run(&mut self) {
        for key in self.0.graph.targets() {
            std::hint::black_box(look_up(&self.0, key));
        }
    }

    fn value(&self, key: usize) -> u64 {
        look_up(&self.0, key)
    }
}

/// The name of [`contender`] in tables.
pub const NAME: &str = "salsa";

/// salsa as an engine. It recurses, so a long chain overflows the stack of the thread it runs on.
pub fn contender() -> Contender {
    Contender::new(NAME, Salsa::new)
}
