//! The caches that tools keep for themselves, as commands use them: each is given a private copy, and what it made of that is published
//! when it has succeeded.
//!
//! Where the copy lies differs at each run. It is in no key and in no definition, so it never decides whether a command runs.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use alacarte_stores::{CacheName, NamedCache, PrivateCopy, text_of_path, to_stderr};
use tokio::sync::oneshot;

use super::jobserver::Token;
use super::path::canonicalise;
use super::screen::program;
use super::underway::Commands;

/// The environment variable in which a command finds where its copy lies.
pub(crate) const VARIABLE: &str = "ALACARTE_TOOL_CACHE";

/// The caches of a build.
#[derive(Debug)]
pub(crate) struct ToolCaches {
    /// The cache directory of the build.
    cache: PathBuf,
    /// The directory of the build: it names the repository where a rule does not.
    checkout: PathBuf,
    /// Where copies lie if the cache directory cannot be used.
    elsewhere: PathBuf,
    /// Of which the user has been told that something is wrong: once in a build is enough.
    said: RefCell<HashSet<CacheName>>,
    /// Those whose lock another process held for too long.
    busy: RefCell<HashSet<CacheName>>,
    /// The disk of the cache is full, and copies lie on another one.
    full: Cell<bool>,
}

/// A copy for one command. Nothing of it is published if it is dropped.
pub(crate) struct Taken<'c> {
    caches: &'c ToolCaches,
    name: &'c CacheName,
    copy: PrivateCopy,
}

/// Where a copy lay.
#[derive(Debug)]
pub(crate) struct Place(Vec<String>);

impl ToolCaches {
    pub(crate) fn new(cache: &Path, checkout: &Path, state: &Path) -> Self {
        let elsewhere = state.join("temporary");
        ToolCaches {
            cache: cache.into(),
            checkout: checkout.into(),
            elsewhere,
            said: RefCell::default(),
            busy: RefCell::default(),
            full: Cell::default(),
        }
    }

    /// A copy of this cache. While another process holds its lock, the command's token is given to others. A command that is `shown` while it
    /// runs does not wait for long to have one again.
    pub(crate) async fn take<'c>(
        &'c self,
        name: &'c CacheName,
        (token, shown): (&mut Option<Token>, bool),
        commands: &Commands,
    ) -> io::Result<Taken<'c>> {
        let (mut cache, elsewhere) = (NamedCache::new(&self.cache, name, &self.checkout), self.elsewhere.clone());
        // What was waited for in vain is not waited for again.
        if self.busy.borrow().contains(name) {
            cache = cache.without_patience();
        }
        let full = self.full.get();
        let copy = on_a_thread(move || match full {
            true => cache.take_elsewhere(&elsewhere, &io::ErrorKind::StorageFull.into()),
            false => cache.take(&elsewhere),
        });
        let had_token = token.is_some();
        let copy = commands.lending(token, copy).await???;
        if had_token && token.is_none() {
            *token = commands.token_for(shown).await?;
        }
        if let Some(trouble) = copy.trouble() {
            self.say(name, trouble);
        }
        self.note_busy(name, copy.timed_out());
        Ok(Taken { caches: self, name, copy })
    }

    fn note_busy(&self, name: &CacheName, timed_out: bool) {
        if timed_out {
            self.busy.borrow_mut().insert(name.clone());
        }
    }

    /// Says on standard error what is wrong with a cache, unless that was said of it already.
    fn say(&self, name: &CacheName, trouble: &str) {
        if self.said.borrow_mut().insert(name.clone()) {
            to_stderr(format_args!("{}: warning: tool cache {name}: {trouble}", program()));
        }
    }
}

impl Taken<'_> {
    /// Where it lies.
    pub(crate) fn path(&self) -> &Path {
        self.copy.path()
    }

    /// Whether a command that has failed is to be run once more: its copy lay on a disk that is full, and the next one will lie on another. Where there is no
    /// other, the user is told what to do.
    pub(crate) fn to_be_taken_again(&self) -> bool {
        let ToolCaches { cache, elsewhere, full, .. } = self.caches;
        if full.get() || self.copy.trouble().is_some() || !self.copy.lacks_room() {
            return false;
        }
        let disk = |path: &Path| path.metadata().map(|there| there.dev()).ok();
        let another = std::fs::create_dir_all(elsewhere).is_ok() && disk(elsewhere) != disk(self.copy.path());
        full.set(another);
        let room = "make room (`alacarte cache gc --max-size SIZE`)";
        if another {
            to_stderr(format_args!(
                "{}: the disk of {} is full: a command that failed runs again with a copy of its cache elsewhere",
                program(),
                cache.display()
            ));
        } else {
            let what = "its disk is full, on which the build lies, too: a command may have failed for that";
            self.caches.say(self.name, &format!("{}: {what}; {room}", cache.display()));
        }
        another
    }

    /// Publishes what the command added or changed. It has ended, and needs no token any more.
    pub(crate) async fn publish(self, token: &mut Option<Token>, commands: &Commands) -> io::Result<Place> {
        let Taken { caches, name, copy } = self;
        let real = copy.path().canonicalize().unwrap_or_else(|_| copy.path().to_owned());
        let place = [copy.path(), &real].map(|path| canonicalise(&text_of_path(path)) + "/");
        let published = commands.lending(token, on_a_thread(|| copy.publish())).await??;
        caches.note_busy(name, published.timed_out);
        if let Some(trouble) = published.trouble {
            let more = match published.left_out {
                0 | 1 => String::new(),
                more => format!(" (and {} more)", more - 1),
            };
            caches.say(name, &format!("not published: {trouble}{more}"));
        }
        Ok(Place(place.into()))
    }
}

impl Place {
    /// Whether the file at this path lay there. That a command read it is no dependency: the file has gone with the copy, and the tool itself
    /// knows when it is of no use any more.
    pub(crate) fn held(&self, path: &str) -> bool {
        let path = canonicalise(path);
        self.0.iter().any(|place| path.starts_with(place))
    }
}

/// Does what may take long, or wait for another process, while the build goes on. A build that is given up does not wait for it.
async fn on_a_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let (tells, told) = oneshot::channel();
    std::thread::Builder::new().name("tool cache".into()).spawn(move || tells.send(work()))?;
    told.await.map_err(|_| io::Error::other("the thread that copies a tool's cache has panicked"))
}
