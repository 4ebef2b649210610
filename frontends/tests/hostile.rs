//! Texts that nobody wrote: manifests, dyndep files, depfiles and sheets that were changed at random, and such as ask for more than there is. None is answered by a
//! panic, by memory out of proportion, or by an error without its place.

#[path = "common/allocated.rs"]
mod allocated;
mod common;
#[path = "common/random.rs"]
mod random;

use std::path::Path;

use alacarte_frontends::ninja::{NinjaTasks, load, parse_depfile, parse_str};
use alacarte_frontends::spreadsheet::Sheet;
use alacarte_stores::Files;
use allocated::most_held;
use common::directory;
use random::Random;

const MANIFEST: &str = "\
ninja_required_version = 1.3
builddir = out
cflags = -O2 $
    -Wall
# a comment
pool two
  depth = 2
rule cc
  command = cc $cflags -c $in -o $out -MF $depfile ${more.flags} $$x
  depfile = $out.d
  deps = gcc
  description = CC $out
rule link
  command = ld @$out.rsp
  rspfile = $out.rsp
  rspfile_content = $in_newline
  pool = two
  restat = 1
build out/a.o | out/a.map: cc src/a$ b.c | tool a.dd || gen |@ check
  cflags = -O0
  dyndep = a.dd
build a.dd: cc x.c
build gen: phony tool
build check: phony
build prog: link out/a.o out/b$:c.o
default prog
";

const DYNDEP: &str = "ninja_dyndep_version = 1\nbuild out/a.o | mod/a.mod: dyndep | mod/b.mod\n  restat = 1\n";

const DEPFILE: &str = "out/a.o out/a.map: src/a\\ b.c \\\n  /usr/include/x.h $$y \\# z.h\nheader.h:\r\nother: more\n";

const SHEET: &str = "1,=A1+2*SUM(A1:B2),\"a \"\"b\"\"\n c\",=IF(A1>0,B1,C1)\n=VLOOKUP(1,A1:B2,2),x,,=1/0\n";

/// What a text may be torn apart by.
const SHARDS: [&str; 34] = [
    "$",
    "$$",
    "${",
    "}",
    "$\n",
    "\n",
    "\r\n",
    "\r",
    " ",
    "  ",
    "\t",
    ":",
    "|",
    "||",
    "|@",
    "=",
    "#",
    "\0",
    "\u{10ff41}",
    "é",
    "build ",
    "rule ",
    "pool ",
    "include build.ninja\n",
    "subninja build.ninja\n",
    "default ",
    "\"",
    ",",
    "(",
    ")",
    "\\",
    "A1:ZZ99",
    "9e999",
    "=",
];

/// Changes a text in a few places.
fn changed(text: &str, random: &mut Random) -> String {
    let mut text = text.to_owned();
    for _ in 0..1 + random.below(4) {
        let mut place = || {
            let at = random.below(text.len() + 1);
            (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len())
        };
        let (one, other) = (place(), place());
        let (from, to) = (one.min(other), one.max(other).min(one.min(other) + 40));
        let to = (to..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
        match random.below(5) {
            0 => text.replace_range(from..to, ""),
            1 => {
                let twice = text[from..to].to_owned();
                text.insert_str(from, &twice);
            }
            2 => text.insert_str(from, SHARDS[random.below(SHARDS.len())]),
            3 => text.replace_range(from..to, SHARDS[random.below(SHARDS.len())]),
            _ => text.insert_str(from, &SHARDS[random.below(SHARDS.len())].repeat(random.below(300))),
        }
    }
    text
}

/// An error says where: a file, a line, a column.
fn says_where(error: &str, file: &str) -> bool {
    let rest = error.split(&format!("{file}:")).nth(1).unwrap_or_default();
    let mut numbers = rest.split(':').map(|number| number.trim().parse::<usize>().is_ok());
    numbers.next() == Some(true) && numbers.next() == Some(true)
}

fn in_proportion(text: &str, held: usize) {
    assert!(held < 200 * text.len() + (1 << 20), "{held} bytes were held for {}", text.len());
}

fn manifests() {
    for seed in 0..4000 {
        let text = changed(MANIFEST, &mut Random(seed));
        let (parsed, held) = most_held(|| parse_str("build.ninja", &text));
        in_proportion(&text, held);
        match parsed {
            Ok(manifest) => assert!(manifest.edges.iter().all(|edge| edge.outputs.iter().all(|path| !path.is_empty()))),
            Err(error) => assert!(says_where(&error.to_string(), "build.ninja"), "seed {seed}: {error}\n{text}"),
        }
    }
}

fn dyndeps() {
    let at = directory(&[("build.ninja", MANIFEST)]);
    let files = Files::shared(at.path()).expect("a directory");
    for seed in 0..1500 {
        let text = changed(DYNDEP, &mut Random(seed));
        std::fs::write(at.path().join("a.dd"), &text).expect("written");
        let manifest = load(at.path(), Path::new("build.ninja")).expect("it parses");
        let (tasks, held) = most_held(|| NinjaTasks::new(manifest, &files));
        in_proportion(&text, held);
        if let Err(error) = tasks.dyndeps_settled(&["a.dd".into()]) {
            let error = error.to_string();
            let placed = says_where(&error, "a.dd") || says_where(&error, "build.ninja");
            assert!(placed, "seed {seed}: {error}\n{text}");
        }
    }
}

fn depfiles_and_sheets() {
    for seed in 0..4000 {
        let text = changed(DEPFILE, &mut Random(seed));
        let (parsed, held) = most_held(|| parse_depfile(&text));
        in_proportion(&text, held);
        if let Err(error) = parsed {
            assert!(!error.to_string().is_empty());
        }
        let text = changed(SHEET, &mut Random(seed));
        let (parsed, held) = most_held(|| Sheet::parse("a.csv", &text));
        in_proportion(&text, held);
        if let Err(error) = parsed {
            assert!(error.to_string().contains("a.csv"), "seed {seed}: {error}\n{text}");
        }
    }
}

/// A few lines that ask for a gigabyte, and single lines that are nearly one.
fn too_much() {
    let doubled = |first: &str, indent: &str| {
        let lines = (1..60).map(|line| format!("{indent}v{line} = $v{}$v{}\n", line - 1, line - 1));
        format!("{first}{}", lines.collect::<String>())
    };
    let rule = "rule r\n  command = echo $v59\nbuild o: r\n";
    let wide = "x".repeat(80 << 20);
    for (text, line) in [
        (doubled("v0 = xxxxxxxxxx\n", "") + rule, 24),
        (format!("rule r\n  command = true {wide}\nbuild o: r\n"), 3),
        (format!("v = {wide}\n"), 1),
        (format!("build {wide}: phony\n"), 1),
        (format!("v = {}\nrule r\n  command = $v$v\nbuild o: r\n", &wide[..40 << 20]), 4),
    ] {
        let (parsed, held) = most_held(|| parse_str("build.ninja", &text));
        let error = parsed.expect_err("too long").to_string();
        assert!(error.contains(&format!("build.ninja:{line}:")) && error.contains("64 MiB"), "{:.200}", error);
        assert!(error.len() < 2000, "{} bytes of an error", error.len());
        assert!(held < 3 * text.len() + (500 << 20), "{held} bytes were held");
    }
}

// (One test, for the allocator counts all threads together.)
#[test]
fn no_text_is_answered_by_a_panic_or_without_measure() {
    manifests();
    dyndeps();
    depfiles_and_sheets();
    too_much();
}
