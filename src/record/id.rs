//! Identifiers: UUIDv7 for activities, so that the id is also the activity's place in time.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::Error;

/// The id of an activity: a UUIDv7 made from the activity's start.
///
/// The first 48 bits are the start in milliseconds since the Unix epoch, the next 12 its place within
/// that millisecond (RFC 9562, section 6.2, method 3), then comes the nanosecond, and the rest is random. Ids
/// therefore sort by start.
///
/// # Examples
///
/// ```
/// use tower_activity::record::ActivityId;
///
/// let id: ActivityId = "0199e5a2-7c00-7000-8000-000000000000".parse()?;
/// assert_eq!(id.started_at().to_rfc3339(), "2025-10-15T02:10:55.104+00:00");
/// # Ok::<_, tower_activity::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActivityId(Uuid);

impl ActivityId {
    /// Makes an id from a start in microseconds since the Unix epoch and 62 bits that tell apart what starts in it.
    #[inline]
    pub(crate) fn from_parts(started_at_us: i64, salt: u64) -> Self {
        let us = started_at_us.max(0) as u64;
        let (ms, rest) = (us / 1000, us % 1000);
        // 12 bits for 0..1000 µs: 4.096 steps a microsecond, rounded up so that flooring inverts it.
        let sub_ms = (rest * 4096).div_ceil(1000);
        let high = (ms << 16) | (0x7 << 12) | sub_ms;
        let low = (salt >> 2) | (0b10 << 62);
        ActivityId(Uuid::from_u64_pair(high, low))
    }

    /// This id where it says that the activity started then, else another one that does and follows from this one.
    pub(crate) fn with_start(self, started_at: DateTime<Utc>) -> Self {
        ActivityId(at(self.0, started_at))
    }

    /// The smallest id an activity started at this instant can have: a bound for time ranges.
    pub fn lower_bound(at: DateTime<Utc>) -> Self {
        ActivityId::from_parts(at.timestamp_micros(), 0)
    }

    /// When the activity started, to the microsecond.
    pub fn started_at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.started_at_us()).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// When the activity started, in microseconds since the Unix epoch.
    pub fn started_at_us(self) -> i64 {
        let (high, _) = self.0.as_u64_pair();
        ((high >> 16) * 1000 + ((high & 0xfff) * 1000) / 4096) as i64
    }

    /// The 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads 16 bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        ActivityId(Uuid::from_bytes(bytes))
    }
}

/// The id of an event: a UUIDv7 made from the instant of the event, like an [`ActivityId`].
///
/// Behind the instant stands a counter, so that events of one log within one microsecond sort as they happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// Makes an id from an instant in microseconds since the Unix epoch, a counter and 46 random bits.
    pub(crate) fn from_parts(at_us: i64, number: u64, random: u64) -> Self {
        EventId(ActivityId::from_parts(at_us, number << 48 | random >> 16).0)
    }

    /// This id where it says that the event happened then, else another one that does and follows from this one.
    pub(crate) fn with_time(self, instant: DateTime<Utc>) -> Self {
        EventId(at(self.0, instant))
    }

    /// When it happened, to the microsecond.
    pub fn at(self) -> DateTime<Utc> {
        ActivityId(self.0).started_at()
    }

    /// The 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads 16 bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        EventId(Uuid::from_bytes(bytes))
    }
}

/// The id of a recording: a UUIDv7 made from its begin, like an [`ActivityId`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(Uuid);

impl RecordingId {
    /// Makes an id from a begin in microseconds since the Unix epoch and 62 random bits.
    #[cfg(feature = "recording")]
    pub(crate) fn from_parts(started_at_us: i64, random: u64) -> Self {
        RecordingId(ActivityId::from_parts(started_at_us, random).0)
    }

    /// When it began, to the microsecond.
    pub fn started_at(self) -> DateTime<Utc> {
        ActivityId(self.0).started_at()
    }

    /// The 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads 16 bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        RecordingId(Uuid::from_bytes(bytes))
    }
}

/// The id of one open log: one process, one [`ActivityLog`](crate::ActivityLog), from open to close.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Uuid);

impl InstanceId {
    /// Makes an id from the opening time in microseconds since the Unix epoch and 62 random bits.
    pub(crate) fn from_parts(opened_at_us: i64, random: u64) -> Self {
        InstanceId(ActivityId::from_parts(opened_at_us, random).0)
    }

    /// The 16 bytes, most significant first.
    pub fn as_bytes(&self) -> &[u8; 16] {
        self.0.as_bytes()
    }

    /// Reads 16 bytes, most significant first.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        InstanceId(Uuid::from_bytes(bytes))
    }
}

/// The id itself where it is a UUIDv7 of that instant, else one that is.
///
/// What the first half says about the time is left out, and mixed into the second: ids whose first halves are equal stay
/// different for certain, others as random ids do (62 bits for each microsecond).
fn at(id: Uuid, instant: DateTime<Utc>) -> Uuid {
    let us = instant.timestamp_micros();
    let is_ours = id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122;
    if is_ours && ActivityId(id).started_at_us() == us {
        return id;
    }
    let (high, low) = id.as_u64_pair();
    // The variant stands in the two bits that the new id has its own in.
    let salt = low ^ mixed(mixed(high) ^ (low >> 62));
    ActivityId::from_parts(us, salt << 2).0
}

/// Spreads every bit over all others: the end of SplitMix64.
fn mixed(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

macro_rules! text_form {
    ($id:ident, $what:literal) => {
        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut buffer = Uuid::encode_buffer();
                f.pad(self.0.hyphenated().encode_lower(&mut buffer))
            }
        }

        impl fmt::Debug for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $id {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Uuid::try_parse(text).map($id).map_err(|cause| {
                    Error::invalid(format!(concat!("{:?} is not ", $what, " id"), text))
                        .with_source(cause)
                })
            }
        }

        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

text_form!(ActivityId, "an activity");
text_form!(EventId, "an event");
text_form!(RecordingId, "a recording");
text_form!(InstanceId, "an instance");

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_id_gives_its_start_back_to_the_microsecond(us in 0i64..4_102_444_800_000_000, random: u64) {
            let id = ActivityId::from_parts(us, random);
            prop_assert_eq!(id.started_at().timestamp_micros(), us);
        }

        #[test]
        fn ids_sort_by_their_start(a in 0i64..4_102_444_800_000_000, b in 0i64..4_102_444_800_000_000, x: u64, y: u64) {
            prop_assume!(a != b);
            prop_assert_eq!(a < b, ActivityId::from_parts(a, x) < ActivityId::from_parts(b, y));
        }

        #[test]
        fn events_of_one_microsecond_sort_by_their_counter(us in 0i64..4_102_444_800_000_000, n in 0u64..65_535, x: u64, y: u64) {
            let (first, second) = (EventId::from_parts(us, n, x), EventId::from_parts(us, n + 1, y));
            prop_assert!(first < second && first.at().timestamp_micros() == us);
        }

        #[test]
        fn an_id_of_another_time_follows_from_the_old_one(old: [u8; 16], other: [u8; 16], us in 0i64..4_102_444_800_000_000) {
            let at = DateTime::from_timestamp_micros(us).unwrap();
            let new = |bytes| ActivityId::from_bytes(bytes).with_start(at);
            prop_assert_eq!(new(old).started_at(), at);
            prop_assert_eq!(new(*new(old).as_bytes()), new(old));
            prop_assert_eq!(old == other, new(old) == new(other));
            // Ids of one first half, those of one microsecond say.
            let mut near = old;
            near[8..].copy_from_slice(&other[8..]);
            prop_assert_eq!(old == near, new(old) == new(near));
        }

        #[test]
        fn an_id_survives_its_text_form(us in 0i64..4_102_444_800_000_000, random: u64) {
            let id = ActivityId::from_parts(us, random);
            prop_assert_eq!(id.to_string().parse::<ActivityId>().map_err(|e| e.to_string()), Ok(id));
            prop_assert_eq!(Uuid::from_bytes(*id.as_bytes()).get_version_num(), 7);
        }
    }
}
