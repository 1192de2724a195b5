//! The first part of a session cookie: JSON text in base64, behind a dot when it was compressed with zlib.

use std::cell::RefCell;

use flate2::{Compress, Compression, Decompress, FlushCompress, FlushDecompress, Status};

use super::{base64_decode, base64_encode};

/// The longest text that a cookie may expand to. A signed cookie of 4 KiB of zeros would expand to 4 MiB.
const LONGEST_TEXT: usize = 64 * 1024;

/// Text for a cookie with room for this many bytes. It is compressed only if it would not fit otherwise: reading it back
/// costs ten times as much as verifying the signature. Flask compresses whenever that saves a byte.
pub(crate) fn encode(text: &str, room: usize) -> String {
    let plain_length = (text.len() * 4).div_ceil(3);
    if plain_length > room
        && let Some(compressed) = deflate(text.as_bytes())
        && compressed.len() + 1 < text.len()
    {
        return format!(".{}", base64_encode(&compressed));
    }
    base64_encode(text.as_bytes())
}

/// The text of a payload whose signature has been verified. `None` when it is not base64, not zlib or not UTF-8, or expands
/// too far.
pub(crate) fn decode(payload: &[u8]) -> Option<String> {
    let bytes = match payload.strip_prefix(b".") {
        Some(compressed) => inflate(&base64_decode(compressed)?)?,
        None => base64_decode(payload)?,
    };
    String::from_utf8(bytes).ok()
}

fn deflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    let status = Compress::new(Compression::default(), true).compress_vec(
        bytes,
        &mut out,
        FlushCompress::Finish,
    );
    (status.ok()? == Status::StreamEnd).then_some(out)
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    thread_local! {
        /// Made at the thread's first compressed session: clearing its tables takes longer than inflating.
        static STREAM: RefCell<Decompress> = RefCell::new(Decompress::new(true));
    }
    STREAM.with_borrow_mut(|stream| {
        stream.reset(true);
        inflate_with(stream, bytes)
    })
}

fn inflate_with(stream: &mut Decompress, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity((bytes.len() * 4).min(LONGEST_TEXT));
    loop {
        let consumed = usize::try_from(stream.total_in()).ok()?;
        let before = stream.total_out();
        match stream.decompress_vec(&bytes[consumed..], &mut out, FlushDecompress::Finish) {
            Ok(Status::StreamEnd) => return Some(out),
            // With room left, more input would be needed: the stream is cut off.
            Ok(_) if out.len() == out.capacity() && out.len() < LONGEST_TEXT => {
                out.reserve_exact(out.len().max(256).min(LONGEST_TEXT - out.len()));
            }
            Ok(_) if stream.total_out() > before && out.len() < LONGEST_TEXT => {}
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_that_does_not_fit_is_compressed_and_only_when_that_helps() {
        assert_eq!(encode("{}", 3), "e30");
        assert_eq!(encode("{}", 2), "e30");
        let long = format!("{{\"k\":\"{}\"}}", "a".repeat(2000));
        let plain = encode(&long, 4000);
        assert!(!plain.starts_with('.'));
        assert_eq!(encode(&long, plain.len()), plain);
        let compressed = encode(&long, plain.len() - 1);
        assert!(compressed.starts_with('.') && compressed.len() < 100);
        for encoded in [plain, compressed] {
            assert_eq!(decode(encoded.as_bytes()).as_deref(), Some(long.as_str()));
        }
    }

    #[test]
    fn what_was_inflated_before_on_this_thread_makes_no_difference() {
        let texts = [b"abcdefgh".repeat(100), b"hgfedcba".repeat(90)];
        let [one, other] = texts.each_ref().map(|text| deflate(text).unwrap());
        for _ in 0..3 {
            assert_eq!(inflate(&one).as_ref(), Some(&texts[0]));
            assert_eq!(inflate(&one[..one.len() / 2]), None);
            assert_eq!(inflate(b"no stream"), None);
            assert_eq!(inflate(&other).as_ref(), Some(&texts[1]));
        }
    }

    #[test]
    fn a_bomb_is_refused_and_what_just_fits_is_not() {
        let fits = deflate(&vec![b'a'; LONGEST_TEXT]).unwrap();
        let bomb = deflate(&vec![b'a'; LONGEST_TEXT + 1]).unwrap();
        let huge = deflate(&vec![b'a'; 50_000_000]).unwrap();
        assert_eq!(inflate(&fits).map(|text| text.len()), Some(LONGEST_TEXT));
        assert_eq!(inflate(&bomb), None);
        assert_eq!(inflate(&huge), None);
    }

    #[test]
    fn a_stream_that_is_cut_off_is_refused() {
        let whole = deflate(&b"abcdefgh".repeat(100)).unwrap();
        assert!(inflate(&whole).is_some());
        for end in 0..whole.len() {
            assert_eq!(inflate(&whole[..end]), None, "cut at {end}");
        }
    }
}
