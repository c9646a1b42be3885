//! Bodies in chunks: taken apart as they come. RFC 9112 §7.1. Pure.

use bytes::{Buf as _, BytesMut};

/// Longest line that tells a chunk's size.
const SIZE_LINE_BYTES_MAX: usize = 4 << 10;

/// Most bytes of trailers, which are not passed on.
const TRAILER_BYTES_MAX: usize = 64 << 10;

/// Where in its chunks a body stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Chunks {
    /// Before the line with a chunk's size.
    Size,
    /// So many bytes of a chunk are missing.
    Data(u64),
    /// Before the end of a chunk's line.
    DataEnd,
    /// Behind the last chunk; trailers so far.
    Trailers(usize),
    /// At the end.
    Done,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A piece of the body.
    Piece(BytesMut),
    /// More must be read.
    More,
    /// The body is whole.
    Done,
}

/// What was read is no body in chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

impl Chunks {
    /// Takes the next piece off what has been read.
    ///
    /// # Errors
    ///
    /// It is malformed.
    pub(super) fn next(&mut self, read: &mut BytesMut) -> Result<Step, Malformed> {
        loop {
            match *self {
                Self::Size => {
                    let Some(line) = line(read, SIZE_LINE_BYTES_MAX)? else {
                        return Ok(Step::More);
                    };
                    *self = match size(&line)? {
                        0 => Self::Trailers(0),
                        size => Self::Data(size),
                    };
                }
                Self::Data(left) => {
                    if read.is_empty() {
                        return Ok(Step::More);
                    }
                    let size = usize::try_from(left).unwrap_or(usize::MAX).min(read.len());
                    let left = left.saturating_sub(u64::try_from(size).unwrap_or(u64::MAX));
                    *self = if left == 0 {
                        Self::DataEnd
                    } else {
                        Self::Data(left)
                    };
                    return Ok(Step::Piece(read.split_to(size)));
                }
                Self::DataEnd => match read.get(..2) {
                    None => return Ok(Step::More),
                    Some(b"\r\n") => {
                        read.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err(Malformed),
                },
                Self::Trailers(before) => {
                    let Some(line) = line(read, TRAILER_BYTES_MAX.saturating_sub(before))? else {
                        return Ok(Step::More);
                    };
                    *self = if line.is_empty() {
                        Self::Done
                    } else {
                        Self::Trailers(before + line.len())
                    };
                }
                Self::Done => return Ok(Step::Done),
            }
        }
    }
}

/// Takes a line off, without its end. `None`: it has not arrived whole.
fn line(read: &mut BytesMut, most: usize) -> Result<Option<BytesMut>, Malformed> {
    let Some(end) = memchr::memchr(b'\n', read) else {
        return if most < read.len() {
            Err(Malformed)
        } else {
            Ok(None)
        };
    };
    if most < end {
        return Err(Malformed);
    }
    let mut line = read.split_to(end + 1);
    match line.strip_suffix(b"\r\n").map(<[u8]>::len) {
        Some(length) => {
            line.truncate(length);
            Ok(Some(line))
        }
        None => Err(Malformed),
    }
}

/// A chunk's size; extensions behind it are not minded.
fn size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line
        .split(|byte| *byte == b';')
        .next()
        .unwrap_or_default()
        .trim_ascii_end();
    let is_hex = !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit);
    let digits = std::str::from_utf8(digits)
        .ok()
        .filter(|_| is_hex)
        .ok_or(Malformed)?;
    u64::from_str_radix(digits, 16).map_err(|_| Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a body in chunks says when it arrives `piece` bytes at a time, and what is left behind it.
    fn read(text: &str, piece: usize) -> Result<(String, String), Malformed> {
        let (mut chunks, mut read, mut body) = (Chunks::Size, BytesMut::new(), Vec::new());
        let mut rest = text.as_bytes();
        loop {
            match chunks.next(&mut read)? {
                Step::Piece(piece) => body.extend_from_slice(&piece),
                Step::Done => {
                    read.extend_from_slice(rest);
                    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
                    return Ok((text(&body), text(&read)));
                }
                Step::More if rest.is_empty() => return Err(Malformed),
                Step::More => {
                    let (now, then) = rest.split_at(piece.min(rest.len()));
                    read.extend_from_slice(now);
                    rest = then;
                }
            }
        }
    }

    #[test]
    fn a_body_is_the_same_however_it_arrives() {
        let text = "5\r\nabcde\r\nA ;x=y\r\n0123456789\r\n000\r\nx-trailer: 1\r\n\r\nnext";
        for piece in 1..=text.len() {
            let read = read(text, piece).unwrap();
            assert_eq!(read, ("abcde0123456789".to_owned(), "next".to_owned()), "{piece}");
        }
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        for text in [
            "x\r\n",
            "\r\n",
            "+5\r\nabcde\r\n0\r\n\r\n",
            "5\nabcde\r\n0\r\n\r\n",
            "5\r\nabcdef\r\n0\r\n\r\n",
            "10000000000000000\r\n",
            "5\r\nabc",
            "0\r\n",
        ] {
            assert_eq!(read(text, 3), Err(Malformed), "{text:?}");
        }
        assert!(read(&"0".repeat(SIZE_LINE_BYTES_MAX + 2), 100).is_err());
        let trailers = format!("0\r\n{}", "x: y\r\n".repeat(TRAILER_BYTES_MAX));
        assert!(read(&trailers, 1000).is_err());
    }
}
