//! The top of the repository, and the table of backends in the README.

/// What may lie at the root, beside files whose names begin with a dot.
const TOP: &[&str] =
    &["Cargo.lock", "Cargo.toml", "CONTRIBUTING.md", "LICENSE", "README.md", "crates", "tests", "xtask"];

/// Names at the root that do not belong there. What git ignores is not ours.
pub(super) fn strangers(names: &[String], gitignore: &str) -> Vec<String> {
    let ignored: Vec<&str> = gitignore.lines().map(|l| l.trim().trim_matches('/')).collect();
    let known = |n: &str| n.starts_with('.') || TOP.contains(&n) || ignored.contains(&n);
    names.iter().filter(|n| !known(n)).map(|n| format!("{n} does not belong at the top of the repository")).collect()
}

/// Whether the README's table under "Backends" links exactly the backend crates.
pub(super) fn backend_table(readme: &str, backends: &[&str]) -> Vec<String> {
    let section = readme.split("\n## ").find(|s| s.starts_with("Backends\n")).unwrap_or_default();
    let rows = section.lines().filter(|l| l.starts_with('|'));
    let listed: Vec<&str> =
        rows.filter_map(|row| row.split_once("](crates/")?.1.split_once(')').map(|(name, _)| name)).collect();
    let missing = backends.iter().filter(|b| !listed.contains(b));
    let unknown = listed.iter().filter(|l| !backends.contains(l));
    missing
        .map(|b| format!("README.md: the table of backends has no row with a link to crates/{b}"))
        .chain(unknown.map(|l| format!("README.md: the table of backends has {l}, which is no backend crate")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_at_the_top_is_caught() {
        let names = ["Cargo.toml", ".ci", "target", "data", "notes.txt"].map(str::to_owned);
        assert_eq!(strangers(&names, "target/\n/data/\n"), ["notes.txt does not belong at the top of the repository"]);
    }

    #[test]
    fn the_table_must_be_exact() {
        let readme = "# x\n\n## Backends\n\n| a |\n|---|\n| [A](crates/a) | works |\n| later | |\n\n## Next\n| [B](crates/b) |\n";
        assert!(backend_table(readme, &["a"]).is_empty());
        assert_eq!(backend_table(readme, &["a", "b"]).len(), 1);
        assert_eq!(backend_table(readme, &[]).len(), 1);
        assert_eq!(backend_table("# nothing", &["a"]).len(), 1);
    }
}
