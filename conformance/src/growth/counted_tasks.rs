//! Tasks as data, made to be many: what one fetches is a list of numbers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};

use alacarte_core::{Fetch, Fingerprint, Get, Result, Rules, Running, Static, TaskError, Tasks, declared};

use super::Number;

/// What a task does: it adds up what it fetches.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SumTask {
    /// What it fetches, in this order,
    pub fetches: Vec<Number>,
    /// and how.
    pub manner: FetchManner,
    /// What must be up to date before it is considered.
    pub order_only: Vec<Number>,
    /// What it has brought up to date without waiting.
    pub detaches: Vec<Number>,
    /// Its sum is no larger than this.
    pub most: Option<i64>,
    /// If its sum is larger than this, it fails.
    pub bears: Option<i64>,
    /// It must run in every build.
    pub volatile: bool,
}

/// How several keys are fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum FetchManner {
    /// One after the other.
    #[default]
    Singly,
    /// As one group.
    Grouped,
    /// By as many futures as there are keys, all of them polled whenever the task is.
    Joined,
}

impl SumTask {
    /// A task that fetches these, one after the other.
    pub fn of(fetches: impl IntoIterator<Item = Number>) -> Self {
        SumTask { fetches: fetches.into_iter().collect(), ..SumTask::default() }
    }

    /// A task that fetches these at once.
    pub fn group(fetches: impl IntoIterator<Item = Number>) -> Self {
        SumTask { manner: FetchManner::Grouped, ..SumTask::of(fetches) }
    }
}

/// Many of them: rules, which know what order-only inputs are beside.
#[derive(Debug)]
pub struct SumTasks {
    rules: Rules<Number, i64>,
    order_only: HashMap<Number, Vec<Number>>,
    /// How often a task was started or resumed.
    polls: Rc<std::cell::Cell<u64>>,
}

impl SumTasks {
    /// These tasks.
    pub fn new(tasks: impl IntoIterator<Item = (Number, SumTask)>, polls: Rc<std::cell::Cell<u64>>) -> Self {
        let mut cells = SumTasks { rules: Rules::new(), order_only: HashMap::new(), polls };
        tasks.into_iter().for_each(|(key, cell)| cells.replace(key, Some(cell)));
        cells
    }

    /// Gives a key another task, or takes it away.
    pub fn replace(&mut self, key: Number, task: Option<SumTask>) {
        let Some(cell) = task else {
            self.rules.remove(&key);
            self.order_only.remove(&key);
            return;
        };
        self.order_only.insert(key, cell.order_only.clone());
        let fetches = cell.fetches.clone();
        let polls = self.polls.clone();
        let run = async move |fetch: Fetch<'_, Number, i64>| {
            let mut task = pin!(run(&cell, fetch));
            let counted = poll_fn(|cx| {
                polls.set(polls.get() + 1);
                task.as_mut().poll(cx)
            });
            counted.await
        };
        self.rules.set(key, declared(fetches, run));
    }
}

impl Tasks<Number, i64> for SumTasks {
    type Power = Static;

    fn has(&self, key: &Number) -> bool {
        self.rules.has(key)
    }

    fn run<'t>(&'t self, key: &Number, fetch: Fetch<'t, Number, i64>) -> Running<'t, i64> {
        self.rules.run(key, fetch)
    }

    fn declared(&self, key: &Number, each: &mut dyn FnMut(&Number)) -> bool {
        self.rules.declared(key, each)
    }

    fn order_only(&self, key: &Number, each: &mut dyn FnMut(&Number)) {
        self.order_only.get(key).into_iter().flatten().for_each(each);
    }

    fn definition(&self, key: &Number) -> Option<Fingerprint> {
        self.rules.definition(key)
    }

    fn collection(&self) -> Option<u64> {
        self.rules.collection()
    }

    fn moment(&self) -> Option<u64> {
        self.rules.moment()
    }

    fn changed_since(&self, moment: u64, each: &mut dyn FnMut(&Number)) -> bool {
        self.rules.changed_since(moment, each)
    }
}

async fn run(cell: &SumTask, fetch: Fetch<'_, Number, i64>) -> Result<i64> {
    if cell.volatile {
        fetch.volatile();
    }
    cell.detaches.iter().for_each(|key| fetch.detach(key));
    let mut sum = 0_i64;
    match cell.manner {
        FetchManner::Singly => {
            for key in &cell.fetches {
                sum = sum.wrapping_add(fetch.get(key).await?);
            }
        }
        FetchManner::Grouped => sum = fetch.all(&cell.fetches).await?.into_iter().fold(sum, i64::wrapping_add),
        FetchManner::Joined => {
            let fetches = cell.fetches.iter().map(|key| (fetch.get(key), None)).collect();
            sum = Joined(fetches).await?.into_iter().fold(sum, i64::wrapping_add);
        }
    }
    if cell.bears.is_some_and(|most| sum > most) {
        return Err(TaskError::new("too much"));
    }
    Ok(cell.most.map_or(sum, |most| sum.min(most)))
}

/// Several fetches at once, in the simplest way: each that is not done is polled whenever this is.
struct Joined<'f>(Vec<(Get<'f, Number, i64>, Option<i64>)>);

impl Future for Joined<'_> {
    type Output = Result<Vec<i64>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut all = true;
        for (fetch, value) in &mut self.0 {
            if value.is_none() {
                match Pin::new(fetch).poll(cx) {
                    Poll::Ready(got) => *value = Some(got?),
                    Poll::Pending => all = false,
                }
            }
        }
        if all { Poll::Ready(Ok(self.0.iter().filter_map(|(_, value)| *value).collect())) } else { Poll::Pending }
    }
}
