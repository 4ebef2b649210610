//! A program that has changed its types goes on from what an older one has left: from its journal, and from the traces that both
//! share. Whatever the rebuilder, each value is what a build from scratch gives.
//!
//! The fingerprints look at a part of a value only, and at no names, so that they cannot tell.

use alacarte_core::{Build, Fingerprint, Rules, Value, formula};
use alacarte_stores::{Log, Memory, TraceLog};
use serde::{Deserialize, Serialize};

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// A version of a program: its keys, its values, and what its only task makes of a source.
macro_rules! program {
    ($module:ident, key: { $($variant:ident),* }, body: { $($field:ident: $type:ty),* }) => {
        mod $module {
            use super::*;

            #[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
            #[allow(dead_code, reason = "a version has keys that no task names")]
            pub enum Key {
                $($variant(u8)),*
            }

            /// All are printed alike.
            impl std::fmt::Display for Key {
                fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("a key")
                }
            }

            #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
            pub struct Body {
                $(pub $field: $type),*
            }

            impl Value for Body {
                fn fingerprint(&self) -> Fingerprint {
                    Fingerprint::of_integer(1)
                }
            }

            /// Builds the object of a source whose fields are these numbers, and answers its own.
            pub fn build(directory: &std::path::Path, rebuilder: &str, shares: bool, values: [i32; 2]) -> [i32; 2] {
                let mut values = values.into_iter();
                let source = Body { $($field: values.next().unwrap_or_default() as $type),* };
                let tasks = Rules::new().rule(Key::Object(1), formula([Key::Source(1)], |[source]: [Body; 1]| source));
                let build = Build::new(tasks, Memory::from([(Key::Source(1), source)]))
                    .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
                    .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"));
                let build = if shares { build.with_cache(TraceLog::new(directory.join("traces"))) } else { build };
                let log = if shares { Log::in_memory() } else { Log::open(directory.join("journal")).expect("opened") };
                let mut build = build.with_journal(log);
                build.run([Key::Object(1)]).expect("built");
                let Body { $($field),* } = build.get(Key::Object(1)).expect("it has a value");
                [$($field as i32),*]
            }
        }
    };
}

program!(at_first, key: { Source, Object }, body: { interface: u32, hidden: u32 });
program!(fields_in_another_order, key: { Source, Object }, body: { hidden: u32, interface: u32 });
program!(a_variant_before, key: { Library, Source, Object }, body: { interface: u32, hidden: u32 });
program!(variants_in_another_order, key: { Object, Source }, body: { interface: u32, hidden: u32 });
program!(another_width, key: { Source, Object }, body: { interface: u64, hidden: u8 });
program!(signs, key: { Source, Object }, body: { interface: i32, hidden: i32 });

type Version = (&'static str, fn(&std::path::Path, &str, bool, [i32; 2]) -> [i32; 2]);

const VERSIONS: [Version; 6] = [
    ("at first", at_first::build),
    ("fields in another order", fields_in_another_order::build),
    ("a variant before", a_variant_before::build),
    ("variants in another order", variants_in_another_order::build),
    ("another width", another_width::build),
    ("signs", signs::build),
];

#[test]
fn what_another_version_has_left_is_never_taken_for_what_it_is_not() {
    for shares in [false, true] {
        for rebuilder in REBUILDERS {
            for (first, old) in VERSIONS {
                for (second, new) in VERSIONS.into_iter().filter(|(second, _)| *second != first) {
                    let directory = tempfile::tempdir().expect("a directory");
                    assert_eq!(old(directory.path(), rebuilder, shares, [1, 2]), [1, 2]);
                    let context = format!("{rebuilder}: {first}, then {second}; shared: {shares}");
                    assert_eq!(new(directory.path(), rebuilder, shares, [3, 4]), [3, 4], "{context}");
                    assert_eq!(old(directory.path(), rebuilder, shares, [1, 2]), [1, 2], "{context}, and back");
                }
            }
        }
    }
}
