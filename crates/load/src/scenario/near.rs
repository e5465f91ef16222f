//! What somebody probably meant, and what there is to choose from.

/// The name that was probably meant where one is close, otherwise all there are.
pub(super) fn suggestion<'a>(name: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> String {
    closest(name, known.clone()).map_or_else(|| choice(known), meant)
}

/// Did you mean `rate`?
pub(super) fn meant(name: &str) -> String {
    format!("did you mean `{name}`?")
}

/// What there is to choose from: allowed are `a`, `b` and `c`.
pub(super) fn choice<'a>(known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    match known[..] {
        [] => "there is nothing to choose from".to_owned(),
        [only] => format!("allowed is `{only}`"),
        _ => format!("allowed are {}", listed(&known)),
    }
}

/// Names in a sentence: `a`, `b` and `c`.
pub(super) fn listed(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match &quoted[..] {
        [] => String::new(),
        [only] => only.clone(),
        [others @ .., last] => format!("{} and {last}", others.join(", ")),
    }
}

/// The name closest to one that does not exist, if any is close.
fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let (written, length) = (name.to_lowercase(), name.chars().count());
    known
        .into_iter()
        .map(|known| (distance(&written, &known.to_lowercase()), known))
        .min()
        .filter(|(distance, _)| *distance <= length.div_ceil(3).min(3))
        .map(|(_, known)| known)
}

/// Edit distance in which two neighbours that changed places are one slip (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![vec![0; b.len() + 1]; a.len() + 1];
    for (i, row) in rows.iter_mut().enumerate() {
        row[0] = i;
    }
    rows[0] = (0..=b.len()).collect();
    for i in 1..=a.len() {
        for j in 1..=b.len() {
            let substituted = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = substituted.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = least;
        }
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_understood() {
        assert_eq!(closest("rat", ["name", "rate", "for"]), Some("rate"));
        assert_eq!(closest("wieght", ["weight", "event"]), Some("weight"));
        assert_eq!(closest("kill", ["KILL", "TERM"]), Some("KILL"));
        assert_eq!(closest("blackhole", ["latency", "black_hole"]), Some("black_hole"));
        assert_eq!(closest("frobnicate", ["weight", "event"]), None);
        assert_eq!(closest("xy", ["at", "id"]), None);
    }

    #[test]
    fn distances_are_those_of_the_books() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("same", "same"), 0);
    }

    #[test]
    fn what_is_far_off_is_told_the_choice() {
        assert_eq!(suggestion("q", ["open", "closed"]), "allowed are `open` and `closed`");
        assert_eq!(suggestion("q", ["drained"]), "allowed is `drained`");
        assert_eq!(suggestion("opne", ["open", "closed"]), "did you mean `open`?");
    }
}
