//! Charts in SVG.

use std::fmt::Write as _;

/// One bar of a chart: how much of the bare site's throughput is left.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) ratio: f64,
}

/// Horizontal bars with their figures, in colours for light and dark pages.
pub(crate) fn chart(title: &str, bars: &[Bar]) -> String {
    const ROW: usize = 26;
    const LABELS: usize = 230;
    const WIDTH: usize = 420;
    let height = 44 + ROW * bars.len();
    let mut svg = format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 {height}" role="img" aria-label="{title}" font-family="system-ui, sans-serif" font-size="14">
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
