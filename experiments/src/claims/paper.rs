//! What the paper claims.
//!
//! Its first table speaks of four systems; its text of schedulers, of kinds of traces, and of correctness. Where it says
//! nothing, nothing is put into its mouth.

use super::Row;

/// What the paper claims of this row and this property.
pub(super) fn claims(row: &Row, property: &str) -> Option<bool> {
    row.system.and_then(|system| table(system, property)).or_else(|| text(row, property))
}

/// Table 1 of the paper: Make, Excel, Shake, Bazel.
fn table(system: &str, property: &str) -> Option<bool> {
    let [minimal, cutoff, shareable, dynamic] = match system {
        "Make" => [true, false, false, false],
        "Excel" => [false, false, false, true],
        "Shake" => [true, true, false, true],
        "Bazel" => [false, true, true, true],
        _ => return None,
    };
    match property {
        "minimal" => Some(minimal),
        "early-cutoff" => Some(cutoff),
        "cloud-shareable" => Some(shareable),
        "dynamic-dependencies" => Some(dynamic),
        _ => None,
    }
}

/// What its text says of schedulers and rebuilders.
fn text(row: &Row, property: &str) -> Option<bool> {
    // The baselines are ours; so is whatever goes beyond its second table.
    let schedulers = ["topological", "restarting", "suspending"];
    let rebuilders = ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace"];
    if !schedulers.contains(&row.scheduler) || !rebuilders.contains(&row.rebuilder) {
        return None;
    }
    match (property, row.scheduler, row.rebuilder) {
        // All twelve are presented as correct builds.
        ("correct", ..) => Some(true),
        ("dynamic-dependencies", scheduler, _) => Some(scheduler != "topological"),
        ("no-restarts", scheduler, _) => Some(scheduler != "restarting"),
        ("early-cutoff", _, "deep-constructive-trace") => Some(false),
        ("early-cutoff", _, "verifying-trace" | "constructive-trace") => Some(true),
        ("cloud-shareable", _, rebuilder) => Some(rebuilder.ends_with("constructive-trace")),
        ("tolerates-non-determinism", _, "deep-constructive-trace") => Some(false),
        _ => None,
    }
}
