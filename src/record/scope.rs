//! For whom and where: the texts that every record carries and that children inherit.

use serde::{Deserialize, Serialize};

use crate::record::Text;

/// For whom and where an activity ran. Children inherit it as it is when they start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "web", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Scope {
    /// The project it belongs to.
    pub project: Option<Text>,
    /// The agent that asked for it.
    pub agent: Option<Text>,
    /// The user on whose behalf it ran.
    pub actor: Option<Text>,
    /// The site or product a tool is for.
    pub brand: Option<Text>,
    /// `development`, `production`, ..
    pub environment: Option<Text>,
    /// The client's session or conversation.
    pub session: Option<Text>,
    /// The client's id of the request.
    pub request: Option<Text>,
}

impl Scope {
    /// Every text, in the order of the fields.
    pub(crate) fn texts(&self) -> [&Option<Text>; 7] {
        [
            &self.project,
            &self.agent,
            &self.actor,
            &self.brand,
            &self.environment,
            &self.session,
            &self.request,
        ]
    }

    /// Every text, in the order of the fields.
    pub(crate) fn texts_mut(&mut self) -> [&mut Option<Text>; 7] {
        [
            &mut self.project,
            &mut self.agent,
            &mut self.actor,
            &mut self.brand,
            &mut self.environment,
            &mut self.session,
            &mut self.request,
        ]
    }

    /// The bytes that it and its texts take.
    pub(crate) fn cost(&self) -> usize {
        let texts = self.texts().into_iter().flatten().map(Text::heap_bytes);
        size_of::<Scope>() + texts.sum::<usize>()
    }

    /// Takes from `parent` what this scope does not say itself.
    pub(crate) fn inherit(&mut self, parent: &Scope) {
        for (own, inherited) in self.texts_mut().into_iter().zip(parent.texts()) {
            if own.is_none() {
                own.clone_from(inherited);
            }
        }
    }
}
