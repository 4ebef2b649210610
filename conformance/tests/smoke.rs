use alacarte::{Build, Rules, formula, task};
use alacarte_rebuilders::*;
use alacarte_schedulers::*;
use alacarte_stores::Memory;

#[test]
fn readme() {
    let tasks = Rules::new()
        .rule("B1", formula(["A1", "A2"], |[a, b]| a + b))
        .rule("B2", task(async |fetch| Ok(fetch.get("B1").await? * 2)));
    let mut build = Build::new(tasks, Memory::from([("A1", 10), ("A2", 20)]))
        .scheduler(Suspending::new())
        .rebuilder(VerifyingTrace);
    let report = build.run(["B2"]).unwrap();
    assert_eq!(build.names(&report.ran), ["B1", "B2"]);
    assert_eq!(build.get("B2"), Some(60));
    build.set("A1", 20).unwrap();
    build.set("A2", 10).unwrap();
    let report = build.run(["B2"]).unwrap();
    assert_eq!(build.names(&report.ran), ["B1"]);
    let report = build.run(["B2"]).unwrap();
    assert!(report.ran.is_empty());
}

#[test]
fn all_combinations() {
    for s in AnyScheduler::NAMES {
        for r in AnyRebuilder::<&str, i64>::NAMES {
            let tasks = Rules::new()
                .rule("B1", formula(["A1", "A2"], |[a, b]| a + b))
                .rule("B2", formula(["B1", "A1"], |[a, b]| a * b))
                .rule("B3", formula(["B2", "B1"], |[a, b]| a * b));
            let mut build = Build::new(tasks, Memory::from([("A1", 10), ("A2", 20)]))
                .scheduler(AnyScheduler::named(s).unwrap())
                .rebuilder(AnyRebuilder::named(r).unwrap());
            for (a, b) in [(1, 2), (1, 2), (2, 1), (2, 2), (1, 2)] {
                build.set("A1", a).unwrap();
                build.set("A2", b).unwrap();
                let report = build.run(["B3"]).unwrap();
                println!("{s} {r} {:?} {report:?}", build.names(&report.ran));
                assert_eq!(build.get("B3"), Some((a + b) * a * (a + b)), "{s} {r}");
            }
        }
    }
}
