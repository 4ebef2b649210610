//! Events come back from memory and from files, whatever process wrote them. (That lost records never make a
//! build wrong is tested with every rebuilder in `tests/damage.rs`.)

use std::os::unix::fs::PermissionsExt;

use alacarte_core::{Dependency, Fingerprint};

use super::*;

type Small = Log<String, u64>;

/// Everything that a replay says, in words.
fn said(log: &mut Small, keys: &mut Keys<String>) -> Vec<String> {
    let mut said = Vec::new();
    let outcome = log.replay(keys, &mut |keys, event| {
        said.push(match event {
            Event::Changed { key, value, modified, input, .. } => {
                format!("{} changed to {value:?} at {modified}, input: {input}", keys.show(*key))
            }
            Event::Built(record) | Event::Restored(record) | Event::Imported(record) => {
                let from = record.dependencies.iter().map(|d| format!("{}={}", keys.show(d.key), d.fingerprint.0));
                let from: Vec<_> = from.collect();
                format!("{} is {} from {}", keys.show(record.key), record.value, from.join(", "))
            }
            Event::Forgotten { keys: gone } => {
                let gone: Vec<_> = gone.iter().map(|key| keys.show(*key)).collect();
                format!("{} forgotten", gone.join(", "))
            }
            Event::Detached { key, done } => format!("{} is {}owed", keys.show(*key), if *done { "not " } else { "" }),
        });
    });
    outcome.expect("read");
    said
}

fn change(log: &mut Small, keys: &mut Keys<String>, key: &str, to: u64) {
    let key = keys.intern(&key.to_owned());
    let event = Event::Changed { key, fingerprint: Some(Fingerprint(to)), value: Some(&to), modified: to, input: true };
    log.append(keys, &event).expect("written");
}

fn made(log: &mut Small, keys: &mut Keys<String>, key: &str, from: &str, value: u64) {
    let (key, from) = (keys.intern(&key.to_owned()), keys.intern(&from.to_owned()));
    let dependency = |key, value| Dependency::new(key, Fingerprint(value));
    let dependencies = [dependency(key.definition(), 5), dependency(from, value)];
    let record = Record::new(key, &dependencies, Fingerprint(value), &value, &()).with_modified(value);
    log.append(keys, &Event::Built(record)).expect("written");
}

const STORY: [&str; 3] = [
    "x changed to Some(7) at 7, input: true",
    "y is 7 from the definition of y=5, x=7",
    "x changed to Some(8) at 8, input: true",
];

fn tell(log: &mut Small) {
    let mut keys = Keys::default();
    assert_eq!(said(log, &mut keys), [""; 0]);
    change(log, &mut keys, "x", 7);
    made(log, &mut keys, "y", "x", 7);
    change(log, &mut keys, "x", 8);
}

#[test]
fn another_process_reads_the_same_under_other_ids() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("state/log");
    let mut log = Small::open(&path).expect("opened");
    tell(&mut log);
    log.flush().expect("written");
    let length = log.bytes();
    assert_eq!(std::fs::metadata(&path).expect("there").len(), length);
    drop(log);
    let mut log = Small::open(&path).expect("opened");
    let mut keys = Keys::default();
    keys.intern(&"z".to_owned());
    keys.intern(&"y".to_owned());
    assert_eq!(said(&mut log, &mut keys), STORY);
    change(&mut log, &mut keys, "z", 9);
    drop(log);
    let mut log = Small::open(&path).expect("opened");
    let all = said(&mut log, &mut Keys::default());
    assert_eq!(all.len(), 4);
    assert_eq!(all[..3], STORY);
    assert!(log.damage().is_none());
}

#[test]
fn a_file_has_one_writer() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let first = Small::open(&path).expect("opened");
    let error = Small::open(&path).expect_err("it is in use").to_string();
    assert!(error.contains("another build is running in"), "{error}");
    drop(first);
    assert!(Small::open(&path).is_ok());
}

/// As a child of a killed build does, until it has become another program.
#[test]
fn a_lock_that_is_held_for_a_moment_is_no_build() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    drop(Small::open(&path).expect("opened"));
    let held = std::fs::File::open(&path).expect("opened");
    rustix::fs::flock(&held, rustix::fs::FlockOperation::LockExclusive).expect("locked");
    let holder = std::thread::spawn(move || {
        std::thread::sleep(std::time::Duration::from_millis(1));
        drop(held);
    });
    assert!(Small::open(&path).is_ok());
    holder.join().expect("it ends");
}

#[test]
fn a_torn_tail_is_cut_off_before_more_is_written() {
    let mut log = Small::in_memory();
    tell(&mut log);
    log.flush().expect("written");
    let whole = log.shared().expect("in memory").to_vec();
    for length in 0..whole.len() {
        let mut log = Small::from_bytes(whole[..length].to_vec());
        let mut keys = Keys::default();
        let left = said(&mut log, &mut keys);
        assert!(STORY.map(String::from).starts_with(&left), "{left:?}");
        change(&mut log, &mut keys, "w", 1);
        let again = said(&mut log, &mut Keys::default());
        assert_eq!(again[..left.len()], left);
        assert_eq!(again.len(), left.len() + 1);
        assert!(log.damage().is_none());
    }
}

#[test]
fn a_lost_record_casts_doubt_on_all_that_came_before() {
    let mut log = Small::in_memory();
    let mut keys = Keys::default();
    change(&mut log, &mut keys, "x", 7);
    change(&mut log, &mut keys, "v", 1);
    log.flush().expect("written");
    let start = log.bytes() as usize;
    change(&mut log, &mut keys, "v", 2);
    log.flush().expect("written");
    let end = log.bytes() as usize;
    made(&mut log, &mut keys, "y", "x", 7);
    change(&mut log, &mut keys, "v", 3);
    log.flush().expect("written");
    let mut bytes = log.shared().expect("in memory").to_vec();
    bytes.drain(start..end);
    let mut log = Small::from_bytes(bytes);
    let expected = [
        "x changed to Some(7) at 7, input: true",
        "v changed to Some(1) at 1, input: true",
        "x changed to None at 7, input: true",
        "v changed to None at 7, input: true",
        "y is 7 from the definition of y=5, x=7",
        "y changed to None at 7, input: false",
        "v changed to Some(3) at 3, input: true",
    ];
    assert_eq!(said(&mut log, &mut Keys::default()), expected);
    assert_eq!(log.damage(), Damage { gaps: 1, torn: 0, unreadable: 0 });
}

/// Somebody wrote over `y` the very value that it was later built to, and that record is lost. What is left knows of a `y` that
/// was built from another `x`; that `z` came of it would be told of the wrong one.
#[test]
fn a_value_that_somebody_wrote_does_not_stand_in_for_a_lost_record() {
    let mut log = Small::in_memory();
    let mut keys = Keys::default();
    change(&mut log, &mut keys, "x", 7);
    made(&mut log, &mut keys, "y", "x", 7);
    made(&mut log, &mut keys, "z", "y", 7);
    let key = keys.intern(&"y".to_owned());
    let overwritten =
        Event::Changed { key, fingerprint: Some(Fingerprint(8)), value: Some(&8), modified: 8, input: false };
    log.append(&keys, &overwritten).expect("written");
    change(&mut log, &mut keys, "x", 8);
    log.flush().expect("written");
    let start = log.bytes() as usize;
    made(&mut log, &mut keys, "y", "x", 8);
    log.flush().expect("written");
    let end = log.bytes() as usize;
    // Nor if somebody does so once more, and a build keeps it.
    log.append(&keys, &overwritten).expect("written");
    made(&mut log, &mut keys, "z", "y", 8);
    log.flush().expect("written");
    let mut bytes = log.shared().expect("in memory").to_vec();
    bytes.drain(start..end);
    let said = said(&mut Small::from_bytes(bytes), &mut Keys::default());
    assert_eq!(said.last().map(String::as_str), Some("z changed to None at 8, input: false"), "{said:#?}");
    assert!(!said.iter().any(|line| line.starts_with("z is 8")), "{said:#?}");
}

/// Everything that a replay says, in words, of a program whose values are other ones but have the same names.
fn said_of_others<V: Value + Serialize + DeserializeOwned + std::fmt::Debug>(
    bytes: SharedBytes,
) -> (Vec<String>, Damage) {
    let mut log = Log::<String, V>::from_bytes(bytes);
    log.schema = Schema::of::<String, u64>(0);
    let mut said = Vec::new();
    let replayed = log.replay(&mut Keys::default(), &mut |keys, event| {
        let what = match event {
            Event::Changed { fingerprint, value, .. } => {
                format!("changed to {:?}, {value:?}", fingerprint.map(|f| f.0))
            }
            Event::Built(record) => format!("is {:?}", record.value),
            _ => unreachable!("nothing else was told"),
        };
        said.push(format!("{} {what}", keys.show(event.key().expect("a key"))));
    });
    replayed.expect("read");
    assert!(log.anew().is_none());
    (said, log.damage())
}

/// Whether their bytes cannot be read, or are read as something else. (What an input has changed to is known by its fingerprint.)
#[test]
fn values_of_another_type_cost_just_their_keys() {
    let mut log = Small::in_memory();
    tell(&mut log);
    log.flush().expect("written");
    let bytes = || log.shared().expect("in memory");
    let expected = ["x changed to Some(7), None", "y changed to None, None", "x changed to Some(8), None"]
        .map(String::from)
        .to_vec();
    let damage = Damage { unreadable: 1, ..Damage::default() };
    assert_eq!(said_of_others::<(String, u64)>(bytes()), (expected.clone(), damage));
    assert_eq!(said_of_others::<i64>(bytes()), (expected.clone(), damage));
    assert_eq!(said_of_others::<u32>(bytes()), (expected.clone(), damage));
    assert_eq!(said_of_others::<Option<bool>>(bytes()), (expected, damage));
    assert_eq!(said_of_others::<u64>(bytes()).0[1], "y is 7");
}

/// A record whose value is lost says of its key that nobody knows what it holds, and so it is with whatever was built from it
/// since: a fold would look up what it knows of the key, which is older.
#[test]
fn what_was_built_from_a_value_that_is_lost_is_lost() {
    /// A value whose shape is its own to choose, so that some are read and some are not.
    #[derive(Debug, Clone)]
    struct Odd(u64);
    impl Value for Odd {
        fn fingerprint(&self) -> Fingerprint {
            Fingerprint(self.0)
        }
    }
    impl Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            if self.0 == 8 { to.serialize_u32(8) } else { to.serialize_u64(self.0) }
        }
    }
    impl<'de> serde::Deserialize<'de> for Odd {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            // (Written as it was read, it would be another number.)
            u64::deserialize(from).map(|number| Odd(if number == 8 { 9 } else { number }))
        }
    }
    let mut log = Small::in_memory();
    log.schema = Schema::of::<String, Odd>(0);
    let mut odd = Log::<String, Odd>::from_bytes(log.shared().expect("in memory"));
    let mut keys = Keys::default();
    let made = |odd: &mut Log<String, Odd>, keys: &mut Keys<String>, key: &str, from: &str, value: u64| {
        let (key, from) = (keys.intern(&key.to_owned()), keys.intern(&from.to_owned()));
        let dependencies = [Dependency::new(from, Fingerprint(value))];
        let (fingerprint, value) = (Fingerprint(value), Odd(value));
        let record = Record::new(key, &dependencies, fingerprint, &value, &()).with_modified(1);
        odd.append(keys, &Event::Built(record)).expect("written");
    };
    for n in [7, 8] {
        made(&mut odd, &mut keys, "y", "x", n);
        made(&mut odd, &mut keys, "z", "y", 7);
        made(&mut odd, &mut keys, "u", "y", n);
    }
    odd.flush().expect("written");
    let mut said = Vec::new();
    let mut again = Log::<String, Odd>::from_bytes(log.shared().expect("in memory"));
    let replayed = again.replay(&mut Keys::default(), &mut |keys, event| {
        let value = if let Event::Built(record) = event { Some(record.value.0) } else { None };
        said.push(format!("{} {value:?}", keys.show(event.key().expect("a key"))));
    });
    replayed.expect("read");
    let whole = ["y Some(7)", "z Some(7)", "u Some(7)"];
    // That `z` was built from a `y` of 7 is what is known of `y`, which may be so no more; `u` saw another one.
    assert_eq!(said, [&whole[..], &["y None", "z Some(7)", "z None", "u None"]].concat());
}

#[test]
fn the_log_of_another_program_is_set_aside() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let mut log = Small::open(&path).expect("opened");
    tell(&mut log);
    drop(log);
    let theirs = std::fs::read(&path).expect("read");
    let mut other = Log::<String, i64>::open(&path).expect("opened");
    let mut keys = Keys::default();
    other.replay(&mut keys, &mut |_, _| panic!("nothing is told")).expect("replayed");
    assert!(keys.is_empty());
    let anew = other.anew().expect("it begins anew").clone();
    let aside = anew.aside.clone().expect("a file");
    assert!(anew.foreign && anew.to_string().contains(&aside.display().to_string()), "{anew}");
    assert_eq!(std::fs::read(aside).expect("read"), theirs);
    assert!(Small::open(&path).is_err(), "it is locked");
    let key = keys.intern(&"z".to_owned());
    let event = Event::Changed { key, fingerprint: None, value: None, modified: 1, input: true };
    other.append(&keys, &event).expect("written");
    drop(other);
    // From now on it is this program's.
    let mut other = Log::<String, i64>::open(&path).expect("opened");
    other.replay(&mut Keys::default(), &mut |_, _| {}).expect("replayed");
    assert!(other.anew().is_none() && other.damage().is_none());
    // Of another version, it is another program's.
    drop(other);
    let mut newer = Log::<String, i64>::open(&path).expect("opened").with_version(1);
    newer.replay(&mut Keys::default(), &mut |_, _| {}).expect("replayed");
    assert!(newer.anew().is_some_and(|anew| anew.foreign));
}

#[test]
fn a_file_of_zeroes_or_noise_is_set_aside() {
    let mut version_1 = b"alacarte log 1\n".to_vec();
    let version_2 = [&b"alacarte log 2\n"[..], &[0xA1, 0xCB, 1, 0, 0, 0, 9, 9, 9, 9, 0]].concat();
    let version_3 = [&b"alacarte log 3\n"[..], &[0xA1, 0xCC, 1, 0, 0, 0, 9, 9, 9, 9, 0]].concat();
    let noise: Vec<u8> = (0..5000_u32).flat_map(|n| *blake3::hash(&n.to_le_bytes()).as_bytes()).collect();
    for bytes in [vec![0; 10], vec![0; 100_000], noise, version_3, version_2, version_1.clone(), {
        version_1.extend([0xA1, 0xCA, 1, 0, 0, 0]);
        version_1
    }] {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("log");
        std::fs::write(&path, &bytes).expect("written");
        let mut log = Small::open(&path).expect("opened");
        let mut keys = Keys::default();
        assert_eq!(said(&mut log, &mut keys), [""; 0]);
        let anew = log.anew().expect("it begins anew");
        assert_eq!(std::fs::read(anew.aside.as_ref().expect("a file")).expect("read"), bytes);
        change(&mut log, &mut keys, "x", 7);
        drop(log);
        let mut log = Small::open(&path).expect("opened");
        assert_eq!(said(&mut log, &mut Keys::default()), STORY[..1]);
        assert!(log.anew().is_none() && log.damage().is_none());
    }
}

#[test]
fn an_empty_file_is_a_log_in_which_nothing_is_written_yet() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    std::fs::write(&path, b"").expect("written");
    let mut log = Small::open(&path).expect("opened");
    tell(&mut log);
    assert!(log.anew().is_none() && log.damage().is_none());
}

#[test]
fn what_is_no_file_is_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    std::fs::create_dir(&path).expect("made");
    let error = Small::open(&path).expect_err("a directory").to_string();
    assert!(error.contains("it is no file, but a directory"), "{error}");
}

#[test]
fn a_file_that_is_no_log_is_left_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("thesis.tex");
    std::fs::write(&path, "\\begin{document}").expect("written");
    let mut log = Small::open(&path).expect("opened");
    let error = log.replay(&mut Keys::default(), &mut |_, _| {}).expect_err("no log").to_string();
    assert!(error.contains("thesis.tex") && error.contains("no log"), "{error}");
    assert_eq!(std::fs::read(&path).expect("read"), b"\\begin{document}");
}

#[test]
fn a_long_log_is_replaced_by_a_short_one() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("log");
    let mut log = Small::open(&path).expect("opened");
    let mut keys = Keys::default();
    for n in 0..10_000 {
        change(&mut log, &mut keys, "x", n);
        made(&mut log, &mut keys, "y", "x", n);
    }
    drop(log);
    // (Users of one group who build in one directory may read and write it.)
    let shared = || std::fs::metadata(&path).expect("there").permissions();
    let mut permissions = shared();
    permissions.set_mode(0o664);
    std::fs::set_permissions(&path, permissions).expect("set");
    let mut log = Small::open(&path).expect("opened");
    assert_eq!(said(&mut log, &mut Keys::default()).len(), 20_000);
    assert!(log.bytes() < 1000, "{}", log.bytes());
    assert_eq!(shared().mode() & 0o777, 0o664);
    assert!(Small::open(&path).is_err(), "it is still locked");
    change(&mut log, &mut Keys::default(), "x", 7);
    drop(log);
    let mut log = Small::open(&path).expect("opened");
    let left = said(&mut log, &mut Keys::default());
    assert_eq!(left.len(), 9, "four values, what each was made from, and what was written since");
    assert_eq!(left[8], STORY[0]);
}

#[test]
fn a_log_is_shortened_when_somebody_asks() {
    let mut log = Small::in_memory();
    let mut keys = Keys::default();
    // Another process numbers the keys otherwise.
    keys.intern(&"z".to_owned());
    for n in 0..8 {
        change(&mut log, &mut keys, "x", n);
        made(&mut log, &mut keys, "y", "x", n);
    }
    let long = log.bytes();
    log.recompact().expect("shortened");
    assert!(log.bytes() < long, "{} of {long}", log.bytes());
    let short = log.bytes();
    log.recompact().expect("as short as it can be");
    assert_eq!(log.bytes(), short);
    change(&mut log, &mut keys, "x", 7);
    let left = said(&mut log, &mut Keys::default());
    assert_eq!(left.len(), 9, "four values, what each was made from, and what was written since");
    assert_eq!(left[8], STORY[0]);
}
