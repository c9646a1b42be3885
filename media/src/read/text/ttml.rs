//! TTML: Timed Text Markup Language 1 and 2 as far as subtitles use them, and so
//! DFXP, SMPTE-TT, EBU-TT-D and the text profiles of IMSC 1.
//!
//! Timing is followed through all containers. Of styles, what WebVTT has too is
//! kept: weight, slant, underline, colours, and the place of regions.

mod clock;
mod content;
mod layout;
mod paragraph;
mod style;
mod tree;

use super::{Problem, TextError, TextFile};
use clock::Clock;
use layout::Layout;

/// Reads `text`, an XML document.
pub(super) fn read(text: &str) -> Result<TextFile, TextError> {
    let root = tree::read(text)?;
    if root.name != "tt" {
        let root_name = root.name.clone();
        return Err(TextError::at(root.line, Problem::NotTtml { root: root_name }));
    }
    let clock = Clock::of(&root);
    let layout = Layout::of(&root);
    let mut file = TextFile::default();
    file.document.language = root
        .attribute("lang")
        .filter(|tag| !tag.is_empty())
        .map(str::to_owned);
    for body in root.elements().filter(|element| element.name == "body") {
        content::read(body, &root, &clock, &layout, &mut file)?;
    }
    Ok(file)
}
