//! The content of a marker file.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Deserialize;

use crate::host::ActivitySource;

/// The format in which markers are written. Both formats are read, regardless of this setting.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MarkerFormat {
    /// One line with the time in UTC, ISO 8601: `2026-03-01T12:00:00.000000Z`.
    #[default]
    Iso,
    /// One line of JSON: `{"source":"user","time":"2026-03-01T12:00:00.000000Z"}`.
    Json,
}

#[derive(Deserialize)]
struct Json {
    time: DateTime<Utc>,
}

impl MarkerFormat {
    pub(super) fn line(self, source: ActivitySource, at: DateTime<Utc>) -> String {
        self.line_with(source, &at.to_rfc3339_opts(SecondsFormat::Micros, true))
    }

    /// Formats the line with `time` as given, including the line feed.
    pub(super) fn line_with(self, source: ActivitySource, time: &str) -> String {
        match self {
            MarkerFormat::Iso => format!("{time}\n"),
            MarkerFormat::Json => format!("{{\"source\":\"{source}\",\"time\":\"{time}\"}}\n"),
        }
    }

    /// Parses the time of a line in either format; `None` if there is none.
    pub(super) fn parse(text: &[u8]) -> Option<DateTime<Utc>> {
        let text = str::from_utf8(text).ok()?.trim();
        if text.starts_with('{') {
            let json: Json = serde_json::from_str(text).ok()?;
            return Some(json.time);
        }
        Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_complete_lines_of_either_format_are_parsed() {
        let at: DateTime<Utc> = "2026-03-01T12:00:00.123456Z".parse().unwrap();
        for format in [MarkerFormat::Iso, MarkerFormat::Json] {
            let line = format.line(ActivitySource::User, at);
            assert_eq!(MarkerFormat::parse(line.as_bytes()), Some(at), "{line}");
            for cut in 0..line.len() - 2 {
                let parsed = MarkerFormat::parse(&line.as_bytes()[..cut]);
                assert_eq!(parsed, None, "{line:?} cut at {cut}");
            }
        }
        let check = |text: &str, expected| {
            assert_eq!(MarkerFormat::parse(text.as_bytes()), expected, "{text:?}");
        };
        check("2026-03-01T13:00:00.123456+01:00\r\n", Some(at));
        check("1772366400", None);
        check("Sun Mar  1 12:00:00 UTC 2026\n", None);
        check("{\"at\":\"2026-03-01T12:00:00Z\"}", None);
        assert_eq!(MarkerFormat::parse(b"\xff\xfe"), None);
    }
}
