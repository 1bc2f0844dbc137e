//! Metrics as text: OpenMetrics 1.0, or the Prometheus text format 0.0.4.

use std::fmt::{Display, Write};

use chrono::{DateTime, Utc};
use http::{HeaderMap, header};

/// A text format for metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    OpenMetrics,
    /// Prometheus text 0.0.4, which every scraper and every person can read.
    Text,
}

/// The type of a metric family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
    Info,
}

/// Writes metric families, one after the other.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    family: &'static str,
    out: String,
}

impl Format {
    /// Returns the format that a client prefers. OpenMetrics needs to be named; the other one is for everybody else.
    pub(super) fn accepted_by(headers: &HeaderMap) -> Self {
        let accepted = headers.get_all(header::ACCEPT).iter();
        let accepted = accepted.filter_map(|value| value.to_str().ok());
        let (mut openmetrics, mut text) = (0.0_f32, 0.0_f32);
        for range in accepted.flat_map(|value| value.split(',')) {
            let mut parts = range.split(';').map(str::trim);
            let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
            let (mut quality, mut version) = (1.0, None);
            for (name, value) in parts.filter_map(|part| part.split_once('=')) {
                match name.trim().to_ascii_lowercase().as_str() {
                    "q" => quality = value.trim().parse().unwrap_or(0.0),
                    "version" => version = Some(value.trim().trim_matches('"')),
                    _ => {}
                }
            }
            let has_version = |ours| version.is_none_or(|version| version == ours);
            match media_type.as_str() {
                "application/openmetrics-text" if has_version("1.0.0") => {
                    openmetrics = openmetrics.max(quality);
                }
                "text/plain" if has_version("0.0.4") => text = text.max(quality),
                _ => {}
            }
        }
        match openmetrics > 0.0 && openmetrics >= text {
            true => Format::OpenMetrics,
            false => Format::Text,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Text => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

impl Exposition {
    pub(super) fn new(format: Format) -> Self {
        Exposition {
            format,
            family: "",
            out: String::new(),
        }
    }

    /// Begins a family. A name that ends with a unit of OpenMetrics (`_seconds`, `_bytes`) has that unit.
    pub(super) fn family(&mut self, name: &'static str, of: Type, help: &str) {
        self.family = name;
        let of_type = match (of, self.format) {
            (Type::Counter, _) => "counter",
            (Type::Histogram, _) => "histogram",
            (Type::Info, Format::OpenMetrics) => "info",
            (Type::Gauge | Type::Info, _) => "gauge",
        };
        // In the older format a family has the name of its samples.
        let suffix = match (of, self.format) {
            (Type::Counter, Format::Text) => "_total",
            (Type::Info, Format::Text) => "_info",
            _ => "",
        };
        self.line(format_args!("# TYPE {name}{suffix} {of_type}"));
        let unit = ["seconds", "bytes"]
            .into_iter()
            .find(|unit| name.ends_with(unit));
        if let (Format::OpenMetrics, Some(unit)) = (self.format, unit) {
            self.line(format_args!("# UNIT {name} {unit}"));
        }
        self.line(format_args!("# HELP {name}{suffix} {help}"));
    }

    /// Writes a sample of the family. Those with the same labels have to follow each other.
    pub(super) fn sample(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        value: impl Display,
    ) -> &mut Self {
        self.out.push_str(self.family);
        self.out.push_str(suffix);
        for (at, (name, value)) in labels.iter().enumerate() {
            self.out.push_str(if at == 0 { "{" } else { "," });
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(&mut self.out, value);
            self.out.push('"');
        }
        if !labels.is_empty() {
            self.out.push('}');
        }
        self.line(format_args!(" {value}"));
        self
    }

    /// Writes since when a counter or a histogram counts, which the older format cannot say.
    pub(super) fn created(&mut self, labels: &[(&str, &str)], at: DateTime<Utc>) {
        if self.format == Format::OpenMetrics {
            let us = at.timestamp_micros();
            let (seconds, rest) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
            self.sample("_created", labels, format_args!("{seconds}.{rest:06}"));
        }
    }

    /// Returns the text.
    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.line(format_args!("# EOF"));
        }
        self.out
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.out.write_fmt(line);
        self.out.push('\n');
    }
}

/// Appends the value of a label. Both formats escape the same three characters; all others stay as they are.
fn escape(out: &mut String, value: &str) {
    for c in value.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn openmetrics_is_for_clients_that_prefer_it() {
        let check = |accept: &str, expected| {
            let mut headers = HeaderMap::new();
            headers.insert(header::ACCEPT, accept.parse().unwrap());
            assert_eq!(Format::accepted_by(&headers), expected, "{accept}");
        };
        let prometheus_2 = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,\
             text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        check(prometheus_2, Format::OpenMetrics);
        let prometheus_3 = "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,\
             application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,\
             text/plain;version=0.0.4;q=0.3,*/*;q=0.2";
        check(prometheus_3, Format::OpenMetrics);
        check("application/openmetrics-text", Format::OpenMetrics);
        check(
            "Application/OpenMetrics-Text; Version=\"1.0.0\"",
            Format::OpenMetrics,
        );
        check("application/openmetrics-text;version=0.0.1", Format::Text);
        check("application/openmetrics-text;q=0", Format::Text);
        check("application/openmetrics-text;q=much", Format::Text);
        let reversed = "text/plain;version=0.0.4,application/openmetrics-text;q=0.9";
        check(reversed, Format::Text);
        check("*/*", Format::Text);
        check("text/html,application/xhtml+xml,*/*;q=0.8", Format::Text);
        assert_eq!(Format::accepted_by(&HeaderMap::new()), Format::Text);
    }

    #[test]
    fn a_family_is_written_in_both_formats() {
        let write = |format| {
            let mut out = Exposition::new(format);
            out.family("a_calls", Type::Counter, "Calls.");
            let labels = [("name", "\"a\\b\"\nc\0")];
            out.sample("_total", &labels, 7)
                .created(&labels, DateTime::from_timestamp_micros(1_500_000).unwrap());
            out.family("a_store_bytes", Type::Gauge, "Size.");
            out.sample("", &[], 0.5);
            out.family("a_build", Type::Info, "Build.");
            out.sample("_info", &[("version", "1")], 1);
            out.finish()
        };
        let openmetrics = "# TYPE a_calls counter\n# HELP a_calls Calls.\n\
             a_calls_total{name=\"\\\"a\\\\b\\\"\\nc\0\"} 7\na_calls_created{name=\"\\\"a\\\\b\\\"\\nc\0\"} 1.500000\n\
             # TYPE a_store_bytes gauge\n# UNIT a_store_bytes bytes\n# HELP a_store_bytes Size.\na_store_bytes 0.5\n\
             # TYPE a_build info\n# HELP a_build Build.\na_build_info{version=\"1\"} 1\n# EOF\n";
        assert_eq!(write(Format::OpenMetrics), openmetrics);
        let text = "# TYPE a_calls_total counter\n# HELP a_calls_total Calls.\n\
             a_calls_total{name=\"\\\"a\\\\b\\\"\\nc\0\"} 7\n\
             # TYPE a_store_bytes gauge\n# HELP a_store_bytes Size.\na_store_bytes 0.5\n\
             # TYPE a_build_info gauge\n# HELP a_build_info Build.\na_build_info{version=\"1\"} 1\n";
        assert_eq!(write(Format::Text), text);
    }
}
