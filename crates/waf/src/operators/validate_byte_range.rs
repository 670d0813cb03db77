//! `@validateByteRange`
//!
//! Matches when the value has a byte outside the listed ranges, `9,10,13,32-126`. Found is the first such byte.
//!
//! Differences: an argument that is empty or holds anything but numbers is refused. v3 loads it and lets no byte, or NUL alone, pass.
//!
//! Example: `SecRule ARGS "@validateByteRange 1-255" "id:1,deny"`

use super::{Found, Operate, Refusal, Resources, Superset, written::Written};

#[derive(Debug)]
struct ValidateByteRange {
    allowed: Box<[bool; 256]>,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    let mut allowed = Box::new([false; 256]);
    for item in written.text.split(|byte| *byte == b',') {
        let (from, to) = range(item).ok_or_else(|| {
            Refusal::new(
                format!(
                    "@validateByteRange: {:?} is no byte and no range of bytes",
                    item.escape_ascii().to_string()
                ),
                "list bytes from 0 to 255 and ranges, lower end first: 9,10,13,32-126",
            )
        })?;
        for byte in from..=to {
            if let Some(slot) = allowed.get_mut(usize::from(byte)) {
                *slot = true;
            }
        }
    }
    Ok(Box::new(ValidateByteRange { allowed }))
}

impl Operate for ValidateByteRange {
    fn superset(&self) -> Option<Superset> {
        let allowed = |byte: &u8| self.allowed.get(usize::from(*byte)).is_some_and(|allowed| *allowed);
        Superset::byte((0..=u8::MAX).filter(|byte| !allowed(byte)), true)
    }

    fn evaluate(&self, input: &[u8], _: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let outside = |byte: &u8| !self.allowed.get(usize::from(*byte)).is_some_and(|allowed| *allowed);
        let first = input.iter().position(outside);
        if let Some(offset) = first {
            found.at(&(offset..offset + 1));
        }
        first.is_some()
    }
}

fn range(item: &[u8]) -> Option<(u8, u8)> {
    let byte = |text: &str| text.trim().parse::<u8>().ok();
    let item = std::str::from_utf8(item).ok()?;
    let (from, to) = match item.split_once('-') {
        Some((from, to)) => (byte(from)?, byte(to)?),
        None => (byte(item)?, byte(item)?),
    };
    (from <= to).then_some((from, to))
}
