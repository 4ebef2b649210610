//! `alacarte new`: the crates that it writes are judged, and compared, as they stand.

use std::path::Path;
use std::process::{Command, Output};

fn new(at: &Path, kind: &str, name: &str) -> Output {
    let command = Command::new(env!("CARGO_BIN_EXE_alacarte")).current_dir(at).args(["new", kind, name]).output();
    command.expect("it runs")
}

/// What `cargo` says of a crate; it fetches nothing, and has all crates that it is made of compiled once.
fn cargo(at: &Path, arguments: &[&str]) -> String {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    // (The same versions as here.)
    std::fs::copy(workspace.join("Cargo.lock"), at.join("Cargo.lock")).expect("copied");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("new");
    // (Few cases are judged: to optimise what judges them would take longer.)
    let slowly = ["core", "metadata", "stores", "conformance"]
        .map(|name| format!("--config=profile.dev.package.alacarte-{name}.opt-level=0"));
    let output = Command::new(env!("CARGO"))
        .current_dir(at)
        .args(slowly)
        .args(arguments)
        .envs([
            ("CARGO_TARGET_DIR", target.as_os_str()),
            ("CONFORMANCE_CASES", "40".as_ref()),
            ("COLUMNS", "80".as_ref()),
        ])
        .env("CARGO_NET_OFFLINE", "true")
        .env_remove("CONFORMANCE_SEED")
        .output()
        .expect("cargo runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    said
}

#[test]
fn a_strategy_of_ones_own_is_judged_and_has_its_rows_beside_ours() {
    let place = tempfile::tempdir().expect("a directory");
    for (kind, name) in [("rebuilder", "my-idea"), ("scheduler", "in-order"), ("workload", "ladder")] {
        let output = new(place.path(), kind, name);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            said.contains(&format!("{name}/src/lib.rs")) && said.lines().all(|line| line.chars().count() <= 80),
            "{said}"
        );
        let at = place.path().join(name);
        let judged = cargo(&at, &["test"]);
        assert!(judged.contains("test result: ok. ") && !judged.contains("FAILED"), "{judged}");
        let compare = |arguments: &[&str]| cargo(&at, &[&["run", "--quiet", "--"], arguments].concat());
        if kind == "workload" {
            let compared = compare(&["compare"]);
            assert!(
                compared.contains("ladder: formulas run at each step") && !compared.contains("budget.csv"),
                "{compared}"
            );
            continue;
        }
        let compared = compare(&["compare", &format!("--{kind}"), name, "--format", "csv"]);
        let rows = compared.lines().filter(|line| line.contains(&format!(",{name},"))).count();
        assert!(rows >= 40, "{compared}");
        assert!(compare(&["systems"]).contains(name));
        assert!(compare(&["check", &format!("--{kind}"), name, "--cases", "4"]).contains(name));
        assert!(compare(&["claims", "--cases", "2", "--format", "csv"]).contains(name));
        // A row for each partner, in every scene; and no why but of those that the scene tells of.
        let played = compare(&["counterexamples", "stale-queue", "undeclared-input"]);
        let (stale, undeclared) = played.split_once("undeclared-input: ").expect("two scenes");
        let partners =
            if kind == "rebuilder" { ["topological", "suspending"] } else { ["dirty-bit", "verifying-trace"] };
        let own = |scene: &str, partner: &str| {
            let (_, rows) = scene.split_once("How your own do\n").expect("rows of one's own");
            let rows = rows.split_whitespace().collect::<Vec<_>>().join(" ");
            let combination =
                if kind == "rebuilder" { format!("{partner} × {name} ") } else { format!("{name} × {partner} ") };
            rows.split_once(&combination).unwrap_or_else(|| panic!("{combination}: {rows}")).1.to_owned()
        };
        for partner in partners {
            assert!(own(stale, partner).starts_with("✓ right at every step"), "{stale}");
            let row = own(undeclared, partner);
            let says = match partner {
                "topological" => "left out: topological orders tasks beforehand",
                _ => "✗ wrong from step 3: B is 102, the truth is 202",
            };
            assert!(row.starts_with(says), "{row}: {undeclared}");
        }
        let (scheduler, rebuilder) = if kind == "rebuilder" { ("suspending", name) } else { (name, "dirty-bit") };
        let named = compare(&["counterexamples", "wide-clearing", "--scheduler", scheduler, "--rebuilder", rebuilder]);
        let (_, named) = named.split_once(&format!("{scheduler} × {rebuilder}, step by step\n")).expect("it plays");
        assert!(named.contains("\n4. build D\n") && named.contains("✓  right at every step"), "{named}");
    }
}

#[test]
fn what_cannot_be_made_is_refused_and_nothing_is_written() {
    let place = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(place.path().join("there")).expect("made");
    std::fs::write(place.path().join("there/notes"), "mine").expect("written");
    for (name, says) in [
        ("there", "there exists: nothing was written"),
        ("Upper", "cannot be the name of a crate"),
        ("../out", "cannot be the name of a crate"),
        ("9lives", "cannot be the name of a crate"),
        ("dirty-bit", "there is a strategy `dirty-bit` on the menu already"),
        ("match", "`match` is a name that the crate needs for something else"),
        ("alacarte", "`alacarte` is a name that the crate needs"),
        // (Its type would be called as the trait is.)
        ("rebuilder", "`rebuilder` is a name that the crate needs"),
        ("last-runs", "`last-runs` is a name that the crate needs"),
    ] {
        let output = new(place.path(), "rebuilder", name);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains(says), "{name}: {said}");
    }
    let left: Vec<_> =
        std::fs::read_dir(place.path()).expect("there").map(|entry| entry.expect("read").file_name()).collect();
    assert_eq!(left, ["there"]);
    assert_eq!(std::fs::read_dir(place.path().join("there")).expect("there").count(), 1);
}
