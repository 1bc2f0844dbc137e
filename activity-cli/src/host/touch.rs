//! `activity host touch`: marks a host as in use.

use tower_activity::host::MarkerFormat;

use super::args::Touch;
use crate::failure::Failure;

pub(crate) fn run(args: &Touch) -> Result<(), Failure> {
    let format = match args.json {
        true => MarkerFormat::Json,
        false => MarkerFormat::Iso,
    };
    let activity = args.host.activity()?.format(format);
    Ok(activity.record(args.source)?)
}
