//! The start of a payload as JSON: the stored bytes, and as many more as the longest rule needs to match at the end.
//!
//! The cost of a payload is bounded by the window, not by its size: texts are copied up to the limit, and beyond the window
//! only sizes are added.

mod serializer;

use std::fmt::{self, Write};

use serde::ser::{Serialize, Serializer};

/// Number of bytes read beyond those stored: the length of the longest rule.
pub(super) const MAX_RULE: usize = 1_088;

/// Maximum nesting depth; deeper values are replaced.
const MAX_DEPTH: usize = 96;

/// Maximum number of values counted beyond the window.
const MAX_COUNTED: usize = 1_000;

/// Maximum length of media stored inline: a longer `data` or `blob` is replaced by its type and size.
const MAX_INLINE: usize = 64;

/// The start of a payload.
#[derive(Clone)]
pub(super) struct Window {
    pub(super) text: String,
    /// Size of the whole payload as JSON; a lower bound if it is not complete.
    pub(super) bytes: u64,
    pub(super) complete: bool,
    /// True if the text ends inside a value.
    pub(super) cut: bool,
}

impl Window {
    pub(super) fn new(payload: &impl Serialize, limit: usize) -> Window {
        let mut writer = Writer {
            limit,
            ..Writer::default()
        };
        let error = payload.serialize(&mut writer).err();
        if let Some(Interrupt(Some(message))) = &error {
            // The error is serialized, and so redacted, because it may quote the payload.
            writer = Writer {
                limit,
                ..Writer::default()
            };
            let _ = writer.serialize_str(&format!("not JSON: {message}"));
        }
        let stopped = matches!(error, Some(Interrupt(None)));
        let bytes = (writer.out.len() + writer.beyond) as u64;
        Window {
            text: writer.out,
            bytes,
            complete: !writer.full && !stopped,
            cut: writer.full,
        }
    }
}

/// Writes JSON up to a limit.
#[derive(Debug, Default)]
struct Writer {
    out: String,
    limit: usize,
    full: bool,
    /// Number of bytes counted beyond the window.
    beyond: usize,
    counted: usize,
    depth: usize,
    /// The field being written, if its name is significant.
    field: Field,
    /// True inside an image or audio object.
    media: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq)]
enum Field {
    #[default]
    Other,
    Type,
    Data,
    Blob,
}

impl Field {
    fn from_name(name: &str) -> Field {
        match name {
            "type" => Field::Type,
            "data" => Field::Data,
            "blob" => Field::Blob,
            _ => Field::Other,
        }
    }
}

/// Interrupts serialization: with an error message, or because the rest is not needed.
#[derive(Debug)]
struct Interrupt(Option<String>);

impl Writer {
    /// Writes the part of a text that fits, and counts the rest.
    fn put(&mut self, text: &str) {
        let available = self.limit.saturating_sub(self.out.len());
        if self.full || text.len() > available {
            let fits = if self.full {
                0
            } else {
                text.floor_char_boundary(available)
            };
            self.out.push_str(&text[..fits]);
            self.beyond += text.len() - fits;
            self.full = true;
        } else {
            self.out.push_str(text);
        }
    }

    /// Counts a value; interrupts beyond the limit.
    fn count_value(&mut self) -> Result<(), Interrupt> {
        self.counted += usize::from(self.full);
        if self.counted > MAX_COUNTED {
            Err(Interrupt(None))
        } else {
            Ok(())
        }
    }

    fn show(&mut self, value: impl fmt::Display) -> Result<(), Interrupt> {
        self.count_value()?;
        if self.full {
            self.beyond += 1;
            return Ok(());
        }
        let start = self.out.len();
        let _ = write!(self.out, "{value}");
        let text = self.out.split_off(start);
        self.put(&text);
        Ok(())
    }

    fn open(&mut self, bracket: char, close: char) -> Result<Compound<'_>, Interrupt> {
        self.count_value()?;
        if self.depth >= MAX_DEPTH {
            self.put("\"[too deep]\"");
            return Err(Interrupt(None));
        }
        self.depth += 1;
        self.put(bracket.encode_utf8(&mut [0; 4]));
        let outer = std::mem::take(&mut self.media);
        Ok(Compound {
            writer: self,
            close,
            first: true,
            outer,
            variant: false,
        })
    }

    fn variant(
        &mut self,
        name: &str,
        bracket: char,
        close: char,
    ) -> Result<Compound<'_>, Interrupt> {
        self.put("{");
        self.serialize_str(name)?;
        self.put(":");
        let mut compound = self.open(bracket, close)?;
        compound.variant = true;
        Ok(compound)
    }
}

/// An array or an object that is being written.
struct Compound<'a> {
    writer: &'a mut Writer,
    close: char,
    first: bool,
    /// True if the enclosing object is an image or audio object.
    outer: bool,
    /// True for the content of an enum variant, which is the only field of an object.
    variant: bool,
}

impl Compound<'_> {
    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.writer.put(",");
        }
    }

    fn element(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Interrupt> {
        self.comma();
        self.writer.field = Field::Other;
        value.serialize(&mut *self.writer)
    }

    fn key(&mut self, key: &(impl Serialize + ?Sized)) -> Result<(), Interrupt> {
        self.comma();
        let start = self.writer.out.len();
        self.writer.field = Field::Other;
        key.serialize(&mut *self.writer)?;
        let key = &self.writer.out[start..];
        self.writer.field = Field::from_name(key.trim_matches('"'));
        if !self.writer.full && !key.starts_with('"') {
            let key = self.writer.out.split_off(start);
            self.writer.put(&format!("\"{key}\""));
        }
        self.writer.put(":");
        Ok(())
    }

    fn value(&mut self, value: &(impl Serialize + ?Sized)) -> Result<(), Interrupt> {
        value.serialize(&mut *self.writer)
    }

    fn field(
        &mut self,
        name: &'static str,
        value: &(impl Serialize + ?Sized),
    ) -> Result<(), Interrupt> {
        self.key(name)?;
        self.value(value)
    }

    fn close(self) -> Result<(), Interrupt> {
        self.writer.put(self.close.encode_utf8(&mut [0; 4]));
        if self.variant {
            self.writer.put("}");
        }
        self.writer.depth -= 1;
        self.writer.media = self.outer;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::json;

    use super::*;

    #[derive(Serialize)]
    enum Shape {
        Unit,
        New(u8),
        Pair(u8, char),
        Named { a: Option<f64>, b: () },
    }

    #[test]
    fn a_payload_that_fits_is_the_json_of_serde_json() {
        let all = (
            [
                Shape::Unit,
                Shape::New(1),
                Shape::Pair(1, 'é'),
                Shape::Named {
                    a: Some(1.0),
                    b: (),
                },
            ],
            std::collections::BTreeMap::from([(1, "a\"\n\u{1}")]),
            json!({"x": [null, true, -1, 18446744073709551615_u64, 1e300, {}, []]}),
        );
        let window = Window::new(&all, usize::MAX);
        assert_eq!(window.text, serde_json::to_string(&all).unwrap());
        assert!(window.complete && window.bytes == window.text.len() as u64);
    }

    #[test]
    fn images_are_replaced_by_their_type_and_size() {
        let data = "iVBORw0K".repeat(1_000);
        let result = json!([
            {"type": "text", "text": "before"},
            {"type": "image", "data": data, "mimeType": "image/png"},
            {"type": "resource", "resource": {"uri": "a://b", "blob": data}},
            {"type": "text", "text": "after", "data": data[..80]},
        ]);
        // serde_json sorts the fields of an object by name; a struct keeps its order.
        #[derive(Serialize)]
        struct Image<'a> {
            r#type: &'a str,
            data: &'a str,
        }
        let window = Window::new(
            &(
                Image {
                    r#type: "image",
                    data: &data,
                },
                result,
            ),
            4_096,
        );
        assert!(
            window.text.contains("\"image\",\"data\":\"[6000 bytes]\""),
            "{}",
            window.text
        );
        assert!(window.text.contains("[blob, 6000 bytes]") || window.text.len() <= 4_096);
    }

    #[test]
    fn a_large_text_costs_no_more_than_the_window() {
        let text = "x".repeat(8 << 20);
        let window = Window::new(&([1, 2, 3], &text), 100);
        assert!(
            !window.complete
                && window.text.len() <= 100
                && window.text.starts_with("[[1,2,3],\"xxx")
        );
        let window = Window::new(&text, 100);
        assert!(window.bytes >= 8 << 20);
        let window = Window::new(&vec![7; 1_000_000], 100);
        assert!(window.bytes >= 1_000 && !window.complete);
    }

    proptest! {
        #[test]
        fn a_window_is_the_beginning_of_the_json(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}", limit in 0..80_usize) {
            let value = json!({text.clone(): [text, 7, null, {"a": {}, "b": []}]});
            let all = value.to_string();
            let window = Window::new(&value, limit);
            prop_assert!(all.starts_with(&window.text), "{} of {}", window.text, all);
            prop_assert_eq!(window.complete, window.text == all);
            prop_assert!(window.bytes <= all.len() as u64);
        }
    }
}
