//! The functions that the verbs need, as a list for the linker.
//!
//! The kernel maps 16 pages of a program around each one that is touched, and all of them count towards its size. What is
//! needed therefore lies together, at the front.

mod map;
mod script;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use anyhow::{Context, Result, bail};

use super::bundle::{Bundles, Profile};
use super::launch::Launcher;
use super::rounds::{Bench, Pace};
use super::series::Results;
use super::subject::{self, Name, Subject};
use super::{make_directory, notice_interrupts, require_root, toolbox};
use crate::workspace::Workspace;
use crate::{hierarchy, linkage};
use map::Map;

/// A program that is put in order.
struct Ordered {
    /// Its package and its name.
    names: (&'static str, &'static str),
    /// The list, below the workspace's root; the package's build script hands it to the linker.
    list: &'static str,
    /// Has it do what is to be fast.
    visit: fn(&Site<'_>, &Path) -> Result<()>,
}

const ORDERED: [Ordered; 2] = [
    Ordered {
        names: ("palisade-runtime", "palisade"),
        list: "crates/runtime/link/first.ld",
        visit: visit_palisade,
    },
    Ordered { names: ("palisade-cli", "pal"), list: "crates/cli/link/first.ld", visit: visit_pal },
];

/// Where the programs are run.
struct Site<'a> {
    workspace: &'a Workspace,
    directory: PathBuf,
    /// The addresses of a program's symbols, and those that were visited.
    addresses: PathBuf,
    visited: PathBuf,
    interrupted: &'a AtomicBool,
}

impl Site<'_> {
    fn launcher(&self) -> Result<Launcher> {
        Launcher::of_visits(self.workspace, &self.directory, &self.addresses, &self.visited)
    }
}

/// Measures which functions of the programs their verbs execute, and writes the lists.
pub(super) fn run() -> Result<()> {
    require_root()?;
    let interrupted = notice_interrupts()?;
    let workspace = Workspace::load()?;
    let directory = make_directory(&workspace)?;
    let (addresses, visited) = (directory.join("addresses"), directory.join("visited"));
    let site = Site { workspace: &workspace, directory, addresses, visited, interrupted: &interrupted };
    ORDERED.iter().try_for_each(|ordered| put_in_order(&site, ordered))
}

fn put_in_order(site: &Site<'_>, ordered: &Ordered) -> Result<()> {
    let (program, map) = build(site.workspace, ordered)?;
    let map = Map::parse(&fs::read_to_string(&map).with_context(|| format!("read {}", map.display()))?);
    write(&site.addresses, &map.symbols().map(|address| format!("{address:x}\n")).collect::<String>())?;
    write(&site.visited, "")?;
    (ordered.visit)(site, &program)?;
    let text =
        fs::read_to_string(&site.visited).with_context(|| format!("read {}", site.visited.display()))?;
    let visits = text.lines().map(|line| sections(&map, line)).collect::<Result<Vec<_>>>()?;
    write(&site.workspace.root().join(ordered.list), &script::script(ordered.names.1, &map, &visits))?;
    println!("order: {} sections of {} in {}", distinct(&visits), map.sections().len(), ordered.list);
    Ok(())
}

/// The verbs of a container's life.
fn visit_palisade(site: &Site<'_>, program: &Path) -> Result<()> {
    let subjects = [Subject { name: Name::Palisade, program: program.to_owned(), version: String::new() }];
    let hierarchies = hierarchy::mounted()?;
    for profile in [Profile::Docker, Profile::Runc] {
        let launcher = site.launcher()?;
        let bundles = Bundles::make(site.workspace, &site.directory, profile, &hierarchies)?;
        let bench = Bench::new(&subjects, &bundles, &hierarchies, launcher, site.interrupted)?;
        let measured = bench.measure(&mut Results::default(), Pace::BackToBack, 1);
        measured.and(bench.finish())?;
    }
    Ok(())
}

/// What is compared with other tools.
fn visit_pal(site: &Site<'_>, program: &Path) -> Result<()> {
    toolbox::visit(&site.launcher()?, program)
}

/// Builds a program as it is released, and has the linker tell where it puts what. That is GNU ld, as for every build
/// with musl; with another C library the compiler calls some functions otherwise.
fn build(workspace: &Workspace, ordered: &Ordered) -> Result<(PathBuf, PathBuf)> {
    let Some(released) = linkage::released() else {
        bail!(
            "the toolchain has no musl, with which the programs are released: `rustup target add {}`",
            linkage::MUSL
        )
    };
    let map = workspace.target().join(ordered.names.1).with_extension("map");
    let program = subject::build(workspace, ordered.names, Some(released), Some(&map))?;
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
