//! "Did you mean": the nearest known word to one that is not known.

/// The candidate nearest to `word` by edit distance, ASCII case ignored, if it is near enough to be a slip of the hand.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let limit = (word.len() / 3).max(1);
    candidates
        .into_iter()
        // The distance is at least the difference in length, and working it out is the dear part.
        .filter(|candidate| candidate.len().abs_diff(word.len()) <= limit)
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Letters to change, add, leave out or swap with their neighbour (optimal string alignment), ASCII case ignored.
fn distance(left: &str, right: &str) -> usize {
    let lower = |word: &str| word.bytes().map(|byte| byte.to_ascii_lowercase()).collect::<Vec<u8>>();
    let (left, right) = (lower(left), lower(right));
    let mut before_last: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    for (i, from) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, to) in right.iter().enumerate() {
            let at = |row: &[usize], index: usize| row.get(index).copied().unwrap_or(usize::MAX / 2);
            let mut best =
                (at(&last, j) + usize::from(from != to)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let swapped = i > 0 && j > 0 && left.get(i - 1) == Some(to) && right.get(j - 1) == Some(from);
            if swapped {
                best = best.min(at(&before_last, j - 1) + 1);
            }
            row.push(best);
        }
        before_last = std::mem::replace(&mut last, row);
    }
    last.last().copied().unwrap_or(left.len())
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
        assert_eq!(closest("dney", ["deny", "drop"]), Some("deny"));
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
    }
}
