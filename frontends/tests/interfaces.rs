//! Rules whose dependents see an interface and not the bytes: of a shared library its symbols, of a header its code.

use std::fs;
use std::path::Path;

use alacarte_core::{Fetch, FetchRule, Output, Rebuilder, Result, Rule, RuleKey};
use alacarte_frontends::files::{Contents, FileRules, FileSession, file};
use alacarte_rebuilders::{ConstructiveTrace, VerifyingTrace};
use alacarte_schedulers::Suspending;
use serde::{Deserialize, Serialize};

fn write(root: &Path, name: &str, text: &str) {
    let path = root.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

/// What ran, by a new process for all that it knows.
fn ran(root: &Path, rules: FileRules, rebuilder: impl Rebuilder<RuleKey, Output>, target: &str) -> Vec<String> {
    let mut build = FileSession::new(root).open(rules, Suspending::new(), rebuilder, |_| {}).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let report = runtime.block_on(build.run_async([file(target)])).expect("it builds");
    let mut ran: Vec<String> = build.names(&report.ran).iter().map(ToString::to_string).collect();
    ran.sort();
    ran
}

/// A program that is linked with a shared library, and needs of that nothing but its interface: which symbols it exports.
fn linked() -> FileRules {
    FileRules::new()
        .with_version(1)
        .rule("out/lib*.so", async |make| {
            let source = format!("{}.c", make.part(0));
            make.need([&source]).await?;
            make.command(["cc", "-shared", "-fPIC", "-o", make.target(), &source]).run().await
        })
        .rule("out/lib*.so.interface", async |make| {
            let library = make.target().trim_end_matches(".interface").to_owned();
            make.need([&library]).await?;
            let table = make.command(["nm", "-D", "--defined-only", "--format=posix", &library]).capture().await?;
            // Name and kind; behind these stand addresses.
            let symbols = table.lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
            make.write(make.target(), symbols.collect::<Vec<_>>().join("\n"))
        })
        .rule("out/program", async |make| {
            make.need(["main.c", "out/libcalc.so.interface"]).await?;
            let library = ["-Lout", "-lcalc", "-Wl,-rpath,$ORIGIN"];
            make.command([&["cc", "-o", make.target(), "main.c"][..], &library].concat()).run().await
        })
}

#[test]
fn a_program_is_linked_anew_only_when_its_library_has_another_interface() {
    fn with<R: Rebuilder<RuleKey, Output>>(rebuilder: impl Fn() -> R) {
        let directory = tempfile::tempdir().expect("a directory");
        let root = directory.path();
        write(root, "main.c", "int calc(void);\nint main(void) { return calc(); }\n");
        let build = |text: &str| {
            write(root, "calc.c", text);
            ran(root, linked(), rebuilder(), "out/program")
        };
        let (library, page, program) = ("out/libcalc.so", "out/libcalc.so.interface", "out/program");
        let ends = || std::process::Command::new(root.join(program)).status().expect("it runs").code();
        assert_eq!(build("int calc(void) { return 3; }\n"), [library, page, program]);
        assert_eq!(ends(), Some(3));
        assert_eq!(build("int calc(void) { int x = 3; return x + 4; }\n"), [library, page]);
        assert_eq!(ends(), Some(7), "it is right, though it was not linked again");
        assert_eq!(build("int calc(void) { int x = 3; return x + 4; }\n"), [""; 0]);
        let other = "int more(void) { return 1; }\nint calc(void) { return more(); }\n";
        assert_eq!(build(other), [library, page, program]);
        assert_eq!(ends(), Some(1));
    }
    with(|| VerifyingTrace);
    with(|| ConstructiveTrace);
}

/// What a compiler sees of a text: no comments, and all space as one.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Serialize, Deserialize)]
struct Code(String);

impl Rule for Code {
    type Output = String;

    async fn run(&self, fetch: Fetch<'_, RuleKey, Output>) -> Result<String> {
        let text = fetch.rule(Contents::of(&self.0)).await?;
        let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
        Ok(code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" "))
    }
}

#[test]
fn what_needs_the_code_of_a_header_does_not_see_its_comments() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let rules = || {
        FileRules::new().with_version(1).with_rule::<Code>().rule("out/*.list", async |make| {
            let code = make.rule(Code(format!("{}.h", make.part(0)))).await?;
            make.write(make.target(), code.replace(';', ";\n"))
        })
    };
    let build = |text: &str| {
        write(root, "a.h", text);
        ran(root, rules(), VerifyingTrace, "out/a.list").len()
    };
    // The text of the header, its code, and what is made of that.
    assert_eq!(build("int f(void);\n"), 3);
    assert_eq!(build("// What it does.\nint f(void);\n"), 2);
    assert_eq!(build("int  f(void); // That.\n"), 2);
    assert_eq!(build("int g(void);\n"), 3);
}
