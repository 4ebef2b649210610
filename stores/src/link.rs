//! Symbolic links that commands make, as values.
//!
//! Who reads a link reads what lies behind it, so its value is both: where it leads, and what is found there. It is kept as that, written down
//! in one way, under a name of its own: a file of that content is another value. It is put back only where the same lies behind it.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::digest::Digest;

/// How every link that is kept begins.
const TITLE: &[u8] = b"alacarte link 1\n";

/// A link that a command made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// What lies behind it, if anything does.
    pub behind: Option<Digest>,
    /// Where it leads, as it says.
    pub target: PathBuf,
}

impl Link {
    /// By what it is told from others, and from files.
    pub(crate) fn digest(&self) -> Digest {
        Link::digest_over(Digest::of_bytes(&self.text()))
    }

    /// The digest of a link that is written down so.
    pub(crate) fn digest_over(text: Digest) -> Digest {
        text.tagged("link")
    }

    /// All of it, written down in one way.
    pub(crate) fn text(&self) -> Vec<u8> {
        let behind = self.behind.map_or([0; 32], |behind| behind.0);
        let parts = [TITLE, &[u8::from(self.behind.is_some())], &behind, self.target.as_os_str().as_bytes()];
        parts.concat()
    }

    /// The link that is written down so; `None` if none is.
    pub(crate) fn of_text(text: &[u8]) -> Option<Self> {
        let (found, rest) = text.strip_prefix(TITLE)?.split_first()?;
        let (behind, target) = rest.split_first_chunk::<32>()?;
        let behind = match found {
            0 if *behind == [0; 32] => None,
            1 => Some(Digest(*behind)),
            _ => return None,
        };
        (!target.is_empty()).then(|| Link { behind, target: PathBuf::from(OsStr::from_bytes(target)) })
    }
}

/// Whether a link leads to a place by its absolute path in this directory, and so to another one in no other checkout.
pub(crate) fn is_bound_to(target: &Path, directory: &Path) -> bool {
    target.is_absolute()
        && (target.starts_with(directory) || directory.canonicalize().is_ok_and(|real| target.starts_with(real)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_come_back_and_are_told_apart_from_each_other_and_from_files() {
        let digest = Digest::of_bytes(b"a");
        let links = [(None, "a"), (Some(digest), "a"), (Some(digest), "b"), (Some(Digest([0; 32])), "a")];
        let links = links.map(|(behind, target)| Link { behind, target: target.into() });
        for (number, link) in links.iter().enumerate() {
            let text = link.text();
            assert_eq!(Link::of_text(&text).as_ref(), Some(link));
            assert_eq!(
                link.digest().mode_over(Digest::of_bytes(&text)),
                None,
                "a file with this content is another value"
            );
            assert!(links[..number].iter().all(|other| other.digest() != link.digest()));
            for cut in 0..text.len() {
                assert!(Link::of_text(&text[..cut]).is_none_or(|other| other != *link));
            }
        }
        assert_eq!(Link::of_text(b"alacarte link 1\n"), None);
        let there = Path::new("/there");
        assert!(is_bound_to(Path::new("/there/a"), there) && !is_bound_to(Path::new("a"), there));
        assert!(!is_bound_to(Path::new("/therein"), there));
    }
}
