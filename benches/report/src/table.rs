//! Tables in Markdown.

use std::fmt::Write as _;

/// A table of figures.
pub struct Table {
    /// The name of its marks in the document.
    pub mark: String,
    /// The title above it.
    pub title: String,
    columns: Vec<String>,
    /// From top to bottom.
    pub rows: Vec<Row>,
    /// Notes on single rows.
    pub notes: Vec<String>,
}

/// A row of a [`Table`].
pub struct Row {
    /// Its name.
    pub name: String,
    /// One cell for each column.
    pub cells: Vec<String>,
}

impl Table {
    /// A table without rows.
    pub fn new(mark: &str, title: &str, columns: &[&str]) -> Self {
        Self {
            mark: mark.to_owned(),
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// The title, the table, and the notes below it.
    pub fn markdown(&self) -> String {
        let mut text = format!("**{}**\n\n| |", self.title);
        for column in &self.columns {
            let _ = write!(text, " {column} |");
        }
        text.push_str("\n| --- |");
        text.push_str(&" ---: |".repeat(self.columns.len()));
        for row in &self.rows {
            let _ = write!(text, "\n| {} | {} |", row.name, row.cells.join(" | "));
        }
        text.push('\n');
        for note in &self.notes {
            let _ = write!(text, "\n{note}\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_its_title_above_and_its_notes_below() {
        let mut table = Table::new("a", "A", &["b", "c"]);
        table.rows.push(Row {
            name: "first".to_owned(),
            cells: vec!["1".to_owned(), "2".to_owned()],
        });
        table.notes.push("A note.".to_owned());
        assert_eq!(
            table.markdown(),
            "**A**\n\n| | b | c |\n| --- | ---: | ---: |\n| first | 1 | 2 |\n\nA note.\n"
        );
    }
}
