//! The name that was probably meant, for the help of a diagnostic.

/// The candidate nearest to `name`, the first of several, if it takes at most
/// one edit in three characters to get there.
///
/// ```
/// assert_eq!(tilec_ir::nearest("routr", ["x", "router"]), Some("router"));
/// assert_eq!(tilec_ir::nearest("bias", ["x", "router"]), None);
/// ```
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(64).collect();
    let allowed = (name.len() + 1) / 3;
    let distances = candidates.into_iter().map(|candidate| (distance(&name, candidate), candidate));
    let (edits, nearest) = distances.min_by_key(|&(edits, _)| edits)?;
    (edits <= allowed).then_some(nearest)
}

/// Insertions, deletions and replacements between the two, ignoring case.
fn distance(name: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=name.len()).collect();
    for (i, c) in candidate.chars().take(128).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, n) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(!n.eq_ignore_ascii_case(&c));
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[name.len()]
}
