//! What a request target can be told to mean before its title is looked at.

use http::StatusCode;
use strata_node::title_path;

use super::fault::Fault;
use super::query::Query;
use super::route::Route;

/// The title that a request for `path` with `query` (without its `?`) is about. Whether
/// the title is there, and offers what is asked of it, is not looked at.
///
/// # Errors
/// The status the request is answered with whatever titles there are: 400 for what is
/// malformed, 404 for what no title has.
pub fn title_of(path: &str, query: Option<&str>) -> Result<String, StatusCode> {
    let read = || -> Result<String, Fault> {
        let path = title_path::parse(path)?;
        Route::parse(&path.resource).ok_or(Fault::Resource)?;
        Query::parse(query)?;
        Ok(path.title)
    };
    read().map_err(|fault| fault.verdict().status)
}
