//! XML bodies: bounded, and no more text than there was: nothing is expanded. Input: the body.

use portcullis_body::xml;

use super::{LIMITS, told_plainly};
use crate::Target;

pub(super) const TARGET: Target = Target {
    name: "xml",
    run,
    seeds: &[
        b"<?xml version='1.0' encoding='utf-8'?><!DOCTYPE a [<!ENTITY e 'x'>]><a b='1&lt;' xmlns:p='u'><!-- c --><p:c>t&#x3c;<![CDATA[d]]></p:c><?p q?></a>",
        b"<a>\xe4\xff</a>",
        b"<!DOCTYPE a SYSTEM \"http://x/y.dtd\"><a>&e;</a>",
        b"<soap:Envelope xmlns:soap='http://www.w3.org/2003/05/soap-envelope'><soap:Body><id>1' or '1'='1</id></soap:Body></soap:Envelope>",
        b"<a b=\"&quot;&#x10FFFF;&#0;\" c='\xc3\xa4'>\r\n]]&gt;</a>",
    ],
    pieces: &[
        b"<", b">", b"/", b"</", b"/>", b"<a>", b"</a>", b"<a/>", b"<a b='", b"'", b"\"", b"=", b"&", b"&lt;", b"&amp;", b"&#60;",
        b"&#x3c;", b"&#x110000;", b"&e;", b"%e;", b"<!--", b"-->", b"--", b"<![CDATA[", b"]]>", b"<?", b"?>", b"<?xml version='1.0'",
        b" encoding='", b" standalone='yes'", b"<!DOCTYPE a ", b"SYSTEM ", b"PUBLIC ", b"[", b"]>", b"<!ENTITY e ", b"<!ELEMENT a ANY>",
        b"xmlns:p='", b"xmlns='", b"p:", b"\r\n", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\xa4",
    ],
};

fn run(input: &[u8]) {
    for limits in &LIMITS {
        let (document, error) = xml::parse(input, limits);
        assert!(document.attributes.len() <= limits.fields);
        let size = document.text.len() + document.attributes.iter().map(Vec::len).sum::<usize>();
        assert!(size <= input.len(), "{size} bytes out of {}", input.len());
        told_plainly(error.as_ref(), input);
    }
}
