//! `@containsWord`
//!
//! Matches when the argument occurs in the value with no ASCII letter right before or after it. An empty argument matches.
//!
//! Differences: v2 counts digits and underscores as parts of words too; here, as in v3, `word1` contains the word `word`.
//!
//! Example: `SecRule ARGS "@containsWord select" "id:1,deny"`

use memchr::memmem;

use super::{
    Found, Operate, Refusal, Resources,
    written::{Argument, Written},
};

#[derive(Debug)]
struct ContainsWord {
    argument: Argument,
}

pub(super) fn build(written: &Written<'_>, _: &Resources<'_>) -> Result<Box<dyn Operate>, Refusal> {
    Ok(Box::new(ContainsWord { argument: written.argument() }))
}

impl Operate for ContainsWord {
    fn evaluate(&self, input: &[u8], argument: Option<&[u8]>, _: bool, found: &mut Found) -> bool {
        let text = self.argument.text(argument);
        if text.is_empty() {
            return true;
        }
        let hit = memmem::find_iter(input, text).find(|offset| stands_alone(input, *offset, text.len()));
        if let Some(offset) = hit {
            found.at(&(offset..offset + text.len()));
        }
        hit.is_some()
    }
}

fn stands_alone(input: &[u8], offset: usize, length: usize) -> bool {
    let letter = |place: Option<usize>| {
        place.and_then(|place| input.get(place)).is_some_and(|byte| byte.is_ascii_alphabetic())
    };
    !letter(offset.checked_sub(1)) && !letter(offset.checked_add(length))
}
