//! What a key means.

use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::act::{Action, Setting, Work};
use super::view::{Mode, View};
use crate::arguments::cgroup::SortKey;
use crate::cgroup::top::order::{Direction, Shape};
use crate::cgroup::top::sampler::Row;

/// What is to be done about a key, beside what the view shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    None,
    Quit,
    Do(Action),
}

/// The keys and what they do, as the help shows them.
pub(super) const HELP: [(&str, &str); 17] = [
    ("↑ ↓ j k", "select"),
    ("PgUp PgDn", "a page"),
    ("g G", "first, last"),
    ("← →", "fold, unfold"),
    ("- +", "fold, unfold all"),
    ("Enter", "graphs of one"),
    ("Esc", "back"),
    ("/", "filter"),
    ("n c m i", "sort by name, CPU, memory, I/O"),
    ("t p o", "by tasks, pressure, OOM kills"),
    ("r", "reverse"),
    ("v", "tree or list"),
    ("f u", "freeze, thaw"),
    ("K", "kill"),
    ("l", "set a limit"),
    ("?", "this help"),
    ("q", "leave"),
];

impl View {
    /// Takes a key.
    pub(super) fn press(&mut self, key: KeyEvent, rows: &[Row]) -> Command {
        // Leaving has to work whatever is shown.
        if key.modifiers.contains(KeyModifiers::CONTROL) && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Command::Quit;
        }
        self.message = None;
        match std::mem::replace(&mut self.mode, Mode::List) {
            Mode::List => return self.press_in_list(key.code, rows),
            // Whatever is pressed leaves the help.
            Mode::Help => {}
            Mode::Zoom(path) => return self.press_in_zoom(key.code, path),
            Mode::Filter { before } => self.press_in_filter(key.code, before, rows),
            Mode::Limit { path, text } => self.press_in_limit(key.code, path, text),
            Mode::Confirm(action) => {
                if matches!(key.code, KeyCode::Char('y' | 'Y')) {
                    return Command::Do(action);
                }
                self.message = Some("nothing done".to_owned());
            }
        }
        Command::None
    }

    fn press_in_list(&mut self, code: KeyCode, rows: &[Row]) -> Command {
        let page = self.height.max(1);
        match code {
            KeyCode::Char('q') => return Command::Quit,
            KeyCode::Esc if !self.order.filter.is_empty() => {
                self.order.filter.clear();
                self.arrange(rows);
            }
            KeyCode::Up | KeyCode::Char('k') => self.select(self.cursor.saturating_sub(1), rows),
            KeyCode::Down | KeyCode::Char('j') => self.select(self.cursor.saturating_add(1), rows),
            KeyCode::PageUp => self.select(self.cursor.saturating_sub(page), rows),
            KeyCode::PageDown => self.select(self.cursor.saturating_add(page), rows),
            KeyCode::Home | KeyCode::Char('g') => self.select(0, rows),
            KeyCode::End | KeyCode::Char('G') => self.select(usize::MAX, rows),
            KeyCode::Left | KeyCode::Char('h') => self.fold(rows),
            KeyCode::Right => self.unfold(rows),
            KeyCode::Char(' ') => self.toggle_fold(rows),
            KeyCode::Char('-') => self.fold_all(rows),
            KeyCode::Char('+') => self.unfold_all(rows),
            KeyCode::Char('/') => self.mode = Mode::Filter { before: self.order.filter.clone() },
            KeyCode::Char('?') | KeyCode::F(1) => self.mode = Mode::Help,
            KeyCode::Char('v') => {
                self.order.shape = if self.order.shape == Shape::Tree { Shape::Flat } else { Shape::Tree };
                self.arrange(rows);
            }
            KeyCode::Char('r') => {
                let usual = self.order.direction == Direction::Usual;
                self.order.direction = if usual { Direction::Reversed } else { Direction::Usual };
                self.arrange(rows);
            }
            _ => return self.press_on_group(code, rows),
        }
        Command::None
    }

    /// What is about the selected group, or how groups are sorted.
    fn press_on_group(&mut self, code: KeyCode, rows: &[Row]) -> Command {
        if let KeyCode::Char(letter) = code
            && let Some(key) = sort_key(letter)
        {
            self.order.key = key;
            self.order.direction = Direction::Usual;
            self.arrange(rows);
            return Command::None;
        }
        let Some(path) = self.selected().map(str::to_owned) else { return Command::None };
        self.mode = match code {
            KeyCode::Enter => Mode::Zoom(path),
            _ => self.asked(code, path).unwrap_or(Mode::List),
        };
        Command::None
    }

    fn press_in_zoom(&mut self, code: KeyCode, path: String) -> Command {
        match code {
            KeyCode::Char('q') => return Command::Quit,
            KeyCode::Esc | KeyCode::Enter | KeyCode::Backspace | KeyCode::Left => {}
            _ => self.mode = self.asked(code, path.clone()).unwrap_or(Mode::Zoom(path)),
        }
        Command::None
    }

    /// What has to be asked before it is done.
    fn asked(&self, code: KeyCode, path: String) -> Option<Mode> {
        let confirm = |work| Some(Mode::Confirm(Action { path: path.clone(), work }));
        match code {
            KeyCode::Char('f') => confirm(Work::Freeze),
            KeyCode::Char('u') => confirm(Work::Thaw),
            KeyCode::Char('K') => confirm(Work::Kill),
            KeyCode::Char('l') => Some(Mode::Limit { path, text: String::new() }),
            _ => None,
        }
    }

    fn press_in_filter(&mut self, code: KeyCode, before: String, rows: &[Row]) {
        match code {
            KeyCode::Enter => return,
            KeyCode::Esc => self.order.filter = before,
            _ => {
                edit(&mut self.order.filter, code);
                self.mode = Mode::Filter { before };
            }
        }
        self.arrange(rows);
    }

    fn press_in_limit(&mut self, code: KeyCode, path: String, mut text: String) {
        match code {
            KeyCode::Esc => {}
            KeyCode::Enter => match text.parse::<Setting>() {
                Ok(setting) => self.mode = Mode::Confirm(Action { path, work: Work::Limit(setting) }),
                Err(reason) => self.message = Some(reason),
            },
            _ => {
                edit(&mut text, code);
                self.mode = Mode::Limit { path, text };
            }
        }
    }
}

fn sort_key(letter: char) -> Option<SortKey> {
    Some(match letter {
        'n' => SortKey::Name,
        'c' => SortKey::Cpu,
        'm' => SortKey::Memory,
        'i' => SortKey::Io,
        't' => SortKey::Tasks,
        'p' => SortKey::Pressure,
        'o' => SortKey::Oom,
        _ => return None,
    })
}

fn edit(text: &mut String, code: KeyCode) {
    match code {
        KeyCode::Char(character) if !character.is_control() => text.push(character),
        KeyCode::Backspace => drop(text.pop()),
        _ => {}
    }
}
