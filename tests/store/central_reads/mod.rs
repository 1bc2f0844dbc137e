//! Reads of a central store in PostgreSQL: followers, deadlines, plans, rankings, and batches that are not counted yet.

mod follow;
mod limits;
mod plans;
mod rankings;
mod uncounted;
mod words;

use crate::central::{Log, numbered as activity};
