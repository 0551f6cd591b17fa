//! Names of units, and the groups that systemd makes for them; `systemd.unit(5)`, `systemd.slice(5)`.

/// The longest name of a unit.
const LONGEST: usize = 255;

/// Returns the path of a slice from the root slice down, `a.slice/a-b.slice` for `a-b.slice`; empty for `-.slice`.
///
/// # Errors
/// What is wrong with the name.
pub fn slice_path(slice: &str) -> Result<String, String> {
    let refuse = |why: &str| Err(format!("slice {slice:?}: {why}"));
    let Some(stem) = slice.strip_suffix(".slice") else { return refuse("it does not end in .slice") };
    if stem == "-" {
        return Ok(String::new());
    }
    check_name(slice).map_err(|why| format!("slice {slice:?}: {why}"))?;
    if stem.split('-').any(str::is_empty) {
        return refuse("a name between its dashes is empty");
    }
    let ends = stem.match_indices('-').map(|(index, _)| index).chain([stem.len()]);
    let names: Vec<String> =
        ends.filter_map(|end| stem.get(..end)).map(|name| format!("{name}.slice")).collect();
    Ok(names.join("/"))
}

/// Returns the name of a container's scope, `prefix-name.scope`.
///
/// # Errors
/// What is wrong with it.
pub fn scope(prefix: &str, name: &str) -> Result<String, String> {
    if name.is_empty() {
        return Err("the scope has no name".to_owned());
    }
    let unit = if prefix.is_empty() { format!("{name}.scope") } else { format!("{prefix}-{name}.scope") };
    check_name(&unit).map_err(|why| format!("scope {unit:?}: {why}"))?;
    Ok(unit)
}

fn check_name(name: &str) -> Result<(), String> {
    let is_allowed = |character: char| character.is_ascii_alphanumeric() || ":-_.\\".contains(character);
    if name.len() > LONGEST {
        return Err(format!("a unit's name has at most {LONGEST} bytes"));
    }
    match name.chars().find(|character| !is_allowed(*character)) {
        Some(character) => Err(format!("{character:?} is not allowed; use letters, digits and : - _ . \\")),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_nested_by_their_dashes() {
        for (slice, path) in [
            ("system.slice", "system.slice"),
            ("a-b-c.slice", "a.slice/a-b.slice/a-b-c.slice"),
            ("-.slice", ""),
            ("user-1000.slice", "user.slice/user-1000.slice"),
        ] {
            assert_eq!(slice_path(slice).as_deref(), Ok(path), "{slice}");
        }
        for slice in ["", "system", ".slice", "a--b.slice", "-a.slice", "a-.slice", "a/b.slice", "../x.slice"]
        {
            assert!(slice_path(slice).is_err(), "{slice}");
        }
    }

    #[test]
    fn scopes_are_named_by_prefix_and_name() {
        assert_eq!(scope("docker", "1234").as_deref(), Ok("docker-1234.scope"));
        assert_eq!(scope("", "web").as_deref(), Ok("web.scope"));
        let long = "x".repeat(250);
        for (prefix, name) in [("a", ""), ("a", "b/c"), ("a b", "c"), ("a", long.as_str()), ("a", "x@y")] {
            assert!(scope(prefix, name).is_err(), "{prefix} {name}");
        }
    }
}
