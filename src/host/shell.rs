//! Markers of a host that is accessible only by running scripts.

use std::{fmt, future::Future, pin::Pin, sync::Arc};

use chrono::{DateTime, TimeDelta, Utc};

use crate::{
    error::{Error, ErrorKind, Result},
    host::{ActivitySource, MarkerFormat, Markers, temp_name::temp_name},
};

/// The future of a script's stdout.
pub type ScriptFuture<'a> = Pin<Box<dyn Future<Output = Result<String>> + Send + 'a>>;

/// Runs scripts on a host.
pub trait HostShell: Send + Sync + 'static {
    /// Runs a POSIX shell script and returns its stdout.
    ///
    /// # Errors
    ///
    /// If the script cannot be run, or fails; the error then contains its stderr.
    fn run<'a>(&'a self, script: &'a str) -> ScriptFuture<'a>;
}

/// The activity markers of a host that runs scripts: the same files as those of
/// [`HostActivity`](crate::host::HostActivity), each written atomically by one command.
///
/// The host's clock dates the markers and is read together with them, so that its offset from the local clock does not
/// matter.
#[derive(Clone)]
pub struct ShellActivity {
    directory: String,
    format: MarkerFormat,
    shell: Arc<dyn HostShell>,
}

impl ShellActivity {
    /// Uses the markers in this directory of the host. It must exist, or is created when CREATE is recorded.
    pub fn new(directory: impl Into<String>, shell: Arc<dyn HostShell>) -> Self {
        ShellActivity {
            directory: directory.into(),
            format: MarkerFormat::default(),
            shell,
        }
    }

    /// Sets the format in which markers are written; either format is read.
    #[must_use]
    pub fn format(mut self, format: MarkerFormat) -> Self {
        self.format = format;
        self
    }

    /// Writes the marker of `source` with the host's current time.
    ///
    /// # Errors
    ///
    /// If the command fails: the directory does not exist, is read-only or full, or the host does not respond. The marker
    /// is then unchanged.
    pub async fn record(&self, source: ActivitySource) -> Result<()> {
        self.record_all(&[source]).await
    }

    /// Writes several markers with one script: all of them, or none.
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

    /// Reads all markers.
    ///
    /// # Errors
    ///
    /// If they cannot be read, or one is not a plain file.
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
        // The local time is read after the response, so that no marker appears older than it is.
        parse(&text, Utc::now()).ok_or_else(|| {
            let head: String = text.chars().take(200).collect();
            Error::new(
                ErrorKind::Host,
                format!("{}: unexpected output {head:?}", attempt()),
            )
        })
    }

    fn record_script(&self, sources: &[ActivitySource]) -> String {
        let directory = quoted(&self.directory);
        let make = match sources.contains(&ActivitySource::Create) {
            true => format!("mkdir -p {directory} && "),
            false => String::new(),
        };
        // Removes temporary files left by killed writers. No writer takes a day; hosts without `find` skip this.
        let remove_orphans = format!(
            "{{ find . ! -name . -prune -type f -name '.*-{}' -mtime +0 -exec rm -f {{}} + 2>/dev/null || :; }}",
            "[0-9a-f]".repeat(16)
        );
        let (mut checks, mut writes, mut moves, mut names) = Default::default();
        for source in sources {
            let line = quoted(&self.format.line_with(*source, "%s"));
            // `set -C` fails for an existing name, so that a symbolic link is not followed.
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
             {writes}{moves}{remove_orphans} && exit
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

/// Parses the output of the read script.
fn parse(text: &str, now: DateTime<Utc>) -> Option<Markers> {
    let mut lines = text.lines();
    let host_now = seconds(lines.next()?)?;
    let mut markers = Markers::with_clock_offset(host_now - now);
    for line in lines {
        let (source, at) = line.split_once(' ')?;
        let at = seconds(at)?;
        // Fail here if the time is out of range on the local clock.
        at.checked_sub_signed(host_now - now)?;
        markers.set(source.parse().ok()?, at);
    }
    Some(markers)
}

/// Parses a time in seconds since 1970. Anything but digits after the point is ignored: some `date`s print `%N` as `N`.
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

/// Quotes `text` as one word of a POSIX shell.
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
    fn markers_are_dated_by_the_clock_of_the_host() {
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
