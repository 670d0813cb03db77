//! "Did you mean": the nearest known word to one that is not known.

/// The candidate nearest to `word` by edit distance, ASCII case ignored, if it is near enough to be a slip of the hand.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn distance(left: &str, right: &str) -> usize {
    let right: Vec<u8> = right.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.bytes().map(|byte| byte.to_ascii_lowercase()).enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (cell, to) in row.iter_mut().skip(1).zip(&right) {
            let substitute = diagonal + usize::from(from != *to);
            diagonal = *cell;
            before = substitute.min(diagonal + 1).min(before + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(left.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_are_found_and_strangers_are_not() {
        let known = ["SecRuleEngine", "SecRequestBodyAccess", "SecRule"];
        assert_eq!(closest("SecRuleEngin", known), Some("SecRuleEngine"));
        assert_eq!(closest("secrule", known), Some("SecRule"));
        assert_eq!(closest("Include", known), None);
    }
}
