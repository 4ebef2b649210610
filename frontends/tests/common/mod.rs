//! A directory with a manifest, and processes that build it.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use alacarte_core::{Build, Rebuilder, Report, Scheduler};
use alacarte_frontends::ninja::{NinjaTasks, Stage, load};
use alacarte_stores::{Cas, FileKey, FileStore, FileValue, Files, Log, TraceLog};

pub type Ninja = Build<
    FileKey,
    FileValue,
    NinjaTasks,
    FileStore,
    Box<dyn Scheduler>,
    Box<dyn Rebuilder<FileKey, FileValue>>,
    Log<FileKey, FileValue>,
>;

/// A process that has loaded the manifest of a directory.
pub struct Process {
    pub build: Ninja,
    /// What commands wrote.
    #[allow(dead_code, reason = "not every test asks")]
    pub printed: Rc<RefCell<String>>,
    runtime: tokio::runtime::Runtime,
}

#[allow(dead_code, reason = "not every test asks")]
pub fn start(directory: &Path, scheduler: &str, rebuilder: &str) -> Process {
    let files = Files::shared(directory).expect("a directory");
    let printed = Rc::new(RefCell::new(String::new()));
    let sink = Rc::clone(&printed);
    let tasks = NinjaTasks::new(load(directory, Path::new("build.ninja")).expect("a manifest"), &files).with_observer(
        move |event| {
            if let Stage::Ended { output, .. } = event.stage {
                *sink.borrow_mut() += &String::from_utf8_lossy(output);
            }
        },
    );
    let state = directory.join(".alacarte");
    let store = FileStore::new(&files)
        .with_shapes(tasks.shapes())
        .with_table(state.join("files"))
        .with_cas(Cas::new(state.join("cas")));
    let mut build = Build::new(tasks, store).with_jobs(2);
    let pools: Vec<_> = build.tasks().pools().map(|(name, depth)| (name.to_owned(), depth)).collect();
    for (name, depth) in pools {
        build = build.with_pool(name, depth);
    }
    let build = build
        .with_cache(TraceLog::new(state.join("traces")))
        .with_scheduler(alacarte_schedulers::named(scheduler).expect("a scheduler"))
        .with_rebuilder(alacarte_rebuilders::named(rebuilder).expect("a rebuilder"))
        .with_journal(Log::open(state.join("journal")).expect("a journal"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    Process { build, printed, runtime }
}

#[allow(dead_code, reason = "not every test asks")]
impl Process {
    pub fn run(&mut self) -> Result<Report, String> {
        let tasks = self.build.tasks();
        let targets = tasks.default_targets().to_vec();
        self.runtime.block_on(self.build.run_async(targets)).map_err(|error| error.to_string())
    }

    /// The outputs whose commands a build ran to their end, in order.
    pub fn ran(&mut self) -> Vec<String> {
        let report = self.run().expect("it builds");
        let names = self.build.names(&report.ran);
        names.iter().filter(|key| self.build.tasks().is_command(key)).map(ToString::to_string).collect()
    }

    /// Builds, and gives up as soon as `until` is there.
    #[allow(dead_code, reason = "not every test does")]
    pub fn interrupt(&mut self, until: &Path) {
        let targets = self.build.tasks().default_targets().to_vec();
        let build = self.build.run_async(targets);
        self.runtime.block_on(async {
            let seen = async {
                while !until.exists() {
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
            };
            tokio::select! { _ = build => panic!("it was not interrupted"), () = seen => {} }
        });
    }
}

#[allow(dead_code, reason = "not every test edits")]
pub fn edit(directory: &Path, file: &str, replace: &str, with: &str) {
    let path = directory.join(file);
    let text = std::fs::read_to_string(&path).expect("read");
    assert!(text.contains(replace), "{file} has no {replace:?}");
    std::fs::write(path, text.replace(replace, with)).expect("written");
}

/// A directory with these files.
#[allow(dead_code, reason = "not every test makes its own project")]
pub fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().expect("a directory");
    for (name, text) in files {
        std::fs::write(directory.path().join(name), text).expect("written");
    }
    directory
}

#[allow(dead_code, reason = "not every test looks into files")]
pub fn read(directory: &Path, file: &str) -> String {
    std::fs::read_to_string(directory.join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}
