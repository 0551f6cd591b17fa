//! The view drawn on a terminal of whatever size.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::columns::{self, Column, Heat};
use super::keys::HELP;
use super::view::{Mode, View};
use super::{Paint, graphs};
use crate::arguments::cgroup::SortKey;
use crate::cgroup::top::order::{Direction, Shape};
use crate::cgroup::top::sampler::Row;

/// Reads a row in full.
pub(super) type Complete<'a> = &'a mut dyn FnMut(usize) -> Row;

/// Draws all.
pub(super) fn draw(frame: &mut Frame<'_>, view: &mut View, paint: Paint, complete: Complete<'_>) {
    let area = frame.area();
    let [title, body, footer] = parts(area);
    frame.render_widget(Line::styled(headline(view), paint.strong()), title);
    match view.mode.clone() {
        Mode::Zoom(path) => graphs::draw(frame, body, view, paint, &path, complete),
        _ => list(frame, body, view, paint, complete),
    }
    if view.mode == Mode::Help {
        help(frame, area, paint);
    }
    frame.render_widget(Line::raw(footing(view)), footer);
}

/// Splits the screen: a line, the rest, a line; what does not fit is empty.
fn parts(area: Rect) -> [Rect; 3] {
    let line = |y: u16| Rect { y: area.y + y, height: 1, ..area }.intersection(area);
    let last = area.height.saturating_sub(1);
    let body = Rect { y: area.y + 1, height: last.saturating_sub(1), ..area }.intersection(area);
    [line(0), body, if last > 0 { line(last) } else { Rect::ZERO }]
}

fn headline(view: &View) -> String {
    let number = view.shown.len();
    let all = view.inner.len();
    let subject = view.subject;
    let of = if number == all { format!("{all} {subject}") } else { format!("{number} of {all} {subject}") };
    match view.order.filter.as_str() {
        "" => format!("pal cgroup top: {of}"),
        filter => format!("pal cgroup top: {of} with {filter:?}"),
    }
}

fn footing(view: &View) -> String {
    match (&view.mode, &view.message) {
        (Mode::Confirm(action), _) => format!("{action}? (y/n)"),
        (Mode::Filter { .. }, _) => format!("filter: {}_", view.order.filter),
        (Mode::Limit { path, text }, _) => {
            format!("limit of {path} (memory 64M, pids 100, cpu 1.5): {text}_")
        }
        (_, Some(message)) => message.clone(),
        (Mode::Zoom(_), None) => "Esc back  f freeze  u thaw  K kill  l limit  q leave".to_owned(),
        _ => "? help  / filter  Enter graphs  f freeze  u thaw  K kill  l limit  q leave".to_owned(),
    }
}

fn list(frame: &mut Frame<'_>, area: Rect, view: &mut View, paint: Paint, complete: Complete<'_>) {
    let (name_width, columns) = columns::fitting(area.width);
    let line = |y: u16| Rect { y: area.y + y, height: 1, ..area }.intersection(area);
    frame.render_widget(header(view, name_width, &columns, paint), line(0));
    let height = area.height.saturating_sub(1);
    let (window, selected) = view.window(usize::from(height));
    for (place, (y, index)) in (1..=height).zip(window).enumerate() {
        let row = complete(index);
        view.history.add(&row);
        let mut spans = vec![Span::styled(fit(&name(view, &row, index), name_width), paint.name(&row))];
        for column in &columns {
            let text = format!(" {:>width$}", (column.cell)(&row), width = usize::from(column.width));
            spans.push(Span::styled(text, paint.heat((column.heat)(&row))));
        }
        let style =
            if place == selected { Style::new().add_modifier(Modifier::REVERSED) } else { Style::new() };
        frame.render_widget(Line::from(spans).style(style), line(y));
    }
}

fn header(view: &View, name_width: u16, columns: &[&Column], paint: Paint) -> Line<'static> {
    let mark = |key: Option<SortKey>| key == Some(view.order.key);
    let arrow = if view.order.direction == Direction::Usual { "▼" } else { "▲" };
    let name = if mark(Some(SortKey::Name)) { "GROUP ▲" } else { "GROUP" };
    let mut spans = vec![Span::styled(fit(name, name_width), paint.strong())];
    for column in columns {
        let title =
            if mark(column.key) { format!("{arrow}{}", column.title) } else { column.title.to_owned() };
        let width = usize::from(column.width) + 1;
        spans.push(Span::styled(format!("{title:>width$}"), paint.strong()));
    }
    Line::from(spans)
}

/// The name of a group at its place in the tree, or its path in a list.
fn name(view: &View, row: &Row, index: usize) -> String {
    let frozen = if row.counters.frozen == Some(true) { " (frozen)" } else { "" };
    if view.order.shape == Shape::Flat {
        return format!("{}{frozen}", row.container.as_deref().unwrap_or(&row.path));
    }
    let inner = view.inner.get(index).copied().unwrap_or(false);
    let mark = match (inner, view.order.folded.contains(&row.path)) {
        (true, true) => "▸",
        (true, false) => "▾",
        (false, _) => " ",
    };
    // The name has to stay in sight however deep it is.
    let indent = " ".repeat(row.depth.min(16));
    let name = if row.depth == 0 { row.container.as_deref().unwrap_or(&row.path) } else { row.name() };
    format!("{indent}{mark} {name}{frozen}")
}

fn fit(text: &str, width: u16) -> String {
    let width = usize::from(width);
    if text.chars().count() <= width {
        return format!("{text:<width$}");
    }
    let mut cut: String = text.chars().take(width.saturating_sub(1)).collect();
    if width > 0 {
        cut.push('…');
    }
    cut
}

fn help(frame: &mut Frame<'_>, area: Rect, paint: Paint) {
    frame.render_widget(Clear, area);
    let line = |(keys, meaning): &(&'static str, &'static str)| {
        Line::from(vec![Span::styled(format!("{keys:<9} "), paint.strong()), Span::raw(*meaning)])
    };
    frame.render_widget(Paragraph::new(HELP.iter().map(line).collect::<Vec<_>>()), area);
}

impl Paint {
    pub(super) fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    fn name(self, row: &Row) -> Style {
        match self {
            Self::Coloured if row.counters.frozen == Some(true) => Style::new().fg(Color::Cyan),
            _ => Style::new(),
        }
    }

    fn heat(self, heat: Heat) -> Style {
        match (self, heat) {
            (_, Heat::Plain) => Style::new(),
            (Self::Coloured, Heat::Warm) => Style::new().fg(Color::Yellow),
            (Self::Coloured, Heat::Hot) => Style::new().fg(Color::Red),
            (Self::Plain, Heat::Warm | Heat::Hot) => self.strong(),
        }
    }
}

#[cfg(test)]
mod tests {
    use palisade_cgroup::Limit;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::*;
    use crate::cgroup::top::order::Order;

    fn rows() -> Vec<Row> {
        let row = |path: &str, parent, depth, cpu| {
            let mut row = Row { path: path.to_owned(), parent, depth, complete: true, ..Row::default() };
            row.rates.cpu = Some(cpu);
            row.counters.memory = Some(64 << 20);
            row.counters.memory_limit = Some(Limit::Value(65 << 20));
            row
        };
        vec![
            row("/", None, 0, 150.0),
            row("/web", Some(0), 1, 99.5),
            row("/web/a\u{1b}[2Jb", Some(1), 2, 0.0),
        ]
    }

    fn screen(width: u16, height: u16, paint: Paint, keys: &str) -> (String, Terminal<TestBackend>) {
        let rows = rows();
        let mut view = View::new(Order::new(SortKey::Name, Shape::Tree, String::new()), "groups");
        view.update(&rows);
        for key in keys.chars() {
            let code = if key == '\n' { KeyCode::Enter } else { KeyCode::Char(key) };
            view.press(KeyEvent::new(code, KeyModifiers::NONE), &rows);
        }
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| draw(frame, &mut view, paint, &mut |index| rows[index].clone())).unwrap();
        let buffer = terminal.backend().buffer();
        let lines: Vec<String> = (0..height)
            .map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>().trim_end().to_owned())
            .collect();
        (lines.join("\n"), terminal)
    }

    #[test]
    fn the_tree_is_drawn() {
        let (shown, _) = screen(36, 6, Paint::Plain, "");
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "pal cgroup top: 3 groups");
        assert_eq!(lines[1], "GROUP ▲           CPU% MEMORY  TASKS");
        assert_eq!(lines[2], "▾ /              150.0  64.0M      -");
        assert_eq!(lines[3], " ▾ web            99.5  64.0M      -");
        assert_eq!(lines[4], "    a[2Jb          0.0  64.0M      -");
        assert!(lines[5].starts_with("? help"), "{shown}");
    }

    #[test]
    fn no_size_and_no_key_panics() {
        for (width, height) in [(1, 1), (20, 1), (20, 2), (20, 3), (20, 10), (1, 50), (300, 100)] {
            for keys in ["", "?", "/x", "K", "l", "\n", "j\nK", "v", "-", "GGG"] {
                let (shown, _) = screen(width, height, Paint::Coloured, keys);
                assert!(shown.lines().all(|line| line.chars().count() <= usize::from(width)));
            }
        }
    }

    #[test]
    fn a_question_is_asked_at_the_bottom() {
        let (shown, _) = screen(60, 6, Paint::Plain, "jK");
        assert!(shown.ends_with("kill all processes of /web? (y/n)"), "{shown}");
    }

    #[test]
    fn graphs_show_the_figures() {
        let (shown, _) = screen(60, 30, Paint::Plain, "j\n");
        assert!(
            shown.contains("/web") && shown.contains("CPU 99.5%") && shown.contains("memory 64.0M"),
            "{shown}"
        );
    }

    #[test]
    fn there_is_no_colour_without_colour() {
        for keys in ["", "\n", "?"] {
            let (_, terminal) = screen(200, 30, Paint::Plain, keys);
            let cells = terminal.backend().buffer().content();
            assert!(cells.iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset), "{keys}");
        }
        let (_, terminal) = screen(200, 30, Paint::Coloured, "");
        assert!(terminal.backend().buffer().content().iter().any(|cell| cell.fg == Color::Red));
    }
}
