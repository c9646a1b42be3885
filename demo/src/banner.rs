//! What the terminal says once everything runs.

use std::io::{self, Write};
use std::path::Path;

use crate::audience::{dash_url, hls_url};
use crate::store::{ACCESS_KEY, BUCKET, Bucket, SECRET_KEY};
use crate::topology::Role;
use crate::web::Page;

/// At most this many titles are listed; the page has them all.
const TITLES_LISTED_MAX: usize = 5;

/// Prints where everything is.
pub(crate) fn print(page: &Page, bucket: &Bucket, logs: &Path) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let balancer = page.topology.balancer_url();
    writeln!(out, "\n  Strata demo\n\n  Page      http://{}\n", page.address)?;
    for title in page.titles.iter().take(TITLES_LISTED_MAX) {
        writeln!(out, "  Title     {title}")?;
        writeln!(out, "    DASH    {}", dash_url(&balancer, title))?;
        writeln!(out, "    HLS     {}\n", hls_url(&balancer, title))?;
    }
    if TITLES_LISTED_MAX < page.titles.len() {
        writeln!(
            out,
            "  … and {} more titles\n",
            page.titles.len() - TITLES_LISTED_MAX
        )?;
    }
    writeln!(out, "  {:<12}{:<26}Metrics", "Node", "Serves")?;
    for node in &page.topology.nodes {
        let name = match node.role {
            Role::Balancer => node.name.to_owned(),
            Role::Origin { zone } => format!("zone {zone}  {}", node.name),
        };
        let (listen, admin) = (format!("http://{}", node.ports.listen), node.ports.admin);
        writeln!(out, "  {name:<12}{listen:<26}http://{admin}/metrics")?;
    }
    writeln!(
        out,
        "\n  S3        {} (bucket {BUCKET}, key {ACCESS_KEY}, secret {SECRET_KEY})",
        bucket.server.endpoint()
    )?;
    writeln!(
        out,
        "  Logs      {}\n\n  Ctrl-C stops everything.\n",
        logs.display()
    )?;
    out.flush()
}
