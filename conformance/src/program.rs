//! The tasks that a build makes of a graph.

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use alacarte_core::{Dynamic, Fetch, Fingerprint, Power, Running, Static, Tasks, Value};

use crate::expr::Expr;
use crate::faults::Flaw;
use crate::graph::Graph;
use crate::name::Name;
use crate::script::Manner;
use crate::world::World;

/// The tasks of a graph, of power `P`: with [`Static`] they declare all that they mention.
#[derive(Debug)]
pub struct Program<P> {
    graph: Rc<Graph>,
    /// The fingerprint of each task, where tasks have definitions from the start.
    definitions: Vec<Option<Fingerprint>>,
    /// By which change each task came to be what it is; zero if it was there from the start.
    versions: Vec<u64>,
    /// How many changes there were.
    changes: u64,
    /// Tasks that are not what they were when the process began, and do not say so: their collection does.
    unsaid: BTreeSet<Name>,
    collection: u64,
    manner: Manner,
    world: World,
    power: PhantomData<P>,
}

impl<P> Clone for Program<P> {
    fn clone(&self) -> Self {
        Program {
            graph: self.graph.clone(),
            definitions: self.definitions.clone(),
            versions: self.versions.clone(),
            changes: self.changes,
            unsaid: self.unsaid.clone(),
            collection: self.collection,
            manner: self.manner,
            world: self.world.clone(),
            power: PhantomData,
        }
    }
}

impl<P> Program<P> {
    /// The tasks of this graph, in this world.
    pub fn new(graph: Graph, manner: Manner, world: World) -> Self {
        world.combine(manner.combines);
        let versions = vec![0; graph.tasks.len()];
        let definitions = graph.tasks.iter().map(|task| task.as_ref().filter(|_| manner.signed).map(sign)).collect();
        Program {
            graph: Rc::new(graph),
            definitions,
            versions,
            changes: 0,
            unsaid: BTreeSet::new(),
            collection: COLLECTIONS.fetch_add(1, Ordering::Relaxed),
            manner,
            world,
            power: PhantomData,
        }
    }

    /// A new collection of the same tasks, but for this one.
    pub fn exchanged(&self, key: Name, task: Expr) -> Self {
        let mut graph = (*self.graph).clone();
        graph.tasks[key.0 as usize] = Some(task);
        let replaced = graph.keys().filter(|key| self.versions[key.0 as usize] > 0);
        let unsaid = replaced.chain(self.unsaid.iter().copied()).chain([key]).collect();
        Program { changes: self.changes, unsaid, ..Program::new(graph, self.manner, self.world.clone()) }
    }

    /// The tasks with which the next process begins. It knows of no other collection, so those that were changed say so.
    #[must_use]
    pub fn for_another_process(mut self) -> Self {
        for key in std::mem::take(&mut self.unsaid) {
            self.changes += 1;
            self.versions[key.0 as usize] = self.changes;
        }
        self
    }

    /// The graph.
    pub fn graph(&self) -> &Rc<Graph> {
        &self.graph
    }

    /// Replaces a key's task; with none, it becomes an input.
    pub fn replace(&mut self, key: Name, task: Option<Expr>) {
        self.definitions[key.0 as usize] = task.as_ref().filter(|_| self.manner.signed).map(sign);
        Rc::make_mut(&mut self.graph).tasks[key.0 as usize] = task;
        self.changes += 1;
        self.versions[key.0 as usize] = self.changes;
        self.unsaid.remove(&key);
    }
}

/// How many collections of tasks there were in this process.
static COLLECTIONS: AtomicU64 = AtomicU64::new(0);

/// What a task's text amounts to.
fn sign(task: &Expr) -> Fingerprint {
    Fingerprint::of_bytes(task.to_string().as_bytes())
}

/// Powers between which a [`Program`] can tell.
///
/// ```
/// use alacarte_conformance::Declares;
/// use alacarte_core::{Dynamic, Static};
///
/// assert!(Static::DECLARES && !Dynamic::DECLARES);
/// ```
pub trait Declares: Power {
    /// Whether tasks declare what they fetch.
    const DECLARES: bool;
}

impl Declares for Static {
    const DECLARES: bool = true;
}

impl Declares for Dynamic {
    const DECLARES: bool = false;
}

impl<P: Declares> Tasks<Name, i64> for Program<P> {
    type Power = P;

    fn has(&self, key: &Name) -> bool {
        self.graph.task(*key).is_some()
    }

    fn run<'t>(&'t self, key: &Name, fetch: Fetch<'t, Name, i64>) -> Running<'t, i64> {
        let Some(task) = self.graph.task(*key) else { unreachable!("{key} has no task") };
        self.world.started();
        match (task, self.manner.work) {
            (Expr::Sum(keys), None) => {
                // A task that is no future: a formula.
                let ids: Vec<_> = keys.iter().map(|key| fetch.id_of(key)).collect();
                let mut sum = 0_i64;
                match fetch.poll_ids(&ids, |value| sum = sum.wrapping_add(*value)) {
                    Poll::Pending => Running::Waiting,
                    Poll::Ready(outcome) => Running::Done(outcome.map(|()| sum)),
                }
            }
            (_, None) => Running::Future(task.run(fetch, &self.world)),
            (_, Some(seed)) => {
                let random = Fingerprint::of_integer(seed).combine(u64::from(key.0).fingerprint()).0;
                let outside = self.world.outside();
                let combines = self.manner.combines;
                Running::Future(Box::pin(async move {
                    let work = async |label: &'static str| match random >> 4 & 3 {
                        _ if self.world.is(Flaw::Unbounded) => outside.work(label).await,
                        // Work inside work goes on in the place of the outer one.
                        0 => fetch.work(fetch.work(outside.work(label))).await,
                        1 => fetch.work_in(POOL, fetch.work(outside.work(POOL))).await,
                        2 if random >> 10 & 1 == 0 => {
                            fetch.work_at(random >> 8 & 3, Some(POOL), outside.work(POOL)).await
                        }
                        2 => fetch.work_at(random >> 8 & 3, None, outside.work(label)).await,
                        _ => fetch.work(outside.work(label)).await,
                    };
                    if random & 1 == 0 {
                        work("before").await;
                    }
                    let value = if random & 4 == 0 {
                        task.run(fetch, &self.world).await?
                    } else {
                        // Something outside goes on while it fetches, and holds no place.
                        let beside = async {
                            outside.work(BESIDE).await;
                            Ok(0)
                        };
                        combines.both(task.run(fetch, &self.world), beside).await.0?
                    };
                    if random & 2 == 0 {
                        work("after").await;
                    }
                    Ok(value)
                }))
            }
        }
    }

    fn declared(&self, key: &Name, each: &mut dyn FnMut(&Name)) -> bool {
        if let Some(task) = self.graph.task(*key).filter(|_| P::DECLARES) {
            task.mentions(&mut |key| each(&key));
        }
        P::DECLARES
    }

    fn definition(&self, key: &Name) -> Option<Fingerprint> {
        self.graph.task(*key)?;
        match self.versions[key.0 as usize] {
            _ if self.manner.signed => self.definitions[key.0 as usize],
            0 => None,
            version => Some(Fingerprint::of_integer(version)),
        }
    }

    fn collection(&self) -> Option<u64> {
        Some(self.collection).filter(|_| !self.world.is(Flaw::Anonymous))
    }
}

/// Work that goes on beside a task's fetches, and takes no place.
pub(crate) const BESIDE: &str = "beside";

/// A pool with one permit, and the work that takes it.
pub(crate) const POOL: &str = "pool";

/// Outside work: pending so many times, each time ready to be polled again.
#[derive(Debug)]
pub struct Yields(pub u64);

impl Future for Yields {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.0 == 0 {
            return Poll::Ready(());
        }
        self.0 -= 1;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}
