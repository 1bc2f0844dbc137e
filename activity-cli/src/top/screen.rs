//! The terminal of a live view: it is left as it was, however the command ends.

use std::{
    io::{self, Write},
    iter,
    time::{Duration, Instant},
};

use anstream::ColorChoice;
use crossterm::{
    cursor::{Hide, MoveTo, Show},
    event::{self, Event, KeyCode, KeyEventKind, KeyModifiers},
    execute, queue,
    style::Print,
    terminal::{
        self, Clear, ClearType, EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode,
        enable_raw_mode,
    },
};

use super::view::View;

/// How long a key is waited for at once: the command ends no later after a signal.
const SLICE: Duration = Duration::from_millis(100);

/// The alternate screen, without a cursor. Dropping it restores the terminal.
#[derive(Debug)]
pub(super) struct Screen(());

/// What was typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Key {
    Quit,
    /// Draw again: the size has changed, or a key asks for it.
    Refresh,
    None,
}

impl Screen {
    pub(super) fn enter() -> io::Result<Self> {
        enable_raw_mode()?;
        // From here on, what was changed is restored.
        let screen = Screen(());
        execute!(io::stdout(), EnterAlternateScreen, Hide)?;
        Ok(screen)
    }

    pub(super) fn draw(&mut self, view: &View) -> io::Result<()> {
        let (width, height) = terminal::size()?;
        let text = view.render(Some(usize::from(width)), Some(usize::from(height)));
        let text = match anstream::AutoStream::choice(&io::stdout()) {
            ColorChoice::Never => anstream::adapter::strip_str(&text).to_string(),
            _ => text,
        };
        let mut out = io::stdout().lock();
        let lines = text.lines().chain(iter::repeat(""));
        for (row, line) in (0..height).zip(lines) {
            // Before the text: behind one as wide as the terminal, its last character would be cleared.
            queue!(
                out,
                MoveTo(0, row),
                Clear(ClearType::UntilNewLine),
                Print(line)
            )?;
        }
        out.flush()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // The terminal may be gone, and nothing is left to do then.
        let _ = execute!(io::stdout(), Show, LeaveAlternateScreen);
        let _ = disable_raw_mode();
    }
}

/// Waits for a key, for a short time and not beyond an instant.
pub(super) fn key(until: Instant) -> io::Result<Key> {
    let left = until.saturating_duration_since(Instant::now());
    if !event::poll(left.min(SLICE))? {
        return Ok(Key::None);
    }
    Ok(match event::read()? {
        Event::Resize(..) => Key::Refresh,
        Event::Key(key) if key.kind != KeyEventKind::Release => match key.code {
            KeyCode::Char('q' | 'Q') | KeyCode::Esc => Key::Quit,
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Key::Quit,
            KeyCode::Char(' ') | KeyCode::Enter => Key::Refresh,
            _ => Key::None,
        },
        _ => Key::None,
    })
}
