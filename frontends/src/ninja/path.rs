//! One name for one file. `a.o`, `./a.o` and `x/../a.o` are the same node of the graph, so every path is brought to one
//! form, by its text alone (the file system is not asked, so `..` after a symbolic link is not what the link means;
//! this is ninja's choice, and generators count on it).

/// The canonical form of a path: no `.`, no empty component, no `..` after a name. `.` if nothing remains of a relative
/// path.
pub fn canonicalise(path: &str) -> String {
    if is_canonical(path) {
        return path.to_owned();
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    let mut kept: Vec<&str> = Vec::new();
    for component in path.split('/') {
        match component {
            "" | "." => {}
            // Above the beginning, or above another `..`, there is nothing to take back.
            ".." if kept.last().is_none_or(|&last| last == "..") => kept.push(".."),
            ".." => {
                kept.pop();
            }
            name => kept.push(name),
        }
    }
    if kept.is_empty() && root.is_empty() {
        return ".".to_owned();
    }
    format!("{root}{}", kept.join("/"))
}

/// Most paths are written in canonical form already.
fn is_canonical(path: &str) -> bool {
    let relative = path.strip_prefix('/').unwrap_or(path);
    (relative.split('/')).all(|component| !matches!(component, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_ninja_does() {
        for (path, canonical) in [
            ("a", "a"),
            ("./a", "a"),
            ("a/./b", "a/b"),
            ("a//b", "a/b"),
            ("a/../b", "b"),
            ("a/b/../../c", "c"),
            ("a/..", "."),
            (".", "."),
            ("./", "."),
            ("a/", "a"),
            ("..", ".."),
            ("../../a", "../../a"),
            ("a/../../b", "../b"),
            ("/a//b/../c", "/a/c"),
            ("//a", "/a"),
            ("/../a", "/../a"),
            (".hidden/..x/...", ".hidden/..x/..."),
        ] {
            assert_eq!(canonicalise(path), canonical, "{path}");
        }
    }
}
