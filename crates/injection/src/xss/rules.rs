//! What can run script: elements, attributes, addresses, comments.
//!
//! The lists are our own table of what libinjection's hold (the package this crate takes its SQL words from keeps them private), the event
//! names reduced to those that are no prolongation of another, since a name is black when it only starts with one.

/// What an attribute's name says of its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Harmless,
    /// Runs script, or styles, whatever the value is.
    Black,
    /// The value is an address.
    Url,
    /// The value names an attribute: SVG's `attributeName`.
    NameInValue,
}

/// What the attribute `name` says of its value.
pub(super) fn attribute(name: &[u8]) -> Attribute {
    if let [b'o' | b'O', b'n' | b'N', event @ ..] = name
        && name.len() >= 5
        && is_event(event)
    {
        return Attribute::Black;
    }
    if starts_with(name, b"XMLNS") || starts_with(name, b"XLINK") {
        return Attribute::Black;
    }
    if name.len() < 2 {
        return Attribute::Harmless;
    }
    let mut buffer = [0; 16];
    match upper_without_nul(name, &mut buffer) {
        b"DATAFORMATAS" | b"DATASRC" | b"FILTER" | b"STYLE" => Attribute::Black,
        b"ATTRIBUTENAME" => Attribute::NameInValue,
        b"ACTION" | b"BY" | b"BACKGROUND" | b"DYNSRC" | b"FORMACTION" | b"FOLDER" | b"FROM" | b"HANDLER"
        | b"HREF" | b"LOWSRC" | b"POSTER" | b"SRC" | b"TO" | b"VALUES" | b"XLINK:HREF" => Attribute::Url,
        _ => Attribute::Harmless,
    }
}

/// Whether the element `name` runs script, embeds what does, or changes where addresses lead.
pub(super) fn is_black_tag(name: &[u8]) -> bool {
    if name.len() < 3 {
        return false;
    }
    let mut buffer = [0; 16];
    matches!(
        upper_without_nul(name, &mut buffer),
        b"APPLET"
            | b"BASE"
            | b"COMMENT"
            | b"EMBED"
            | b"FRAME"
            | b"FRAMESET"
            | b"HANDLER"
            | b"IFRAME"
            | b"IMPORT"
            | b"ISINDEX"
            | b"LINK"
            | b"LISTENER"
            | b"META"
            | b"NOSCRIPT"
            | b"OBJECT"
            | b"SCRIPT"
            | b"STYLE"
            | b"VMLFRAME"
            | b"XML"
            | b"XSS"
    ) || starts_with(name, b"SVG")
        || starts_with(name, b"XSL")
}

/// Whether a comment is one that Internet Explorer or an XML parser acts on.
pub(super) fn is_black_comment(text: &[u8]) -> bool {
    // Internet Explorer ends a tag at a back quote.
    memchr::memchr(b'`', text).is_some()
        || text.len() > 3 && (starts_with(text, b"[IF") || starts_with(text, b"XML"))
        || starts_with(text, b"IMPORT")
        || starts_with(text, b"ENTITY")
}

/// Whether an address carries script, as `javascript:` does, its letters perhaps written as character references.
pub(super) fn is_black_url(address: &[u8]) -> bool {
    // High bytes are skipped too: Opera took UTF-8 white space, EUC-JP ignores some.
    let start = address.iter().position(|byte| (0x21..0x7f).contains(byte)).unwrap_or(address.len());
    let address = address.get(start..).unwrap_or(&[]);
    [&b"DATA"[..], b"VIEW-SOURCE", b"JAVA", b"VBSCRIPT"].into_iter().any(|scheme| scheme_is(address, scheme))
}

fn scheme_is(address: &[u8], scheme: &[u8]) -> bool {
    let mut rest = address;
    let mut wanted = scheme.iter();
    let Some(mut next) = wanted.next() else { return true };
    let mut leading = true;
    while let Some((code, length)) = character(rest) {
        rest = rest.get(length..).unwrap_or(&[]);
        if leading && code <= 0x20 {
            continue;
        }
        leading = false;
        if code == 0 || code == u32::from(b'\n') {
            continue;
        }
        // Upper case first, low byte then, as in libinjection: U+014A passes for J.
        let folded = if (u32::from(b'a')..=u32::from(b'z')).contains(&code) { code - 0x20 } else { code };
        if folded as u8 != *next {
            return false;
        }
        match wanted.next() {
            Some(byte) => next = byte,
            None => return true,
        }
    }
    false
}

/// The first character and its length in bytes; a numeric character reference is one character.
fn character(text: &[u8]) -> Option<(u32, usize)> {
    let first = u32::from(*text.first()?);
    let plain = Some((first, 1));
    let (radix, start) = match text {
        [b'&', b'#', b'x' | b'X', ..] => (16, 3),
        [b'&', b'#', ..] => (10, 2),
        _ => return plain,
    };
    let mut code = 0;
    let mut at = start;
    while let Some(byte) = text.get(at) {
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            let length = if *byte == b';' && at > start { at + 1 } else { at };
            return if at == start { plain } else { Some((code, length)) };
        };
        code = code * radix + digit;
        if at > start && code > GREATEST_REFERENCE {
            return plain;
        }
        at += 1;
    }
    if at == start { plain } else { Some((code, at)) }
}

/// Whether the rest of an attribute's name after `on` starts with the name of an event.
fn is_event(name: &[u8]) -> bool {
    let mut buffer = [0; LONGEST_EVENT];
    let name = name.get(..LONGEST_EVENT).unwrap_or(name);
    let Some(upper) = buffer.get_mut(..name.len()) else { return false };
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    // No event is a prefix of another, so the only candidate is the last one that is not greater.
    let after = EVENTS.partition_point(|event| event.as_bytes() <= &*upper);
    after
        .checked_sub(1)
        .and_then(|last| EVENTS.get(last))
        .is_some_and(|event| upper.starts_with(event.as_bytes()))
}

fn starts_with(text: &[u8], upper: &[u8]) -> bool {
    text.get(..upper.len()).is_some_and(|start| start.eq_ignore_ascii_case(upper))
}

/// `name` in upper case without NULs, or nothing when it is longer than any name looked for.
fn upper_without_nul<'b>(name: &[u8], buffer: &'b mut [u8; 16]) -> &'b [u8] {
    let mut length = 0;
    for byte in name.iter().filter(|byte| **byte != 0) {
        let Some(slot) = buffer.get_mut(length) else { return &[] };
        *slot = byte.to_ascii_uppercase();
        length += 1;
    }
    buffer.get(..length).unwrap_or(&[])
}

/// Beyond this a character reference is text.
const GREATEST_REFERENCE: u32 = 0x10_00ff;

const LONGEST_EVENT: usize = 48;

/// Sorted, none a prefix of another.
#[rustfmt::skip]
const EVENTS: &[&str] = &[
    "ABORT", "ACTIVATE", "ACTIVE", "ADDSOURCEBUFFER", "ADDSTREAM", "ADDTRACK", "AFTERPRINT",
    "ANIMATIONCANCEL", "ANIMATIONEND", "ANIMATIONITERATION", "ANIMATIONSTART", "AUDIOEND",
    "AUDIOPROCESS", "AUDIOSTART", "AUTOCOMPLETE", "BEFOREACTIVATE", "BEFORECOPY", "BEFORECUT",
    "BEFOREINPUT", "BEFORELOAD", "BEFOREPASTE", "BEFOREPRINT", "BEFOREUNLOAD", "BEGINEVENT", "BLOCKED",
    "BLUR", "BOUNDARY", "BUFFEREDAMOUNTLOW", "CACHED", "CANCEL", "CANPLAY", "CHANGE", "CHARGINGCHANGE",
    "CHARGINGTIMECHANGE", "CHECKING", "CLICK", "CLOSE", "COMPLETE", "COMPOSITIONEND",
    "COMPOSITIONSTART", "COMPOSITIONUPDATE", "CONNECT", "CONTEXTMENU", "CONTROLLERCHANGE", "COPY",
    "CUECHANGE", "CUT", "DATAAVAILABLE", "DATACHANNEL", "DBLCLICK", "DEVICECHANGE", "DEVICEMOTION",
    "DEVICEORIENTATION", "DISCHARGINGTIMECHANGE", "DISCONNECT", "DOMACTIVATE",
    "DOMCHARACTERDATAMODIFIED", "DOMCONTENTLOADED", "DOMFOCUSIN", "DOMFOCUSOUT", "DOMNODEINSERTED",
    "DOMNODEREMOVED", "DOMSUBTREEMODIFIED", "DOWNLOADING", "DRAG", "DROP", "DURATIONCHANGE", "EMPTIED",
    "ENCRYPTED", "END", "ENTER", "ERROR", "EXIT", "FETCH", "FINISH", "FOCUS", "FORMCHANGE", "FORMINPUT",
    "GAMEPADCONNECTED", "GAMEPADDISCONNECTED", "GESTURECHANGE", "GESTUREEND", "GESTURESCROLLEND",
    "GESTURESCROLLSTART", "GESTURESCROLLUPDATE", "GESTURESTART", "GESTURETAP", "GOTPOINTERCAPTURE",
    "HASHCHANGE", "ICECANDIDATE", "ICECONNECTIONSTATECHANGE", "ICEGATHERINGSTATECHANGE", "INACTIVE",
    "INPUT", "INSTALL", "INVALID", "KEYDOWN", "KEYPRESS", "KEYSTATUSESCHANGE", "KEYUP",
    "LANGUAGECHANGE", "LEAVEPICTUREINPICTURE", "LEVELCHANGE", "LOAD", "LOSTPOINTERCAPTURE", "MARK",
    "MERCHANTVALIDATION", "MESSAGE", "MOUSEDOWN", "MOUSEENTER", "MOUSELEAVE", "MOUSEMOVE", "MOUSEOUT",
    "MOUSEOVER", "MOUSEUP", "MOUSEWHEEL", "MUTE", "NEGOTIATIONNEEDED", "NEXTTRACK", "NOMATCH",
    "NOUPDATE", "OBSOLETE", "OFFLINE", "ONLINE", "OPEN", "ORIENTATIONCHANGE", "OVERCONSTRAINED",
    "OVERFLOWCHANGED", "PAGEHIDE", "PAGESHOW", "PASTE", "PAUSE", "PAYERDETAILCHANGE",
    "PAYMENTAUTHORIZED", "PAYMENTMETHODCHANGE", "PAYMENTMETHODSELECTED", "PLAY", "POINTERCANCEL",
    "POINTERDOWN", "POINTERENTER", "POINTERLEAVE", "POINTERLOCKCHANGE", "POINTERLOCKERROR",
    "POINTERMOVE", "POINTEROUT", "POINTEROVER", "POINTERUP", "POPSTATE", "PREVIOUSTRACK",
    "PROCESSORERROR", "PROGRESS", "PROPERTYCHANGE", "RATECHANGE", "READYSTATECHANGE",
    "REJECTIONHANDLED", "REMOVE", "RESET", "RESIZE", "RESOURCETIMINGBUFFERFULL", "RESULT", "RESUME",
    "SCROLL", "SEARCH", "SECURITYPOLICYVIOLATION", "SEEKED", "SEEKING", "SELECT",
    "SHIPPINGADDRESSCHANGE", "SHIPPINGCONTACTSELECTED", "SHIPPINGMETHODSELECTED",
    "SHIPPINGOPTIONCHANGE", "SHOW", "SIGNALINGSTATECHANGE", "SLOTCHANGE", "SOUNDEND", "SOUNDSTART",
    "SOURCECLOSE", "SOURCEENDED", "SOURCEOPEN", "SPEECHEND", "SPEECHSTART", "SQUEEZE", "STALLED",
    "START", "STATECHANGE", "STOP", "STORAGE", "SUBMIT", "SUCCESS", "SUSPEND", "TEXTINPUT", "TIMEOUT",
    "TIMEUPDATE", "TOGGLE", "TONECHANGE", "TOUCHCANCEL", "TOUCHEND", "TOUCHFORCECHANGE", "TOUCHMOVE",
    "TOUCHSTART", "TRACK", "TRANSITIONCANCEL", "TRANSITIONEND", "TRANSITIONRUN", "TRANSITIONSTART",
    "UNCAPTUREDERROR", "UNHANDLEDREJECTION", "UNLOAD", "UNMUTE", "UPDATE", "UPGRADENEEDED",
    "VALIDATEMERCHANT", "VERSIONCHANGE", "VISIBILITYCHANGE", "VOLUMECHANGE", "WAITING",
    "WEBGLCONTEXTCHANGED", "WEBGLCONTEXTCREATIONERROR", "WEBGLCONTEXTLOST", "WEBGLCONTEXTRESTORED",
    "WEBKITANIMATIONEND", "WEBKITANIMATIONITERATION", "WEBKITANIMATIONSTART",
    "WEBKITBEFORETEXTINSERTED", "WEBKITBEGINFULLSCREEN", "WEBKITCURRENTPLAYBACKTARGETISWIRELESSCHANGED",
    "WEBKITENDFULLSCREEN", "WEBKITFULLSCREENCHANGE", "WEBKITFULLSCREENERROR", "WEBKITKEYADDED",
    "WEBKITKEYERROR", "WEBKITKEYMESSAGE", "WEBKITMOUSEFORCECHANGED", "WEBKITMOUSEFORCEDOWN",
    "WEBKITMOUSEFORCEUP", "WEBKITMOUSEFORCEWILLBEGIN", "WEBKITNEEDKEY", "WEBKITNETWORKINFOCHANGE",
    "WEBKITPLAYBACKTARGETAVAILABILITYCHANGED", "WEBKITPRESENTATIONMODECHANGED",
    "WEBKITREGIONOVERSETCHANGE", "WEBKITREMOVESOURCEBUFFER", "WEBKITSOURCECLOSE", "WEBKITSOURCEENDED",
    "WEBKITSOURCEOPEN", "WEBKITSPEECHCHANGE", "WEBKITTRANSITIONEND", "WEBKITWILLREVEALBOTTOM",
    "WEBKITWILLREVEALLEFT", "WEBKITWILLREVEALRIGHT", "WEBKITWILLREVEALTOP", "WHEEL", "WRITE", "ZOOM",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_sorted_and_none_is_a_prefix_of_the_next() {
        for pair in EVENTS.windows(2) {
            assert!(pair[0] < pair[1] && !pair[1].starts_with(pair[0]), "{pair:?}");
        }
        assert!(EVENTS.iter().all(|event| event.len() <= LONGEST_EVENT));
    }

    #[test]
    fn names_are_compared_whole_but_for_events() {
        for (name, expected) in [
            (&b"onclick"[..], Attribute::Black),
            (b"onclick2", Attribute::Black),
            (b"ONEND", Attribute::Black),
            (b"onen", Attribute::Harmless),
            (b"on", Attribute::Harmless),
            (b"once", Attribute::Harmless),
            (b"on\0click", Attribute::Harmless),
            (b"xmlns:x", Attribute::Black),
            (b"style", Attribute::Black),
            (b"styles", Attribute::Harmless),
            (b"h\0ref", Attribute::Url),
            (b"attributename", Attribute::NameInValue),
            (b"a-name-longer-than-any-of-the-list", Attribute::Harmless),
        ] {
            assert_eq!(attribute(name), expected, "{}", String::from_utf8_lossy(name));
        }
    }

    #[test]
    fn addresses_are_seen_through_references() {
        for address in [
            &b"javascript:x"[..],
            b" \tJaVa",
            b"&#106;ava",
            b"&#x6a;ava",
            b"&#X6A;ava",
            b"j&#10;ava",
            b"\xc2\xa0data:",
            b"&#0000106ava",
            b"view-source:",
        ] {
            assert!(is_black_url(address), "{}", String::from_utf8_lossy(address));
        }
        for address in [
            &b""[..],
            b"https://x",
            b"jav",
            b"&#",
            b"&#x",
            b"&#x6a",
            b"&#xg",
            b"&#99999999999;java",
            b"&java",
        ] {
            assert!(!is_black_url(address), "{}", String::from_utf8_lossy(address));
        }
    }
}
