//! Trees: a directory, with all that lies in it, as one value.
//!
//! A tree is a map from paths to entries: files by their digests, symbolic links by where they lead, directories by who may
//! read and enter them. The directory itself is an entry, too, whose path is empty. So the map is *closed*: what lies around an
//! entry is a directory of the map. The digest of a tree is that of its *manifest*, which is the map written down in the order
//! of its paths; the same map is written in one way, so two directories have one digest if and only if they are equal,
//! wherever they lie.
//!
//! One manifest lists the whole tree, where git and the Remote Execution API have one for each directory (a Merkle tree). With
//! one, to merge trees is to unite maps, and a copy of a tree is one manifest and the files that it names: either all is there
//! or something is missing. What that costs: a file that changes has the whole list written anew, and trees do not share the
//! lists of directories that they have in common. (The content of files they share.)

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::ffi::OsStr;
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use thiserror::Error;

use crate::digest::{Digest, PERMISSIONS, of_source};

/// How every manifest begins.
const TITLE: &[u8] = b"alacarte tree 2\n";

/// Everybody may read it.
const READ: u32 = 0o444;

/// What lies at a path of a tree.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum Entry {
    /// A file; who may read or execute it is part of its digest.
    File(Digest),
    /// A symbolic link, and where it leads. (It is kept as it is, be there something or not.)
    Link(Box<[u8]>),
    /// A directory, and its permissions. (Of a source it is left out who may write it, as of files.)
    Directory(u32),
}

impl Entry {
    /// A directory of this mode, as a source.
    pub fn directory(mode: u32) -> Entry {
        Entry::Directory(of_source(mode))
    }

    /// By what it is told from others.
    pub fn digest(&self) -> Digest {
        match self {
            Entry::File(digest) => *digest,
            Entry::Link(target) => Digest::of_bytes(target).tagged("link"),
            Entry::Directory(mode) => Digest::of_bytes(&mode.to_le_bytes()).tagged("directory"),
        }
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Entry::File(digest) => write!(f, "the file {digest:?}"),
            Entry::Link(target) => {
                write!(f, "the link {:?} to {}", self.digest(), Path::new(OsStr::from_bytes(target)).display())
            }
            Entry::Directory(mode) => write!(f, "the directory {:?} of mode {mode:o}", self.digest()),
        }
    }
}

/// A directory, with all that lies in it.
///
/// ```
/// use alacarte::stores::{Digest, Entry, Merge, Tree};
///
/// let file = |text: &str| Entry::File(Digest::of_bytes(text.as_bytes()));
/// let tree = |name: &str, text: &str| Tree::new([("", Entry::directory(0o755)), (name, file(text))]);
/// let [one, same, other] = [tree("a", "1")?, tree("a", "1")?, tree("a", "2")?];
/// assert_eq!(one.digest(), same.digest());
///
/// let mut merge = Merge::new();
/// merge.add("first/", &one)?;
/// merge.add("second/", &same)?; // Equal duplicates are one.
/// let conflict = merge.add("third/", &other).unwrap_err();
/// assert!(conflict.to_string().starts_with("a is the file "));
/// assert_eq!((&*conflict.producers[0], &*conflict.producers[1]), ("first/", "third/"));
/// assert_eq!(merge.tree(), one);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Tree {
    entries: BTreeMap<Box<[u8]>, Entry>,
}

/// What is no tree.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TreeError {
    /// A path that leads out of the directory, or is not in its one form.
    #[error("`{0}` is no path within a directory: write names with a slash between them")]
    Path(String),
    /// Two entries have this path.
    #[error("there are two entries `{0}`")]
    Twice(String),
    /// What should lie around this entry is no directory.
    #[error("what should lie around `{0}` is no directory of the tree")]
    Nowhere(String),
}

impl Tree {
    /// The tree of no entries. It has not even a directory, and so is the unit of merging whatever the modes of directories.
    pub fn empty() -> Self {
        Tree::default()
    }

    /// The tree of these entries. Paths are relative to the directory, whose own is empty.
    ///
    /// # Errors
    /// If they are not those of a directory.
    pub fn new<P: AsRef<[u8]>>(entries: impl IntoIterator<Item = (P, Entry)>) -> Result<Self, TreeError> {
        let mut tree = Tree::empty();
        for (path, entry) in entries {
            let path = path.as_ref();
            if !path.is_empty() && !path.split(|&byte| byte == b'/').all(is_name) {
                return Err(TreeError::Path(shown(path)));
            }
            match tree.entries.entry(path.into()) {
                btree_map::Entry::Vacant(place) => place.insert(entry),
                btree_map::Entry::Occupied(_) => return Err(TreeError::Twice(shown(path))),
            };
        }
        let lost = tree.entries.keys().find(|path| {
            parent(path).is_some_and(|parent| !matches!(tree.entries.get(parent), Some(Entry::Directory(_))))
        });
        lost.map(|path| shown(path)).map_or(Ok(()), |path| Err(TreeError::Nowhere(path)))?;
        Ok(tree)
    }

    /// Its entries by their paths, in the order of these: a directory comes before what lies in it.
    pub fn entries(&self) -> impl ExactSizeIterator<Item = (&Path, &Entry)> {
        self.entries.iter().map(|(path, entry)| (Path::new(OsStr::from_bytes(path)), entry))
    }

    /// What lies at this path.
    pub fn get(&self, path: impl AsRef<Path>) -> Option<&Entry> {
        self.entries.get(path.as_ref().as_os_str().as_bytes())
    }

    /// Its digest: that of its manifest, as a file which those may read who may read all its directories.
    pub fn digest(&self) -> Digest {
        Digest::of_bytes(&self.manifest()).with_mode(of_source(self.mode()))
    }

    /// Who may read its manifest.
    pub(crate) fn mode(&self) -> u32 {
        self.entries.values().fold(READ, |mode, entry| match entry {
            Entry::Directory(directory) => mode & directory,
            _ => mode,
        })
    }

    /// All its entries, written down in one way.
    pub(crate) fn manifest(&self) -> Vec<u8> {
        let mut bytes = TITLE.to_vec();
        let text = |bytes: &mut Vec<u8>, text: &[u8]| {
            bytes.extend_from_slice(&(text.len() as u64).to_le_bytes());
            bytes.extend_from_slice(text);
        };
        for (path, entry) in &self.entries {
            text(&mut bytes, path);
            match entry {
                Entry::File(digest) => {
                    bytes.push(b'f');
                    bytes.extend_from_slice(&digest.0);
                }
                Entry::Link(target) => {
                    bytes.push(b'l');
                    text(&mut bytes, target);
                }
                Entry::Directory(mode) => {
                    bytes.push(b'd');
                    bytes.extend_from_slice(&mode.to_le_bytes());
                }
            }
        }
        bytes
    }

    /// The tree of this manifest; `None` if no tree has it.
    pub(crate) fn of_manifest(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(TITLE)?;
        let mut entries: Vec<(&[u8], Entry)> = Vec::new();
        while !rest.is_empty() {
            let path = take_text(&mut rest)?;
            let entry = match take(&mut rest, 1)? {
                b"f" => Entry::File(Digest(take(&mut rest, 32)?.try_into().ok()?)),
                b"l" => Entry::Link(take_text(&mut rest)?.into()),
                b"d" => Entry::Directory(u32::from_le_bytes(take(&mut rest, 4)?.try_into().ok()?)),
                _ => return None,
            };
            entries.push((path, entry));
        }
        // What is written in another way (in another order, say) is not what was digested.
        Tree::new(entries).ok().filter(|tree| tree.manifest() == bytes && tree.is_plain())
    }

    /// Whether no directory has more than permissions (such as the bit by which it protects what lies in it). There is no copy of others.
    pub(crate) fn is_plain(&self) -> bool {
        self.entries.values().all(|entry| !matches!(entry, Entry::Directory(mode) if mode & PERMISSIONS != *mode))
    }

    /// Where the links in it lead.
    pub(crate) fn links(&self) -> impl Iterator<Item = &Path> {
        self.entries.values().filter_map(|entry| match entry {
            Entry::Link(target) => Some(Path::new(OsStr::from_bytes(target))),
            _ => None,
        })
    }
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn take_text<'b>(bytes: &mut &'b [u8]) -> Option<&'b [u8]> {
    let length = u64::from_le_bytes(take(bytes, 8)?.try_into().ok()?);
    take(bytes, usize::try_from(length).ok()?)
}

/// Whether these bytes can name something in a directory.
fn is_name(name: &[u8]) -> bool {
    !matches!(name, b"" | b"." | b"..") && !name.contains(&0)
}

/// The path of the directory in which an entry lies; `None` for that which holds all.
fn parent(path: &[u8]) -> Option<&[u8]> {
    (!path.is_empty()).then(|| &path[..path.iter().rposition(|&byte| byte == b'/').unwrap_or(0)])
}

/// A path within a tree, for a person.
pub(crate) fn shown(path: &[u8]) -> String {
    if path.is_empty() { ".".to_owned() } else { Path::new(OsStr::from_bytes(path)).display().to_string() }
}

/// Several trees on their way to one, which holds what each of them holds.
///
/// To merge is to unite maps of entries: equal entries at one path are one, unequal ones are a [`Conflict`]. So it makes no
/// difference in which order trees are added, how often, or which of them were merged before, and a tree that is closed stays
/// so. Who made each entry is no part of a tree; it is noted beside, for the message and for who wants to copy it.
#[derive(Debug, Default)]
pub struct Merge<'t> {
    producers: Vec<String>,
    entries: BTreeMap<&'t [u8], (usize, &'t Entry)>,
}

/// Two trees have different entries at one path.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{} is {} of {}, and {} of {}: these cannot be merged", shown(.path.as_os_str().as_bytes()), .entries[0], .producers[0], .entries[1], .producers[1])]
#[non_exhaustive]
pub struct Conflict {
    /// The path within both.
    pub path: std::path::PathBuf,
    /// Whose they are, in the order in which they were added.
    pub producers: Box<[String; 2]>,
    /// What they have there.
    pub entries: Box<[Entry; 2]>,
}

impl<'t> Merge<'t> {
    /// Of no trees yet.
    pub fn new() -> Self {
        Merge::default()
    }

    /// Adds a tree, and the name of who made it.
    ///
    /// # Errors
    /// If it has another entry than what was added before, the first of these by their paths. Nothing of it is added then.
    pub fn add(&mut self, producer: impl Into<String>, tree: &'t Tree) -> Result<(), Conflict> {
        let producer = producer.into();
        for (path, entry) in &tree.entries {
            if let Some(&(before, other)) = self.entries.get(&**path)
                && other != entry
            {
                return Err(Conflict {
                    path: Path::new(OsStr::from_bytes(path)).to_owned(),
                    producers: Box::new([self.producers[before].clone(), producer]),
                    entries: Box::new([other.clone(), entry.clone()]),
                });
            }
        }
        let number = self.producers.len();
        self.producers.push(producer);
        for (path, entry) in &tree.entries {
            self.entries.entry(path).or_insert((number, entry));
        }
        Ok(())
    }

    /// Who made each entry first, in the order of their paths.
    pub fn producers(&self) -> impl Iterator<Item = (&Path, &str)> {
        let producer = |(path, (number, _)): (&&'t [u8], &(usize, &Entry))| {
            (Path::new(OsStr::from_bytes(path)), self.producers[*number].as_str())
        };
        self.entries.iter().map(producer)
    }

    /// The tree of all.
    pub fn tree(&self) -> Tree {
        let entries = self.entries.iter().map(|(path, (_, entry))| ((*path).into(), (*entry).clone()));
        Tree { entries: entries.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Entry {
        Entry::File(Digest::of_bytes(text.as_bytes()))
    }

    #[test]
    fn what_leads_out_of_a_directory_or_lies_nowhere_is_no_tree() {
        let root = || (&b""[..], Entry::directory(0o755));
        for path in [&b"/a"[..], b"a/", b"a//b", b"..", b"../a", b"a/../b", b".", b"./a", b"a\0b", b"/"] {
            assert!(matches!(Tree::new([root(), (path, file(""))]), Err(TreeError::Path(_))), "{path:?}");
        }
        assert_eq!(Tree::new([root(), root()]), Err(TreeError::Twice(".".into())));
        assert_eq!(Tree::new([("a", file(""))]), Err(TreeError::Nowhere("a".into())));
        assert_eq!(Tree::new([root(), (b"a/b", file(""))]), Err(TreeError::Nowhere("a/b".into())));
        for around in [file(""), Entry::Link(b"/etc"[..].into())] {
            let beneath = Tree::new([root(), (b"a", around), (b"a/b", file(""))]);
            assert_eq!(beneath, Err(TreeError::Nowhere("a/b".into())));
        }
        assert!(Tree::new([root(), (b"\xff\n", file("")), (b"...", file(""))]).is_ok(), "names are bytes");
    }

    #[test]
    fn a_manifest_is_read_if_it_is_written_as_we_write_it() {
        let tree = Tree::new([
            (&b""[..], Entry::directory(0o755)),
            (b"a", Entry::directory(0o700)),
            (b"a-b", Entry::Link(b"..\xff"[..].into())),
            (b"a/\xff", file("x")),
        ])
        .expect("a tree");
        let manifest = tree.manifest();
        assert_eq!(Tree::of_manifest(&manifest), Some(tree.clone()));
        assert_eq!(tree.mode(), 0o400, "a name that is hidden stays so");
        assert_eq!(Tree::of_manifest(TITLE), Some(Tree::empty()));
        // Whatever is cut off or flipped, it is no tree, or another one.
        for at in 0..manifest.len() {
            assert!(Tree::of_manifest(&manifest[..at]).is_none_or(|other| other.digest() != tree.digest()));
            for bit in 0..8 {
                let mut bytes = manifest.clone();
                bytes[at] ^= 1 << bit;
                assert!(Tree::of_manifest(&bytes).is_none_or(|other| other.digest() != tree.digest()), "{at} {bit}");
            }
        }
        let entry = |path: &str| {
            let mut bytes = (path.len() as u64).to_le_bytes().to_vec();
            bytes.extend_from_slice(path.as_bytes());
            bytes.push(b'd');
            bytes.extend_from_slice(&0o755u32.to_le_bytes());
            bytes
        };
        let of = |paths: &[&str]| [TITLE.to_vec(), paths.iter().flat_map(|path| entry(path)).collect()].concat();
        assert!(Tree::of_manifest(&of(&["", "a", "b"])).is_some());
        for wrong in [&["", "b", "a"][..], &["", "a", "a"], &["", "../a"], &["", "/a"], &["a"]] {
            assert_eq!(Tree::of_manifest(&of(wrong)), None, "{wrong:?}");
        }
    }
}
