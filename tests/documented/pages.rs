//! The pages that people read, and the blocks of code in them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A block of code.
pub(crate) struct Block {
    /// Where it stands, such as `docs/history.md:10`.
    pub(crate) place: String,
    /// The word after the fence; empty where there is none.
    pub(crate) language: String,
    pub(crate) text: String,
}

/// Every page with its text. The changelog tells of the past.
pub(crate) fn pages() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [".", "docs", "dashboards"].iter().flat_map(|folder| {
        fs::read_dir(root.join(folder)).unwrap().map(|file| file.unwrap().path())
    });
    let is_page = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "md") && !path.ends_with("CHANGELOG.md")
    };
    let mut pages: Vec<_> = files
        .filter(is_page)
        .map(|path| (path.clone(), fs::read_to_string(&path).unwrap()))
        .collect();
    pages.sort();
    pages
}

/// Every block of every page, in the order of the pages.
pub(crate) fn blocks() -> Vec<Block> {
    let mut blocks = Vec::new();
    for (path, text) in pages() {
        let page = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap_or(&path).display();
        let mut open: Option<Block> = None;
        for (index, line) in text.lines().enumerate() {
            match (line.trim_start().strip_prefix("```"), &mut open) {
                (Some(_), Some(_)) => blocks.extend(open.take()),
                (Some(language), None) => {
                    let (place, language) = (format!("{page}:{}", index + 1), language.to_owned());
                    open = Some(Block { place, language, text: String::new() });
                }
                (None, Some(block)) => {
                    block.text.push_str(line.trim_end());
                    block.text.push('\n');
                }
                (None, None) => {}
            }
        }
        assert!(open.is_none(), "{page}: a block does not end");
    }
    blocks
}
