//! A user's program: five tasks over two inputs.

use std::marker::PhantomData;

use alacarte_core::{Fetch, Fingerprint, Running, Tasks, Value};

use super::fuse::{Fragile, burn};
use super::types::{INPUT, Label, Part, TASK};
use crate::program::Declares;

/// What a counterexample says of it.
pub(super) const TEXT: &str =
    "Tasks. Each makes an object; its body is what is said here, its interface a tenth of that. Dependents \
                               see interfaces.
  B = A
  C = B
  now and then = A, volatile if that is a multiple of three
  chosen = if D is even, B, otherwise 100 + A
  all = C + chosen
";

pub(super) const A: Label = Label { kind: INPUT, number: 0 };
pub(super) const D: Label = Label { kind: INPUT, number: 1 };
const B: Label = Label { kind: TASK, number: 0 };
const C: Label = Label { kind: TASK, number: 1 };
const CHOSEN: Label = Label { kind: TASK, number: 3 };

/// What a key with a task mentions.
fn mentions(key: &Label) -> &'static [Label] {
    const MENTIONS: [&[Label]; 5] = [&[A], &[B], &[A], &[D, B, A], &[C, CHOSEN]];
    MENTIONS[usize::from(key.number)]
}

/// The body that a key with a task has by right, from these inputs.
fn body(number: u8, a: i64, d: i64) -> i64 {
    let shown = |number| body(number, a, d).div_euclid(10);
    match number {
        0 | 2 => a,
        1 => shown(0),
        3 if d % 2 == 0 => shown(0),
        3 => 100 + a,
        _ => shown(1) + shown(3),
    }
}

/// The value that a key with a task holds by right, from these inputs.
pub(super) fn truth(number: u8, [a, d]: [i64; 2]) -> Part {
    Part::of(body(number, a, d))
}

/// The tasks, of power `P`.
pub(super) struct Program<P>(pub PhantomData<P>);

/// What a task makes of what it fetches.
async fn make(number: u8, fetch: Fetch<'_, Label, Part>) -> alacarte_core::Result<Part> {
    let shown = async |key: Label| -> alacarte_core::Result<i64> {
        let part = fetch.get(key).await?;
        burn(Fragile::Task);
        Ok(part.shown())
    };
    let body = match number {
        0 => shown(A).await?,
        1 => shown(B).await?,
        2 => {
            let a = shown(A).await?;
            if a % 3 == 0 {
                fetch.volatile();
            }
            a
        }
        3 if shown(D).await? % 2 == 0 => shown(B).await?,
        3 => 100 + shown(A).await?,
        _ => {
            let parts = fetch.all([C, CHOSEN]).await?;
            burn(Fragile::Task);
            parts.iter().map(|part| part.shown()).sum()
        }
    };
    Ok(Part::of(body))
}

impl<P: Declares> Tasks<Label, Part> for Program<P> {
    type Power = P;

    fn has(&self, key: &Label) -> bool {
        burn(Fragile::Has);
        key.kind == TASK
    }

    fn run<'t>(&'t self, key: &Label, fetch: Fetch<'t, Label, Part>) -> Running<'t, Part> {
        burn(Fragile::Run);
        Running::Future(Box::pin(make(key.number, fetch)))
    }

    fn declared(&self, key: &Label, each: &mut dyn FnMut(&Label)) -> bool {
        burn(Fragile::Declared);
        if P::DECLARES && key.kind == TASK {
            mentions(key).iter().for_each(each);
        }
        P::DECLARES
    }

    fn definition(&self, key: &Label) -> Option<Fingerprint> {
        burn(Fragile::Definition);
        (key.kind == TASK).then(|| u64::from(key.number).fingerprint())
    }
}
