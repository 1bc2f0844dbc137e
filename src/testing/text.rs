//! Records as plain text: a tree of activities, then the events.

use std::{fmt, time::Duration};

use crate::{
    record::{Branch, EventRecord, Text, TreeLayout},
    testing::LogContents,
};

/// A line: name, status, duration or count, and details.
type Line = [String; 4];

impl fmt::Display for LogContents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.draw(None))
    }
}

impl LogContents {
    /// Draws all records, and marks one of them.
    pub(super) fn draw(&self, here: Option<[u8; 16]>) -> String {
        let mark = |id| (here == Some(id)).then(|| "← here".to_owned());
        let activities = TreeLayout::new(&self.activities)
            .map(|branch| activity(&branch, mark(*branch.activity.id.as_bytes())));
        let events = self
            .events
            .iter()
            .map(|event| self.event_line(event, mark(*event.id.as_bytes())));
        let activities = columns(&activities.collect::<Vec<_>>());
        let events = columns(&events.collect::<Vec<_>>());
        match (activities.is_empty(), events.is_empty()) {
            (true, true) => "nothing\n".to_owned(),
            (false, true) => activities,
            (true, false) => format!("events:\n{events}"),
            (false, false) => format!("{activities}\nevents:\n{events}"),
        }
    }

    fn event_line(&self, event: &EventRecord, mark: Option<String>) -> Line {
        let parent = event.activity.and_then(|parent| self.name_of(parent));
        [
            event.event_type.to_string(),
            event.status.to_string(),
            match event.count {
                1 => String::new(),
                count => format!("×{count}"),
            },
            words([
                event.summary.as_ref().map(quoted),
                parent.map(|parent| format!("in {parent}")),
                mark,
            ]),
        ]
    }
}

fn activity(branch: &Branch<'_>, mark: Option<String>) -> Line {
    let activity = branch.activity;
    let took = activity.duration_ns.map(Duration::from_nanos);
    [
        format!("{}{}", branch.prefix, activity.name),
        activity.status.to_string(),
        took.map(|took| format!("{took:?}")).unwrap_or_default(),
        words([
            activity.error_type.as_ref().map(Text::to_string),
            activity.message.as_ref().map(quoted),
            mark,
        ]),
    ]
}

/// Quotes a text in one line.
fn quoted(text: &Text) -> String {
    format!("{:?}", text.as_str())
}

fn words(words: [Option<String>; 3]) -> String {
    words.into_iter().flatten().collect::<Vec<_>>().join("  ")
}

/// Aligns columns, without those that are empty in every line.
fn columns(lines: &[Line]) -> String {
    let width = |text: &String| text.chars().count();
    let widest = |column: usize| lines.iter().map(|line| width(&line[column])).max();
    let widths = [0, 1, 2, 3].map(|column| widest(column).unwrap_or(0));
    let mut out = String::new();
    for line in lines {
        let mut drawn = String::new();
        for (cell, widest) in line.iter().zip(widths).filter(|(_, widest)| *widest > 0) {
            drawn.push_str(&format!("{cell:<widest$}  "));
        }
        out.push_str(drawn.trim_end());
        out.push('\n');
    }
    out
}
