//! Tables in Markdown, charts in SVG, and where they stand in the documentation.

use std::fmt::Write as _;
use std::path::PathBuf;

use crate::sites::BoxError;

/// A table of figures.
pub(crate) struct Table {
    /// Between which marks it stands in the document.
    pub(crate) mark: String,
    pub(crate) title: String,
    columns: Vec<String>,
    pub(crate) rows: Vec<Row>,
    /// What has to be known of single rows.
    pub(crate) notes: Vec<String>,
}

pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) cells: Vec<String>,
}

impl Table {
    pub(crate) fn new(mark: &str, title: &str, columns: &[&str]) -> Self {
        Self {
            mark: mark.to_owned(),
            title: title.to_owned(),
            columns: columns.iter().map(|&column| column.to_owned()).collect(),
            rows: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Setting a cookie costs something too.
    pub(crate) fn note_cookies(&mut self, name: &str, kinds: &[&str]) {
        if !kinds.is_empty() {
            self.notes.push(format!(
                "{name} sets a cookie with each answer: {}.",
                kinds.join(", ")
            ));
        }
    }

    pub(crate) fn markdown(&self) -> String {
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

/// One bar of a chart: how much of the bare site's throughput is left.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) ratio: f64,
}

/// Horizontal bars with their figures, in colours for light and dark pages.
pub(crate) fn chart(title: &str, bars: &[Bar]) -> String {
    const ROW: usize = 26;
    const LABELS: usize = 190;
    const WIDTH: usize = 420;
    let height = 44 + ROW * bars.len();
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 680 {height}" role="img" aria-label="{title}" font-family="system-ui, sans-serif" font-size="14">
<style>
text {{ fill: #1f2328; }} .ours {{ fill: #0969da; }} .other {{ fill: #8c959f; }} .bare {{ fill: #d0d7de; }}
@media (prefers-color-scheme: dark) {{ text {{ fill: #e6edf3; }} .ours {{ fill: #4493f8; }} .other {{ fill: #6e7681; }} .bare {{ fill: #30363d; }} }}
</style>
<text x="0" y="20" font-weight="600">{title}</text>
"#
    );
    for (index, bar) in bars.iter().enumerate() {
        let top = 36 + ROW * index;
        let middle = top + 14;
        let length = (bar.ratio.clamp(0.0, 1.05) * WIDTH as f64).round();
        let kind = if bar.name.starts_with("housekey") {
            "ours"
        } else {
            "other"
        };
        let _ = write!(
            svg,
            r#"<text x="{label}" y="{middle}" text-anchor="end" dominant-baseline="middle">{name}</text>
<rect class="bare" x="{LABELS}" y="{top}" width="{WIDTH}" height="18" opacity="0.5"/>
<rect class="{kind}" x="{LABELS}" y="{top}" width="{length}" height="18"/>
<text x="{figure}" y="{middle}" dominant-baseline="middle">{ratio:.2}</text>
"#,
            label = LABELS - 8,
            figure = LABELS + WIDTH + 10,
            name = bar.name,
            ratio = bar.ratio,
            middle = middle - 4,
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Puts tables and charts into the documentation.
pub(crate) fn write(tables: &[Table]) -> Result<(), BoxError> {
    let file = docs().join("BENCHMARKS.md");
    let mut text = std::fs::read_to_string(&file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    for table in tables {
        let (start, end) = (
            format!("<!-- {} -->\n", table.mark),
            format!("<!-- /{} -->", table.mark),
        );
        let missing = || format!("{} has no {} … {end}", file.display(), start.trim_end());
        let from = text.find(&start).ok_or_else(missing)? + start.len();
        let to = from + text[from..].find(&end).ok_or_else(missing)?;
        text.replace_range(from..to, &format!("\n{}\n", table.markdown()));
    }
    std::fs::write(&file, text)?;
    eprintln!("written to {}", file.display());
    Ok(())
}

pub(crate) fn docs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// # Panics
///
/// When there are no values.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
