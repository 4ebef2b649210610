//! Frames: how records lie in a file that may be damaged.
//!
//! A frame is a mark, a length, a checksum and a payload. A reader that meets anything else looks for the next
//! place at which a whole frame stands, and goes on from there: damage costs the frames that it touches and no
//! other. What follows the last whole frame is a *torn tail*, such as a crash leaves behind.

const MARK: [u8; 2] = [0xA1, 0xCA];
const HEADER: usize = MARK.len() + 4 + 4;

/// Appends one frame around what `write` adds to the buffer.
pub(crate) fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; HEADER - MARK.len()]);
    write(out);
    // A record of four gigabytes would be cut short here; its checksum then says that it is none.
    let length = (out.len() - start - HEADER) as u32;
    let check = checksum(&out[start + HEADER..]);
    out[start + 2..start + 6].copy_from_slice(&length.to_le_bytes());
    out[start + 6..start + HEADER].copy_from_slice(&check);
}

fn checksum(payload: &[u8]) -> [u8; 4] {
    let hash = blake3::hash(payload);
    let [a, b, c, d, ..] = *hash.as_bytes();
    [a, b, c, d]
}

/// What a reader finds next.
#[derive(Debug, PartialEq)]
pub(crate) enum Piece<'a> {
    /// A whole frame.
    Payload(&'a [u8]),
    /// Bytes between whole frames that are none.
    Damage,
}

/// Reads frames one after the other.
pub(crate) struct Frames<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Frames { bytes, at: at.min(bytes.len()) }
    }

    /// Where the last whole frame ended; once the reader is done, what follows is torn.
    pub(crate) fn end(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(payload) = frame_at(self.bytes, self.at) {
            self.at += HEADER + payload.len();
            return Some(Piece::Payload(payload));
        }
        let rest = &self.bytes[self.at..];
        let marks = rest.windows(2).enumerate().skip(1).filter(|(_, window)| *window == MARK);
        let next = marks.map(|(offset, _)| self.at + offset).find(|&at| frame_at(self.bytes, at).is_some())?;
        self.at = next;
        Some(Piece::Damage)
    }
}

fn frame_at(bytes: &[u8], at: usize) -> Option<&[u8]> {
    let header = bytes.get(at..at + HEADER)?;
    let (mark, rest) = header.split_at(2);
    let (length, check) = rest.split_at(4);
    if mark != MARK {
        return None;
    }
    let length = u32::from_le_bytes(length.try_into().ok()?) as usize;
    let start = at + HEADER;
    let payload = bytes.get(start..start.checked_add(length)?)?;
    (checksum(payload) == check).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Vec<u8> {
        let mut bytes = Vec::new();
        for text in ["one", "", "three"] {
            push(&mut bytes, |out| out.extend_from_slice(text.as_bytes()));
        }
        bytes
    }

    #[test]
    fn frames_come_back() {
        let bytes = three();
        let read: Vec<_> = Frames::new(&bytes, 0).collect();
        assert_eq!(read, [Piece::Payload(b"one"), Piece::Payload(b""), Piece::Payload(b"three")]);
    }

    #[test]
    fn damage_costs_the_frame_it_touches() {
        let whole = three();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x20;
            let mut frames = Frames::new(&bytes, 0);
            let read: Vec<_> = frames.by_ref().filter(|piece| *piece != Piece::Damage).collect();
            assert_eq!(read.len(), 2, "byte {at}");
            let hit_last = at >= whole.len() - HEADER - 5;
            assert_eq!(frames.end() < whole.len(), hit_last, "byte {at}");
        }
    }

    #[test]
    fn a_torn_tail_is_found() {
        let whole = three();
        for length in 0..whole.len() {
            let mut frames = Frames::new(&whole[..length], 0);
            let read = frames.by_ref().count();
            assert!(frames.end() <= length);
            assert_eq!(read, usize::from(length >= 13) + usize::from(length >= 23));
        }
    }
}
