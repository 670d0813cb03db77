//! Which paths a crate's sources name, tests left out.
//!
//! Follows `mod` declarations from the root file, so that a module under `#[cfg(test)]` is left out with its file.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
};

use anyhow::Context as _;
use proc_macro2::{LineColumn, TokenStream, TokenTree};
use syn::{Attribute, File, Item, ItemMod, ItemUse, Macro, UseTree, spanned::Spanned, visit::Visit};

/// A path that stands in a source.
#[derive(Debug)]
pub(crate) struct Mention {
    /// With the `use` that brought its first word into scope applied: `std::time::Instant::now`.
    pub(crate) path: String,
    /// Module within the crate, `vm::matcher`.
    pub(crate) module: String,
    /// `crates/waf/src/vm.rs:12`
    pub(crate) place: String,
}

/// Every path outside of tests in the modules that begin at `root`.
pub(crate) fn mentions(root: &Path, workspace: &Path) -> anyhow::Result<Vec<Mention>> {
    let mut found = Vec::new();
    let dir = root.parent().unwrap_or(root).to_owned();
    read(root, &dir, "", workspace, &mut found)?;
    Ok(found)
}

fn read(
    file: &Path,
    dir: &Path,
    module: &str,
    workspace: &Path,
    found: &mut Vec<Mention>,
) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(file).with_context(|| file.display().to_string())?;
    let parsed: File = syn::parse_file(&text).with_context(|| file.display().to_string())?;
    let shown = file.strip_prefix(workspace).unwrap_or(file).display().to_string();
    let mut reader = Reader { module: module.to_owned(), file: shown, ..Reader::default() };
    reader.visit_file(&parsed);
    // Names are resolved after the whole file was read: a `use` may stand below what it serves.
    let names = std::mem::take(&mut reader.names);
    for mut mention in reader.found {
        let (first, rest) = mention.path.split_once("::").unwrap_or((mention.path.as_str(), ""));
        if let Some(full) = names.get(first)
            && full != first
        {
            mention.path = if rest.is_empty() { full.clone() } else { format!("{full}::{rest}") };
        }
        found.push(mention);
    }
    for child in reader.children {
        let flat = dir.join(format!("{child}.rs"));
        let nested = dir.join(&child).join("mod.rs");
        let path: PathBuf = if flat.is_file() { flat } else { nested };
        let inside = if module.is_empty() { child.clone() } else { format!("{module}::{child}") };
        read(&path, &dir.join(&child), &inside, workspace, found)?;
    }
    Ok(())
}

#[derive(Default)]
struct Reader {
    module: String,
    file: String,
    names: HashMap<String, String>,
    children: Vec<String>,
    found: Vec<Mention>,
}

impl Reader {
    fn note(&mut self, path: String, at: LineColumn) {
        let place = format!("{}:{}", self.file, at.line);
        self.found.push(Mention { path, module: self.module.clone(), place });
    }

    fn flatten(&mut self, tree: &UseTree, before: &str, at: LineColumn) {
        let join = |name: &str| match (before.is_empty(), name) {
            (true, _) => name.to_owned(),
            (false, "self") => before.to_owned(),
            (false, _) => format!("{before}::{name}"),
        };
        match tree {
            UseTree::Path(path) => self.flatten(&path.tree, &join(&path.ident.to_string()), at),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.flatten(tree, before, at)),
            UseTree::Glob(_) => self.note(before.to_owned(), at),
            UseTree::Name(name) => self.bring(&join(&name.ident.to_string()), None, at),
            UseTree::Rename(name) => {
                self.bring(&join(&name.ident.to_string()), Some(name.rename.to_string()), at);
            }
        }
    }

    fn bring(&mut self, path: &str, renamed: Option<String>, at: LineColumn) {
        let last = path.rsplit("::").next().unwrap_or(path).to_owned();
        self.names.insert(renamed.unwrap_or(last), path.to_owned());
        self.note(path.to_owned(), at);
    }

    /// Paths inside a macro call: words joined by `::`.
    fn tokens(&mut self, tokens: TokenStream) {
        let mut words: Vec<String> = Vec::new();
        let mut colons = 0;
        let mut at = LineColumn { line: 0, column: 0 };
        for token in tokens {
            match &token {
                TokenTree::Punct(punct) if punct.as_char() == ':' => {
                    colons += 1;
                    continue;
                }
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.close(&mut words, at);
                        at = ident.span().start();
                    }
                    words.push(ident.to_string());
                }
                TokenTree::Group(group) => {
                    self.close(&mut words, at);
                    self.tokens(group.stream());
                }
                _ => self.close(&mut words, at),
            }
            colons = 0;
        }
        self.close(&mut words, at);
    }

    fn close(&mut self, words: &mut Vec<String>, at: LineColumn) {
        if words.len() > 1 {
            self.note(words.join("::"), at);
        }
        words.clear();
    }
}

impl<'ast> Visit<'ast> for Reader {
    fn visit_item(&mut self, item: &'ast Item) {
        if !for_tests(attributes(item)) {
            syn::visit::visit_item(self, item);
        }
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        match &item.content {
            None => self.children.push(item.ident.to_string()),
            Some(_) => syn::visit::visit_item_mod(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.flatten(&item.tree, "", item.span().start());
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            let words: Vec<String> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
            self.note(words.join("::"), path.span().start());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast Macro) {
        self.tokens(call.tokens.clone());
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// `#[cfg(test)]`, also within `all(..)`, and `#[test]`.
fn for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        if attribute.path().is_ident("test") {
            return true;
        }
        let Ok(list) = attribute.meta.require_list() else { return false };
        let words = list.tokens.to_string();
        attribute.path().is_ident("cfg")
            && !words.contains("not")
            && words.split(|byte: char| !byte.is_alphanumeric()).any(|word| word == "test")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("lib.rs"), source).unwrap();
        std::fs::create_dir(dir.path().join("inner")).unwrap();
        std::fs::write(dir.path().join("inner.rs"), "mod deep;").unwrap();
        std::fs::write(dir.path().join("inner/deep.rs"), "fn f() { std::env::args(); }").unwrap();
        let found = mentions(&dir.path().join("lib.rs"), dir.path()).unwrap();
        found.into_iter().map(|mention| format!("{} {}", mention.place, mention.path)).collect()
    }

    #[test]
    fn names_are_followed_through_use_and_into_modules_and_macros() {
        let found = paths(
            "use std::{time::Instant as Moment, fs};\nmod inner;\nfn f() {\n Moment::now();\n fs::read(\"x\");\n assert!(g(std::env::var(\"X\")));\n}",
        );
        for expected in [
            "lib.rs:4 std::time::Instant::now",
            "lib.rs:5 std::fs::read",
            "lib.rs:6 std::env::var",
            "inner/deep.rs:1 std::env::args",
        ] {
            assert!(found.iter().any(|path| path == expected), "{expected}: {found:?}");
        }
    }

    #[test]
    fn tests_are_left_out() {
        let found = paths(
            "#[cfg(test)]\nmod inner;\n#[cfg(test)]\nmod tests { use std::fs; }\n#[cfg(all(test, unix))]\nfn f() { std::fs::read(\"x\"); }\n",
        );
        assert!(found.is_empty(), "{found:?}");
        assert!(!paths("#[cfg(not(test))]\nfn f() { std::fs::read(\"x\"); }").is_empty());
    }
}
