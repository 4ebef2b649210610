use super::*;
use std::os::unix::fs::PermissionsExt;

fn files() -> (tempfile::TempDir, Files) {
    let directory = tempfile::tempdir().expect("a directory");
    let files = Files::open(directory.path()).expect("opened");
    (directory, files)
}

fn digest(files: &mut Files, name: &str) -> Option<Digest> {
    files.look(&name.into()).expect("read").map(|seen| seen.digest)
}

#[test]
fn content_mode_and_absence_are_seen_at_once() {
    let (directory, mut files) = files();
    let path = directory.path().join("a");
    assert_eq!(digest(&mut files, "a"), None);
    assert_eq!(digest(&mut files, "no/such/file"), None);
    std::fs::write(&path, "one").expect("written");
    assert_eq!(digest(&mut files, "a"), Some(Digest::of_bytes(b"one")));
    assert_eq!(digest(&mut files, "a/b"), None);
    // Same size, same tick, same inode.
    std::fs::write(&path, "two").expect("written");
    assert_eq!(digest(&mut files, "a"), Some(Digest::of_bytes(b"two")));
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o755)).expect("made executable");
    assert_eq!(digest(&mut files, "a"), Some(Digest::of_file(&b"two"[..], true).expect("read")));
    std::fs::remove_file(&path).expect("removed");
    assert_eq!(digest(&mut files, "a"), None);
}

#[test]
fn an_old_file_is_read_once_and_a_young_one_again() {
    let (directory, mut files) = files();
    std::fs::write(directory.path().join("a"), "one").expect("written");
    assert!(digest(&mut files, "a").is_some() && files.entries["a"].racy);
    std::thread::sleep(std::time::Duration::from_millis(30));
    assert!(digest(&mut files, "a").is_some() && !files.entries["a"].racy);
    let lie = Digest::of_bytes(b"a lie");
    files.entries.get_mut("a").expect("known").digest = lie;
    assert_eq!(digest(&mut files, "a"), Some(lie), "it was read although nothing changed");
}

#[test]
fn what_is_looked_at_once_is_looked_at_again_when_something_was_written() {
    let (directory, mut files) = files();
    let write = |text: &str| std::fs::write(directory.path().join("a"), text).expect("written");
    write("one");
    files.look_once();
    assert_eq!(digest(&mut files, "b"), None);
    let before = digest(&mut files, "a");
    write("another");
    std::fs::write(directory.path().join("b"), "new").expect("written");
    let absent = digest(&mut files, "b");
    assert_eq!((files.modified_on_disk(&"b".into()), absent), (None, None), "it was not there");
    files.begin(&["c".into()]);
    assert_ne!(digest(&mut files, "a"), before);
    assert!(digest(&mut files, "b").is_some());
    files.look_once();
    let before = digest(&mut files, "a");
    write("three");
    files.written(&"a".into(), None).expect("read");
    assert_ne!(digest(&mut files, "a"), before);
}

#[test]
fn directories_are_their_names_and_devices_are_not_read() {
    let (directory, mut files) = files();
    let empty = digest(&mut files, ".");
    std::fs::write(directory.path().join("a"), "one").expect("written");
    let one = digest(&mut files, ".");
    assert_ne!(empty, one);
    std::fs::write(directory.path().join("a"), "another").expect("written");
    assert_eq!(digest(&mut files, "."), one);
    assert!(digest(&mut files, "/dev/zero").is_some());
}

#[test]
fn what_is_known_survives_the_process_damaged_or_not() {
    let (directory, mut files) = files();
    for name in ["a", "b"] {
        std::fs::write(directory.path().join(name), name).expect("written");
        digest(&mut files, name);
    }
    files.tell(&"a".into());
    let table = directory.path().join("state/files");
    files.recall(&table);
    files.save().expect("saved");
    let mut again = Files::open(directory.path()).expect("opened");
    again.recall(&table);
    assert_eq!((again.entries.len(), again.told(&"a".into()).is_some()), (2, true));
    let mut bytes = std::fs::read(&table).expect("read");
    bytes[40] ^= 1;
    std::fs::write(&table, bytes).expect("written");
    let mut again = Files::open(directory.path()).expect("opened");
    again.recall(&table);
    assert_eq!(again.entries.len(), 1);
    assert_eq!(digest(&mut again, "a"), Some(Digest::of_bytes(b"a")));
}

#[test]
fn a_glance_vouches_for_what_the_build_knows_and_for_nothing_that_it_finds_later() {
    let (directory, mut files) = files();
    std::fs::write(directory.path().join("a"), "one").expect("written");
    let key = FileKey::from("a");
    files.note_looks();
    digest(&mut files, "a");
    assert!(files.glance().is_some(), "it is young, and is read again");
    files.note_looks();
    digest(&mut files, "a");
    // As if it had been written again within a tick of the clock.
    let entry = files.entries.get_mut(&key).expect("known");
    (entry.digest, entry.racy) = (Digest::of_bytes(b"two"), true);
    assert!(files.glance().is_none());
}
