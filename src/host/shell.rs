//! The markers of a host on which scripts can be run, and nothing else is known.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{ActivitySource, MarkerFormat, Markers, temp_name::temp_name},
};

/// What a script printed, once it has ended.
pub type ScriptFuture<'a> = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

/// Runs scripts on a host.
pub trait HostShell: Send + Sync + 'static {
    /// Runs a script for a POSIX shell, `sh`, and gives back what it printed.
    ///
    /// # Errors
    ///
    /// When it cannot be run, and when it fails: with what it said.
    fn run<'a>(&'a self, script: &'a str) -> ScriptFuture<'a>;
}

/// The activity of a host on which scripts can be run: the same files as those of
/// [`HostActivity`](crate::host::HostActivity), each written by one command in one step.
///
/// The host's own clock dates them, and is asked together with them: how much it differs from ours does not matter.
#[derive(Clone)]
pub struct ShellActivity {
    directory: String,
    format: MarkerFormat,
    shell: Arc<dyn HostShell>,
}

impl ShellActivity {
    /// The activity of the host that has this directory, which exists there, or is made when CREATE is recorded.
    pub fn new(directory: impl Into<String>, shell: Arc<dyn HostShell>) -> Self {
        ShellActivity {
            directory: directory.into(),
            format: MarkerFormat::default(),
            shell,
        }
    }

    /// Sets how its markers are written; any format is read.
    #[must_use]
    pub fn format(mut self, format: MarkerFormat) -> Self {
        self.format = format;
        self
    }

    /// Says that this source was active just now.
    ///
    /// # Errors
    ///
    /// When the command fails: the directory does not exist, is read-only or full, the host does not answer. The
    /// marker is then as it was.
    pub async fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_all(&[source]).await
    }

    /// As [`record`](Self::record) for each of them, by one script: all of the markers are written, or none.
    pub(super) async fn record_all(&self, sources: &[ActivitySource]) -> Result<()> {
        let script = self.record_script(sources);
        let recorded = self.shell.run(&script).await;
        recorded.map(drop).map_err(|cause| {
            let kind = cause.kind();
            let names: Vec<_> = sources.iter().map(|source| source.as_str()).collect();
            let (names, directory) = (names.join(", "), &self.directory);
            let attempt = format!("cannot record {names} in {directory:?} on the host");
            Error::new(kind, attempt).with_source(cause)
        })
    }

    /// All of its markers.
    ///
    /// # Errors
    ///
    /// When they cannot be read, and when what stands in place of one is no plain file.
    pub async fn markers(&self) -> Result<Markers> {
        let script = self.read_script();
        let attempt = || {
            format!(
                "cannot read the markers in {:?} on the host",
                self.directory
            )
        };
        let text = self.shell.run(&script).await.map_err(|cause| {
            let kind = cause.kind();
            Error::new(kind, attempt()).with_source(cause)
        })?;
        // After the answer: a marker is never taken for older than it is.
        parse(&text, Utc::now()).ok_or_else(|| {
            let said: String = text.chars().take(200).collect();
            Error::new(ErrorKind::Host, format!("{}: it said {said:?}", attempt()))
        })
    }

    fn record_script(&self, sources: &[ActivitySource]) -> String {
        let directory = quoted(&self.directory);
        let make = match sources.contains(&ActivitySource::Create) {
            true => format!("mkdir -p {directory} && "),
            false => String::new(),
        };
        // What writers left that were killed. No writer takes a day, and to hosts without `find` it does not matter.
        let sweep = format!(
            "{{ find . ! -name . -prune -type f -name '.*-{}' -mtime +0 -exec rm -f {{}} + 2>/dev/null || :; }}",
            "[0-9a-f]".repeat(16)
        );
        let (mut checks, mut writes, mut moves, mut names) = Default::default();
        for source in sources {
            let line = quoted(&self.format.line_with(*source, "%s"));
            // Not followed where it is a link: `set -C`.
            let name = temp_name(*source);
            checks = format!(
                "{checks}if [ -d {source} ]; then echo '{source} is a folder, not a plain file' >&2; exit 1; fi\n"
            );
            writes = format!("{writes}printf {line} \"$now\" >{name} && ");
            moves = format!("{moves}mv -f {name} {source} && ");
            names = format!("{names} {name}");
        }
        format!(
            "{make}cd {directory} || exit
             if [ -L activity ]; then echo 'activity is a link, not a folder' >&2; exit 1; fi
             mkdir -p activity && cd activity || exit
             {checks}
             set -C
             now=$(date -u +%Y-%m-%dT%H:%M:%SZ)
             {writes}{moves}{sweep} && exit
             rm -f{names}
             exit 1"
        )
    }

    fn read_script(&self) -> String {
        let directory = quoted(&self.directory);
        let sources = ActivitySource::ALL.map(ActivitySource::as_str).join(" ");
        // The first form of `stat` is that of GNU and BusyBox, the second that of BSD and macOS.
        format!(
            "cd {directory} || exit
             date +%s.%N
             if [ -L activity ]; then echo 'activity is a link, not a folder' >&2; exit 1; fi
             [ -d activity ] || exit 0
             cd activity || exit
             for source in {sources}; do
               if [ -L $source ] || {{ [ -e $source ] && [ ! -f $source ]; }}; then
                 echo \"$source is not a plain file\" >&2; exit 1
               fi
               [ -f $source ] || continue
               at=$(stat -c %.9Y $source 2>/dev/null || stat -f %Fm $source) && echo \"$source $at\"
             done
             exit 0"
        )
    }
}

/// Reads what the script above printed.
fn parse(text: &str, now: DateTime<Utc>) -> Option<Markers> {
    let mut lines = text.lines();
    let host_now = seconds(lines.next()?)?;
    let mut markers = Markers::with_clock_offset(host_now - now);
    for line in lines {
        let (source, at) = line.split_once(' ')?;
        let at = seconds(at)?;
        // What no calendar has by our clock is as good as none.
        at.checked_sub_signed(host_now - now)?;
        markers.set(source.parse().ok()?, at);
    }
    Some(markers)
}

/// A time in seconds since 1970. What is not a fraction after the point, as where `date` knows none, is left out.
fn seconds(text: &str) -> Option<DateTime<Utc>> {
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let nanos = format!(
        "{:0<9.9}",
        if fraction.bytes().all(|b| b.is_ascii_digit()) {
            fraction
        } else {
            ""
        }
    );
    let at = DateTime::from_timestamp_secs(whole.parse().ok()?)?;
    at.checked_add_signed(TimeDelta::nanoseconds(nanos.parse().ok()?))
}

/// One word for the shell, whatever is in it.
pub(super) fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

impl fmt::Debug for ShellActivity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ShellActivity")
            .field("directory", &self.directory)
            .field("format", &self.format)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_host_prints_is_read_by_its_own_clock() {
        let now: DateTime<Utc> = "2026-03-01T12:00:00Z".parse().unwrap();
        let ahead = now.timestamp() + 3600;
        for fraction in ["", ".N", ".000000000"] {
            let text = format!(
                "{ahead}{fraction}\nboot {}\nuser {}.5\n",
                ahead - 60,
                ahead - 2
            );
            let markers = parse(&text, now).unwrap();
            let ago = |source| markers.get(source).map(|at| (now - at).num_milliseconds());
            assert_eq!(ago(ActivitySource::Boot), Some(60_000), "{text}");
            assert_eq!(ago(ActivitySource::User), Some(1_500), "{text}");
            assert_eq!(ago(ActivitySource::Agent), None);
        }
        for text in [
            "",
            "motd\n1",
            "1\nboot",
            "1\nboot x",
            "1\nwelcome 2",
            "1\nboot 9223372036854775807",
            "-8334601228800\nboot 8210266876799.999",
        ] {
            assert_eq!(parse(text, now), None, "{text:?}");
        }
    }

    #[test]
    fn a_quoted_text_is_one_word() {
        assert_eq!(quoted("/srv/a b"), "'/srv/a b'");
        assert_eq!(quoted("it's $HOME"), "'it'\\''s $HOME'");
    }
}
