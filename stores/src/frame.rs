//! Frames: how records lie in a file that may be damaged.
//!
//! A frame is a mark, a length, a checksum and a payload. A reader that meets anything else looks for the next
//! place at which a whole frame stands, and goes on from there: damage costs the frames that it touches and no
//! other. What follows the last whole frame is a *torn tail*, such as a crash leaves behind.
//!
//! Any two bytes may look like a mark, and what follows them like the length of a frame that is as long as all the rest.
//! A file of nothing else would have the reader look at each byte as often as there are bytes. So what the reader
//! spends on places that are no frames is bounded by the length of the file; beyond that, the rest counts as torn.

/// (Another one whenever records are written otherwise: a log of before holds no frames.)
const MARK: [u8; 2] = [0xA1, 0xCD];
const HEADER: usize = MARK.len() + 4 + 4;

/// How many bytes are summed in vain, for each byte of a file. In honest files there is next to nothing: one place in
/// 65,536 looks like a mark.
const IN_VAIN: usize = 4;

/// Appends one frame around what `write` adds to the buffer.
pub(crate) fn push(out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    out.extend_from_slice(&MARK);
    out.extend_from_slice(&[0; HEADER - MARK.len()]);
    write(out);
    // A record of four gigabytes would be cut short here; its checksum then says that it is none.
    let length = ((out.len() - start - HEADER) as u32).to_le_bytes();
    let check = checksum(length, &out[start + HEADER..]);
    out[start + 2..start + 6].copy_from_slice(&length);
    out[start + 6..start + HEADER].copy_from_slice(&check);
}

/// A CRC-32 over length and payload. It is told apart from honest bytes by accident only, and accidents are what it is for; records are small,
/// and a hash costs ten times as much for each.
fn checksum(length: [u8; 4], payload: &[u8]) -> [u8; 4] {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&length);
    sum.update(payload);
    sum.finalize().to_le_bytes()
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
    /// How many bytes may yet be summed in vain.
    patience: usize,
    /// How many bytes were looked at.
    #[cfg(test)]
    steps: usize,
}

impl<'a> Frames<'a> {
    pub(crate) fn new(bytes: &'a [u8], at: usize) -> Self {
        Frames {
            bytes,
            at: at.min(bytes.len()),
            patience: bytes.len().saturating_mul(IN_VAIN),
            #[cfg(test)]
            steps: 0,
        }
    }

    /// Where the last whole frame ended; once the reader is done, what follows is torn.
    pub(crate) fn end(&self) -> usize {
        self.at
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        if let Some(payload) = self.frame_at(self.at) {
            self.at += HEADER + payload.len();
            return Some(Piece::Payload(payload));
        }
        let mut from = self.at + 1;
        loop {
            let mark = self.bytes.get(from..)?.windows(MARK.len()).position(|window| window == MARK);
            #[cfg(test)]
            {
                self.steps += mark.unwrap_or(self.bytes.len() - from);
            }
            let at = from + mark?;
            if self.frame_at(at).is_some() {
                self.at = at;
                return Some(Piece::Damage);
            }
            from = at + 1;
        }
    }
}

impl<'a> Frames<'a> {
    /// The payload of the frame that stands here, if one does and the reader has the patience to see.
    fn frame_at(&mut self, at: usize) -> Option<&'a [u8]> {
        let header = self.bytes.get(at..at + HEADER)?;
        let (mark, rest) = header.split_at(MARK.len());
        let (length, check) = rest.split_at(4);
        if mark != MARK {
            return None;
        }
        let said: [u8; 4] = length.try_into().ok()?;
        let length = u32::from_le_bytes(said) as usize;
        let start = at + HEADER;
        let payload = self.bytes.get(start..start.checked_add(length)?)?;
        if length > self.patience {
            return None;
        }
        #[cfg(test)]
        {
            self.steps += length;
        }
        let whole = checksum(said, payload) == check;
        if !whole {
            self.patience -= length;
        }
        whole.then_some(payload)
    }
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

    /// Marks upon marks, each followed by a length that reaches to the end, or nearly so.
    fn hostile(length: usize, nearly: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length);
        while bytes.len() + HEADER < length {
            let rest = length - bytes.len() - HEADER;
            bytes.extend_from_slice(&MARK);
            bytes.extend_from_slice(&(rest.saturating_sub(nearly) as u32).to_le_bytes());
        }
        bytes.resize(length, 0xA1);
        bytes
    }

    #[test]
    fn a_file_is_read_in_steps_of_its_length() {
        for length in [1 << 10, 1 << 14, 1 << 18] {
            for nearly in [0, 64, length / 2] {
                let mut bytes = hostile(length, nearly);
                let mut frames = Frames::new(&bytes, 0);
                assert_eq!(frames.by_ref().count(), 0);
                assert!(frames.steps <= (IN_VAIN + 2) * length, "{} steps for {length} bytes", frames.steps);
                // What stands before is read all the same,
                let frame = three();
                let mut behind = frame.clone();
                behind.append(&mut bytes);
                assert_eq!(Frames::new(&behind, 0).filter(|piece| *piece != Piece::Damage).count(), 3);
                // and what is written behind noise.
                let noise: Vec<u8> =
                    (0..length as u32).flat_map(|n| blake3::hash(&n.to_le_bytes()).as_bytes()[..1].to_vec()).collect();
                let noisy = [noise, frame].concat();
                let mut frames = Frames::new(&noisy, 0);
                assert_eq!(frames.by_ref().filter(|piece| *piece != Piece::Damage).count(), 3);
                assert_eq!(frames.end(), noisy.len());
            }
        }
    }
}
