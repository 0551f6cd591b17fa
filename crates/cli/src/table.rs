//! Tables that fit the terminal.

/// The width to print for; none where nobody sees a line's end.
pub(crate) fn width() -> Option<usize> {
    let stdout = rustix::stdio::stdout();
    if !rustix::termios::isatty(stdout) {
        return None;
    }
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let columns =
        columns.or_else(|| rustix::termios::tcgetwinsize(stdout).ok().map(|size| usize::from(size.ws_col)));
    columns.filter(|columns| *columns > 0)
}

/// Draws a header and rows. Where they are too wide the widest columns give way, and what is cut ends in `…`.
pub(crate) fn draw(header: &[&str], rows: &[Vec<String>], width: Option<usize>) -> String {
    let header: Vec<String> = header.iter().map(|cell| (*cell).to_owned()).collect();
    let lines: Vec<Vec<String>> = std::iter::once(&header)
        .chain(rows)
        .map(|row| row.iter().map(|cell| plain(cell)).collect())
        .collect();
    let mut widths: Vec<usize> = (0..header.len())
        .map(|column| {
            lines.iter().filter_map(|row| row.get(column)).map(|cell| length(cell)).max().unwrap_or(0)
        })
        .collect();
    if let Some(width) = width {
        shrink(&mut widths, width);
    }
    let mut text = String::new();
    for row in &lines {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| fit(cell, *width)).collect();
        text.push_str(cells.join(GAP).trim_end());
        text.push('\n');
    }
    text
}

const GAP: &str = "  ";
/// A column is no use when it is narrower.
const LEAST: usize = 3;

fn shrink(widths: &mut [usize], width: usize) {
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > width {
        let Some(widest) = widths.iter_mut().max() else { return };
        if *widest <= LEAST {
            return;
        }
        *widest -= 1;
    }
}

fn length(cell: &str) -> usize {
    cell.chars().count()
}

fn fit(cell: &str, width: usize) -> String {
    if length(cell) > width {
        let mut cut: String = cell.chars().take(width.saturating_sub(1)).collect();
        cut.push('…');
        return cut;
    }
    format!("{cell:<width$}")
}

/// Takes out what would move the cursor.
fn plain(cell: &str) -> String {
    cell.chars().map(|character| if character.is_control() { ' ' } else { character }).collect()
}

/// Cuts a line to the width, where there is one.
pub(crate) fn line(text: &str, width: Option<usize>) -> String {
    let text = plain(text);
    let width = width.unwrap_or(usize::MAX).min(length(&text));
    fit(&text, width)
}

/// Prints a number of seconds in its largest unit.
pub(crate) fn age(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}m", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_fit() {
        let rows = vec![vec!["web".to_owned(), "a long command\nwith two lines".to_owned()]];
        assert_eq!(draw(&["NAME", "CMD"], &rows, None), "NAME  CMD\nweb   a long command with two lines\n");
        assert_eq!(draw(&["NAME", "CMD"], &rows, Some(14)), "NAME  CMD\nweb   a long …\n");
        for width in 8..40 {
            let drawn = draw(&["NAME", "CMD"], &rows, Some(width));
            assert!(drawn.lines().all(|line| line.chars().count() <= width), "{width}: {drawn}");
        }
    }

    #[test]
    fn ages() {
        let shown: Vec<String> = [5, 65, 7200, 200_000].into_iter().map(age).collect();
        assert_eq!(shown, ["5s", "1m", "2h", "2d"]);
    }
}
