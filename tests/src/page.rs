//! A page of the book: its blocks of commands, and what each is said to print.
//!
//! A block is fenced as ```` ```console,v1,hybrid ````. After `console` come the machine kinds that it is for (`v1`, `v2`,
//! `hybrid`; all without), who it is for (`root` or `user`; root without) and programs that it takes (`needs=nft`).
//! A line that begins with `$ ` is a command, `> ` goes on with it, and what follows is what it prints: `…` alone in a line
//! stands for any lines, `…` within a line for any text, and `‹N›` for any number.

use crate::tier::{Cgroups, Privilege};

/// A block of commands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// The line of the page that it begins in.
    pub line: usize,
    /// The machines that it is for.
    pub machines: Vec<Cgroups>,
    /// Whose rights it takes.
    pub privilege: Privilege,
    /// The programs that it takes.
    pub needs: Vec<String>,
    /// What is typed and what is printed.
    pub commands: Vec<Command>,
}

/// A command and what it is said to print, on standard output and standard error together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// What is typed; of several lines where a command goes on.
    pub typed: String,
    /// The lines that it prints.
    pub printed: Vec<String>,
}

/// Stands for any text in a line, or for any lines.
const ANYTHING: char = '…';
/// Stands for any number.
const NUMBER: &str = "‹N›";

/// Reads the blocks of a page.
///
/// # Errors
/// Names the line of a block that nobody would run, or of a word that says nothing.
pub fn parse(text: &str) -> Result<Vec<Block>, String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(words) = line.strip_prefix("```") else { continue };
        let body: Vec<&str> =
            lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```")).collect();
        let fail = |why: String| format!("line {}: {why}", number + 1);
        match words.split(',').next() {
            Some("console") => blocks.push(block(number + 1, words, &body).map_err(fail)?),
            Some(shell @ ("sh" | "bash" | "shell")) => {
                return Err(fail(format!("a block of {shell} is run by nobody: wanted console")));
            }
            _ => {}
        }
    }
    Ok(blocks)
}

fn block(line: usize, words: &str, body: &[&str]) -> Result<Block, String> {
    let mut block = Block {
        line,
        machines: Vec::new(),
        privilege: Privilege::Root,
        needs: Vec::new(),
        commands: commands(body)?,
    };
    for word in words.split(',').skip(1) {
        match word {
            "v1" => block.machines.push(Cgroups::V1),
            "v2" => block.machines.push(Cgroups::V2),
            "hybrid" => block.machines.push(Cgroups::Hybrid),
            "root" => block.privilege = Privilege::Root,
            "user" => block.privilege = Privilege::Ordinary,
            _ => match word.strip_prefix("needs=") {
                Some(program) => block.needs.push(program.to_owned()),
                None => return Err(format!("{word:?} says nothing here")),
            },
        }
    }
    if block.machines.is_empty() {
        block.machines.extend([Cgroups::V1, Cgroups::V2, Cgroups::Hybrid]);
    }
    Ok(block)
}

fn commands(body: &[&str]) -> Result<Vec<Command>, String> {
    let mut commands: Vec<Command> = Vec::new();
    for line in body {
        let continued = line.strip_prefix("> ").filter(|_| {
            commands.last().is_some_and(|command| command.printed.is_empty() && goes_on(&command.typed))
        });
        match (line.strip_prefix("$ "), continued, commands.last_mut()) {
            (Some(typed), ..) => commands.push(Command { typed: typed.to_owned(), printed: Vec::new() }),
            (None, Some(more), Some(command)) => command.typed.push_str(&format!("\n{more}")),
            (None, _, Some(command)) => command.printed.push((*line).to_owned()),
            (None, _, None) => return Err(format!("{line:?} stands before any command")),
        }
    }
    Ok(commands)
}

/// Tells whether the shell would ask for more.
fn goes_on(typed: &str) -> bool {
    typed.ends_with('\\')
        || typed.lines().next().is_some_and(|first| first.contains("<<") || first.ends_with("do"))
}

impl Command {
    /// Tells whether this is what was said to be printed.
    #[must_use]
    pub fn matches(&self, printed: &str) -> bool {
        let printed: Vec<&str> = printed.lines().map(str::trim_end).collect();
        let wanted: Vec<&str> = self.printed.iter().map(|line| line.trim_end()).collect();
        lines_match(&wanted, &printed)
    }
}

fn lines_match(wanted: &[&str], printed: &[&str]) -> bool {
    match wanted.split_first() {
        None => printed.is_empty(),
        Some((&"…", rest)) => (0..=printed.len()).any(|skipped| lines_match(rest, &printed[skipped..])),
        Some((line, rest)) => printed
            .split_first()
            .is_some_and(|(first, others)| line_matches(line, first) && lines_match(rest, others)),
    }
}

fn line_matches(wanted: &str, printed: &str) -> bool {
    if let Some(rest) = wanted.strip_prefix(NUMBER) {
        let digits = printed.bytes().take_while(u8::is_ascii_digit).count();
        return digits > 0 && line_matches(rest, &printed[digits..]);
    }
    match wanted.chars().next() {
        None => printed.is_empty(),
        Some(ANYTHING) => {
            let rest = &wanted[ANYTHING.len_utf8()..];
            let ends = printed.char_indices().map(|(index, _)| index).chain([printed.len()]);
            ends.into_iter().any(|end| line_matches(rest, &printed[end..]))
        }
        Some(first) => {
            printed.strip_prefix(first).is_some_and(|rest| line_matches(&wanted[first.len_utf8()..], rest))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prints(lines: &[&str]) -> Command {
        Command { typed: String::new(), printed: lines.iter().map(|line| (*line).to_owned()).collect() }
    }

    #[test]
    fn blocks_are_read() {
        let text = "words\n\n```console,v1,hybrid,needs=nft\n$ a\n1\n$ cat <<E\n> b\n> E\n> c\n```\n```json\n{}\n```\n```console,user\n$ x\n```\n";
        let blocks = parse(text).expect("a page");
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].line, &blocks[0].machines[..]), (3, &[Cgroups::V1, Cgroups::Hybrid][..]));
        assert_eq!(blocks[0].needs, ["nft"]);
        assert_eq!(blocks[0].commands[0], Command { typed: "a".into(), printed: vec!["1".into()] });
        assert_eq!(blocks[0].commands[1].typed, "cat <<E\nb\nE\nc");
        assert_eq!((blocks[1].privilege, blocks[1].machines.len()), (Privilege::Ordinary, 3));
    }

    #[test]
    fn blocks_that_nobody_would_run_are_refused() {
        for text in ["```sh\nls\n```", "```console\nls\n```", "```console,v3\n$ ls\n```"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_is_printed_is_compared() {
        for (wanted, printed, same) in [
            (&["a"][..], "a\n", true),
            (&["a"], "b\n", false),
            (&["a"], "a\nb\n", false),
            (&[], "", true),
            (&[], "a\n", false),
            (&["a ‹N› b"], "a 17 b\n", true),
            (&["a ‹N› b"], "a x b\n", false),
            (&["a … b"], "a anything b\n", true),
            (&["a … b"], "a anything c\n", false),
            (&["…", "b", "…"], "a\na\nb\n", true),
            (&["…", "b"], "a\n", false),
            (&["a"], "a  \n", true),
        ] {
            assert_eq!(prints(wanted).matches(printed), same, "{wanted:?} and {printed:?}");
        }
    }
}
