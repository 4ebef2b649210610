//! Typed rules with a journal on disk. Which rules a journal keeps is told once for a whole process, so each step of these tests
//! is a process of its own.

use std::path::Path;
use std::process::Command;

use alacarte_core::{
    Build, Fetch, FetchRule, Fingerprint, Output, Result, Rule, RuleKey, TypedRules, Value, journal_rule,
};
use alacarte_stores::{Log, Memory};
use serde::{Deserialize, Serialize};

const REBUILDERS: [&str; 5] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace"];

/// Runs each step in a process of its own, which calls this very test again. All of them have the same directory.
fn in_processes(test: &str, steps: &[&dyn Fn(&Path)]) {
    const STEP: &str = "TYPED_STEP";
    const DIRECTORY: &str = "TYPED_DIRECTORY";
    if let (Ok(step), Some(directory)) = (std::env::var(STEP), std::env::var_os(DIRECTORY)) {
        let step: usize = step.parse().expect("a number");
        return steps[step](Path::new(&directory));
    }
    let directory = tempfile::tempdir().expect("a directory");
    let (_, module) = module_path!().split_once("::").expect("it is a module of a test program");
    for step in 0..steps.len() {
        let mut process = Command::new(std::env::current_exe().expect("this program"));
        process.args(["--exact", &format!("{module}::{test}"), "--test-threads=1"]);
        let output = process.env(STEP, step.to_string()).env(DIRECTORY, directory.path()).output().expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains("1 passed"), "step {step} of {test}: {text}");
    }
}

/// What a build did and found.
struct Built {
    /// In the order of their names.
    ran: Vec<String>,
    outputs: Vec<Output>,
    /// The journal had lost nothing, and did not begin anew.
    whole: bool,
    anew: bool,
}

/// Builds with the journal that this rebuilder has in this directory.
fn build(directory: &Path, rebuilder: &str, inputs: &[(RuleKey, Output)], targets: &[RuleKey]) -> Built {
    let journal = Log::open(directory.join(rebuilder)).expect("opened");
    let mut build = Build::new(TypedRules, Memory::from_iter(inputs.iter().cloned()))
        .with_scheduler(alacarte_schedulers::named("suspending").expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(journal);
    let report = build.run(targets).expect("built");
    let mut ran: Vec<_> = build.names(&report.ran).iter().map(ToString::to_string).collect();
    ran.sort();
    let outputs = targets.iter().map(|target| build.get(target).expect("it has an output")).collect();
    let journal = build.journal();
    let anew = journal.anew().is_some();
    Built { ran, outputs, whole: journal.damage().is_none() && !anew, anew }
}

fn numbers(outputs: &[Output]) -> Vec<u64> {
    outputs.iter().map(|output| *output.get::<u64>().expect("a number")).collect()
}

/// A rule whose output is a number: `INPUT`, or made of what it fetches.
macro_rules! rule {
    ($name:ident, input) => {
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        struct $name(u8);
        impl Rule for $name {
            type Output = u64;
            const INPUT: bool = true;
            async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<u64> {
                unreachable!("an input")
            }
        }
    };
    ($name:ident, version: $version:expr, |$self:ident, $fetch:ident| $body:expr) => {
        #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
        struct $name(u8);
        impl Rule for $name {
            type Output = u64;
            const VERSION: u64 = $version;
            async fn run(&$self, $fetch: Fetch<'_, RuleKey, Output>) -> Result<u64> {
                Ok($body)
            }
        }
    };
}

rule!(Text, input);
rule!(Words, version: 0, |self, fetch| fetch.rule(Text(self.0)).await? / 2);
rule!(Lines, version: 0, |self, fetch| fetch.rule(Text(self.0)).await? * 10);
rule!(Pages, version: 0, |self, fetch| fetch.rule(Words(self.0)).await? + fetch.rule(Lines(self.0)).await?);
rule!(Sheets, version: 0, |self, fetch| fetch.rule(Pages(self.0)).await? * 100 + fetch.rule(Words(self.0)).await?);

/// What a build from scratch makes of this text.
fn sheets(text: u64) -> u64 {
    (text / 2 + text * 10) * 100 + text / 2
}

fn inputs(texts: &[u64]) -> Vec<(RuleKey, Output)> {
    (0..).zip(texts).map(|(number, text)| (RuleKey::new(Text(number)), Output::new(*text))).collect()
}

/// All rules of which the bit is set are entered.
fn enter(rules: u32) {
    let all = [
        journal_rule::<Text>,
        journal_rule::<Words>,
        journal_rule::<Lines>,
        journal_rule::<Pages>,
        journal_rule::<Sheets>,
    ];
    all.iter().enumerate().filter(|(bit, _)| rules & 1 << bit != 0).for_each(|(_, enter)| enter());
}

const ALL: u32 = 0b11111;

#[test]
fn a_later_process_runs_what_an_edit_asks_for_and_nothing_else() {
    let step = |texts: [u64; 2], ran: &[&str]| {
        let ran: Vec<_> = ran.iter().map(ToString::to_string).collect();
        move |directory: &Path| {
            enter(ALL);
            for rebuilder in REBUILDERS {
                let targets = [Sheets(0).into(), Sheets(1).into()];
                let built = build(directory, rebuilder, &inputs(&texts), &targets);
                assert_eq!((&built.ran, built.whole), (&ran, true), "{rebuilder}");
                assert_eq!(numbers(&built.outputs), texts.map(sheets), "{rebuilder}");
            }
        }
    };
    let all = ["Lines(0)", "Lines(1)", "Pages(0)", "Pages(1)", "Sheets(0)", "Sheets(1)", "Words(0)", "Words(1)"];
    in_processes(
        "a_later_process_runs_what_an_edit_asks_for_and_nothing_else",
        &[
            &step([6, 8], &all),
            &step([6, 8], &[]),
            &step([6, 10], &["Lines(1)", "Pages(1)", "Sheets(1)", "Words(1)"]),
            &step([6, 10], &[]),
        ],
    );
}

/// Two rules have one name if they are declared in two blocks: so they stand for two versions of the program.
#[test]
fn a_rule_of_another_version_runs_again() {
    let first = |directory: &Path| {
        rule!(Pair, version: 1, |self, fetch| fetch.rule(Text(self.0)).await? * 2);
        journal_rule::<Pair>();
        enter(ALL);
        assert!(std::any::type_name::<Pair>().ends_with("Pair"));
        for rebuilder in REBUILDERS {
            for ran in [&["Pair(0)"][..], &[]] {
                let built = build(directory, rebuilder, &inputs(&[3]), &[Pair(0).into()]);
                assert_eq!((numbers(&built.outputs), built.whole), (vec![6], true));
                assert_eq!(built.ran, ran, "{rebuilder}");
            }
        }
    };
    let second = |directory: &Path| {
        rule!(Pair, version: 2, |self, fetch| fetch.rule(Text(self.0)).await? * 3);
        journal_rule::<Pair>();
        enter(ALL);
        for rebuilder in REBUILDERS {
            let built = build(directory, rebuilder, &inputs(&[3]), &[Pair(0).into()]);
            assert_eq!((numbers(&built.outputs), built.whole), (vec![9], true), "{rebuilder}");
        }
    };
    in_processes("a_rule_of_another_version_runs_again", &[&first, &second]);
}

/// The fingerprint sees nothing of the fields, so the seal must see them within the output.
#[test]
fn an_output_whose_fields_have_changed_is_made_again() {
    macro_rules! program {
        ($first:ident, $second:ident) => {
            |directory: &Path| {
                #[derive(Clone, Serialize, Deserialize)]
                struct Body {
                    $first: u64,
                    $second: u64,
                }
                impl Value for Body {
                    fn fingerprint(&self) -> Fingerprint {
                        Fingerprint(7)
                    }
                }
                #[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
                struct Object(u8);
                impl Rule for Object {
                    type Output = Body;
                    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<Body> {
                        Ok(Body { interface: 1, hidden: fetch.rule(Text(self.0)).await? })
                    }
                }
                journal_rule::<Object>();
                enter(ALL);
                for rebuilder in REBUILDERS {
                    let built = build(directory, rebuilder, &inputs(&[5]), &[Object(0).into(), Words(0).into()]);
                    let body = built.outputs[0].get::<Body>().expect("a body");
                    assert_eq!((body.interface, body.hidden), (1, 5), "{rebuilder}");
                    let again = directory.join("again").exists();
                    let ran: &[&str] = if again { &["Object(0)"] } else { &["Object(0)", "Words(0)"] };
                    assert_eq!(built.ran, ran, "{rebuilder}");
                }
                std::fs::write(directory.join("again"), "").expect("written");
            }
        };
    }
    let (first, second) = (program!(interface, hidden), program!(hidden, interface));
    in_processes("an_output_whose_fields_have_changed_is_made_again", &[&first, &second]);
}

#[test]
fn rules_that_no_journal_keeps_run_again_and_others_are_kept() {
    // (`Lines` is not entered, and `Pages` and `Sheets` are made of it.)
    let step = |rules: u32, ran: &[&str], whole: bool| {
        let ran: Vec<_> = ran.iter().map(ToString::to_string).collect();
        move |directory: &Path| {
            enter(rules);
            for rebuilder in REBUILDERS {
                let built = build(directory, rebuilder, &inputs(&[6]), &[Sheets(0).into(), Words(0).into()]);
                assert_eq!(numbers(&built.outputs), [sheets(6), 3], "{rebuilder}");
                assert_eq!((&built.ran, built.whole, built.anew), (&ran, whole, false), "{rebuilder}");
            }
        }
    };
    let (all, lines) = (["Lines(0)", "Pages(0)", "Sheets(0)", "Words(0)"], ["Lines(0)", "Pages(0)", "Sheets(0)"]);
    in_processes(
        "rules_that_no_journal_keeps_run_again_and_others_are_kept",
        &[
            &step(ALL & !0b100, &all, true),
            &step(ALL & !0b100, &lines, true),
            // It is entered at last; and not once more, though the journal speaks of it.
            &step(ALL, &lines, true),
            &step(ALL, &[], true),
            &step(ALL & !0b100, &lines, false),
        ],
    );
}

#[test]
fn a_process_that_has_entered_no_rule_runs_everything() {
    let all = ["Lines(0)", "Pages(0)", "Sheets(0)", "Words(0)"];
    let step = |rules: u32, ran: &[&str], anew: bool| {
        let ran: Vec<_> = ran.iter().map(ToString::to_string).collect();
        move |directory: &Path| {
            enter(rules);
            for rebuilder in REBUILDERS {
                let built = build(directory, rebuilder, &inputs(&[6]), &[Sheets(0).into()]);
                assert_eq!(numbers(&built.outputs), [sheets(6)], "{rebuilder}");
                assert_eq!((&built.ran, built.anew), (&ran, anew), "{rebuilder}");
            }
        }
    };
    in_processes(
        "a_process_that_has_entered_no_rule_runs_everything",
        &[
            &step(0, &all, false),
            &step(0, &all, false),
            &step(ALL, &all, false),
            &step(0, &all, true),
            &step(ALL, &all, false),
        ],
    );
}

/// Whatever was entered in which process, and whatever was edited between two: the outputs are those of a build from scratch.
#[test]
fn no_output_is_wrong_whichever_rules_are_entered() {
    let step = |number: u64| {
        move |directory: &Path| {
            let random = |seed: u64, below: u64| Fingerprint::of_integer(number << 32 | seed).0 % below;
            enter(random(0, u64::from(ALL) + 1) as u32);
            for history in 1..40 {
                let directory = directory.join(history.to_string());
                for rebuilder in REBUILDERS {
                    for edit in 0..2 {
                        let text = random(history << 8 | edit, 4);
                        let (target, expected) = match random(history << 8 | edit | 2, 2) {
                            0 => (Sheets(0).into(), sheets(text)),
                            _ => (Pages(0).into(), text / 2 + text * 10),
                        };
                        let built = build(&directory, rebuilder, &inputs(&[text]), &[target]);
                        assert_eq!(
                            numbers(&built.outputs),
                            [expected],
                            "{rebuilder}, process {number}, history {history}"
                        );
                    }
                }
            }
        }
    };
    let steps: Vec<_> = (0..16).map(step).collect();
    let steps: Vec<&dyn Fn(&Path)> = steps.iter().map(|step| step as _).collect();
    in_processes("no_output_is_wrong_whichever_rules_are_entered", &steps);
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Fibonacci {
    n: u32,
}

impl Rule for Fibonacci {
    type Output = u64;
    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<u64> {
        match self.n {
            0 | 1 => Ok(u64::from(self.n)),
            n => Ok(fetch.rule(Fibonacci { n: n - 1 }).await? + fetch.rule(Fibonacci { n: n - 2 }).await?),
        }
    }
}

#[test]
fn a_rule_that_fetches_itself_goes_on_where_an_earlier_process_stopped() {
    let step = |n: u32, runs: usize, expected: u64| {
        move |directory: &Path| {
            journal_rule::<Fibonacci>();
            for rebuilder in REBUILDERS {
                let built = build(directory, rebuilder, &[], &[Fibonacci { n }.into()]);
                assert_eq!((numbers(&built.outputs), built.ran.len()), (vec![expected], runs), "{rebuilder}");
            }
        }
    };
    in_processes(
        "a_rule_that_fetches_itself_goes_on_where_an_earlier_process_stopped",
        &[&step(30, 31, 832_040), &step(30, 0, 832_040), &step(35, 5, 9_227_465)],
    );
}

/// Half of its outputs can be written, but not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "u8")]
struct Halved(u8);

impl TryFrom<u8> for Halved {
    type Error = &'static str;
    fn try_from(number: u8) -> std::result::Result<Self, &'static str> {
        if number.is_multiple_of(2) { Ok(Halved(number)) } else { Err("it is odd") }
    }
}

impl Value for Halved {
    fn fingerprint(&self) -> Fingerprint {
        self.0.fingerprint()
    }
}

#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Half(u8);

impl Rule for Half {
    type Output = Halved;
    async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<Halved> {
        Ok(Halved(self.0))
    }
}

#[test]
fn an_output_that_cannot_be_read_costs_just_its_key() {
    let step = |ran: &[&str]| {
        let ran: Vec<_> = ran.iter().map(ToString::to_string).collect();
        move |directory: &Path| {
            journal_rule::<Half>();
            for rebuilder in REBUILDERS {
                let targets = [0, 1, 2, 3].map(|n| Half(n).into());
                assert_eq!(build(directory, rebuilder, &[], &targets).ran, ran, "{rebuilder}");
            }
        }
    };
    in_processes(
        "an_output_that_cannot_be_read_costs_just_its_key",
        &[&step(&["Half(0)", "Half(1)", "Half(2)", "Half(3)"]), &step(&["Half(1)", "Half(3)"])],
    );
}

#[test]
fn keys_and_outputs_come_back_in_any_format() {
    journal_rule::<Fibonacci>();
    journal_rule::<Fibonacci>();
    journal_rule::<Half>();
    let key = RuleKey::new(Fibonacci { n: 7 });
    let text = serde_json::to_string(&key).expect("written");
    assert_eq!(text, format!(r#"["{}",{{"n":7}}]"#, std::any::type_name::<Fibonacci>()));
    assert_eq!(serde_json::from_str::<RuleKey>(&text).expect("read"), key);
    for output in [Output::new(13_u64), Output::new(Halved(4))] {
        let text = serde_json::to_string(&output).expect("written");
        let again: Output = serde_json::from_str(&text).expect("read");
        assert_eq!((again.fingerprint(), again.is_whole()), (output.fingerprint(), output.is_whole()));
        assert_eq!((again.get::<u64>(), again.get::<Halved>()), (output.get::<u64>(), output.get::<Halved>()));
    }
}

#[test]
fn what_was_not_entered_says_what_to_do() {
    #[derive(Clone, PartialEq, Eq, Hash, Debug)]
    struct Unknown;
    impl Rule for Unknown {
        type Output = ();
        async fn run(&self, _: Fetch<'_, RuleKey, Output>) -> Result<()> {
            Ok(())
        }
    }
    let written = serde_json::to_string(&RuleKey::new(Unknown)).expect_err("unknown").to_string();
    assert!(written.contains("::Unknown`: call `journal_rule`"), "{written}");
    let written = serde_json::to_string(&Output::new(vec![(1_u8, 2_u8)])).expect_err("unknown").to_string();
    assert!(written.contains("the output type `alloc::vec::Vec<(u8, u8)>`: call `journal_rule`"), "{written}");
    let read = serde_json::from_str::<RuleKey>(r#"["other::Rule", 1]"#).expect_err("unknown").to_string();
    assert!(read.contains("the rule type `other::Rule`: call `journal_rule`"), "{read}");
    for wrong in ["[]", r#"["other::Rule"]"#, "7", "[7, 7]"] {
        let told = serde_json::from_str::<Output>(wrong).expect_err("it is no output").to_string();
        assert!(told.contains("the name of a type") || told.contains("call `journal_rule`"), "{wrong}: {told}");
    }
}

#[test]
fn two_rules_of_one_name_are_refused() {
    let first = || {
        rule!(Twin, version: 0, |self, _fetch| u64::from(self.0));
        journal_rule::<Twin>();
        serde_json::to_string(&RuleKey::new(Twin(1))).map_err(|error| error.to_string())
    };
    let second = || {
        rule!(Twin, version: 0, |self, _fetch| u64::from(self.0) + 1);
        let entered = std::panic::catch_unwind(journal_rule::<Twin>);
        let text = entered.expect_err("it is refused").downcast::<String>().expect("a text");
        assert!(text.contains("::Twin`, so no journal can tell them apart: rename one of them"), "{text}");
        serde_json::to_string(&RuleKey::new(Twin(1))).map_err(|error| error.to_string())
    };
    assert!(first().is_ok() && second().is_err());
    // What was entered before is entered still.
    assert!(first().is_ok());
}
