//! The frame of an HTML page: one file that needs nothing else.

use std::fmt::Write as _;

/// What a page says of itself at its top.
#[derive(Debug, Clone)]
pub struct Banner<'a> {
    /// The page's title.
    pub title: &'a str,
    /// One line below it.
    pub subtitle: &'a str,
    /// The verdict, and whether it is a good one; `None`: there is none.
    pub verdict: Option<(bool, String)>,
    /// What must not be overlooked: that results are partial.
    pub warning: Option<String>,
}

/// A whole page around `body`, which is HTML.
#[must_use]
pub fn page(banner: &Banner<'_>, body: &str) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        out,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{title}</title><style>{STYLE}</style></head><body><header><h1>{title}</h1><p>{subtitle}</p>",
        title = escape(banner.title),
        subtitle = escape(banner.subtitle),
    );
    if let Some(warning) = &banner.warning {
        let _ = write!(out, "<p class=\"warn\">{}</p>", escape(warning));
    }
    if let Some((is_good, verdict)) = &banner.verdict {
        let class = if *is_good { "good" } else { "bad" };
        let _ = write!(out, "<p class=\"verdict {class}\">{}</p>", escape(verdict));
    }
    let _ = writeln!(out, "</header><main>{body}</main></body></html>");
    out
}

/// A section with a heading; nothing when there is nothing in it.
#[must_use]
pub fn section(title: &str, body: &str) -> String {
    if body.is_empty() {
        return String::new();
    }
    format!("<section><h2>{}</h2>{body}</section>", escape(title))
}

/// A table: heads, and rows whose cells are plain text. The first column and those of texts are left-aligned,
/// those of numbers right.
#[must_use]
pub fn table(heads: &[&str], rows: &[Vec<String>]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    let columns = 0..heads.len();
    let classes: Vec<&str> = columns
        .map(|column| {
            let mut cells = rows.iter().filter_map(|row| row.get(column));
            if cells.all(|cell| is_number(cell)) {
                ""
            } else {
                " class=\"text\""
            }
        })
        .collect();
    for (head, class) in heads.iter().zip(&classes) {
        let _ = write!(out, "<th{class}>{}</th>", escape(head));
    }
    out.push_str("</tr></thead><tbody>");
    for row in rows {
        out.push_str("<tr>");
        for (cell, class) in row.iter().zip(&classes) {
            let _ = write!(out, "<td{class}>{}</td>", escape(cell));
        }
        out.push_str("</tr>");
    }
    out.push_str("</tbody></table></div>");
    out
}

/// Whether a cell holds a number, perhaps with a unit, or stands for one that is not there.
fn is_number(cell: &str) -> bool {
    let begins_as_one = cell.starts_with(|first: char| first.is_ascii_digit() || "+-–".contains(first));
    cell.is_empty() || (begins_as_one && !cell.contains(':') && cell.split(' ').count() <= 2)
}

/// A figure that stands out.
#[must_use]
pub fn tile(name: &str, value: &str, note: &str) -> String {
    format!(
        "<div class=\"tile\"><span>{}</span><b>{}</b><small>{}</small></div>",
        escape(name),
        escape(value),
        escape(note)
    )
}

/// Text as it stands in HTML, attributes included.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

const STYLE: &str = "\
:root{color-scheme:light dark;--bg:#fff;--ink:#1c2430;--dim:#67717f;--line:#e3e7ec;--card:#f6f8fa;--faint:#9fb3c8;\
--good:#137a43;--bad:#b42318;--warn:#9a5b00;\
--c0:#2563a8;--c1:#d1495b;--c2:#2a9d63;--c3:#b8860b;--c4:#7a4fb5;--c5:#12889b;--c6:#c2591a;--c7:#555f6d}\
@media(prefers-color-scheme:dark){:root{--bg:#12161c;--ink:#e6eaf0;--dim:#93a0b0;--line:#2a323c;--card:#1a2028;\
--faint:#46586c;--good:#4cc38a;--bad:#ff7b72;--warn:#e3a94a;\
--c0:#6ca8e8;--c1:#f07d8b;--c2:#5fcf97;--c3:#e0b84c;--c4:#b292ea;--c5:#54c4d4;--c6:#f0935a;--c7:#a9b4c2}}\
*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);\
font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif}\
header,main{max-width:1180px;margin:0 auto;padding:0 24px}header{padding-top:28px}\
h1{font-size:26px;margin:0 0 2px}h2{font-size:18px;margin:34px 0 12px;padding-bottom:6px;border-bottom:1px solid var(--line)}\
header p{margin:0 0 10px;color:var(--dim)}\
.verdict{font-weight:600;padding:10px 14px;border-radius:8px;border:1px solid}\
.verdict.good{color:var(--good)}.verdict.bad{color:var(--bad)}\
header .warn{color:var(--warn);font-weight:600;padding:10px 14px;border:1px solid;border-radius:8px}\
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(165px,1fr));gap:12px;margin:18px 0}\
.tile{background:var(--card);border-radius:10px;padding:12px 14px}\
.tile span,.tile small{display:block;color:var(--dim);font-size:13px}.tile b{font-size:22px;font-variant-numeric:tabular-nums}\
.plots{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:22px 26px}\
figure{margin:0;max-width:640px}figcaption{font-size:14px}.how{color:var(--dim)}\
.legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;color:var(--dim);min-height:20px}\
.legend i{display:inline-block;width:14px;height:3px;border-radius:2px;margin-right:5px;vertical-align:middle}\
svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--dim)}svg .axis{font-style:italic}\
.g{stroke:var(--line);stroke-width:1}.l{fill:none;stroke-width:2;stroke-linejoin:round}\
.faint{stroke:var(--faint);stroke-width:1;opacity:.7}.guide{stroke:var(--dim);stroke-width:1.3;stroke-dasharray:5 4}\
.tip{fill:transparent}.tip:hover{fill:var(--dim);opacity:.13}\
.bar{fill:var(--c0)}.mark{stroke:var(--c1);stroke-width:1.5;stroke-dasharray:4 3}\
.wide{overflow-x:auto}table{border-collapse:collapse;font-size:13.5px;font-variant-numeric:tabular-nums;margin:6px 0}\
th,td{padding:4px 12px 4px 0;text-align:right;border-bottom:1px solid var(--line);white-space:nowrap}\
th:first-child,td:first-child,.text{text-align:left}th{color:var(--dim);font-weight:500}\
@media(max-width:560px){header,main{padding-left:14px;padding-right:14px}svg text{font-size:15px}\
.tiles{grid-template-columns:repeat(auto-fill,minmax(135px,1fr));gap:8px}.tile b{font-size:19px}}\
.up{color:var(--bad)}.down{color:var(--good)}\
ul{padding-left:20px}li{margin:3px 0}main{padding-bottom:60px}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_below_numbers_and_texts_below_texts() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let html = table(
            &["Name", "Value", "Detail"],
            &[
                row(["a", "1.5 ms", "–"]),
                row(["b", "–", "127.0.0.1:80: <refused>"]),
            ],
        );
        assert!(
            html.contains("<th>Value</th><th class=\"text\">Detail</th>"),
            "{html}"
        );
        assert!(
            html.contains("<td>–</td><td class=\"text\">127.0.0.1:80: &lt;refused&gt;</td>"),
            "{html}"
        );
    }

    #[test]
    fn a_page_needs_nothing_else() {
        let banner = Banner {
            title: "t<",
            subtitle: "s",
            verdict: Some((false, "v&".to_owned())),
            warning: None,
        };
        let html = page(&banner, &section("h", "<p>b</p>"));
        assert!(html.contains("<title>t&lt;</title>") && html.contains("v&amp;"));
        for outside in ["http://", "https://", "src=", "<script", "@import", "url("] {
            assert!(!html.contains(outside), "{outside}");
        }
    }
}
