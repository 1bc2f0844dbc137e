//! Identifiers: UUIDv7, which sort by time.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::Error;

/// The last microsecond that an id can have: its time has 48 bits of milliseconds.
pub(crate) const LAST_US: i64 = (1 << 48) * 1_000 - 1;

/// The id of an activity: a UUIDv7 with the activity's start.
///
/// The first 48 bits are the start in milliseconds since the Unix epoch, the next 12 the fraction of that millisecond
/// (RFC 9562, section 6.2, method 3), then comes the nanosecond, and the rest is random. Ids therefore sort by start.
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
    /// Creates an id from a start in microseconds since the Unix epoch, and 62 bits that make ids of one microsecond unique. A start that
    /// no id can have becomes the nearest one.
    #[inline]
    pub(crate) fn from_parts(started_at_us: i64, salt: u64) -> Self {
        let us = started_at_us.clamp(0, LAST_US) as u64;
        let (ms, rest) = (us / 1000, us % 1000);
        // 12 bits for 0..1000 µs: 4.096 steps a microsecond, rounded up so that flooring inverts it.
        let sub_ms = (rest * 4096).div_ceil(1000);
        let high = (ms << 16) | (0x7 << 12) | sub_ms;
        let low = (salt >> 2) | (0b10 << 62);
        ActivityId(Uuid::from_u64_pair(high, low))
    }

    /// Returns this id if its start is `started_at`, or an id with that start that is derived from this one.
    pub(crate) fn with_start(self, started_at: DateTime<Utc>) -> Self {
        ActivityId(with_time(self.0, started_at))
    }

    /// Returns the smallest id of an activity that started at this instant: a bound for time ranges.
    pub fn lower_bound(at: DateTime<Utc>) -> Self {
        ActivityId::from_parts(at.timestamp_micros(), 0)
    }

    /// Returns the smallest id of an activity that did not start before this instant. Ids have microseconds.
    #[cfg(any(feature = "postgres", feature = "clickhouse"))]
    pub(crate) fn first_since(at: DateTime<Utc>) -> Self {
        let us = at.timestamp_micros();
        let is_whole = at.timestamp_subsec_nanos().is_multiple_of(1_000);
        ActivityId::from_parts(us.saturating_add((!is_whole).into()), 0)
    }

    /// Returns when the activity started, to the microsecond.
    pub fn started_at(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.started_at_us()).unwrap_or(DateTime::UNIX_EPOCH)
    }

    /// Returns when the activity started, in microseconds since the Unix epoch.
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

/// The id of an event: a UUIDv7 with the event's time, like an [`ActivityId`].
///
/// The time is followed by a counter, so that events of one log in the same microsecond sort as they happened.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(Uuid);

impl EventId {
    /// Creates an id from a time in microseconds since the Unix epoch, a counter and 46 random bits.
    pub(crate) fn from_parts(at_us: i64, number: u64, random: u64) -> Self {
        EventId(ActivityId::from_parts(at_us, number << 48 | random >> 16).0)
    }

    /// Returns this id if its time is `instant`, or an id with that time that is derived from this one.
    pub(crate) fn with_time(self, instant: DateTime<Utc>) -> Self {
        EventId(with_time(self.0, instant))
    }

    /// Returns when the event happened, to the microsecond.
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

/// The id of a recording: a UUIDv7 with its start, like an [`ActivityId`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordingId(Uuid);

impl RecordingId {
    /// Creates an id from a start in microseconds since the Unix epoch and 62 random bits.
    #[cfg(feature = "recording")]
    pub(crate) fn from_parts(started_at_us: i64, random: u64) -> Self {
        RecordingId(ActivityId::from_parts(started_at_us, random).0)
    }

    /// Returns when the recording started, to the microsecond.
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

/// The id of an instance: one [`ActivityLog`](crate::ActivityLog) of one process, from open to close.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Uuid);

impl InstanceId {
    /// Creates an id from the opening time in microseconds since the Unix epoch and 62 random bits.
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

/// Returns the id if it is a UUIDv7 with that time, or a UUIDv7 with that time that is derived from it.
///
/// The first half is replaced by the time, and mixed into the second: ids whose first halves are equal stay different for
/// certain, others as random ids do (62 bits per microsecond).
fn with_time(id: Uuid, instant: DateTime<Utc>) -> Uuid {
    let us = instant.timestamp_micros();
    let is_v7 = id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122;
    if is_v7 && ActivityId(id).started_at_us() == us {
        return id;
    }
    let (high, low) = id.as_u64_pair();
    // The two bits of the old variant would be overwritten by the new one: mix them in.
    let salt = low ^ mix(mix(high) ^ (low >> 62));
    ActivityId::from_parts(us, salt << 2).0
}

/// Spreads every bit over all others: the finalizer of SplitMix64.
fn mix(bits: u64) -> u64 {
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
        fn an_id_with_another_time_is_derived_from_the_old_one(old: [u8; 16], other: [u8; 16], us in 0i64..4_102_444_800_000_000) {
            let at = DateTime::from_timestamp_micros(us).unwrap();
            let new = |bytes| ActivityId::from_bytes(bytes).with_start(at);
            prop_assert_eq!(new(old).started_at(), at);
            prop_assert_eq!(new(*new(old).as_bytes()), new(old));
            prop_assert_eq!(old == other, new(old) == new(other));
            // Ids with the same first half, such as those of one microsecond.
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
