//! The care of what is remembered: `recompact` makes the journal shorter, `restat` has the next build believe what is on disk.

use std::collections::HashSet;

use alacarte_core::{Cause, Failure};
use alacarte_stores::FileKey;

use super::options::Known;
use super::recorded::{Recorded, alone};
use super::{Call, ToolError};
use crate::commands::canonicalise;
use crate::ninja::last_run::Believed;
use crate::ninja::load::load;
use crate::ninja::manifest::{Edge, Manifest};
use crate::ninja::session::{NinjaBuild, Session, SessionError, Turn};

const RESTAT: &str = "usage: ninja -t restat [outputs]\n";

pub(super) fn recompact(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let manifest = call.manifest()?;
    if let Some(mut log) = alone(call.session, &manifest)? {
        log.recompact()?;
    }
    Ok(0)
}

pub(super) fn restat(call: &mut Call<'_>) -> Result<u8, ToolError> {
    let given = match call.options(&[Known::letter('h')], RESTAT)? {
        Ok(given) => given,
        Err(code) => return Ok(code),
    };
    // (Generators call it where there is nothing yet.)
    if !call.session.directory.join(&call.session.file).exists() {
        return Ok(0);
    }
    let (turn, recorded, targets) = loop {
        let manifest = call.manifest()?;
        // (The build that runs this very tool notes itself what this tool is to note.)
        let Some(log) = alone(call.session, &manifest)? else { return Ok(0) };
        let recorded = Recorded::of(call.session, &manifest)?;
        let targets = outputs(&recorded, &manifest, &given.operands);
        // Otherwise, another build has just rewritten it.
        if let Some(turn) = call.session.begin(manifest, log)? {
            break (turn, recorded, targets);
        }
    };
    let failures = believe(call.session, turn, &recorded, &targets, true)?.failures;
    // (What cannot be believed is built the next time.)
    match failures.iter().find(|failure| matches!(failure.cause, Cause::Store(_))) {
        Some(failure) => call.refuse(&failure.to_string()),
        None => Ok(0),
    }
}

/// What became of commands that were to be recorded anew.
struct Anew {
    /// Keys that others make, or nobody, and that hold something else than the journal says.
    changed: Vec<FileKey>,
    /// What could not be believed.
    failures: Vec<Failure<FileKey>>,
}

/// Records the last runs of these commands anew, with what is on disk; also where sources have been edited since, if `though_edited` says so.
fn believe(
    session: &Session,
    turn: Turn,
    recorded: &Recorded,
    targets: &[FileKey],
    though_edited: bool,
) -> Result<Anew, SessionError> {
    let runs = targets.iter().filter_map(|key| recorded.run(key.as_str()));
    let believed = Believed { runs: runs.map(|run| (run.key.clone(), run.last.clone())).collect(), though_edited };
    let mut build = session.open_believing(turn, believed)?;
    let changed = build.look_around()?;
    let (known, tasks): (HashSet<&FileKey>, _) = (targets.iter().collect(), build.tasks());
    let other = |key: &FileKey| tasks.primary(key).is_none_or(|primary| !known.contains(primary));
    let changed = build.names(&changed).into_iter().filter(other).collect();
    Ok(Anew { changed, failures: build.run(targets).err().map(|error| error.failures).unwrap_or_default() })
}

impl Session {
    /// Ends a build, and records those of its commands anew that have changed in place what other commands made. Where that cannot be, or a
    /// source was edited since they read it, they run again in the next build. The keys for which there is more to do so, or because they have
    /// changed otherwise since the build has looked at them.
    pub fn settle_in_place<S, R>(&self, build: NinjaBuild<S, R>) -> Vec<FileKey> {
        let commands = build.tasks().changed_in_place();
        drop(build);
        if commands.is_empty() {
            return Vec::new();
        }
        self.record_anew(&commands).unwrap_or(commands)
    }

    fn record_anew(&self, commands: &[FileKey]) -> Result<Vec<FileKey>, SessionError> {
        let manifest = load(&self.directory, &self.file)?;
        let Some(log) = alone(self, &manifest)? else { return Ok(Vec::new()) };
        let recorded = Recorded::of(self, &manifest)?;
        let Some(turn) = self.begin(manifest, log)? else { return Ok(commands.to_vec()) };
        let Anew { mut changed, failures } = believe(self, turn, &recorded, commands, false)?;
        changed.extend(failures.into_iter().filter_map(|failure| failure.key));
        Ok(changed)
    }
}

/// The first outputs of the edges that make these files, or of all edges; but only of those that have run.
fn outputs(recorded: &Recorded, manifest: &Manifest, names: &[String]) -> Vec<FileKey> {
    let names: HashSet<String> = names.iter().map(|name| recorded.local(&canonicalise(name)).into_owned()).collect();
    let asked =
        |edge: &&Edge| names.is_empty() || edge.outputs.iter().any(|path| names.contains(&*recorded.local(path)));
    let edges = manifest.edges.iter().filter(asked);
    edges.filter_map(|edge| recorded.run(edge.outputs.first()?)).map(|run| run.key.clone()).collect()
}
