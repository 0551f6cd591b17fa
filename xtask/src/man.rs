//! `cargo xtask man`: man pages and completions.

mod definitions;
mod page;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use clap::Args;
use clap_complete::Shell;

use crate::workspace::Workspace;
use definitions::{Program, programs};
use page::Page;

/// Arguments of `man`.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory to write to, laid out as /usr/local/share is; target/share without
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Where each shell looks for completions below a `share` directory.
const COMPLETIONS: [(Shell, &str); 3] = [
    (Shell::Bash, "bash-completion/completions"),
    (Shell::Zsh, "zsh/site-functions"),
    (Shell::Fish, "fish/vendor_completions.d"),
];

/// Writes all pages and completions, and has the pages checked where groff is installed.
pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let workspace = Workspace::load()?;
    let out = arguments.out.clone().unwrap_or_else(|| workspace.target().join("share"));
    let mut pages = 0;
    for program in programs() {
        for page in page::pages(&program, workspace.root())? {
            write_page(&page, &out)?;
            pages += 1;
        }
        write_completions(program, &out)?;
    }
    println!("man: {pages} pages and the completions of {} shells in {}", COMPLETIONS.len(), out.display());
    Ok(())
}

fn write_page(page: &Page, out: &Path) -> Result<()> {
    let directory = out.join(format!("man/man{}", page.section));
    fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
    let path = directory.join(page.file_name());
    fs::write(&path, &page.text).with_context(|| format!("write {}", path.display()))?;
    match page::complaints(&path)? {
        None => println!("man: groff is not installed: {} was not checked", page.file_name()),
        Some(complaints) if complaints.is_empty() => {}
        Some(complaints) => bail!("{}: {}", path.display(), complaints.trim()),
    }
    Ok(())
}

fn write_completions(program: Program, out: &Path) -> Result<()> {
    let mut command = program.command;
    let name = command.get_name().to_owned();
    for (shell, directory) in COMPLETIONS {
        let directory = out.join(directory);
        fs::create_dir_all(&directory).with_context(|| format!("make {}", directory.display()))?;
        let file = match shell {
            // What bash-completion looks for by default.
            Shell::Bash => name.clone(),
            Shell::Zsh => format!("_{name}"),
            other => format!("{name}.{other}"),
        };
        let path = directory.join(file);
        let mut text = Vec::new();
        clap_complete::generate(shell, &mut command, &name, &mut text);
        fs::write(&path, text).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
