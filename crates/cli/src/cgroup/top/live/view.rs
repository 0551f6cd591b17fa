//! What the view shows and which group is selected; no terminal is needed for it.

use std::collections::HashMap;

use super::act::Action;
use super::history::History;
use crate::cgroup::top::order::Order;
use crate::cgroup::top::sampler::Row;

/// The state of the view.
#[derive(Debug)]
pub(super) struct View {
    pub(super) order: Order,
    pub(super) mode: Mode,
    /// What happened, until the next key.
    pub(super) message: Option<String>,
    pub(super) history: History,
    pub(super) subject: &'static str,
    /// The indexes of the rows to show, in order.
    pub(super) shown: Vec<usize>,
    /// Whether a row has groups below it.
    pub(super) inner: Vec<bool>,
    /// The index of each group's row.
    indexes: HashMap<String, usize>,
    /// Which of `shown` is selected.
    pub(super) cursor: usize,
    /// How many rows fit the screen.
    pub(super) height: usize,
    /// The first of `shown` on the screen.
    first: usize,
    /// The path of the selected group, which stays so wherever it moves.
    selected: Option<String>,
}

/// What the keys are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    List,
    Help,
    /// The graphs of a group.
    Zoom(String),
    /// The filter is typed; Escape gets back the one before.
    Filter {
        before: String,
    },
    /// A limit is typed.
    Limit {
        path: String,
        text: String,
    },
    /// It is asked whether to do it.
    Confirm(Action),
}

impl View {
    pub(super) fn new(order: Order, subject: &'static str) -> Self {
        Self {
            order,
            mode: Mode::List,
            message: None,
            history: History::default(),
            subject,
            shown: Vec::new(),
            inner: Vec::new(),
            indexes: HashMap::new(),
            cursor: 0,
            height: 0,
            first: 0,
            selected: None,
        }
    }

    /// Takes the rows of a new look.
    pub(super) fn update(&mut self, rows: &[Row]) {
        self.history.begin();
        rows.iter().for_each(|row| self.history.add(row));
        self.inner = vec![false; rows.len()];
        for parent in rows.iter().filter_map(|row| row.parent) {
            self.inner[parent] = true;
        }
        self.indexes = rows.iter().enumerate().map(|(index, row)| (row.path.clone(), index)).collect();
        self.arrange(rows);
    }

    /// Returns the index of a group's row, whether it is shown or not.
    pub(super) fn index_of(&self, path: &str) -> Option<usize> {
        self.indexes.get(path).copied()
    }

    /// Puts the rows in order again and keeps the selected group.
    pub(super) fn arrange(&mut self, rows: &[Row]) {
        self.shown = self.order.of(rows);
        let found =
            self.selected.as_ref().and_then(|path| self.shown.iter().position(|i| rows[*i].path == *path));
        self.select(found.unwrap_or(self.cursor), rows);
    }

    /// Selects one of those shown, the last at the most.
    pub(super) fn select(&mut self, cursor: usize, rows: &[Row]) {
        self.cursor = cursor.min(self.shown.len().saturating_sub(1));
        self.selected = self.shown.get(self.cursor).map(|index| rows[*index].path.clone());
    }

    /// The path of the selected group.
    pub(super) fn selected(&self) -> Option<&str> {
        self.selected.as_deref()
    }

    /// Returns the indexes of the rows that are on a screen of this height, and which of them is selected.
    pub(super) fn window(&mut self, height: usize) -> (Vec<usize>, usize) {
        self.height = height;
        if height == 0 {
            return (Vec::new(), 0);
        }
        let latest = self.shown.len().saturating_sub(height);
        let least = (self.cursor + 1).saturating_sub(height);
        self.first = self.first.clamp(least, self.cursor).min(latest.max(least));
        let rows = self.shown.iter().skip(self.first).take(height).copied().collect();
        (rows, self.cursor - self.first)
    }

    /// Hides the groups below the selected one; where it has none, goes to the one above.
    pub(super) fn fold(&mut self, rows: &[Row]) {
        let Some(index) = self.shown.get(self.cursor).copied() else { return };
        if self.inner[index] && self.order.folded.insert(rows[index].path.clone()) {
            return self.arrange(rows);
        }
        let above =
            rows[index].parent.and_then(|parent| self.shown.iter().position(|shown| *shown == parent));
        if let Some(above) = above {
            self.select(above, rows);
        }
    }

    pub(super) fn unfold(&mut self, rows: &[Row]) {
        if let Some(path) = &self.selected {
            self.order.folded.remove(path);
        }
        self.arrange(rows);
    }

    pub(super) fn toggle_fold(&mut self, rows: &[Row]) {
        let folded = self.selected.as_ref().is_some_and(|path| self.order.folded.contains(path));
        if folded { self.unfold(rows) } else { self.fold(rows) }
    }

    /// Folds all groups right below those that the view begins with.
    pub(super) fn fold_all(&mut self, rows: &[Row]) {
        let inner = rows.iter().zip(&self.inner).filter(|(row, inner)| **inner && row.depth > 0);
        self.order.folded = inner.map(|(row, _)| row.path.clone()).collect();
        self.arrange(rows);
    }

    pub(super) fn unfold_all(&mut self, rows: &[Row]) {
        self.order.folded.clear();
        self.arrange(rows);
    }
}

#[cfg(test)]
mod tests {
    use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

    use super::super::act::Work;
    use super::super::keys::Command;
    use super::*;
    use crate::arguments::cgroup::SortKey;
    use crate::cgroup::top::order::Shape;

    fn rows() -> Vec<Row> {
        let row = |path: &str, parent, depth| Row { path: path.to_owned(), parent, depth, ..Row::default() };
        vec![row("/", None, 0), row("/a", Some(0), 1), row("/a/x", Some(1), 2), row("/b", Some(0), 1)]
    }

    fn view() -> View {
        let mut view = View::new(Order::new(SortKey::Name, Shape::Tree, String::new()), "groups");
        view.update(&rows());
        view
    }

    fn press(view: &mut View, codes: &[KeyCode]) -> Command {
        let press = |code: &KeyCode| view.press(KeyEvent::new(*code, KeyModifiers::NONE), &rows());
        codes.iter().map(press).last().unwrap()
    }

    fn typed(view: &mut View, text: &str) -> Command {
        press(view, &text.chars().map(KeyCode::Char).collect::<Vec<_>>())
    }

    #[test]
    fn the_selected_group_stays_selected() {
        let mut view = view();
        typed(&mut view, "jjj");
        assert_eq!(view.selected(), Some("/b"));
        typed(&mut view, "r");
        assert_eq!((view.selected(), view.cursor), (Some("/b"), 1));
        view.update(&rows()[..2]);
        assert_eq!(view.selected(), Some("/a"), "one that has gone hands over to its neighbour");
        view.update(&[]);
        assert_eq!(view.selected(), None);
        let keys = "jkgGK ".chars().map(KeyCode::Char).chain([KeyCode::Left, KeyCode::Right, KeyCode::Enter]);
        keys.for_each(|code| drop(view.press(KeyEvent::new(code, KeyModifiers::NONE), &[])));
        assert_eq!(view.mode, Mode::List);
    }

    #[test]
    fn folding_hides_and_unfolding_shows() {
        let mut view = view();
        typed(&mut view, "j ");
        assert_eq!(view.shown, [0, 1, 3]);
        press(&mut view, &[KeyCode::Right]);
        assert_eq!(view.shown, [0, 1, 2, 3]);
        press(&mut view, &[KeyCode::Down, KeyCode::Left]);
        assert_eq!(view.selected(), Some("/a"), "from one with nothing below to the one above");
        typed(&mut view, "-");
        assert_eq!(view.shown, [0, 1, 3]);
        typed(&mut view, "+");
        assert_eq!(view.shown.len(), 4);
    }

    #[test]
    fn nothing_is_done_without_a_yes() {
        let mut view = view();
        assert_eq!(typed(&mut view, "jK"), Command::None);
        assert_eq!(typed(&mut view, "n"), Command::None);
        assert_eq!(view.message.as_deref(), Some("nothing done"));
        let kill = Action { path: "/a".to_owned(), work: Work::Kill };
        assert_eq!(typed(&mut view, "Ky"), Command::Do(kill));
        typed(&mut view, "lmemory 64M");
        press(&mut view, &[KeyCode::Enter]);
        assert!(matches!(typed(&mut view, "y"), Command::Do(Action { work: Work::Limit(_), .. })));
        typed(&mut view, "lnonsense");
        press(&mut view, &[KeyCode::Enter]);
        assert_eq!(view.mode, Mode::List);
        assert!(view.message.is_some());
    }

    #[test]
    fn a_filter_is_typed_and_taken_back() {
        let mut view = view();
        typed(&mut view, "/xq");
        assert_eq!(view.shown, [0_usize; 0], "q is a letter here");
        press(&mut view, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!(view.shown, [0, 1, 2]);
        typed(&mut view, "/b");
        press(&mut view, &[KeyCode::Esc]);
        assert_eq!(view.order.filter, "x");
        press(&mut view, &[KeyCode::Esc]);
        assert_eq!(view.shown.len(), 4);
    }

    #[test]
    fn leaving_always_works() {
        for before in ["", "?", "/abc", "K", "l"] {
            let mut view = view();
            before.chars().for_each(|letter| drop(press(&mut view, &[KeyCode::Char(letter)])));
            let key = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
            assert_eq!(view.press(key, &rows()), Command::Quit, "{before}");
        }
        assert_eq!(typed(&mut view(), "q"), Command::Quit);
    }

    #[test]
    fn the_window_holds_the_cursor() {
        let mut view = view();
        assert_eq!(view.window(2), (vec![0, 1], 0));
        typed(&mut view, "G");
        assert_eq!(view.window(2), (vec![2, 3], 1));
        typed(&mut view, "k");
        assert_eq!(view.window(2), (vec![2, 3], 0));
        assert_eq!(view.window(0).0, [0_usize; 0]);
        assert_eq!(view.window(9), (vec![0, 1, 2, 3], 2));
    }
}
