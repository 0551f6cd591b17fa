//! One page: what the parser knows, then what a person has written in `docs/man`.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::Command as Process;

use anyhow::{Context, Result, ensure};
use clap::Command;
use clap_mangen::Man;

use super::definitions::Program;

/// A page of the manual.
pub(super) struct Page {
    pub(super) name: String,
    pub(super) section: &'static str,
    pub(super) text: String,
}

/// What each page says beside what the parser knows.
const HEADS: [&str; 3] = [".SH EXIT STATUS\n", ".SH EXAMPLES\n", ".SH SEE ALSO\n"];

impl Page {
    pub(super) fn file_name(&self) -> String {
        format!("{}.{}", self.name, self.section)
    }
}

/// Makes the page of a program and one for each of its verbs and of theirs.
pub(super) fn pages(program: &Program, root: &Path) -> Result<Vec<Page>> {
    commands(&program.command)
        .into_iter()
        .map(|(command, depth)| page(command, depth, program.section, root))
        .collect()
}

/// Where a command stands: what a verb of a family does, its options and its family's page say.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Depth {
    ProgramOrVerb,
    VerbOfFamily,
}

/// Lists the program, its verbs, and the verbs of those that are families.
fn commands(program: &Command) -> Vec<(&Command, Depth)> {
    let mut found = vec![(program, Depth::ProgramOrVerb)];
    for verb in shown(program) {
        found.push((verb, Depth::ProgramOrVerb));
        below(verb, &mut found);
    }
    found
}

/// Adds the verbs of a family, and those of verbs that are families themselves.
fn below<'a>(family: &'a Command, found: &mut Vec<(&'a Command, Depth)>) {
    for verb in shown(family) {
        found.push((verb, Depth::VerbOfFamily));
        below(verb, found);
    }
}

fn shown(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|verb| !verb.is_hide_set())
}

fn page(command: &Command, depth: Depth, section: &'static str, root: &Path) -> Result<Page> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let path = root.join(format!("docs/man/{name}.{section}"));
    let written = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound && depth == Depth::VerbOfFamily => {
            plain(&name, section)
        }
        read => {
            let written = read.with_context(|| format!("{name} has no page: read {}", path.display()))?;
            for head in HEADS {
                ensure!(written.contains(head), "{} has no {}", path.display(), head.trim_end());
            }
            written
        }
    };
    let text = format!("{}{written}", generated(command, section)?);
    Ok(Page { name, section, text })
}

/// What the page of a verb says that needs no example.
fn plain(name: &str, section: &str) -> String {
    let family = name.rsplit_once('-').map_or(name, |(family, _)| family).replace('-', "\\-");
    format!(
        ".SH EXIT STATUS\n0 when it was done, 125 when it was not; the reason is one line on standard error.\n\
         .SH SEE ALSO\n.BR {family} ({section})\n"
    )
}

fn generated(command: &Command, section: &str) -> Result<String> {
    // The head of a program's help is for a screen; the page has examples of its own.
    let man = Man::new(command.clone().before_help("")).section(section).manual("Palisade");
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    String::from_utf8(text).context("a page that is not UTF-8")
}

/// What groff has to say against a page; none where it is not installed.
pub(super) fn complaints(path: &Path) -> Result<Option<String>> {
    let groff = Process::new("groff").args(["-man", "-Tutf8", "-ww", "-z"]).arg(path).output();
    match groff {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        output => {
            let output = output.context("execute groff")?;
            Ok(Some(String::from_utf8_lossy(&output.stderr).into_owned()))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::super::definitions::programs;
    use super::*;

    fn all() -> Vec<Page> {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        programs().iter().flat_map(|program| pages(program, root).expect("a page for each verb")).collect()
    }

    #[test]
    fn each_page_is_of_a_verb() {
        let made: BTreeSet<String> = all().iter().map(Page::file_name).collect();
        let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/man");
        let entries = fs::read_dir(directory).expect("docs/man");
        let written: BTreeSet<String> =
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect();
        let strays: Vec<&String> = written.difference(&made).collect();
        assert!(strays.is_empty(), "{strays:?}");
    }

    #[test]
    fn each_example_calls_its_verb() {
        for page in all() {
            // A verb of a family may do without.
            let Some((_, examples)) = page.text.split_once(".SH EXAMPLES\n") else { continue };
            let examples = examples.split(".SH ").next().unwrap_or_default().replace("\\-", "-");
            let words: Vec<&str> = page.name.split('-').collect();
            let calls = |line: &str| {
                let said: Vec<&str> = line.split_whitespace().collect();
                line.contains(words[0]) && words[1..].iter().all(|word| said.contains(word))
            };
            assert!(examples.lines().any(calls), "{}", page.name);
        }
    }

    #[test]
    fn references_to_pages_of_this_manual_lead_somewhere() {
        let pages = all();
        let made: BTreeSet<String> = pages.iter().map(Page::file_name).collect();
        for page in &pages {
            let lines = page.text.lines().filter(|line| line.starts_with(".BR pal"));
            for line in lines {
                let words: Vec<&str> = line.split_whitespace().collect();
                let section = words[2].trim_start_matches('(').split(')').next().unwrap_or_default();
                let name = format!("{}.{section}", words[1].replace("\\-", "-"));
                assert!(made.contains(&name), "{}: {line}", page.file_name());
            }
        }
    }
}
