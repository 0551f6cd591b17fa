//! `tree`: how namespaces are nested.

use palisade_namespace::{Kind, Kinds};
use palisade_runtime::Result;
use serde::Serialize;

use super::kinds::every;
use super::list::{Effort, Row, kept, look, rows};
use crate::arguments::Format;
use crate::arguments::ns::{Nesting, Tree};
use crate::output::{print, print_json};
use crate::table;

/// A namespace and what is in it; the names of the fields are promised.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Node {
    #[serde(flatten)]
    row: Row,
    /// Namespaces that are nested in it, or owned by it.
    children: Vec<Self>,
}

pub(crate) fn tree(verb: &Tree) -> Result<u8> {
    let kinds = match verb.by {
        Nesting::User => every(),
        Nesting::Pid => Kinds::NONE.with(Kind::Pid),
    };
    let found = look(kinds, Effort::Usual)?;
    let nodes = nest(rows(&found.namespaces), verb.by);
    match verb.telling.format {
        Format::Json => print_json(&nodes)?,
        Format::Table => {
            let mut text = String::new();
            let width = table::width();
            for node in &nodes {
                draw(node, "", "", width, &mut text);
            }
            print(&text)?;
        }
    }
    Ok(0)
}

/// Puts each namespace below the one that it belongs to; on top is what belongs to none that can be seen.
fn nest(rows: Vec<Row>, by: Nesting) -> Vec<Node> {
    let above = |row: &Row| match by {
        Nesting::Pid => row.parent,
        Nesting::User => row.owner,
    };
    let known: std::collections::HashSet<u64> = rows.iter().map(|row| row.number).collect();
    let (top, mut below): (Vec<Row>, Vec<Row>) =
        rows.into_iter().partition(|row| above(row).is_none_or(|number| !known.contains(&number)));
    top.into_iter().map(|row| gather(row, &mut below, &above)).collect()
}

fn gather(row: Row, rest: &mut Vec<Row>, above: &impl Fn(&Row) -> Option<u64>) -> Node {
    let number = row.number;
    let mine: Vec<Row> = rest.extract_if(.., |other| above(other) == Some(number)).collect();
    let children = mine.into_iter().map(|child| gather(child, rest, above)).collect();
    Node { row, children }
}

fn draw(node: &Node, indent: &str, branch: &str, width: Option<usize>, text: &mut String) {
    let row = &node.row;
    let mut line = format!("{indent}{branch}{} {}", row.kind, row.number);
    match row.processes {
        0 => line.push_str(&format!("  {}", kept(row))),
        1 => line.push_str("  1 process"),
        count => line.push_str(&format!("  {count} processes")),
    }
    for part in
        [row.pid.map(|pid| pid.to_string()), row.user.clone(), row.command.clone()].into_iter().flatten()
    {
        line.push_str("  ");
        line.push_str(&part);
    }
    text.push_str(table::line(&line, width).trim_end());
    text.push('\n');
    let inner = match branch {
        "" => indent.to_owned(),
        LAST => format!("{indent}   "),
        _ => format!("{indent}│  "),
    };
    for (index, child) in node.children.iter().enumerate() {
        let branch = if index + 1 == node.children.len() { LAST } else { "├─ " };
        draw(child, &inner, branch, width, text);
    }
}

const LAST: &str = "└─ ";

#[cfg(test)]
mod tests {
    use super::*;

    fn row(kind: &'static str, number: u64, owner: Option<u64>) -> Row {
        Row {
            kind,
            number,
            owner,
            parent: owner,
            owner_uid: None,
            processes: 1,
            pid: Some(7),
            user: Some("root".to_owned()),
            command: Some("sh".to_owned()),
            kept_by: Vec::new(),
        }
    }

    #[test]
    fn namespaces_are_drawn_below_their_owner() {
        let rows = vec![
            row("uts", 5, Some(2)),
            row("user", 1, None),
            row("user", 2, Some(1)),
            row("net", 4, Some(1)),
            row("net", 9, Some(8)),
        ];
        let mut text = String::new();
        for node in &nest(rows, Nesting::User) {
            draw(node, "", "", Some(28), &mut text);
        }
        let expected = "user 1  1 process  7  root …
├─ user 2  1 process  7  ro…
│  └─ uts 5  1 process  7  r…
└─ net 4  1 process  7  roo…
net 9  1 process  7  root  …
";
        assert_eq!(text.lines().map(|line| line.chars().count()).max(), Some(28), "{text}");
        assert_eq!(text.lines().count(), expected.lines().count());
        assert!(text.contains("│  └─ uts 5") && text.contains("├─ user 2"), "{text}");
    }
}
