//! Tables in Markdown, aligned for reading as text.

/// Rows of cells below a head; the first columns are text, the others figures.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
    text_columns: usize,
}

impl Table {
    pub(crate) fn new(head: &[&str], text_columns: usize) -> Self {
        Self {
            rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()],
            text_columns,
        }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let columns = self.rows[0].len();
        let width = |column: usize| {
            let cells = self.rows.iter().map(|row| row[column].chars().count());
            cells.max().unwrap_or(0).max(3)
        };
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for (nth, row) in self.rows.iter().enumerate() {
            for (column, (cell, &width)) in row.iter().zip(&widths).enumerate() {
                if column < self.text_columns {
                    write!(f, "| {cell:<width$} ")?;
                } else {
                    write!(f, "| {cell:>width$} ")?;
                }
            }
            writeln!(f, "|")?;
            if nth == 0 {
                for (column, &width) in widths.iter().enumerate() {
                    let line = "-".repeat(width - 1);
                    if column < self.text_columns {
                        write!(f, "| -{line} ")?;
                    } else {
                        write!(f, "| {line}: ")?;
                    }
                }
                writeln!(f, "|")?;
            }
        }
        Ok(())
    }
}

/// Formats a figure with its significant digits.
pub(crate) fn figure(value: f64) -> String {
    if value >= 100.0 {
        thousands(value.round() as u64)
    } else if value >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// `1,234,567`
pub(crate) fn thousands(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Returns a word for a reached or missed target.
pub(crate) fn verdict(holds: bool) -> String {
    if holds { "yes" } else { "**no**" }.to_owned()
}
