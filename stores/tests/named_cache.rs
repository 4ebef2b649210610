//! Named caches under many threads and processes, some of which are killed; and given to tools that leave behind what no cache wants.

#[path = "../../frontends/tests/common/skipping.rs"]
mod skipping;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, SystemTime};

use alacarte_stores::{NamedCache, PrivateCopy, Published, SharedCache, named_caches};
use skipping::skipped;

fn cache(root: &Path) -> NamedCache {
    NamedCache::new(&root.join("cache"), &"repository/tool".parse().expect("a name"), root)
}

fn take(root: &Path) -> PrivateCopy {
    let copy = cache(root).take(&root.join("elsewhere")).expect("a copy");
    assert_eq!(copy.trouble(), None);
    copy
}

/// Publishes what a tool does.
fn tool(root: &Path, does: impl FnOnce(&Path)) -> Published {
    let copy = take(root);
    does(copy.path());
    copy.publish()
}

fn write(directory: &Path, name: &str, text: &str) {
    let path = directory.join(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(path, text).expect("written");
}

fn read(directory: &Path, name: &str) -> String {
    fs::read_to_string(directory.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn names(directory: &Path) -> BTreeSet<String> {
    fs::read_dir(directory)
        .expect("listed")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into())
        .collect()
}

/// Where private copies lie.
fn underway(root: &Path) -> PathBuf {
    root.join("cache/tools/tool/by-name/repository/underway")
}

fn entries(root: &Path) -> PathBuf {
    root.join("cache/tools/tool/by-name/repository/entries")
}

/// A pipe in the place of an entry is nobody's, and gives way to what a command publishes.
#[test]
fn what_is_no_entry_gives_way_to_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    assert_eq!(tool(root, |cache| write(cache, "a/entry", "text")).added, 1);
    let place = entries(root).join("a/entry");
    fs::remove_file(&place).expect("removed");
    assert!(Command::new("mkfifo").arg(&place).status().expect("it starts").success());
    assert_eq!(tool(root, |cache| write(cache, "a/entry", "other")).added, 1);
    assert_eq!(read(&entries(root), "a/entry"), "other");
}

#[test]
fn what_a_command_added_or_changed_is_published_and_what_it_removed_stays() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let first = tool(root, |cache| {
        write(cache, "a", "a");
        write(cache, "deep/er/b", "b");
        symlink("deep/er/b", cache.join("link")).expect("a link");
    });
    assert_eq!((first.added, first.replaced, first.trouble), (3, 0, None));
    let second = tool(root, |cache| {
        assert_eq!((read(cache, "a"), read(cache, "link")), ("a".into(), "b".into()));
        assert!(cache.is_absolute() && fs::symlink_metadata(cache.join("link")).expect("there").is_symlink());
        // In place, as a tool does that knows of no other.
        fs::OpenOptions::new().append(true).open(cache.join("a")).expect("open").write_all(b"a").expect("written");
        fs::remove_file(cache.join("deep/er/b")).expect("removed");
        write(cache, "new", "n");
    });
    assert_eq!((second.added, second.replaced), (1, 1));
    let third = tool(root, |cache| {
        assert_eq!(
            (read(cache, "a"), read(cache, "deep/er/b"), read(cache, "new")),
            ("aa".into(), "b".into(), "n".into())
        );
    });
    assert_eq!(third, Published::default(), "a command that changed nothing publishes nothing");
    assert!(names(&underway(root)).is_empty());
}

#[test]
fn times_and_permissions_are_part_of_an_entry() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let long_ago = SystemTime::UNIX_EPOCH + Duration::new(1_000_000_000, 123_456_789);
    let set = |file: &Path| fs::File::open(file).and_then(|file| file.set_modified(long_ago)).expect("a time");
    tool(root, |cache| {
        write(cache, "secret/file", "a");
        fs::set_permissions(cache.join("secret"), Permissions::from_mode(0o700)).expect("a mode");
        fs::set_permissions(cache.join("secret/file"), Permissions::from_mode(0o4750)).expect("a mode");
        set(&cache.join("secret/file"));
    });
    let look = |cache: &Path| {
        let [directory, file] = ["secret", "secret/file"].map(|name| fs::metadata(cache.join(name)).expect("there"));
        assert_eq!(
            (directory.mode() & 0o7777, file.mode() & 0o7777),
            (0o700, 0o750),
            "nobody may read it who might not before"
        );
        assert_eq!(file.modified().expect("a time"), long_ago);
    };
    look(&entries(root));
    // Of the same size, and with the time set back: the tool's own business, and a change all the same.
    let changed = tool(root, |cache| {
        look(cache);
        fs::write(cache.join("secret/file"), "b").expect("written");
        set(&cache.join("secret/file"));
    });
    assert_eq!(changed.replaced, 1);
    assert_eq!(read(&entries(root), "secret/file"), "b");
    let touched = tool(root, |cache| {
        fs::File::open(cache.join("secret/file"))
            .and_then(|file| file.set_modified(SystemTime::now()))
            .expect("a time");
    });
    assert_eq!(touched.replaced, 1, "tools keep times in their entries");
}

#[test]
fn a_copy_is_what_was_published_when_it_was_taken_whatever_becomes_of_that() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    tool(root, |cache| write(cache, "a", "old"));
    let copy = take(root);
    tool(root, |cache| write(cache, "a", "new"));
    assert_eq!(read(copy.path(), "a"), "old");
    // In place: neither the entry nor another copy may see it.
    let other = take(root);
    fs::OpenOptions::new().append(true).open(copy.path().join("a")).expect("open").write_all(b"!").expect("written");
    assert_eq!((read(&entries(root), "a"), read(other.path(), "a")), ("new".into(), "new".into()));
    let late = copy.publish();
    assert_eq!((late.replaced, late.superseded), (0, 1));
    assert_eq!(read(&entries(root), "a"), "new", "the first wins");
}

#[test]
fn what_a_child_of_a_command_goes_on_writing_is_not_seen() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let copy = take(root);
    write(copy.path(), "a", "whole");
    // Another name and an open file: what is published is neither.
    fs::hard_link(copy.path().join("a"), root.join("output")).expect("a link");
    let mut open = fs::OpenOptions::new().append(true).open(copy.path().join("a")).expect("open");
    assert_eq!(copy.publish().added, 1);
    open.write_all(b" and more").expect("written");
    assert_eq!((read(&entries(root), "a"), read(root, "output")), ("whole".into(), "whole and more".into()));
}

#[test]
fn what_cannot_be_an_entry_is_left_out_and_said_and_nothing_hangs_or_gets_out() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    write(root, "outside/precious", "precious");
    let published = tool(root, |cache| {
        // (The path may be longer than one that can be bound.)
        let socket = rustix::fs::FileType::Socket;
        rustix::fs::mknodat(rustix::fs::CWD, cache.join("socket"), socket, 0o600.into(), 0).expect("a socket");
        assert!(Command::new("mkfifo").arg(cache.join("pipe")).status().expect("it runs").success());
        symlink("/etc", cache.join("absolute")).expect("a link");
        fs::create_dir(cache.join("d")).expect("made");
        symlink("../..", cache.join("d/up")).expect("a link");
        symlink("a/../../..", cache.join("winding")).expect("a link");
        symlink(".", cache.join("self")).expect("a link");
        write(cache, "good", "good");
        let mut deep = cache.join("deep");
        for _ in 0..200 {
            deep.push("d");
        }
        fs::create_dir_all(&deep).expect("made");
    });
    assert_eq!(published.added, 1, "{published:?}");
    assert_eq!(published.left_out, 7, "{published:?}");
    assert!(published.trouble.is_some());
    assert_eq!(names(&entries(root)), BTreeSet::from(["good".to_owned()]));
    // A cache in which somebody else has put such things all the same.
    symlink(root.join("outside"), entries(root).join("out")).expect("a link");
    assert!(Command::new("mkfifo").arg(entries(root).join("pipe")).status().expect("it runs").success());
    let published = tool(root, |cache| {
        assert_eq!(names(cache), BTreeSet::from(["good".to_owned()]));
        write(cache, "out/precious", "lost");
        write(cache, "out/more", "more");
        write(cache, "pipe", "no pipe");
    });
    // (The pipe gives way, the link does not: what lies behind it is somebody's.)
    assert_eq!((published.added, published.superseded), (1, 2), "{published:?}");
    assert_eq!(read(&entries(root), "pipe"), "no pipe");
    assert_eq!(read(root, "outside/precious"), "precious");
    assert_eq!(names(&root.join("outside")).len(), 1);
}

/// A directory that one command has published, another one closes, as it does its own files.
#[test]
fn what_a_directory_keeps_from_others_is_kept_from_them_as_an_entry() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    tool(root, |cache| write(cache, "d/open", "open"));
    let mode = |path: &str| fs::metadata(entries(root).join(path)).expect("there").mode() & 0o777;
    let set = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).expect("a mode");
    tool(root, |cache| {
        write(cache, "d/closed", "closed");
        set(&cache.join("d/closed"), 0o644);
        set(&cache.join("d"), 0o710);
    });
    assert_eq!((mode("d") & 0o005, mode("d/closed")), (0o005, 0o640));
    tool(root, |cache| {
        write(cache, "top", "top");
        set(&cache.join("top"), 0o664);
        set(cache, 0o700);
    });
    assert_eq!(mode("top"), 0o600);
}

/// What was waited for in vain once need not be waited for again.
#[test]
fn a_lock_that_another_process_holds_is_waited_for_as_long_as_is_asked() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    tool(root, |cache| write(cache, "a", "a"));
    let part = entries(root).parent().expect("a part").to_owned();
    let held = fs::File::open(part.join("lock")).expect("opened");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let hurried = cache(root).without_patience();
    let copy = hurried.take(&root.join("elsewhere")).expect("a copy elsewhere");
    assert!(copy.timed_out() && copy.trouble().is_some_and(|why| why.contains("another process holds its lock")));
    assert_eq!(read(copy.path(), "a"), "a");
    // (To close it is not enough: a child that another test has just forked holds it too, until it is another program.)
    rustix::fs::flock(&held, rustix::fs::FlockOperation::Unlock).expect("unlocked");
    let copy = hurried.take(&root.join("elsewhere")).expect("a copy");
    write(copy.path(), "b", "b");
    assert!(!copy.timed_out());
    assert_eq!(copy.publish().added, 1);
}

/// Nothing but the copy itself is published, whatever lies in its place.
#[test]
fn a_copy_that_is_something_else_afterwards_is_not_published() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    write(root, "private/key", "key");
    for what in ["a link", "a file", "nothing"] {
        let published = tool(root, |cache| {
            fs::remove_dir(cache).expect("it is empty");
            match what {
                "a link" => symlink(root.join("private"), cache).expect("a link"),
                "a file" => fs::write(cache, "file").expect("written"),
                _ => {}
            }
        });
        assert_eq!((published.added, published.left_out), (0, 1), "{what}: {published:?}");
        assert_eq!(names(&entries(root)), BTreeSet::new(), "{what}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_left_out_and_the_others_are_published() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let copy = take(root);
    write(copy.path(), "closed", "a");
    write(copy.path(), "closed.d/b", "b");
    write(copy.path(), "open", "c");
    fs::set_permissions(copy.path().join("closed"), Permissions::from_mode(0o000)).expect("a mode");
    fs::set_permissions(copy.path().join("closed.d"), Permissions::from_mode(0o000)).expect("a mode");
    // (Root reads everything.)
    let reads_all = fs::read(copy.path().join("closed")).is_ok();
    let published = copy.publish();
    assert_eq!((published.added, published.left_out), if reads_all { (3, 0) } else { (1, 2) }, "{published:?}");
    assert!(names(&underway(root)).is_empty(), "what nobody may enter is removed all the same");
}

#[test]
fn where_the_cache_cannot_be_written_a_command_has_another_directory_and_it_is_said() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    write(root, "file", "");
    // A file, and a place where nobody can make a directory, be it root.
    for place in [root.join("file"), PathBuf::from("/proc/self")] {
        let cache = NamedCache::new(&place, &"r/tool".parse().expect("a name"), root);
        let copy = cache.take(&root.join("elsewhere")).expect("a copy");
        assert!(copy.trouble().is_some_and(|trouble| trouble.contains("nothing is published")), "{copy:?}");
        assert!(copy.path().starts_with(root.join("elsewhere")));
        write(copy.path(), "a", "a");
        let published = copy.publish();
        assert_eq!((published.added, published.trouble.is_some()), (0, true));
        assert!(names(&root.join("elsewhere")).is_empty());
    }
    assert_eq!(fs::metadata(root.join("file")).expect("there").len(), 0);
    let neither = NamedCache::new(Path::new("/proc/self"), &"r/tool".parse().expect("a name"), root);
    assert!(neither.take(&root.join("file")).is_err());
}

#[test]
fn a_cache_whose_entries_were_put_elsewhere_by_a_link_is_not_used() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    tool(root, |cache| write(cache, "a", "a"));
    fs::rename(entries(root), root.join("outside")).expect("moved");
    symlink(root.join("outside"), entries(root)).expect("a link");
    let copy = cache(root).take(&root.join("elsewhere")).expect("a copy");
    assert!(copy.trouble().is_some_and(|trouble| trouble.contains("is a link")), "{copy:?}");
    write(copy.path(), "b", "b");
    assert_eq!(copy.publish().added, 0);
    assert_eq!(names(&root.join("outside")), BTreeSet::from(["a".to_owned()]));
}

/// As where there are no hard links: what an entry was made from is known by its content.
#[test]
fn an_entry_that_another_file_took_the_place_of_is_the_same_if_it_cannot_be_told_apart() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    tool(root, |cache| write(cache, "a", "aa"));
    let entry = entries(root).join("a");
    let again = |text: &str| {
        let time = fs::metadata(&entry).and_then(|entry| entry.modified()).expect("a time");
        fs::rename(&entry, root.join("old")).expect("moved");
        fs::write(&entry, text).expect("written");
        fs::File::open(&entry).and_then(|entry| entry.set_modified(time)).expect("a time");
    };
    let (one, two) = (take(root), take(root));
    write(one.path(), "a", "one");
    write(two.path(), "a", "two");
    again("ab");
    assert_eq!(one.publish().superseded, 1, "the same size and time, and something else");
    again("aa");
    assert_eq!(two.publish().replaced, 1);
    assert_eq!(read(&entries(root), "a"), "two");
}

/// A file system of its own, if this machine lets us have one.
struct Mounted(PathBuf);

impl Mounted {
    fn new(place: &Path, options: &str) -> Option<Self> {
        fs::create_dir_all(place).expect("made");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(place).output();
        mount.is_ok_and(|mount| mount.status.success()).then(|| Mounted(place.to_owned()))
    }

    fn remount(&self, options: &str) {
        let mount = Command::new("mount").args(["-o", &format!("remount,{options}")]).arg(&self.0).status();
        assert!(mount.expect("it runs").success());
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_cache_that_is_full_or_read_only_loses_nothing_and_fails_nobody() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let Some(mounted) = Mounted::new(&root.join("cache"), "size=1m") else {
        skipped(format_args!("a_cache_that_is_full_or_read_only: this user may not mount a file system"));
        return;
    };
    tool(root, |cache| write(cache, "old", &"o".repeat(100_000)));
    // It becomes full while the tool writes, so no copy of that fits in it.
    let published = tool(root, |cache| write(cache, "big", &"b".repeat(600_000)));
    assert_eq!(published.added, 0, "{published:?}");
    assert!(published.trouble.is_some());
    assert!(names(&underway(root)).is_empty());
    // It is full when the copy is taken.
    let ballast = root.join("cache/ballast");
    let mut file = fs::File::create(&ballast).expect("created");
    while file.write_all(&[0; 4096]).is_ok() {}
    drop(file);
    let copy = cache(root).take(&root.join("elsewhere")).expect("a copy");
    assert!(copy.trouble().is_some());
    assert_eq!(read(copy.path(), "old").len(), 100_000, "it is a copy, elsewhere");
    drop(copy);
    fs::remove_file(&ballast).expect("removed");
    assert_eq!(tool(root, |cache| write(cache, "new", "n")).added, 1);
    mounted.remount("ro");
    let copy = cache(root).take(&root.join("elsewhere")).expect("a copy");
    assert!(copy.trouble().is_some());
    assert_eq!((read(copy.path(), "old").len(), read(copy.path(), "new")), (100_000, "n".into()));
    assert_eq!(copy.publish().added, 0);
    mounted.remount("rw");
}

#[test]
fn what_caches_hold_is_told_by_name_and_repository_and_can_be_removed_under_a_command() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    assert!(named_caches(&root.join("cache")).expect("nothing").is_empty());
    tool(root, |cache| {
        write(cache, "a", "four");
        write(cache, "d/b", "five5");
        symlink("a", cache.join("link")).expect("a link");
    });
    let own = NamedCache::new(&root.join("cache"), &"tool".parse().expect("a name"), root);
    let copy = own.take(&root.join("elsewhere")).expect("a copy");
    assert!(names(copy.path()).is_empty(), "another repository's entries are not seen");
    write(copy.path(), "c", "c");
    assert_eq!(copy.publish().added, 1);
    fs::create_dir_all(root.join("cache/tools/tool/by-name/unsigned/entries")).expect("made");
    let held = named_caches(&root.join("cache")).expect("listed");
    let told: Vec<_> = held.iter().map(|held| (&*held.name, &*held.repository, held.entries, held.bytes)).collect();
    let real = root.canonicalize().expect("there").to_string_lossy().into_owned();
    assert_eq!(told, [("tool", &*real, 1, 4096), ("tool", "repository", 3, 8192)]);
    assert!(held.iter().all(|held| held.used.elapsed().is_ok_and(|ago| ago < Duration::from_secs(3600))));

    let copy = take(root);
    held[1].clear().expect("removed");
    assert_eq!(named_caches(&root.join("cache")).expect("listed").len(), 1);
    write(copy.path(), "a", "changed");
    write(copy.path(), "new", "new");
    let published = copy.publish();
    assert_eq!((published.added, published.superseded), (1, 1), "what was removed stays removed");
    assert_eq!(names(&entries(root)), BTreeSet::from(["new".to_owned()]));
}

/// An entry that shows whether it is whole.
fn whole(text: &str) -> String {
    format!("{text}\n{}{text}\n", "x".repeat(20_000))
}

/// The number in an entry, which is whole.
fn number(directory: &Path, name: &str) -> Option<u64> {
    let text = fs::read_to_string(directory.join(name)).ok()?;
    let first = text.lines().next().expect("an entry is never empty");
    assert_eq!(text, whole(first), "{name} is not whole");
    Some(first.parse().expect("a number"))
}

/// What each of many does: counts one up in an entry that all change, by writing it in place, and adds one of its own. How many of both
/// it has seen published is written down at once.
fn count(root: &Path, me: &str, times: u64) {
    let mut log = fs::File::create(root.join(format!("log-{me}"))).expect("created");
    for round in 0..times {
        let copy = take(root);
        for entry in names(copy.path()) {
            assert!(number(copy.path(), &entry).is_some());
        }
        let before = number(copy.path(), "shared").unwrap_or(0);
        let mut shared = fs::File::create(copy.path().join("shared")).expect("open");
        shared.write_all(whole(&(before + 1).to_string()).as_bytes()).expect("written");
        fs::write(copy.path().join(format!("{me}-{round}")), whole(&round.to_string())).expect("written");
        if round % 3 == 1 {
            // It fails: nothing of it is published.
            continue;
        }
        let published = copy.publish();
        assert_eq!(published.added + published.replaced + published.superseded, 2, "{published:?}");
        assert_eq!(published.trouble, None);
        // (The first to add the shared entry adds two.)
        writeln!(log, "{me}-{round} {}", u8::from(published.superseded == 0)).expect("written");
    }
}

/// What the logs say: the entries, and how often one was counted up.
fn logged(root: &Path) -> (BTreeSet<String>, u64) {
    let logs = names(root).into_iter().filter(|name| name.starts_with("log-"));
    let lines: Vec<String> =
        logs.flat_map(|log| read(root, &log).lines().map(str::to_owned).collect::<Vec<_>>()).collect();
    let pairs: BTreeMap<&str, &str> = lines.iter().filter_map(|line| line.split_once(' ')).collect();
    let counted = pairs.values().filter(|counted| **counted == "1").count();
    (pairs.keys().map(|name| (*name).to_owned()).collect(), counted as u64)
}

#[test]
fn many_threads_lose_nothing_and_see_whole_entries() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    std::thread::scope(|scope| {
        for thread in 0..8 {
            scope.spawn(move || count(root, &format!("thread{thread}"), 9));
        }
    });
    let (own, counted) = logged(root);
    let mut there = names(&entries(root));
    assert_eq!(
        number(&entries(root), "shared"),
        Some(counted),
        "each that was published was counted up from the one before"
    );
    assert!(there.remove("shared"));
    assert_eq!(there, own);
    assert_eq!(own.len(), 8 * 6);
}

#[test]
fn of_those_that_change_one_entry_at_once_one_is_first() {
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    let root = directory.path();
    let rounds = 300;
    let replaced: u64 = std::thread::scope(|scope| {
        let threads = [(); 4].map(|()| {
            scope.spawn(|| {
                let one = |_| {
                    let published = tool(root, |cache| {
                        let before =
                            fs::read_to_string(cache.join("a")).map_or(0, |text| text.parse().expect("a number"));
                        write(cache, "a", &(before + 1).to_string());
                    });
                    published.added + published.replaced
                };
                (0..rounds).map(one).sum::<u64>()
            })
        });
        threads.map(|thread| thread.join().expect("it counts")).into_iter().sum()
    });
    assert_eq!(read(&entries(root), "a"), replaced.to_string());
    assert!(replaced >= rounds, "somebody always wins");
}

/// Not a test of its own: what a process does that [`many_processes`] has started.
#[test]
fn process() {
    if let (Some(root), Some(me)) = (std::env::var_os("NAMED_CACHE_ROOT"), std::env::var_os("NAMED_CACHE_PROCESS")) {
        count(Path::new(&root), &me.to_string_lossy(), 1_000_000);
    }
}

fn start(root: &Path, me: usize) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", "process"]).stdout(std::process::Stdio::null());
    command.env("NAMED_CACHE_ROOT", root).env("NAMED_CACHE_PROCESS", format!("process{me}"));
    command.spawn().expect("it starts")
}

#[test]
fn processes_that_are_killed_at_any_moment_lose_nothing_and_leave_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let root = directory.path();
    let mut killed = 0;
    let mut running: Vec<Child> = (0..4).map(|me| start(root, me)).collect();
    for me in 4..24 {
        // So long as it takes until all together have published a few more.
        let (before, _) = logged(root);
        while logged(root).0.len() < before.len() + 3 {
            assert!(running.iter_mut().all(|child| child.try_wait().expect("asked").is_none()), "none ends by itself");
            std::thread::sleep(Duration::from_millis(1));
        }
        let mut child = running.remove(me * 7 % running.len());
        child.kill().expect("killed");
        child.wait().expect("gone");
        killed += 1;
        running.push(start(root, me));
    }
    for mut child in running {
        child.kill().expect("killed");
        child.wait().expect("gone");
        killed += 1;
    }
    let (own, counted) = logged(root);
    // The next command finds all that was published, and sweeps what was left behind.
    let copy = take(root);
    let there = names(copy.path());
    assert!(own.is_subset(&there), "lost: {:?}", own.difference(&there));
    for entry in &there {
        assert!(number(copy.path(), entry).is_some());
    }
    // One that was killed may have published, and not have come to say so.
    let shared = number(copy.path(), "shared").expect("there");
    assert!((counted..=counted + killed).contains(&shared), "{shared} and not {counted}");
    assert!(there.len() as u64 - 1 <= own.len() as u64 + killed);
    assert_eq!(names(&underway(root)).len(), 1, "only the copy that was taken");
}

/// The memory that this process has used at most, in kilobytes.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

#[test]
fn a_tool_with_many_files_takes_no_memory() {
    // In a process of its own, for the memory is that of a process.
    if std::env::var_os("NAMED_CACHE_MANY").is_none() {
        let mut command = Command::new(std::env::current_exe().expect("this program"));
        command.args(["--exact", "a_tool_with_many_files_takes_no_memory"]).env("NAMED_CACHE_MANY", "1");
        assert!(command.output().expect("it runs").status.success());
        return;
    }
    let directory = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a directory");
    let root = directory.path();
    let fill = |cache: &Path, from: u32, to: u32| {
        for number in from..to {
            fs::write(cache.join(format!("a-file-with-a-name-of-fifty-letters-or-more-{number:06}")), "")
                .expect("written");
        }
    };
    assert_eq!(tool(root, |cache| fill(cache, 0, 100)).added, 100);
    let Some(before) = peak() else { return };
    assert_eq!(tool(root, |cache| fill(cache, 100, 20_000)).added, 19_900);
    assert_eq!(tool(root, |cache| write(cache, "one", "more")).added, 1);
    let after = peak().expect("as before");
    // Were only the names kept, they would be a megabyte.
    assert!(after - before < 900, "{} kB", after - before);
}

#[test]
fn a_part_that_does_not_say_whose_it_is_is_damage() {
    let root = tempfile::tempdir().expect("a directory");
    let root = root.path();
    let mut told = Vec::new();
    for said in [&b"\xff\xfe noise"[..], b"", b"another"] {
        tool(root, |copy| write(copy, "entry", "text"));
        let shared = SharedCache::new(root.join("cache"));
        assert!(shared.verify().expect("read").damage.is_empty());
        let mut owners = Vec::new();
        let mut open = vec![root.join("cache/tools")];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).expect("read").flatten() {
                if entry.path().is_dir() {
                    open.push(entry.path());
                } else if entry.file_name() == "repository" {
                    owners.push(entry.path());
                }
            }
        }
        let [owner] = &owners[..] else { panic!("{owners:?}") };
        fs::write(owner, said).expect("written");
        let verified = shared.verify().expect("read");
        told.extend(verified.damage.iter().map(|damage| damage.what.clone()));
        assert!(shared.verify().expect("read").damage.is_empty(), "nothing of it is left");
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told[1].contains("does not say") && told[2].contains("it is of another"), "{told:?}");
}
