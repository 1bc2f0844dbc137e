//! A string that is cheap to clone and free when it is known at compile time.

use std::{
    borrow::{Borrow, Cow},
    cmp::Ordering,
    convert::Infallible,
    fmt,
    ops::Deref,
    str::FromStr,
    sync::Arc,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An immutable string: a `&'static str`, or shared behind an `Arc`.
///
/// Names, scopes and attribute keys are texts. Most are known at compile time and cost neither an allocation nor a copy;
/// all others are allocated once and shared by clones.
///
/// A `&'static str` is taken to be free of secrets and is not redacted.
///
/// It compares, orders and hashes as its `str`, so that a map with `Text` keys is searched with a `&str`.
///
/// # Examples
///
/// ```
/// use std::collections::BTreeMap;
/// use tower_activity::record::Text;
///
/// let fixed = Text::from("login");
/// let made = Text::from(format!("{}_{}", "netflix", "login"));
/// assert_eq!(fixed, "login");
/// assert_eq!(made.as_str(), "netflix_login");
///
/// let calls = BTreeMap::from([(fixed, 3), (made, 1)]);
/// assert_eq!(calls.get("netflix_login"), Some(&1));
/// ```
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    /// A name defined by this crate.
    Own(&'static str),
    Shared(Arc<str>),
}

impl Text {
    /// Creates a text from a string that is known at compile time.
    pub const fn from_static(text: &'static str) -> Self {
        Text(Repr::Static(text))
    }

    /// A name defined by this crate, which is never a secret.
    pub(crate) const fn own(name: &'static str) -> Self {
        Text(Repr::Own(name))
    }

    /// Returns the text as a `str`.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) | Repr::Own(text) => text,
            Repr::Shared(text) => text,
        }
    }

    /// True if it was known at compile time.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self.0, Repr::Static(_) | Repr::Own(_))
    }

    /// True if it is a name that is defined by this crate.
    pub(crate) fn is_own(&self) -> bool {
        matches!(self.0, Repr::Own(_))
    }

    /// The bytes that it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        match &self.0 {
            Repr::Static(_) | Repr::Own(_) => 0,
            Repr::Shared(text) => text.len() + 2 * size_of::<usize>(),
        }
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl AsRef<str> for Text {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Text {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Default for Text {
    fn default() -> Self {
        Text::from_static("")
    }
}

impl FromStr for Text {
    type Err = Infallible;

    /// Copies the string.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Text(Repr::Shared(text.into())))
    }
}

impl From<&'static str> for Text {
    fn from(text: &'static str) -> Self {
        Text(Repr::Static(text))
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        Text(Repr::Shared(text.into()))
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        Text(Repr::Shared(text.as_str().into()))
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        Text(Repr::Shared(text))
    }
}

impl From<&Text> for Text {
    fn from(text: &Text) -> Self {
        text.clone()
    }
}

impl From<Cow<'static, str>> for Text {
    fn from(text: Cow<'static, str>) -> Self {
        match text {
            Cow::Borrowed(text) => text.into(),
            Cow::Owned(text) => text.into(),
        }
    }
}

impl From<Box<str>> for Text {
    fn from(text: Box<str>) -> Self {
        Text(Repr::Shared(text.into()))
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.as_str().to_owned()
    }
}

impl From<&Text> for String {
    fn from(text: &Text) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

impl PartialOrd for Text {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Text {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl PartialEq<String> for Text {
    fn eq(&self, other: &String) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<Text> for str {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl PartialEq<Text> for &str {
    fn eq(&self, other: &Text) -> bool {
        *self == other.as_str()
    }
}

impl PartialEq<Text> for String {
    fn eq(&self, other: &Text) -> bool {
        self == other.as_str()
    }
}

impl std::hash::Hash for Text {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Text::from)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeSet, HashSet};

    use super::*;

    #[test]
    fn a_text_is_found_by_its_str_however_it_was_made() {
        for text in [
            Text::from_static("acme"),
            Text::from("acme".to_owned()),
            Text::from(Arc::<str>::from("acme")),
            Text::from(Box::<str>::from("acme")),
            Text::from(Cow::from("acme".to_owned())),
            "acme".parse().unwrap(),
        ] {
            assert!(HashSet::from([text.clone()]).contains("acme"));
            assert!(BTreeSet::from([text.clone()]).contains("acme"));
            assert_eq!(text, "acme");
            assert_eq!("acme", text);
            assert_eq!(text, String::from("acme"));
            let (before, after) = (Text::default(), Text::from("acmf"));
            assert!(before < text && text < after);
            assert_eq!(String::from(text), "acme");
        }
    }

    #[test]
    fn a_parsed_text_is_redacted_as_others_are() {
        let text: Text = "acme".parse().unwrap();
        assert!(!text.is_static());
    }
}
