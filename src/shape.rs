//! Flags that shape a title, as the query of a URL does at an origin.

use anyhow::{Context as _, ensure};
use strata_media::shape::{Filter, Shape, parse_moment};

/// What of the title is wanted.
#[derive(Debug, clap::Args)]
pub(crate) struct ShapeArguments {
    /// Keep the tracks for which this holds, such as `type=="audio"||MaxHeight<=576`.
    #[arg(long, value_name = "EXPRESSION")]
    filter: Option<String>,
    /// Begin here: seconds such as 346.5, or 0:05:46.5.
    #[arg(long, value_name = "MOMENT")]
    vbegin: Option<String>,
    /// End here.
    #[arg(long, value_name = "MOMENT")]
    vend: Option<String>,
}

impl ShapeArguments {
    /// The shape they ask for.
    pub(crate) fn shape(&self) -> anyhow::Result<Shape> {
        let moment = |flag: &'static str, text: &Option<String>| {
            let parsed = text.as_deref().map(parse_moment).transpose();
            parsed.with_context(|| format!("--{flag}"))
        };
        let filter = self.filter.as_deref().map(Filter::parse).transpose();
        let shape = Shape {
            filter: filter.context("--filter")?,
            begin: moment("vbegin", &self.vbegin)?.filter(|begin| !begin.is_zero()),
            end: moment("vend", &self.vend)?,
        };
        let is_empty = shape
            .end
            .is_some_and(|end| end <= shape.begin.unwrap_or_default());
        ensure!(!is_empty, "--vend: it is not behind --vbegin");
        Ok(shape)
    }
}
