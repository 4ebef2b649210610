//! What closures compute, and where a collection keeps them.
//!
//! A program that adds a task a key in a loop has closures of one type. They lie side by side in a *column* of that type,
//! and a task is a place in it: a closure boxed by itself would cost an allocation a key, and, since tasks do not run in the order
//! in which they were added, twice the memory to wait for.

use std::any::{Any, TypeId};
use std::cell::{OnceCell, Ref, RefCell};
use std::task::Poll;

use rustc_hash::FxHashMap;

use crate::error::Result;
use crate::fetch::Fetch;
use crate::fingerprint::{Fingerprint, Value};
use crate::key::{Key, KeyId};
use crate::task::Running;

/// What a task computes.
pub(crate) trait Body<K, V> {
    fn run<'t>(&'t self, fetch: Fetch<'t, K, V>) -> Running<'t, V>;

    /// What it declares, if it is static.
    fn declared(&self) -> Option<&Declared<K>> {
        None
    }

    /// Finds itself a place among others of its type.
    fn find_place(self: Box<Self>, bodies: &mut Bodies<K, V>) -> Place;
}

/// An async closure.
pub(crate) struct Fetches<F>(pub F);

impl<K: Key, V: Value, F: AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static> Body<K, V> for Fetches<F> {
    fn run<'t>(&'t self, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        Running::Future(Box::pin(self.0(fetch)))
    }

    fn find_place(self: Box<Self>, bodies: &mut Bodies<K, V>) -> Place {
        bodies.add(*self)
    }
}

/// An async closure that fetches some of the declared keys.
pub(crate) struct Selects<K, F>(pub Declared<K>, pub Fetches<F>);

impl<K: Key, V: Value, F: AsyncFn(Fetch<'_, K, V>) -> Result<V> + 'static> Body<K, V> for Selects<K, F> {
    fn run<'t>(&'t self, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        self.1.run(fetch)
    }

    fn declared(&self) -> Option<&Declared<K>> {
        Some(&self.0)
    }

    fn find_place(self: Box<Self>, bodies: &mut Bodies<K, V>) -> Place {
        bodies.add(*self)
    }
}

/// A function of the values of the declared keys.
pub(crate) struct Formula<K, F, const N: usize>(pub Declared<K>, pub F);

impl<K: Key, V: Value, F: Fn([V; N]) -> V + 'static, const N: usize> Body<K, V> for Formula<K, F, N> {
    fn run<'t>(&'t self, fetch: Fetch<'t, K, V>) -> Running<'t, V> {
        let ids = self.0.ids(fetch);
        let mut values = Vec::with_capacity(N);
        match fetch.poll_ids(&ids, |value| values.push(value.clone())) {
            Poll::Pending => Running::Waiting,
            Poll::Ready(Err(error)) => Running::Done(Err(error)),
            Poll::Ready(Ok(())) => match <[V; N]>::try_from(values) {
                Ok(values) => Running::Done(Ok((self.1)(values))),
                Err(_) => unreachable!("a group of {N} keys has {N} values"),
            },
        }
    }

    fn declared(&self) -> Option<&Declared<K>> {
        Some(&self.0)
    }

    fn find_place(self: Box<Self>, bodies: &mut Bodies<K, V>) -> Place {
        bodies.add(*self)
    }
}

/// What a static task declares.
pub(crate) struct Declared<K> {
    pub keys: Box<[K]>,
    ids: RefCell<Numbers>,
    /// The fingerprint of the keys, once it was asked for.
    fingerprint: OnceCell<Fingerprint>,
}

/// The numbers of the declared keys, and the [epoch](Fetch::epoch) in which they were looked up.
#[derive(Default)]
struct Numbers {
    epoch: Option<u64>,
    ids: Box<[KeyId]>,
}

impl<K: Key> Declared<K> {
    pub fn new(keys: impl IntoIterator<Item = impl Into<K>>) -> Self {
        let keys = keys.into_iter().map(Into::into).collect();
        Declared { keys, ids: RefCell::default(), fingerprint: OnceCell::new() }
    }

    pub fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| {
            let length = Fingerprint::of_integer(self.keys.len() as u64);
            self.keys.iter().fold(length, |sum, key| sum.combine(Fingerprint::of_bytes(key.to_string().as_bytes())))
        })
    }

    /// The ids of the keys, as they are now.
    fn ids<V: Value>(&self, fetch: Fetch<'_, K, V>) -> Ref<'_, [KeyId]> {
        let epoch = Some(fetch.epoch());
        if self.ids.borrow().epoch != epoch {
            let ids = self.keys.iter().map(|key| fetch.id_of(key)).collect();
            *self.ids.borrow_mut() = Numbers { epoch, ids };
        }
        Ref::map(self.ids.borrow(), |numbers| &*numbers.ids)
    }
}

/// Where a body lies.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    column: u32,
    row: u32,
}

/// The bodies of a collection's tasks.
pub(crate) struct Bodies<K, V> {
    columns: Vec<Box<dyn BodyColumn<K, V>>>,
    /// Which column is that of a type.
    of_type: FxHashMap<TypeId, u32>,
}

/// Bodies of one type, which nobody need know.
trait BodyColumn<K, V>: Any {
    fn body(&self, row: u32) -> Option<&dyn Body<K, V>>;

    /// Drops a body; the next of its type takes its place.
    fn remove(&mut self, row: u32);

    #[cfg(test)]
    fn places(&self) -> usize;
}

/// Bodies of the type `B`.
struct Rows<B> {
    /// `None` where a body was, and no other is yet.
    bodies: Vec<Option<B>>,
    vacant: Vec<u32>,
}

impl<K, V, B: Body<K, V> + 'static> BodyColumn<K, V> for Rows<B> {
    fn body(&self, row: u32) -> Option<&dyn Body<K, V>> {
        self.bodies[row as usize].as_ref().map(|body| body as &dyn Body<K, V>)
    }

    fn remove(&mut self, row: u32) {
        if self.bodies[row as usize].take().is_some() {
            self.vacant.push(row);
        }
    }

    #[cfg(test)]
    fn places(&self) -> usize {
        self.bodies.len()
    }
}

impl<K, V> Default for Bodies<K, V> {
    fn default() -> Self {
        Bodies { columns: Vec::new(), of_type: FxHashMap::default() }
    }
}

impl<K: 'static, V: 'static> Bodies<K, V> {
    fn add<B: Body<K, V> + 'static>(&mut self, body: B) -> Place {
        let columns = &mut self.columns;
        let column = *self.of_type.entry(TypeId::of::<B>()).or_insert_with(|| {
            columns.push(Box::new(Rows::<B> { bodies: Vec::new(), vacant: Vec::new() }));
            (columns.len() - 1) as u32
        });
        let rows: &mut dyn Any = &mut *columns[column as usize];
        let Some(Rows { bodies, vacant }) = rows.downcast_mut::<Rows<B>>() else {
            unreachable!("a column is that of its type")
        };
        let row = vacant.pop().unwrap_or_else(|| {
            bodies.push(None);
            (bodies.len() - 1) as u32
        });
        bodies[row as usize] = Some(body);
        Place { column, row }
    }

    pub fn get(&self, Place { column, row }: Place) -> &dyn Body<K, V> {
        let body = self.columns[column as usize].body(row);
        body.unwrap_or_else(|| unreachable!("the place of a task is that of its body"))
    }

    pub fn remove(&mut self, Place { column, row }: Place) {
        self.columns[column as usize].remove(row);
    }

    /// How many places there are.
    #[cfg(test)]
    fn places(&self) -> usize {
        self.columns.iter().map(|column| column.places()).sum()
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use crate::{Rules, task};

    /// A closure that is replaced or taken away is dropped at once, and the next of its type takes its place.
    #[test]
    fn a_place_is_given_to_the_next_of_its_type() {
        let held = Rc::new(());
        let closure = || {
            let held = held.clone();
            task(async move |_| {
                let _held = &held;
                Ok(1)
            })
        };
        let mut rules: Rules<u32, u32, crate::Dynamic> = Rules::new().rule(0_u32, closure());
        for _ in 0..100 {
            rules.set(0_u32, closure());
            rules.set(1_u32, closure());
            rules.remove(&1);
            assert_eq!(Rc::strong_count(&held), 2);
        }
        assert!(rules.bodies.places() <= 3, "{} places for one task", rules.bodies.places());
    }
}
