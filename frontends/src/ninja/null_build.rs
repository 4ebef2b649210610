//! Null builds: that there is nothing to do, told at a glance.
//!
//! What a build finds to do depends on what it is asked (targets, scheduler, rebuilder, directory, manifest), on what earlier builds have left, and on the files
//! that it looks at: the manifest's texts, sources, headers, outputs. So a build that found nothing, or has done all that there was, leaves a [`Glance`] at
//! all of these. As long as nothing of it has changed, the next build that is asked the same has nothing to do either, and reads neither manifest nor journal. Anything else, and all is
//! asked from the beginning.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use alacarte_core::{Rebuilder, Schedules, Static};
use alacarte_stores::{FileKey, FileValue, Glance, text_of, text_of_path};

use super::session::{NinjaBuild, Session};
use crate::commands::{Root, command_state};

/// The same request to build as before, to which the answer may be the same.
///
/// ```
/// use alacarte::ninja::{NullBuild, Session};
/// use alacarte::prelude::*;
///
/// let directory = tempfile::tempdir()?;
/// std::fs::write(directory.path().join("build.ninja"), "build all: phony\n")?;
/// let session = Session::new(directory.path(), "build.ninja");
/// let null = NullBuild::of(&session, ["suspending", "verifying-trace"], &["all".into()]);
/// if !null.is_certain() {
///     let mut build = session.open(Suspending::new(), VerifyingTrace, |_| {})?;
///     let report = build.run(["all"])?;
///     if report.ran.is_empty() {
///         null.note(build); // The next build that is asked for the same may be certain.
///     }
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct NullBuild<'s> {
    session: &'s Session,
    question: Vec<u8>,
    /// What the build knows when it ends is what the next process will find.
    knows: bool,
}

/// The rebuilders that decide by what is written down. One that looks at times may find another in the next process than the build was told of (make takes
/// an output that was never made for as young as its command), and one of a user's own may look at anything.
const BY_WHAT_IS_WRITTEN: [&str; 6] =
    ["dirty-bit", "verifying-trace", "constructive-trace", "deep-constructive-trace", "step-trace", "perpetual"];

/// A `builddir` is found at once that stands within so many bytes of the manifest's beginning.
const BEGINNING: u64 = 1 << 16;

impl<'s> NullBuild<'s> {
    /// Of these targets, as they were asked for, by a scheduler and a rebuilder.
    pub fn of(session: &'s Session, [scheduler, rebuilder]: [&str; 2], targets: &[OsString]) -> Self {
        let by = format!(
            "{}\0{:?}\0{scheduler}\0{rebuilder}\0{}",
            env!("CARGO_PKG_VERSION"),
            Root::of(&session.directory),
            session.by_content
        );
        let mut question = by.into_bytes();
        for word in std::iter::once(session.file.as_os_str()).chain(targets.iter().map(OsString::as_os_str)) {
            question.push(0);
            question.extend(word.as_bytes());
        }
        NullBuild { session, question, knows: BY_WHAT_IS_WRITTEN.contains(&rebuilder) }
    }

    /// Whether it is certain that there is nothing to do.
    pub fn is_certain(&self) -> bool {
        Glance::still_holds(&Glance::file_in(&self.state()), &self.session.directory, &self.question)
    }

    /// Ends a build that ran commands, and built these targets: if it knows that nothing is left to do, it leaves a glance at what it saw and made, so that
    /// the next build need not look again at what this one has just seen.
    ///
    /// To know that, the build is asked for the targets once more, of what it remembers and without a look at a file. A command that is never up to date, or of
    /// which something is in doubt, would have to run: then there is no glance. Nor is there one under a rebuilder that decides by more than what is written down. Were a file changed since it was looked at, the glance would not hold.
    pub async fn note_after<S, R>(&self, build: NinjaBuild<S, R>, targets: &[FileKey])
    where
        S: Schedules<Static>,
        R: Rebuilder<FileKey, FileValue>,
    {
        if !self.knows || !build.tasks().changed_in_place().is_empty() {
            self.session.settle_in_place(build);
            return;
        }
        // (None of this is news to those who were told of the build.)
        let mut build = build.with_observer(|_, _, _| {});
        self.session.begin_another();
        let tasks = build.tasks();
        tasks.only_asked.set(true);
        tasks.files().borrow_mut().heed([]);
        let all: Vec<FileKey> = tasks.manifest().into_iter().chain(targets).cloned().collect();
        if build.run_async(all).await.is_ok_and(|report| report.restored.is_empty()) {
            self.note(build);
        }
    }

    /// Ends a build that had nothing to do and nothing to say, and leaves a glance at what it saw.
    pub fn note<S, R>(&self, build: NinjaBuild<S, R>) {
        let state = self.state();
        let damage = build.journal().damage();
        let sound = damage.gaps + damage.unreadable == 0 && build.journal().anew().is_none();
        let silent = build.tasks().phony_cycles().is_empty();
        if !sound || !silent || !command_state::journal(&state).exists() {
            return;
        }
        let glance = {
            let mut files = build.tasks().files().borrow_mut();
            // They are seen first and compared then: what changes in between has changed since it was seen.
            let seen = build.tasks().texts().all(|path| {
                let place = self.session.directory.join(path);
                (place.is_file() || !place.exists()) && files.look(&FileKey::from(&*text_of_path(path))).is_ok()
            });
            files.glance().filter(|_| seen)
        };
        let Some(glance) = glance.filter(|_| build.tasks().is_as_read()) else { return };
        // What it has learned is written down with its end.
        drop(build);
        let table = command_state::table(&state);
        let left = [command_state::journal(&state), table.with_extension("trees"), table, state.join("generated")];
        let left = left.iter().filter_map(|file| std::path::absolute(file).ok());
        // (Without it, the next build asks for everything again.)
        let _ = left.fold(glance, |glance, file| glance.and(&file)).save(&Glance::file_in(&state), &self.question);
    }

    /// Where the build remembers things, as far as a look at the manifest's beginning tells.
    fn state(&self) -> PathBuf {
        let mut beginning = Vec::new();
        let manifest = File::open(self.session.directory.join(&self.session.file));
        // (A pipe is read once, by those who know.)
        let file = manifest.ok().filter(|file| file.metadata().is_ok_and(|file| file.is_file()));
        let _ = file.map(|file| file.take(BEGINNING).read_to_end(&mut beginning));
        self.session.state_in(&builddir(&text_of(&beginning)).unwrap_or_default())
    }
}

/// The `builddir` that a line of a manifest names in so many words.
fn builddir(text: &str) -> Option<String> {
    let mut said = text.lines().filter_map(|line| {
        let value = line.strip_prefix("builddir")?.trim_start_matches(' ').strip_prefix('=')?;
        Some(value.trim_start_matches(' '))
    });
    said.next_back().filter(|value| !value.contains('$')).map(str::to_owned)
}
