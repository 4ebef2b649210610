//! Commands that may open only what their rules need. Where the kernel has no Landlock each test says that it is
//! skipped.

#[path = "common/random.rs"]
mod random;
#[path = "common/skipping.rs"]
mod skipping;

use std::fs;
use std::path::Path;

use alacarte_frontends::files::{Confined, ConfinedError, FileRules, FileSession, file};
use alacarte_rebuilders::VerifyingTrace;
use alacarte_schedulers::Suspending;
use random::Random;
use skipping::skipped;

/// Whether commands can be confined here; says that the test is skipped if not.
fn can_confine(test: &str) -> bool {
    match Confined::available() {
        Ok(()) => true,
        Err(error @ ConfinedError::Unsupported(_)) => {
            skipped(format_args!("{test}: {error}"));
            false
        }
        Err(error) => panic!("{error}"),
    }
}

fn project(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        write(directory.path(), name, text);
    }
    directory
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn confined(rules: FileRules) -> FileRules {
    rules.with_executor(|plain| Box::new(Confined::new(plain)))
}

fn build(directory: &Path, rules: FileRules, target: &str) -> Result<(), String> {
    let mut session = FileSession::new(directory);
    session.cache = directory.join("cache");
    let build = session.open(rules, Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let built = runtime.block_on(build.with_jobs(3).run_async([file(target)]));
    built.map(drop).map_err(|error| error.to_string())
}

/// Builds what this script makes, which its rule runs when it has needed these files.
fn shell(directory: &Path, target: &'static str, needs: &'static [&'static str], script: &str) -> Result<(), String> {
    let script = script.to_owned();
    let rules = FileRules::new().rule(target, async move |make| {
        make.need(needs).await?;
        make.command(["sh", "-c", &script]).run().await
    });
    build(directory, confined(rules), target)
}

#[test]
fn what_was_needed_is_read_and_what_was_not_is_refused_by_name() {
    if !can_confine("what_was_needed_is_read_and_what_was_not_is_refused_by_name") {
        return;
    }
    let directory = project(&[("src/a", "a"), ("src/b", "b"), ("tree/in/c", "c")]);
    let here = directory.path();
    assert_eq!(shell(here, "out/one", &["src/a", "tree/"], "cat src/a tree/in/c > out/one; ls tree/in"), Ok(()));
    assert_eq!(read(here, "out/one"), "ac");
    let error = shell(here, "out/two", &["src/a"], "cat src/a src/b > out/two").expect_err("undeclared");
    assert!(error.contains("src/b: Permission denied") && error.contains("it may have wanted src/b: have"), "{error}");
    // What another rule has made is no more to be read than a source.
    let error = shell(here, "out/three", &[], "cat out/one > out/three").expect_err("undeclared");
    assert!(error.contains("it may have wanted out/one"), "{error}");
    let error =
        shell(here, "out/four", &["src/a"], "ls src && echo > out/four").expect_err("nobody has asked for the names");
    assert!(error.contains("run confined"), "{error}");
    assert!(!here.join("out/four").exists(), "what was made for a command is gone when it has left it alone");
    let out = tempfile::tempdir().expect("a directory");
    fs::write(out.path().join("far"), "").expect("written");
    let script = format!("cat {}/far > out/five", out.path().display());
    shell(here, "out/five", &[], &script).expect_err("undeclared, and elsewhere");
}

#[test]
fn nothing_is_written_but_the_outputs() {
    if !can_confine("nothing_is_written_but_the_outputs") {
        return;
    }
    let directory = project(&[("src/a", "a"), ("top", "top")]);
    let (here, outside) = (directory.path(), tempfile::tempdir().expect("a directory"));
    let outside = outside.path().display().to_string();
    write(Path::new(&outside), "there", "there");
    let home = std::env::var("HOME").unwrap_or(outside.clone());
    let places = ["src/a", "src/new", "out/other", ".alacarte/new", "top", "../new", &format!("{outside}/there")];
    let new =
        [format!("{home}/.alacarte-test-new"), "/tmp/.alacarte-test-new".into(), "/usr/.alacarte-test-new".into()];
    for place in places.into_iter().chain(new.iter().map(String::as_str)) {
        // (Also an output in the directory of the build, below which all else lies.)
        for target in ["out/x", "x"] {
            let script = format!("cat src/a > {target}; echo overwritten > {place}");
            let error = shell(here, target, &["src/a"], &script).expect_err(place);
            assert!(error.contains("ermission denied"), "{place}: {error}");
        }
    }
    for deed in ["rm src/a", "mv src/a src/b", "ln src/a src/b", "ln -s a src/b", "mkdir src/b", "truncate -s 0 src/a"]
    {
        let error = shell(here, "out/x", &["src/a"], &format!("{deed} && echo > out/x")).expect_err(deed);
        assert!(error.contains("ermission denied"), "{deed}: {error}");
    }
    assert_eq!((read(here, "src/a"), read(here, "top")), ("a".into(), "top".into()));
    assert!(new.iter().all(|place| !Path::new(place).exists()) && !here.join("src/new").exists());
    assert_eq!(read(Path::new(&outside), "there"), "there");
}

#[test]
fn an_output_is_neither_a_way_to_what_a_link_leads_to_nor_to_a_second_name() {
    if !can_confine("an_output_is_neither_a_way_to_what_a_link_leads_to_nor_to_a_second_name") {
        return;
    }
    let directory = project(&[("src/a", "a"), ("src/b", "b"), ("out/keep", "")]);
    let here = directory.path();
    std::os::unix::fs::symlink("../src/a", here.join("out/link")).expect("linked");
    fs::hard_link(here.join("src/b"), here.join("out/name")).expect("linked");
    std::os::unix::fs::symlink("../src", here.join("out/around")).expect("linked");
    for target in ["out/link", "out/name", "out/around"] {
        let script = format!("echo overwritten > out/around/a; echo new > {target}");
        assert_eq!(shell(here, target, &[], &script), Ok(()));
        assert_eq!(read(here, target), "new\n");
    }
    assert_eq!((read(here, "src/a"), read(here, "src/b")), ("a".into(), "b".into()));
}

#[test]
fn a_later_command_of_a_rule_may_read_what_was_needed_in_between() {
    if !can_confine("a_later_command_of_a_rule_may_read_what_was_needed_in_between") {
        return;
    }
    let directory = project(&[("list", "b"), ("b", "text")]);
    let rules = |early: bool| {
        let rules = FileRules::new().with_version(u64::from(early)).rule("out/x", async move |make| {
            make.need(["list"]).await?;
            if early {
                make.command(["cat", "b"]).run().await?;
            }
            let name = make.command(["cat", "list"]).capture().await?;
            make.need([&name]).await?;
            let said = make.command(["cat", &name]).capture().await?;
            make.write("out/x", said)
        });
        confined(rules)
    };
    build(directory.path(), rules(true), "out/x").expect_err("before it is needed");
    assert_eq!(build(directory.path(), rules(false), "out/x"), Ok(()));
    assert_eq!(read(directory.path(), "out/x"), "text");
}

#[test]
fn an_input_is_read_through_its_links_and_through_no_other() {
    if !can_confine("an_input_is_read_through_its_links_and_through_no_other") {
        return;
    }
    let directory = project(&[("real/a", "text"), ("real/b", "other")]);
    let here = directory.path();
    std::os::unix::fs::symlink("real/a", here.join("one")).expect("linked");
    std::os::unix::fs::symlink("one", here.join("two")).expect("linked");
    std::os::unix::fs::symlink("real", here.join("dir")).expect("linked");
    assert_eq!(shell(here, "out/x", &["two", "dir/b"], "cat two dir/b > out/x"), Ok(()));
    assert_eq!(read(here, "out/x"), "textother");
    shell(here, "out/y", &["two"], "cat dir/b > out/y").expect_err("it was not needed");
}

#[test]
fn outputs_lie_in_new_directories_and_a_directory_that_is_made_is_all_its_own() {
    if !can_confine("outputs_lie_in_new_directories_and_a_directory_that_is_made_is_all_its_own") {
        return;
    }
    let directory = project(&[]);
    let rules = FileRules::new()
        .rules(["out/new/deep/*", "gen/*.h"], async |make| {
            let script = format!("echo x > out/new/deep/{0}; : > gen/{0}.h", make.part(0));
            make.command(["sh", "-c", &script]).run().await
        })
        .rule("out/tree/", async |make| {
            let script =
                "mkdir -p out/tree/a && echo > out/tree/a/b && ln -s b out/tree/a/c && mv out/tree/a out/tree/d";
            make.command(["sh", "-c", script]).run().await
        })
        .rule("all", async |make| {
            make.need(["out/new/deep/a", "gen/a.h", "out/tree/"]).await?;
            make.command(["sh", "-c", "cat out/new/deep/a out/tree/d/c gen/a.h > all"]).run().await
        });
    assert_eq!(build(directory.path(), confined(rules), "all"), Ok(()));
    assert_eq!(read(directory.path(), "all"), "x\n\n");
}

#[test]
fn an_output_that_is_left_unwritten_was_not_made_and_one_that_is_left_empty_was() {
    if !can_confine("an_output_that_is_left_unwritten_was_not_made_and_one_that_is_left_empty_was") {
        return;
    }
    let directory = project(&[]);
    let error = shell(directory.path(), "out/x", &[], "true").expect_err("it was not made");
    assert!(error.contains("did not make out/x"), "{error}");
    for script in [": > out/x", "touch out/x", ": >> out/x && touch out/x"] {
        let _ = fs::remove_file(directory.path().join("out/x"));
        assert_eq!(shell(directory.path(), "out/x", &[], script), Ok(()), "{script}");
    }
}

#[test]
fn temporary_files_and_tool_caches_are_its_own_and_what_it_says_is_heard() {
    if !can_confine("temporary_files_and_tool_caches_are_its_own_and_what_it_says_is_heard") {
        return;
    }
    let directory = project(&[]);
    let rules = FileRules::new().rule("out/*", async |make| {
        let temporary = make.temporary()?;
        let script = "echo a > $TMPDIR/a && echo b > {tool_cache}/b && echo c > $0/c && \
                      cat $TMPDIR/a {tool_cache}/b $0/c && \
                      echo $TMPDIR && echo aside >&2";
        let place = temporary.path().to_str().expect("text").to_owned();
        let said = make.command(["sh", "-c", script, &place]).tool_cache("tool").capture().await?;
        make.write(make.target(), said)
    });
    assert_eq!(build(directory.path(), confined(rules), "out/x"), Ok(()));
    let said = read(directory.path(), "out/x");
    let (lines, private) = said.rsplit_once('\n').expect("lines");
    assert_eq!(lines, "a\nb\nc");
    assert!(private.contains(".alacarte/temporary") && !Path::new(private).exists(), "{private}");
}

#[test]
fn a_command_joins_the_jobserver_that_is_served_under_a_name() {
    if !can_confine("a_command_joins_the_jobserver_that_is_served_under_a_name") {
        return;
    }
    let directory = project(&[]);
    let mut session = FileSession::new(directory.path());
    session.commands.bounded_by(Some(3), 1);
    let rules = confined(FileRules::new().rule("out", async |make| {
        let script = "pipe=${MAKEFLAGS##*fifo:}; pipe=${pipe%% *}; exec 3<>$pipe; head -c 1 <&3 > out; cat out >&3";
        make.command(["sh", "-c", script]).run().await
    }));
    let build = session.open(rules, Suspending::new(), VerifyingTrace, |_| {}).expect("it opens");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(build.with_jobs(3).run_async([file("out")])).expect("it builds");
    assert_eq!(read(directory.path(), "out").len(), 1, "a token");
}

#[test]
fn names_are_listed_where_a_pattern_has_asked_for_them() {
    if !can_confine("names_are_listed_where_a_pattern_has_asked_for_them") {
        return;
    }
    let directory = project(&[("src/a", "a"), ("more/b", "b")]);
    let rules = |listed: &'static str| {
        confined(FileRules::new().rule("out/*", async move |make| {
            make.glob("src/*").await?;
            make.command(["ls", listed]).capture().await.and_then(|said| make.write(make.target(), said))
        }))
    };
    assert_eq!(build(directory.path(), rules("src"), "out/x"), Ok(()));
    assert_eq!(read(directory.path(), "out/x"), "a");
    build(directory.path(), rules("more"), "out/y").expect_err("nobody has asked");
    let contents = FileRules::new().rule("out/*", async |make| {
        make.glob("src/*").await?;
        make.command(["cat", "src/a"]).capture().await.and_then(|said| make.write(make.target(), said))
    });
    build(directory.path(), confined(contents), "out/z").expect_err("to list a file is not to need it");
}

#[test]
fn a_variable_is_seen_that_its_rule_has_asked_for() {
    if !can_confine("a_variable_is_seen_that_its_rule_has_asked_for") {
        return;
    }
    let directory = project(&[]);
    // (Cargo sets it for tests.)
    let rules = |asks: bool| {
        confined(FileRules::new().with_version(u64::from(asks)).rule("out", async move |make| {
            if asks {
                make.env("CARGO_PKG_NAME").await?;
            }
            let script = "echo ${CARGO_PKG_NAME-none} $GIVEN ${PATH+path} > out";
            make.command(["sh", "-c", script]).env("GIVEN", "given").run().await
        }))
    };
    for (asks, name) in [(false, "none"), (true, "alacarte-frontends")] {
        assert_eq!(build(directory.path(), rules(asks), "out"), Ok(()));
        assert_eq!(read(directory.path(), "out"), format!("{name} given path\n"));
    }
}

#[test]
fn a_program_of_the_build_is_run_if_it_was_needed() {
    if !can_confine("a_program_of_the_build_is_run_if_it_was_needed") {
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    let directory = project(&[("tools/say", "#!/bin/sh\necho said\n")]);
    fs::set_permissions(directory.path().join("tools/say"), PermissionsExt::from_mode(0o755)).expect("set");
    let rules = |how: &'static str| {
        confined(FileRules::new().rule("out/*", async move |make| {
            match how {
                "need" => make.need(["tools/say"]).await?,
                "tool" => drop(make.tool("./tools/say").await?),
                "version" => return make.version("./tools/say").await.and_then(|said| make.write("out/version", said)),
                _ => {}
            }
            make.command(["./tools/say"]).capture().await.and_then(|said| make.write(make.target(), said))
        }))
    };
    for how in ["need", "tool", "version"] {
        assert_eq!(build(directory.path(), rules(how), &format!("out/{how}")), Ok(()));
        assert_eq!(read(directory.path(), &format!("out/{how}")), "said");
    }
    let error = build(directory.path(), rules("not"), "out/not").expect_err("nobody has needed it");
    assert!(error.contains("it may have wanted tools/say"), "{error}");
}

#[test]
fn headers_that_a_depfile_will_name_are_read_if_the_rule_lets_it() {
    if !can_confine("headers_that_a_depfile_will_name_are_read_if_the_rule_lets_it") {
        return;
    }
    let directory =
        project(&[("src/a.c", "#include \"a.h\"\nint f(void) { return X; }\n"), ("src/a.h", "#define X 1\n")]);
    let rules = |lets: bool, tells: bool| {
        confined(FileRules::new().rule("out/*.o", async move |make| {
            let [source, depfile] = [format!("src/{}.c", make.part(0)), format!("{}.d", make.target())];
            make.need([&source]).await?;
            let mut run = make.command(["cc", "-c", &source, "-o", make.target(), "-MMD", "-MF", &depfile]);
            run = if lets { run.may_read("src") } else { run };
            run = if tells { run.depfile(&depfile) } else { run };
            run.run().await
        }))
    };
    let here = directory.path();
    let error = build(here, rules(false, true), "out/a.o").expect_err("a header that nobody has needed");
    assert!(error.contains("src/a.h") && error.contains("it may have wanted src/a.h"), "{error}");
    let error = build(here, rules(true, false), "out/a.o").expect_err("nobody would know what it has read");
    assert!(error.contains("name its depfile"), "{error}");
    assert_eq!(build(here, rules(true, true), "out/a.o"), Ok(()));
    let before = fs::read(here.join("out/a.o")).expect("read");
    write(here, "src/a.h", "#define X 2\n");
    assert_eq!(build(here, rules(true, true), "out/a.o"), Ok(()));
    assert_ne!(fs::read(here.join("out/a.o")).expect("read"), before, "the header is a dependency");
}

#[test]
fn a_tool_that_renames_its_output_into_place_is_let_by_its_rule() {
    if !can_confine("a_tool_that_renames_its_output_into_place_is_let_by_its_rule") {
        return;
    }
    let directory = project(&[("a.c", "int f(void) { return 1; }\n")]);
    let rules = |lets: bool| {
        let archive = confined(FileRules::new());
        archive
            .rule("lib/lib.a", async move |make| {
                make.need(["out/a.o"]).await?;
                let run = make.command(["ar", "rcs", make.target(), "out/a.o"]);
                if lets { run.may_write("lib") } else { run }.run().await
            })
            .rule("out/a.o", async |make| {
                make.need(["a.c"]).await?;
                make.command(["cc", "-c", "a.c", "-o", make.target()]).run().await
            })
    };
    build(directory.path(), rules(false), "lib/lib.a").expect_err("it makes another file beside the archive");
    assert_eq!(build(directory.path(), rules(true), "lib/lib.a"), Ok(()));
    let logs = confined(FileRules::new().rule("out/x", async |make| {
        let command = ["sh", "-c", "echo > logs/new/x.log; echo > out/x"];
        make.command(command).may_write("logs/new/").run().await
    }));
    assert_eq!(build(directory.path(), logs, "out/x"), Ok(()));
}

/// Random graphs of files, each made of others. Declared, they are built confined as they are without; and with one
/// need left out, not at all.
#[test]
fn what_a_rule_lets_its_command_write_stays_as_it_lies() {
    if !can_confine("what_a_rule_lets_its_command_write_stays_as_it_lies") {
        return;
    }
    let directory = project(&[("state", "old"), ("far", "far")]);
    let here = directory.path();
    fs::hard_link(here.join("state"), here.join("second name")).expect("linked");
    std::os::unix::fs::symlink("far", here.join("link")).expect("linked");
    let rules = FileRules::new().rule("out", async |make| {
        let script = "cat state link > out; echo +new >> state; echo +new >> link; test -e new || echo new > new";
        let command = make.command(["sh", "-c", script]);
        command.may_write("state").may_write("link").may_write("new").run().await
    });
    assert_eq!(build(here, confined(rules), "out"), Ok(()));
    assert_eq!((read(here, "out"), read(here, "second name")), ("oldfar".into(), "old+new\n".into()));
    assert_eq!(read(here, "far"), "far+new\n");
    assert!(here.join("link").is_symlink());
}

#[test]
fn a_build_that_is_a_part_of_the_system_is_not_confined_in_silence() {
    let Ok(directory) = tempfile::tempdir_in("/dev/shm") else { return };
    if !can_confine("a_build_that_is_a_part_of_the_system_is_not_confined_in_silence") {
        return;
    }
    let error = shell(directory.path(), "out", &[], "echo > out").expect_err("it is below /dev");
    assert!(error.contains("lies below /dev") && error.contains("build it elsewhere"), "{error}");
}

#[test]
fn what_killed_builds_left_for_their_commands_is_removed() {
    let directory = project(&[(".alacarte/temporary/.tmpLEFT/large", "left")]);
    let rules = || FileRules::new().rule("out", async |make| make.write(make.target(), "made"));
    assert_eq!(build(directory.path(), rules(), "out"), Ok(()));
    assert!(!directory.path().join(".alacarte/temporary/.tmpLEFT").exists());
}

#[test]
fn what_is_declared_in_full_is_built_confined_as_it_is_without() {
    if !can_confine("what_is_declared_in_full_is_built_confined_as_it_is_without") {
        return;
    }
    for seed in 0..25 {
        let mut random = Random(seed);
        // What each is made of: of earlier ones, or of sources.
        let graph: Vec<Vec<String>> = (0..3 + random.below(5))
            .map(|node| {
                let pick = |random: &mut Random| match random.below(node + 3) {
                    at if at < node => format!("out/d{}/n{at}", at % 2),
                    at => format!("src/s{}", at - node),
                };
                (0..1 + random.below(3)).map(|_| pick(&mut random)).collect()
            })
            .collect();
        let forgotten = (graph.len() - 1, 0);
        let rules = |forgets: bool| {
            let graph = graph.clone();
            FileRules::new().rule("out/*/n*", async move |make| {
                let node: usize = make.part(1).parse().expect("a number");
                let inputs = &graph[node];
                let needed = |input: &&String| !(forgets && node == forgotten.0 && **input == inputs[forgotten.1]);
                make.need(inputs.iter().filter(needed)).await?;
                let script = "out=$0; cat \"$@\" > $out.all && sort $out.all > $out && echo made >> $out";
                let command = ["sh", "-c", script, make.target()].map(str::to_owned);
                let beside = format!("{}.all", make.target());
                make.command(command.into_iter().chain(inputs.clone())).may_write(beside).run().await
            })
        };
        let sources = [("src/s0", "b\na\n"), ("src/s1", "d\n"), ("src/s2", "c\na\n")];
        let (plain, close, less) = (project(&sources), project(&sources), project(&sources));
        let names: Vec<String> = (0..graph.len()).map(|node| format!("out/d{}/n{node}", node % 2)).collect();
        for name in &names {
            assert_eq!(build(plain.path(), rules(false), name), Ok(()), "{seed}: {graph:?}");
            assert_eq!(build(close.path(), confined(rules(false)), name), Ok(()), "{seed}: {graph:?}");
            assert_eq!(read(plain.path(), name), read(close.path(), name), "{seed}: {graph:?}");
        }
        build(less.path(), confined(rules(true)), names.last().expect("some")).expect_err("one need is left out");
    }
}
