//! What a command writes, as it comes out of a pipe.

use std::collections::VecDeque;
use std::io;

use tokio::io::AsyncReadExt;
use tokio::net::unix::pipe;

/// What comes out of a pipe, to its end.
pub(super) async fn read(from: Option<pipe::Receiver>, keep: usize) -> io::Result<Vec<u8>> {
    let mut output = Output { keep, ..Output::default() };
    if let Some(mut from) = from {
        let mut buffer = vec![0; 1 << 14];
        loop {
            match from.read(&mut buffer).await? {
                0 => break,
                length => output.add(&buffer[..length]),
            }
        }
    }
    Ok(output.whole())
}

/// What a command writes: all of it, or its beginning and its end.
#[derive(Default)]
struct Output {
    keep: usize,
    begin: Vec<u8>,
    end: VecDeque<u8>,
    cut: u64,
}

impl Output {
    fn add(&mut self, bytes: &[u8]) {
        let (begin, rest) = bytes.split_at(bytes.len().min(self.keep - self.begin.len()));
        self.begin.extend_from_slice(begin);
        self.end.extend(rest);
        let excess = self.end.len().saturating_sub(self.keep);
        self.end.drain(..excess);
        self.cut += excess as u64;
    }

    fn whole(self) -> Vec<u8> {
        let mut bytes = self.begin;
        if self.cut > 0 {
            bytes.extend_from_slice(format!("\n[… {} bytes are left out here …]\n", self.cut).as_bytes());
        }
        bytes.extend(self.end);
        bytes
    }
}
