//! A text that is cheap to clone and costs nothing when it is known at compile time.

use std::{borrow::Cow, fmt, ops::Deref, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An immutable text: a `&'static str` as it is, anything else behind an `Arc`.
///
/// Names, scopes and attribute keys are texts: mostly known at compile time (then neither made nor
/// cloned at any cost), sometimes not.
///
/// Texts that are known at compile time are taken for free of secrets: they are not redacted.
///
/// # Examples
///
/// ```
/// use tower_activity::record::Text;
///
/// let fixed = Text::from("login");
/// let made = Text::from(format!("{}_{}", "netflix", "login"));
/// assert_eq!(fixed, "login");
/// assert_eq!(made.as_str(), "netflix_login");
/// ```
#[derive(Clone)]
pub struct Text(Repr);

#[derive(Clone)]
enum Repr {
    Static(&'static str),
    /// A name of this crate's own.
    Own(&'static str),
    Shared(Arc<str>),
}

impl Text {
    /// Makes a text that is known at compile time.
    pub const fn from_static(text: &'static str) -> Self {
        Text(Repr::Static(text))
    }

    /// A name that this crate gives to something, and no secret has.
    pub(crate) const fn own(name: &'static str) -> Self {
        Text(Repr::Own(name))
    }

    /// The characters.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Static(text) | Repr::Own(text) => text,
            Repr::Shared(text) => text,
        }
    }

    /// True when it was known at compile time.
    pub(crate) fn is_static(&self) -> bool {
        matches!(self.0, Repr::Static(_) | Repr::Own(_))
    }

    /// The name, where it is one of this crate's own.
    pub(crate) fn own_name(&self) -> Option<&'static str> {
        match self.0 {
            Repr::Own(name) => Some(name),
            Repr::Static(_) | Repr::Shared(_) => None,
        }
    }

    /// The bytes that this text keeps on the heap.
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

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Text {}

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
