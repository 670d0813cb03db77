//! Multipart bodies: bounded, nothing made up, and no error that the strictness flags do not tell. Input: the value of `Content-Type`, a
//! line feed, the body.

use portcullis_body::multipart;

use super::{LIMITS, told_plainly};
use crate::{Target, message::cut};

pub(super) const TARGET: Target = Target {
    name: "multipart",
    run,
    seeds: &[
        b"multipart/form-data; boundary=XX\n--XX\r\nContent-Disposition: form-data; name=\"a\"; filename=\"x.txt\"; filename*=UTF-8''x\r\nContent-Type: text/plain;\r\n charset=utf-8\r\n\r\n1\r\n2\r\n--XX\r\nContent-Disposition: form-data; name=b\r\n\r\n\r\n--XX--\r\n",
        b"multipart/form-data; boundary=\"X X\"; charset=utf-8\nbefore\n--X X\nContent-Disposition: form-data; name='a\\'b'\n\nv\n--X X--\nafter",
        b"Multipart/Form-Data;boundary=----WebKitFormBoundaryA1b2\n------WebKitFormBoundaryA1b2\r\nContent-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n------WebKitFormBoundaryA1b2--",
    ],
    pieces: &[
        b"\r\n", b"\n", b"\r", b"\0", b" ", b"\t", b"\x0b", b"--", b"--XX", b"--XX--", b"-- XX", b"--XX\r\n", b"\r\n--XX",
        b"XX", b":", b";", b"=", b"\"", b"'", b"\\", b"\\\"", b"boundary=", b"boundary", b"multipart/form-data", b"multipart/mixed",
        b"Content-Disposition: form-data; ", b"content-disposition:", b"name=", b"filename=", b"filename*=UTF-8''",
        b"Content-Type: ", b"Content-Transfer-Encoding: base64\r\n", b"\r\n ", b"\r\n\r\n", b"%22",
    ],
};

fn run(input: &[u8]) {
    let (content_type, body) = cut(input, b'\n');
    for limits in &LIMITS {
        let (read, error) = multipart::parse(content_type, body, limits);
        assert!(read.parts.len() <= limits.parts);
        assert_eq!(read.flags.error, error.is_some());
        assert!(error.is_none() || read.flags.strict_error());
        let size: usize = read
            .parts
            .iter()
            .map(|part| part.content.len() + part.headers.iter().map(Vec::len).sum::<usize>())
            .sum();
        assert!(size <= body.len(), "{size} bytes out of {}", body.len());
        // A last boundary ends a part in the middle of its head.
        let refused = error.is_some() || read.flags.invalid_part;
        assert!(refused || read.parts.iter().all(|part| !part.name.is_empty()));
        told_plainly(error.as_ref(), body);
    }
}
