//! One group: its figures and how they were in the last minutes.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::Line;
use ratatui::widgets::Sparkline;

use super::Paint;
use super::draw::Complete;
use super::history::{GRAPHS, Graph};
use super::view::View;
use crate::cgroup::top::once::{bytes, count, limit, per_second, percent};
use crate::cgroup::top::sampler::Row;

/// A line of figures and at least one of a graph.
const LEAST: u16 = 2;

/// Draws as many graphs as fit, the most wanted first.
pub(super) fn draw(
    frame: &mut Frame<'_>,
    area: Rect,
    view: &mut View,
    paint: Paint,
    path: &str,
    complete: Complete<'_>,
) {
    // What the filter or a fold hides can be looked at, too.
    let Some(row) = view.index_of(path).map(complete) else {
        frame.render_widget(Line::raw(format!("{path} has gone")), area);
        return;
    };
    view.history.add(&row);
    frame.render_widget(Line::styled(title(&row), paint.strong()), area);
    let left = area.height.saturating_sub(1);
    let number = (left / LEAST).min(u16::try_from(GRAPHS.len()).unwrap_or(u16::MAX));
    let Some(height) = left.checked_div(number) else { return };
    let mut y = area.y + 1;
    for graph in GRAPHS.into_iter().take(usize::from(number)) {
        let place = Rect { y, height, ..area }.intersection(area);
        y += height;
        let values = view.history.of(path, graph);
        let most = values.iter().copied().max().unwrap_or(0);
        frame.render_widget(Line::raw(figures(graph, &row, most)), place);
        let below =
            Rect { y: place.y + 1, height: place.height.saturating_sub(1), ..place }.intersection(area);
        let fitting = values.len().saturating_sub(usize::from(below.width));
        let style = match paint {
            Paint::Coloured => Style::new().fg(Color::Green),
            Paint::Plain => Style::new(),
        };
        frame.render_widget(
            Sparkline::default().data(&values[fitting..]).max(most.max(1)).style(style),
            below,
        );
    }
}

fn title(row: &Row) -> String {
    let frozen = if row.counters.frozen == Some(true) { ", frozen" } else { "" };
    match &row.container {
        Some(container) => format!("{container} ({}){frozen}", row.path),
        None => format!("{}{frozen}", row.path),
    }
}

/// Tells what is now and the most of the last minutes.
fn figures(graph: Graph, row: &Row, most: u64) -> String {
    let (counters, rates) = (&row.counters, &row.rates);
    let tenths = |value: u64| format!("{}.{}%", value / 10, value % 10);
    match graph {
        Graph::Cpu => format!("CPU {}%, at most {}", percent(rates.cpu), tenths(most)),
        Graph::Throttled => format!("throttled {}%, at most {}", percent(rates.throttled), tenths(most)),
        Graph::Memory => format!(
            "memory {} of {}: anon {}, file {}, kernel {}; OOM kills {}",
            bytes(counters.memory),
            limit(counters.memory_limit, bytes),
            bytes(counters.anon),
            bytes(counters.file),
            bytes(counters.kernel),
            count(counters.oom_kills),
        ),
        Graph::Read => format!("read {}/s, at most {}/s", per_second(rates.read_bytes), bytes(Some(most))),
        Graph::Written => {
            format!("write {}/s, at most {}/s", per_second(rates.write_bytes), bytes(Some(most)))
        }
        Graph::Tasks => format!("tasks {} of {}", count(counters.tasks), limit(counters.tasks_limit, count)),
        Graph::Pressure => format!(
            "waits for CPU {}%, memory {}%, I/O {}%",
            percent(rates.cpu_pressure),
            percent(rates.memory_pressure),
            percent(rates.io_pressure),
        ),
    }
}
