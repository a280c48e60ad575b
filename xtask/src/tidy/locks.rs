//! The lock files of the workspaces of their own: a dependency that one of our crates got must be in them too.

/// The lock files, from the root.
pub(super) const LOCKS: &[&str] = &["xtask/peers/Cargo.lock", "tests/fuzz/libfuzzer/Cargo.lock"];

/// The dependencies that the lock file lacks for a package. A package that is not in it needs none.
pub(super) fn missing<'a>(lock: &str, package: &str, needs: &[&'a str]) -> Vec<&'a str> {
    let name = format!("\nname = \"{package}\"\n");
    let Some(entry) = lock.split("[[package]]").find(|p| p.contains(&name)) else { return Vec::new() };
    let list = entry.split_once("dependencies = [").map_or("", |(_, rest)| rest);
    // Where there are several versions of a package, one follows its name.
    let locked: Vec<&str> = list.lines().filter_map(|l| l.trim().trim_matches(['"', ',']).split(' ').next()).collect();
    needs.iter().copied().filter(|need| !locked.contains(need)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = "[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \"b\",\n \"c 2.0.0\",\n]\n\n\
                        [[package]]\nname = \"b\"\nversion = \"1.0.0\"\n";

    #[test]
    fn a_dependency_that_is_not_locked_is_caught() {
        assert!(missing(LOCK, "a", &["b", "c"]).is_empty());
        assert_eq!(missing(LOCK, "a", &["b", "d"]), ["d"]);
        assert_eq!(missing(LOCK, "b", &["a"]), ["a"]);
        assert!(missing(LOCK, "elsewhere", &["d"]).is_empty());
    }
}
