//! The examples of make.py, a build system in one Python file, which this project grew from: a caching policy for each
//! task, detached jobs, recursion over parameters; and its open to-do, files among them.
//!
//!     cargo run -p alacarte-frontends --example seed_000
//!
//! A key is a rule with its parameters, as there it is a function with its arguments.

use std::cell::Cell;
use std::error::Error;
use std::path::Path;

use alacarte::files::{Contents, FileBuild, FileRules, FileSession, file};
use alacarte::prelude::Suspending;
use alacarte::rebuilders::{PerKey, Policy};
use alacarte::{Fetch, FetchRule, Output, Rebuilder, Rule, RuleKey};
use serde::{Deserialize, Serialize};

thread_local! {
    /// How often it was asked for the time.
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

/// The collatz sequence from here to 1: how many steps it takes. A task whose dependency is itself, with another parameter.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Steps(u64);

impl Rule for Steps {
    type Output = u64;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> alacarte::Result<u64> {
        match self.0 {
            0 | 1 => Ok(0),
            n if n.is_multiple_of(2) => Ok(1 + fetch.rule(Steps(n / 2)).await?),
            n => Ok(1 + fetch.rule(Steps(3 * n + 1)).await?),
        }
    }
}

/// How often it was asked: another answer each time, so that it is of no use to remember one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Now;

impl Rule for Now {
    type Output = u64;

    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> alacarte::Result<u64> {
        Ok(ASKED.replace(ASKED.get() + 1))
    }
}

/// The hundreds of that, which seldom change: what depends on them is kept.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Era;

impl Rule for Era {
    type Output = u64;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> alacarte::Result<u64> {
        Ok(fetch.rule(Now).await? / 100)
    }
}

/// The words of a file; what depends on them has work done that nobody waits for.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Words(String);

impl Rule for Words {
    type Output = u64;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> alacarte::Result<u64> {
        let text = fetch.rule(Contents::of(&self.0)).await?;
        // The build ends when this has ended; this task does not wait for it.
        fetch.detach(RuleKey::new(Steps(2345)));
        Ok(text.split_whitespace().count() as u64)
    }
}

fn rules() -> FileRules {
    FileRules::new()
        .with_version(1)
        .with_rule::<Steps>()
        .with_rule::<Now>()
        .with_rule::<Era>()
        .with_rule::<Words>()
        .rule("report", async |make| {
            let (words, steps) = (make.rule(Words("text".into())).await?, make.rule(Steps(27)).await?);
            let era = make.rule(Era).await?;
            make.write(make.target(), format!("{words} words, {steps} steps, era {era}\n"))
        })
}

/// The time is asked for in every build; what takes long is remembered, wherever it was computed.
fn policy(key: &RuleKey) -> Policy {
    match (key.as_rule::<Now>(), key.as_rule::<Steps>()) {
        (Some(_), _) => Policy::Volatile,
        (_, Some(_)) => Policy::ConstructiveTrace,
        _ => Policy::VerifyingTrace,
    }
}

/// A process of its own, as far as the build knows.
fn open(directory: &Path) -> Result<FileBuild<Suspending, impl Rebuilder<RuleKey, Output>>, Box<dyn Error>> {
    Ok(FileSession::new(directory).open(rules(), Suspending::new(), PerKey::new(policy), |_| {})?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let directory = directory.path();
    std::fs::write(directory.join("text"), "to be or not to be")?;
    let report = || std::fs::read_to_string(directory.join("report"));

    let mut build = open(directory)?;
    let ran = build.run([file("report")])?.ran.len();
    println!("the first build runs {ran} tasks: {}", report()?.trim());
    assert_eq!(report()?, "6 words, 111 steps, era 0\n");
    assert!(build.get(RuleKey::new(Steps(2345))).is_some(), "what was detached is done when the build ends");

    let again = build.run([file("report")])?.ran;
    println!("the next one asks for the time, and keeps the rest: {:?}", build.names(&again));
    assert_eq!(build.names(&again), [RuleKey::new(Now), RuleKey::new(Era)]);

    drop(build);
    std::fs::write(directory.join("text"), "to be")?;
    let mut build = open(directory)?;
    let ran = build.run([file("report")])?.ran;
    println!("after an edit, a new process runs what depends on it: {:?}", build.names(&ran));
    assert_eq!(report()?, "2 words, 111 steps, era 0\n");
    assert!(build.names(&ran).iter().all(|key| key.as_rule::<Steps>().is_none()), "no step is computed again");
    Ok(())
}
