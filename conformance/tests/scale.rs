//! Large graphs: nothing recurses, nothing is quadratic. What is counted is starts and fetches, never time.

use alacarte_conformance::Declares;
use alacarte_core::{Build, Dynamic, Fetch, Rebuilder, Running, Scheduler, Static, Tasks};
use alacarte_stores::Memory;
use std::marker::PhantomData;
use std::task::Poll;

/// Tasks that add what they depend on; `of` lists it. A key without dependencies is an input.
struct Sum<F, P> {
    of: F,
    /// One after the other, rather than as a group.
    singly: bool,
    power: PhantomData<P>,
}

impl<F: Fn(u32) -> Vec<u32>, P> Sum<F, P> {
    fn new(of: F, singly: bool) -> Self {
        Sum { of, singly, power: PhantomData }
    }
}

impl<F: Fn(u32) -> Vec<u32>, P: Declares> Tasks<u32, i64> for Sum<F, P> {
    type Power = P;

    fn has(&self, key: &u32) -> bool {
        !(self.of)(*key).is_empty()
    }

    fn run<'t>(&'t self, key: &u32, fetch: Fetch<'t, u32, i64>) -> Running<'t, i64> {
        let keys = (self.of)(*key);
        if self.singly {
            return Running::Future(Box::pin(async move {
                let mut sum = 0_i64;
                for key in keys {
                    sum = sum.wrapping_add(fetch.get(key).await?);
                }
                Ok(sum)
            }));
        }
        let ids: Vec<_> = keys.iter().map(|key| fetch.id_of(key)).collect();
        let mut sum = 0_i64;
        match fetch.poll_ids(&ids, |value| sum = sum.wrapping_add(*value)) {
            Poll::Pending => Running::Waiting,
            Poll::Ready(outcome) => Running::Done(outcome.map(|()| sum)),
        }
    }

    fn declared(&self, key: &u32, each: &mut dyn FnMut(&u32)) -> bool {
        if P::DECLARES {
            (self.of)(*key).iter().for_each(each);
        }
        P::DECLARES
    }
}

type System<T> = Build<u32, i64, T, Memory<u32, i64>, Box<dyn Scheduler>, Box<dyn Rebuilder<u32, i64>>>;

fn system<T: Tasks<u32, i64>>(scheduler: &str, rebuilder: &str, tasks: T, inputs: u32) -> System<T> {
    Build::new(tasks, (0..inputs).map(|key| (key, 1)).collect::<Memory<_, _>>())
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
}

fn chain(key: u32) -> Vec<u32> {
    key.checked_sub(1).into_iter().collect()
}

/// Runs on a thread with a stack of 256 KiB.
fn shallow(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(256 << 10).spawn(work).expect("a thread");
    thread.join().expect("no overflow");
}

fn chain_of_a_million<P: Declares>(scheduler: &'static str, rebuilder: &'static str, singly: bool) {
    shallow(move || {
        let last = 1_000_000;
        let mut build = system(scheduler, rebuilder, Sum::<_, P>::new(chain, singly), 1);
        build.reserve(last as usize + 1);
        let report = build.run([last]).expect("built");
        assert_eq!((build.get(last), report.ran.len()), (Some(1), last as usize));
        assert!(report.restarts <= u64::from(last), "a restart a discovery");
        build.set(0, 2).expect("set");
        let report = build.run([last]).expect("built");
        assert_eq!((build.get(last), report.ran.len()), (Some(2), last as usize));
    });
}

#[test]
fn a_static_chain_of_a_million_keys_needs_no_stack() {
    chain_of_a_million::<Static>("topological", "dirty-bit", false);
}

#[test]
fn a_dynamic_chain_of_a_million_keys_needs_no_stack_when_suspending() {
    chain_of_a_million::<Dynamic>("suspending", "verifying-trace", true);
}

#[test]
fn a_dynamic_chain_of_a_million_keys_needs_no_stack_when_restarting() {
    chain_of_a_million::<Dynamic>("restarting", "constructive-trace", true);
}

#[test]
fn a_chain_needs_no_stack_under_any_combination() {
    for scheduler in alacarte_schedulers::NAMES {
        for rebuilder in alacarte_conformance::REBUILDERS {
            shallow(move || {
                let last = 20_000;
                let mut build = system(scheduler, rebuilder, Sum::<_, Static>::new(chain, true), 1);
                build.run([last]).expect("built");
                build.set(0, 2).expect("set");
                build.run([last]).expect("built");
                assert_eq!(build.get(last), Some(2), "{scheduler} × {rebuilder}");
            });
        }
    }
}

const WIDTH: u32 = 100_000;

/// One key that depends on all others, each of which depends on input 0.
fn fan_in(key: u32) -> Vec<u32> {
    match key {
        0 => Vec::new(),
        WIDTH => (1..WIDTH).collect(),
        _ => vec![0],
    }
}

#[test]
fn a_hundred_thousand_dependencies_in_a_group_cost_one_restart() {
    for rebuilder in ["dirty-bit", "verifying-trace", "deep-constructive-trace"] {
        for scheduler in alacarte_schedulers::NAMES {
            let mut build = system(scheduler, rebuilder, Sum::<_, Static>::new(fan_in, false), 1);
            let report = build.run([WIDTH]).expect("built");
            assert_eq!(build.get(WIDTH), Some(i64::from(WIDTH) - 1));
            assert!(report.restarts <= 2, "{scheduler} × {rebuilder}: {} restarts", report.restarts);
            let fetches = report.fetches;
            build.set(0, 2).expect("set");
            let report = build.run([WIDTH]).expect("built");
            assert_eq!(report.ran.len(), WIDTH as usize);
            assert!(report.restarts <= 2 && report.fetches <= 3 * fetches, "{scheduler} × {rebuilder}: {report:?}");
        }
    }
}

#[test]
fn a_hundred_thousand_dependencies_one_by_one_are_linear() {
    let mut build = system("suspending", "verifying-trace", Sum::<_, Dynamic>::new(fan_in, true), 1);
    let report = build.run([WIDTH]).expect("built");
    assert!(report.fetches <= 3 * u64::from(WIDTH), "{} fetches", report.fetches);
    build.set(0, 2).expect("set");
    let report = build.run([WIDTH]).expect("built");
    assert!(report.fetches <= 6 * u64::from(WIDTH), "{} fetches", report.fetches);
    assert_eq!(build.get(WIDTH), Some(2 * (i64::from(WIDTH) - 1)));
}

/// Rows of 50; a key depends on three of the row below.
fn layered(key: u32) -> Vec<u32> {
    let (row, column) = (key / 50, key % 50);
    if row == 0 { Vec::new() } else { [1, 7, 23].map(|step| (row - 1) * 50 + (column + step) % 50).to_vec() }
}

/// The published restarting scheduler starts each key 52 times on a chain of 10,000, and starts keys that the
/// target does not reach.
#[test]
fn restarts_on_a_layered_graph_are_linear_and_start_nothing_unreachable() {
    for singly in [false, true] {
        for rows in [20, 200] {
            let keys = rows * 50;
            let mut build = system("restarting", "verifying-trace", Sum::<_, Dynamic>::new(layered, singly), 50);
            let last = keys - 1;
            let report = build.run([last]).expect("built");
            let most = if singly { 3 * keys } else { keys };
            assert!(report.restarts <= u64::from(most), "{} restarts of {keys} keys", report.restarts);
            // Whatever was built all at once before, a part costs only the part.
            build.run((50..keys).collect::<Vec<_>>()).expect("built");
            build.set(0, 2).expect("set");
            let report = build.run([51]).expect("built");
            assert!(report.restarts == 0 && report.ran.len() <= 1, "{report:?}");
            let report = build.run((50..keys).collect::<Vec<_>>()).expect("built");
            assert!(report.restarts <= u64::from(most), "{} restarts of {keys} keys", report.restarts);
        }
    }
}

/// The published model scans every trace of every key for each look-up, and each rebuild makes it worse.
#[test]
fn looking_traces_up_is_linear_and_does_not_grow_with_history() {
    for rebuilder in ["verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace", "dirty-bit"] {
        for scheduler in alacarte_schedulers::NAMES {
            let fetches = |rows: u32, history: i64| {
                let keys = rows * 50;
                let mut build = system(scheduler, rebuilder, Sum::<_, Static>::new(layered, false), 50);
                let targets: Vec<u32> = (keys - 50..keys).collect();
                build.run(&targets).expect("built");
                for value in 0..history {
                    build.set(0, 10 + value).expect("set");
                    build.run(&targets).expect("built");
                }
                // An edit that is taken back has all above it looked at.
                for value in [-1, 9 + history] {
                    build.set(0, value).expect("set");
                }
                let unchanged = build.run(&targets).expect("built");
                // (A step and a bit do not say what the value was.)
                let says = !["step-trace", "dirty-bit"].contains(&rebuilder);
                assert!(unchanged.ran.is_empty() || !says, "{scheduler} × {rebuilder}");
                build.set(1, 5).expect("set");
                unchanged.fetches.max(build.run(&targets).expect("built").fetches)
            };
            // Each of three dependencies is fetched to verify it and by the task, either twice if that has to wait.
            for (rows, history) in [(20, 1), (200, 1), (20, 12)] {
                let (fetches, keys) = (fetches(rows, history), u64::from(rows) * 50);
                assert!(fetches <= 12 * keys, "{scheduler} × {rebuilder}: {fetches} fetches of {keys} keys");
            }
        }
    }
}
