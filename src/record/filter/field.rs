//! The fields of the filter grammar.

/// A field of the filter grammar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Field {
    /// Status of an activity or event.
    Status,
    /// Kind of an activity.
    Kind,
    /// Name of an activity.
    Name,
    /// The type of an event.
    Type,
    /// The project it belongs to.
    Project,
    /// The agent that asked for it.
    Agent,
    /// The user on whose behalf it ran.
    Actor,
    /// The site or product a tool is for.
    Brand,
    /// `development`, `production`, …
    Environment,
    /// The client's session or conversation.
    Session,
    /// The client's id of the request.
    Request,
    /// The error type of a failure.
    Error,
    /// What failures of one kind have in common, see [`Fingerprint`](crate::record::Fingerprint).
    Fingerprint,
    /// Started at this instant or later.
    Since,
    /// Started before this instant.
    Until,
    /// Its duration.
    Duration,
    /// Presence of a part, see [`Has`](crate::record::Has).
    Has,
    /// Its place in a tree, see [`Is`](crate::record::Is).
    Is,
    /// An attribute: `attr.KEY`.
    Attribute,
}

impl Field {
    /// Every field, in the order in which a filter is written.
    pub const ALL: [Field; 19] = [
        Field::Status,
        Field::Kind,
        Field::Name,
        Field::Type,
        Field::Project,
        Field::Agent,
        Field::Actor,
        Field::Brand,
        Field::Environment,
        Field::Session,
        Field::Request,
        Field::Error,
        Field::Fingerprint,
        Field::Since,
        Field::Until,
        Field::Duration,
        Field::Has,
        Field::Is,
        Field::Attribute,
    ];

    /// The name in the grammar; that of an attribute is followed by a dot and the key.
    pub const fn as_str(self) -> &'static str {
        match self {
            Field::Status => "status",
            Field::Kind => "kind",
            Field::Name => "name",
            Field::Type => "type",
            Field::Project => "project",
            Field::Agent => "agent",
            Field::Actor => "actor",
            Field::Brand => "brand",
            Field::Environment => "environment",
            Field::Session => "session",
            Field::Request => "request",
            Field::Error => "error",
            Field::Fingerprint => "fingerprint",
            Field::Since => "since",
            Field::Until => "until",
            Field::Duration => "duration",
            Field::Has => "has",
            Field::Is => "is",
            Field::Attribute => "attr",
        }
    }

    /// Returns the field with this name, or with its short form `env`. Case is ignored.
    pub fn from_name(name: &str) -> Option<Field> {
        let name = name.to_ascii_lowercase();
        if name == "env" {
            return Some(Field::Environment);
        }
        Field::ALL.into_iter().find(|field| field.as_str() == name)
    }
}
