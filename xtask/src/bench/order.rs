//! The functions that the verbs need, as a list for the linker.
//!
//! The kernel maps 16 pages of a program around each one that is touched, and all of them count towards its size. What is
//! needed therefore lies together, at the front.

mod map;
mod script;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::bundle::{Bundles, Profile};
use super::launch::Launcher;
use super::rounds::{Bench, Pace};
use super::series::Results;
use super::subject::{self, Name, Subject};
use super::{make_directory, notice_interrupts, require_root};
use crate::hierarchy;
use crate::workspace::Workspace;
use map::Map;

/// The list, below the workspace's root; the runtime's build script hands it to the linker.
const LIST: &str = "crates/runtime/link/first.ld";

/// Measures which functions of `palisade` the verbs execute, and writes the list.
pub(super) fn run() -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let (program, map) = build(&workspace)?;
    let map = Map::parse(&fs::read_to_string(&map).with_context(|| format!("read {}", map.display()))?);
    let addresses = directory.join("addresses");
    let visited = directory.join("visited");
    write(&addresses, &map.symbols().map(|address| format!("{address:x}\n")).collect::<String>())?;
    write(&visited, "")?;

    let subjects = [Subject { name: Name::Palisade, program, version: String::new() }];
    let hierarchies = hierarchy::mounted()?;
    for profile in [Profile::Docker, Profile::Runc] {
        let launcher = Launcher::of_visits(&workspace, &directory, &addresses, &visited)?;
        let bundles = Bundles::make(&workspace, &directory, profile, &hierarchies)?;
        let bench = Bench::new(&subjects, &bundles, &hierarchies, launcher, &interrupted)?;
        let measured = bench.measure(&mut Results::default(), Pace::BackToBack, 1);
        measured.and(bench.finish())?;
    }

    let text = fs::read_to_string(&visited).with_context(|| format!("read {}", visited.display()))?;
    let visits = text.lines().map(|line| sections(&map, line)).collect::<Result<Vec<_>>>()?;
    let list = workspace.root().join(LIST);
    write(&list, &script::script(&map, &visits))?;
    println!("order: {} sections of {} in {LIST}", distinct(&visits), map.sections().len());
    Ok(())
}

/// Builds `palisade` apart from other builds, and has the linker tell where it puts what.
fn build(workspace: &Workspace) -> Result<(PathBuf, PathBuf)> {
    let target = workspace.target().join("order");
    let map = target.join("palisade.map");
    let link = format!("link-arg=-Wl,-Map={}", map.display());
    let program = subject::build_palisade_with(
        workspace,
        &["--target-dir".as_ref(), target.as_ref()],
        &["-C".as_ref(), link.as_ref()],
    )?;
    Ok((program, map))
}

/// Leads addresses back to the sections that they are in, in the order in which they were first met.
fn sections(map: &Map, line: &str) -> Result<Vec<usize>> {
    let mut met = BTreeSet::new();
    let mut sections = Vec::new();
    for word in line.split_whitespace() {
        let address =
            u64::from_str_radix(word, 16).with_context(|| format!("visits wrote the address {word:?}"))?;
        let section = map.section_at(address).with_context(|| format!("{word} is in no section"))?;
        if met.insert(section) {
            sections.push(section);
        }
    }
    Ok(sections)
}

fn distinct(visits: &[Vec<usize>]) -> usize {
    visits.iter().flatten().collect::<BTreeSet<_>>().len()
}

fn write(path: &Path, text: &str) -> Result<()> {
    fs::write(path, text).with_context(|| format!("write {}", path.display()))
}
