//! How many runs of a compiler the histories of real projects would have cost, by what a build looks at. Prints the table of
//! `paper-notes/caches.md`.
//!
//! ```text
//! cargo run --release -p alacarte-experiments --example histories -- DIRECTORY
//! ```
//!
//! The histories are not in the repository: `experiments/histories/extract.py` makes one of any git repository of C or C++.

use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use alacarte_experiments::histories::{LOOKS, replay};

fn main() -> ExitCode {
    let Some(directory) = std::env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("name the directory of the histories");
        return missing();
    };
    let histories = match histories(&directory) {
        Ok(histories) if !histories.is_empty() => histories,
        Ok(_) => {
            eprintln!("{} has no histories (*.jsonl)", directory.display());
            return missing();
        }
        Err(error) => {
            eprintln!("{}: {error}", directory.display());
            return missing();
        }
    };
    println!(
        "| project | commits | sources | files written | by time | by content | by code | saved | idle: by content | by code |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|");
    for path in histories {
        let replayed = File::open(&path).map_err(Into::into).and_then(|file| replay(BufReader::new(file)));
        let all = match replayed {
            Ok(all) => all,
            Err(error) => {
                eprintln!("{}: {error}", path.display());
                return ExitCode::FAILURE;
            }
        };
        let [time, content, code] = LOOKS.map(|look| all.runs.get(&look).copied().unwrap_or(0));
        let [_, idle, idle_by_code] = LOOKS.map(|look| all.idle.get(&look).copied().unwrap_or(0));
        let saved = if content == 0 { 0.0 } else { 100.0 * (content - code) as f64 / content as f64 };
        println!(
            "| {} | {} | {} | {} | {time} | {content} | {code} | {saved:.1} % | {idle} | {idle_by_code} |",
            path.file_stem().unwrap_or_default().to_string_lossy(),
            all.commits,
            all.sources,
            all.written
        );
    }
    ExitCode::SUCCESS
}

fn histories(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let entries: Result<Vec<_>, _> = std::fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect();
    let mut paths: Vec<PathBuf> = entries.map_err(|error: std::io::Error| error)?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "jsonl"));
    paths.sort();
    Ok(paths)
}

fn missing() -> ExitCode {
    eprintln!("make one with: python3 experiments/histories/extract.py REPOSITORY [NEWEST] > DIRECTORY/NAME.jsonl");
    ExitCode::from(2)
}
