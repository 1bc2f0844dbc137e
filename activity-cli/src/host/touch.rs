//! `activity host touch`: says that a host is used now.

use tower_activity::host::MarkerFormat;

use super::args::Touch;
use crate::failure::Failure;

pub(crate) fn run(args: &Touch) -> Result<(), Failure> {
    let format = match args.json {
        true => MarkerFormat::Json,
        false => MarkerFormat::Iso,
    };
    let activity = args.place.activity()?.format(format);
    Ok(activity.record(args.source)?)
}
