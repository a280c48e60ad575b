//! The manifest of a new backend: as a member of this workspace, or as a workspace of its own.

use super::name::Name;
use crate::repo::{metadata, read, root};

const TEMPLATE: &str = include_str!("../../templates/backend/Cargo.toml.in");

/// A member takes versions and lints from the workspace.
pub(super) fn member(name: &Name) -> Result<String, String> {
    let inherited = |dependency: &str| format!("{dependency}.workspace = true");
    Ok(fill(
        name,
        &[
            ("fields", &["version", "edition", "license", "repository", "publish"].map(inherited).join("\n")),
            ("rust", &rust_version()?),
            ("async-trait", &inherited("async-trait")),
            ("core", &inherited("proximadb-meta-core")),
            ("testkit", &inherited("proximadb-meta-testkit")),
            ("lints", "[lints]\nworkspace = true"),
        ],
    ))
}

/// A crate elsewhere names them itself; our crates come from this clone. Lints and profiles are those of the workspace.
pub(super) fn alone(name: &Name) -> Result<String, String> {
    let text = read(&root().join("Cargo.toml"))?;
    let by_path = |dependency: &str| {
        let dir = root().join("crates").join(dependency);
        format!("{dependency} = {{ path = {:?} }}", dir.display().to_string())
    };
    let mut tail = Vec::new();
    for (from, to) in [
        ("workspace.lints.rust", "lints.rust"),
        ("workspace.lints.clippy", "lints.clippy"),
        ("profile.dev", "profile.dev"),
        ("profile.test", "profile.test"),
    ] {
        tail.push(format!("[{to}]\n{}", section(&text, from)?));
    }
    tail.push("[workspace]".to_owned());
    let version = "version = \"0.1.0\"\nedition = \"2024\"\nlicense = \"Apache-2.0\"\npublish = false";
    let async_trait = section(&text, "workspace.dependencies")?;
    let async_trait = async_trait.lines().find(|l| l.starts_with("async-trait = ")).unwrap_or("async-trait = \"0.1\"");
    Ok(fill(
        name,
        &[
            ("fields", version),
            ("rust", &rust_version()?),
            ("async-trait", async_trait),
            ("core", &by_path("proximadb-meta-core")),
            ("testkit", &by_path("proximadb-meta-testkit")),
            ("lints", &tail.join("\n\n")),
        ],
    ))
}

fn fill(name: &Name, parts: &[(&str, &str)]) -> String {
    let mut text = name.fill(TEMPLATE);
    for (key, value) in parts {
        text = text.replace(&format!("{{{{{key}}}}}"), value);
    }
    text
}

fn rust_version() -> Result<String, String> {
    let metadata = metadata()?;
    let version = metadata.packages.iter().find_map(|p| p.rust_version.as_ref());
    version.map(|v| format!("{}.{}", v.major, v.minor)).ok_or_else(|| "no crate has a rust-version".to_owned())
}

/// The lines of one section of a manifest.
fn section(text: &str, name: &str) -> Result<String, String> {
    let head = format!("[{name}]\n");
    let (_, rest) = text.split_once(&head).ok_or_else(|| format!("Cargo.toml has no section [{name}]"))?;
    let end = rest.find("\n[").unwrap_or(rest.len());
    Ok(rest.get(..end).unwrap_or(rest).trim_end().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_manifests_are_complete() {
        let name = Name::parse("x").unwrap();
        for text in [member(&name).unwrap(), alone(&name).unwrap()] {
            assert!(!text.contains("{{"), "{text}");
            assert!(text.contains("unsafe_code") || text.contains("[lints]\nworkspace = true"));
        }
    }

    #[test]
    fn a_section_ends_at_the_next() {
        assert_eq!(section("[a]\nx = 1\n\n[b]\ny = 2\n", "a").unwrap(), "x = 1");
        assert!(section("[a]\n", "c").is_err());
    }
}
