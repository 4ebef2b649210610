//! Statements, read right or refused at the right place.

use crate::ninja::{Edge, Manifest, ParseError, parse_str};

const RULE: &str = "rule cc\n  command = cc $in\n";

fn parse(text: &str) -> Manifest {
    parse_str("build.ninja", text).unwrap_or_else(|error| panic!("{error}"))
}

/// The only edge of a manifest that has `RULE` before the text.
fn edge(text: &str) -> Edge {
    let mut manifest = parse(&format!("{RULE}{text}"));
    assert_eq!(manifest.edges.len(), 1);
    manifest.edges.remove(0)
}

fn failure(text: &str) -> ParseError {
    parse_str("build.ninja", text).expect_err(text)
}

/// The first line of the error must be exactly this.
#[track_caller]
fn fails(text: &str, message: &str) {
    let error = failure(text).to_string();
    assert_eq!(error.lines().next(), Some(message));
}

#[test]
fn every_part_of_a_build_statement() {
    let edge = edge("build a b | c d: cc e f | g || h i |@ j\n");
    assert_eq!(edge.rule, "cc");
    assert_eq!(edge.outputs, ["a", "b", "c", "d"]);
    assert_eq!(edge.explicit_outputs, 2);
    assert_eq!(edge.inputs, ["e", "f"]);
    assert_eq!(edge.implicit, ["g"]);
    assert_eq!(edge.order_only, ["h", "i"]);
    assert_eq!(edge.validations, ["j"]);
    assert_eq!(edge.command, "cc e f");
    assert_eq!((edge.location.file, edge.location.line), (0, 3));
}

#[test]
fn spaces_are_not_needed_around_signs() {
    let edge = edge("build a|b:cc c|d||e|@f\n");
    assert_eq!(edge.outputs, ["a", "b"]);
    assert_eq!((edge.implicit, edge.order_only), (vec!["d".into()], vec!["e".into()]));
    assert_eq!(edge.validations, ["f"]);
}

#[test]
fn only_implicit_outputs() {
    let edge = edge("build | a: cc\n");
    assert_eq!((edge.outputs, edge.explicit_outputs), (vec!["a".into()], 0));
}

#[test]
fn escapes_in_paths() {
    let edge = edge("x = v\nbuild a$ b$:c$$d$x${x}.o: cc $\n    e$\n    f g\n");
    assert_eq!(edge.outputs, ["a b:c$dvv.o"]);
    assert_eq!(edge.inputs, ["ef", "g"]);
}

#[test]
fn paths_are_canonical() {
    let edge = edge("build ./a//b: cc x/../c\n");
    assert_eq!((edge.outputs, edge.inputs), (vec!["a/b".into()], vec!["c".into()]));
    assert_eq!(edge.command, "cc c");
}

#[test]
fn variables_are_expanded_where_they_stand() {
    let manifest = parse("a = 1\nb = $a$a\na = 2\nbuild x$b$a: phony\na = 3\n");
    assert_eq!(manifest.edges[0].outputs, ["x112"]);
}

#[test]
fn escapes_in_values() {
    let manifest = parse("a = $$ $:$ | x  $\n    y :$\r\n z\nbuild $a: phony\n");
    assert_eq!(manifest.edges[0].outputs, ["$ : | x  y :z"]);
}

#[test]
fn paths_see_the_bindings_below_and_those_see_the_file() {
    let edge = edge("x = file\nbuild $x: cc $y\n  x = edge\n  y = $x\n");
    assert_eq!((edge.outputs, edge.inputs), (vec!["edge".into()], vec!["file".into()]));
}

#[test]
fn keywords_may_be_names() {
    let manifest = parse("rule build\n  command = x\nbuild rule: build default\n  pool =\n");
    assert_eq!(manifest.edges[0].rule, "build");
    assert_eq!(manifest.edges[0].outputs, ["rule"]);
}

#[test]
fn comments_blank_lines_and_carriage_returns() {
    let edge = edge("# c\r\n\r\n  \nbuild a: cc b#c\r\n# c\n  # c\n  x = 1 # no comment\r\n\n");
    assert_eq!(edge.inputs, ["b#c"]);
    let rule = "rule cc\r\n  command = a $x b\r\nbuild a: cc\r\n  x = 1\r\n";
    assert_eq!(parse(rule).edges[0].command, "a 1 b");
}

#[test]
fn pools() {
    let manifest = parse(&format!(
        "{RULE}d = 4\npool link\n  depth = $d\nbuild a: cc\n  pool = link\nbuild b: cc\n  pool = console\n"
    ));
    let pools: Vec<_> = manifest.pools.into_iter().collect();
    assert_eq!(pools, [("console".into(), 1), ("link".into(), 4)]);
    assert_eq!(manifest.edges[0].pool.as_deref(), Some("link"));
    assert_eq!(manifest.edges[1].pool.as_deref(), Some("console"));
}

#[test]
fn defaults_may_be_outputs_or_sources() {
    let manifest = parse("a = x\nbuild x: phony y\ndefault $a ./y\nbuild z: phony\ndefault z\n");
    assert_eq!(manifest.defaults, ["x", "y", "z"]);
}

#[test]
fn required_versions() {
    parse("ninja_required_version = 1.8.2\nninja_required_version = 1.9.git\n");
    let error = failure("\nninja_required_version = 1.100\n");
    assert!(error.to_string().starts_with("build.ninja:2:1: the manifest requires ninja 1.100"));
}

#[test]
fn a_phony_edge_that_names_itself() {
    let manifest = parse("build a: phony b a || a\n");
    assert_eq!(manifest.edges[0].inputs, ["b"]);
    assert!(manifest.edges[0].order_only.is_empty());
    assert_eq!((manifest.roots(), &*manifest.phony_cycles), (vec!["a"], &["a".to_owned()][..]));
}

#[test]
fn a_phony_edge_has_no_command() {
    let manifest = parse("command = x\nbuild a: phony b\n");
    assert_eq!(manifest.edges[0].command, "");
}

#[test]
fn a_statement_cut_short_or_too_long() {
    for (text, message) in [
        ("build a\n", "build.ninja:1:8: expected ':' after the outputs, found newline"),
        ("build\n", "build.ninja:1:6: expected the path of an output, found newline"),
        ("build : phony\n", "build.ninja:1:7: expected the path of an output, found ':'"),
        ("build a: \n", "build.ninja:1:10: expected the name of a rule, found newline"),
        ("build a: phony b : c\n", "build.ninja:1:18: expected newline after the inputs, found ':'"),
        ("build a: phony |@ b || c\n", "build.ninja:1:21: expected newline after the inputs, found '||'"),
        ("build a: phony", "build.ninja:1:15: expected newline, found the end of the file"),
        ("x\n", "build.ninja:1:2: expected '=' after 'x', found newline"),
        ("x = 1", "build.ninja:1:6: expected newline, found the end of the file"),
        ("x y\n", "build.ninja:1:3: expected '=' after 'x', found 'y'"),
        ("= 1\n", "build.ninja:1:1: expected a statement or a variable, found '='"),
        ("\n%\n", "build.ninja:2:1: expected a statement or a variable, found '%'"),
        ("# c", "build.ninja:1:1: expected a statement or a variable, found a comment without a newline"),
        ("a = 1\n  b = 2\n", "build.ninja:2:1: expected a statement or a variable, found an indented line"),
        ("build a: phony\n\n  b = 2\n", "build.ninja:3:1: expected a statement or a variable, found an indented line"),
        ("build a: phony\n  = 2\n", "build.ninja:2:3: expected the name of a variable, found '='"),
        ("default\n", "build.ninja:1:8: expected a target, found newline"),
        ("include\n", "build.ninja:1:8: expected the path of a file, found newline"),
        ("include a b\n", "build.ninja:1:11: expected newline after the file's path, found 'b'"),
        ("x = $!\n", "build.ninja:1:5: bad $-escape (a literal $ is written $$)"),
        ("build a$\n  $.: phony\n", "build.ninja:2:3: bad $-escape (a literal $ is written $$)"),
    ] {
        fails(text, message);
    }
}

#[test]
fn tabs() {
    fails("rule r\n\tcommand = x\n", "build.ninja:2:1: tabs are not allowed, use spaces");
    fails("rule r\n  \tcommand = x\n", "build.ninja:2:3: tabs are not allowed, use spaces");
    assert_eq!(parse("x = a\tb\nbuild $x: phony\n").edges[0].outputs, ["a\tb"]);
}

#[test]
fn rules_that_are_wrong() {
    for (text, message) in [
        ("rule\n", "build.ninja:1:5: expected the rule's name, found newline"),
        ("rule r s\n", "build.ninja:1:8: expected newline after the rule's name, found 's'"),
        ("rule r\n", "build.ninja:1:6: expected a 'command =' line in rule 'r'"),
        ("rule r\n  command =\n", "build.ninja:1:6: expected a 'command =' line in rule 'r'"),
        ("rule phony\n  command = x\n", "build.ninja:1:6: the rule 'phony' is built in"),
        (
            "rule r\n  command = x\n  comand = y\n",
            "build.ninja:3:3: unexpected variable 'comand' in a rule; did you mean 'command'?",
        ),
        ("rule r\n  command = x\n  in = y\n", "build.ninja:3:3: unexpected variable 'in' in a rule"),
        (
            "rule r\n  command = x\n  rspfile = y\n",
            "build.ninja:1:6: rule 'r' has only one of 'rspfile' and 'rspfile_content', and needs both or none",
        ),
    ] {
        fails(text, message);
    }
    fails(
        &format!("{RULE}rule  cc\n  command = y\n"),
        "build.ninja:3:7: rule 'cc' is already defined at build.ninja:1:6",
    );
}

#[test]
fn pools_that_are_wrong() {
    for (text, message) in [
        ("pool p\n", "build.ninja:1:6: expected a 'depth =' line in pool 'p'"),
        ("pool p\n  depth = -1\n", "build.ninja:2:3: expected a number as the pool's depth, found '-1'"),
        ("pool p\n  width = 1\n", "build.ninja:2:3: unexpected variable 'width' in a pool"),
        ("pool console\n  depth = 1\n", "build.ninja:1:6: the pool 'console' is built in"),
        (
            "pool p\n  depth = 1\npool p\n  depth = 1\n",
            "build.ninja:3:6: pool 'p' is already defined at build.ninja:1:6",
        ),
        (
            "pool link_pool\n  depth = 1\nbuild a: phony\n  pool = linkpool\n",
            "build.ninja:3:1: unknown pool 'linkpool'; did you mean 'link_pool'?",
        ),
    ] {
        fails(text, message);
    }
}

#[test]
fn what_is_not_known() {
    fails(&format!("{RULE}build a: cx b\n"), "build.ninja:3:10: unknown build rule 'cx'; did you mean 'cc'?");
    fails("build a: link b\n", "build.ninja:1:10: unknown build rule 'link'");
    fails("build all: phony\ndefault all al\n", "build.ninja:2:13: unknown target 'al'; did you mean 'all'?");
    // As in ninja, a default must come after what it names.
    fails("default a\nbuild a: phony\n", "build.ninja:1:9: unknown target 'a'");
    fails("build $x: phony\n", "build.ninja:1:7: the path is empty once its variables are expanded");
    fails("build a: phony ${x}\n", "build.ninja:1:16: the path is empty once its variables are expanded");
}

#[test]
fn one_output_two_edges() {
    let error = failure("build a: phony\n\nbuild b | ./a: phony\n");
    assert!(matches!(error, ParseError::Duplicate { .. }));
    let expected = "build.ninja:3:11: output 'a' is already defined at build.ninja:1:1\n    build b | ./a: phony\n              ^\nfirst defined here:\n    build a: phony\n    ^";
    assert_eq!(error.to_string(), expected);
    fails("build a a: phony\n", "build.ninja:1:9: output 'a' is already defined at build.ninja:1:1");
}

#[test]
fn a_dyndep_file_is_an_input() {
    let read = |text: &str| parse_str("build.ninja", text).expect("it parses").edges.pop().expect("an edge").dyndep;
    assert_eq!(read("build dd: phony\nbuild a: phony || dd\n  dyndep = ./dd\n").as_deref(), Some("dd"));
    assert_eq!(read("rule r\n  command = x\n  dyndep = $in\nbuild a: r dd\n").as_deref(), Some("dd"));
    fails(
        "rule r\n  command = x\n  dyndep = dd\nbuild a: r b\n",
        "build.ninja:4:1: the dyndep file 'dd' is not an input",
    );
    // A rule that nothing uses, or an empty binding, does no harm.
    parse("rule r\n  command = x\n  dyndep = dd\nbuild a: r\n  dyndep =\n");
}
