//! Names that are close to an unknown one, for “Did you mean” in messages. The same names in the
//! same order as graphql.js.

/// Names that a message lists.
const MAX_SUGGESTIONS: usize = 5;

/// Finds similar names until its budget is spent, so that a document full of unknown names costs
/// no more than a few of them.
#[derive(Debug)]
pub(crate) struct Suggestions {
    /// Cells of distance tables that may still be computed.
    budget: usize,
}

impl Default for Suggestions {
    fn default() -> Self {
        Self { budget: 500_000 }
    }
}

impl Suggestions {
    /// A sentence ` Did you mean "a" or "b"?`, or nothing if no option is similar.
    pub(crate) fn did_you_mean<'n>(
        &mut self,
        kind: &str,
        name: &str,
        options: impl Iterator<Item = &'n str>,
    ) -> String {
        let threshold = name.chars().count() * 2 / 5 + 1;
        let mut similar: Vec<(usize, &str)> = Vec::new();
        for option in options {
            if let Some(distance) = self.distance(name, option, threshold) {
                similar.push((distance, option));
            }
        }
        similar.sort_unstable();
        sentence(kind, similar.into_iter().map(|(_, option)| option))
    }

    /// Edits (insert, delete, replace, swap) between two names, ignoring case; a difference in case
    /// only counts one. Nothing if there are more than `threshold`.
    fn distance(&mut self, name: &str, option: &str, threshold: usize) -> Option<usize> {
        if name == option {
            return Some(0);
        }
        if name.eq_ignore_ascii_case(option) {
            return Some(1);
        }
        let (a, b) = (option.as_bytes(), name.as_bytes());
        if a.len().abs_diff(b.len()) > threshold {
            return None;
        }
        self.budget = self.budget.checked_sub((a.len() + 1) * (b.len() + 1))?;
        let is_same = |a: u8, b: u8| a.eq_ignore_ascii_case(&b);
        let mut rows = [vec![0; b.len() + 1], (0..=b.len()).collect(), Vec::new()];
        rows[2] = rows[1].clone();
        for i in 1..=a.len() {
            // `rows` holds the rows i - 2, i - 1 and i.
            rows[2][0] = i;
            let mut smallest = i;
            for j in 1..=b.len() {
                let replace = rows[1][j - 1] + usize::from(!is_same(a[i - 1], b[j - 1]));
                let mut cell = replace.min(rows[1][j] + 1).min(rows[2][j - 1] + 1);
                let is_swap =
                    i > 1 && j > 1 && is_same(a[i - 1], b[j - 2]) && is_same(a[i - 2], b[j - 1]);
                if is_swap {
                    cell = cell.min(rows[0][j - 2] + 1);
                }
                rows[2][j] = cell;
                smallest = smallest.min(cell);
            }
            if smallest > threshold {
                return None;
            }
            rows.rotate_left(1);
        }
        Some(rows[1][b.len()]).filter(|distance| *distance <= threshold)
    }
}

/// ` Did you mean <kind> "a", "b", or "c"?` of at most five names; `kind` may be empty.
pub(crate) fn sentence<'n>(kind: &str, names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<String> = names
        .take(MAX_SUGGESTIONS)
        .map(|name| format!("\"{name}\""))
        .collect();
    let space = if kind.is_empty() { "" } else { " " };
    let list = match &names[..] {
        [] => return String::new(),
        [only] => only.clone(),
        [first, second] => format!("{first} or {second}"),
        [others @ .., last] => format!("{}, or {last}", others.join(", ")),
    };
    format!(" Did you mean {kind}{space}{list}?")
}
