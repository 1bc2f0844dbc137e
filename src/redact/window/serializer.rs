//! The `Serializer` implementation of the writer.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use crate::redact::window::{Compound, Field, Interrupt, MAX_INLINE, Writer};

/// Numbers, as JSON writes them.
macro_rules! numbers {
    ($($method:ident $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Interrupt> {
            self.show(value)
        })*
    };
}

impl<'a> Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Interrupt;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    numbers!(
        serialize_bool bool, serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_f32(self, value: f32) -> Result<(), Interrupt> {
        self.serialize_f64(value.into())
    }

    fn serialize_f64(self, value: f64) -> Result<(), Interrupt> {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.show(number),
            None => self.show("null"),
        }
    }

    fn serialize_char(self, value: char) -> Result<(), Interrupt> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, text: &str) -> Result<(), Interrupt> {
        self.count_value()?;
        match self.field {
            Field::Type => self.media = matches!(text, "image" | "audio"),
            Field::Data if self.media && text.len() > MAX_INLINE => {
                return self.show(format_args!("\"[{} bytes]\"", text.len() / 4 * 3));
            }
            Field::Blob if text.len() > MAX_INLINE => {
                return self.show(format_args!("\"[blob, {} bytes]\"", text.len() / 4 * 3));
            }
            _ => {}
        }
        // Read only the part that fits.
        let available = if self.full {
            0
        } else {
            self.limit - self.out.len()
        };
        let head = &text[..text.floor_char_boundary(text.len().min(available))];
        let json = serde_json::to_string(head).unwrap_or_default();
        let cut = head.len() < text.len();
        self.put(if cut { &json[..json.len() - 1] } else { &json });
        if cut {
            self.full = true;
            self.beyond += text.len() - head.len() + 1;
        }
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Interrupt> {
        self.show(format_args!("\"[{} bytes]\"", bytes.len()))
    }

    fn serialize_none(self) -> Result<(), Interrupt> {
        self.show("null")
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Interrupt> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Interrupt> {
        self.show("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Interrupt> {
        self.show("null")
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
    ) -> Result<(), Interrupt> {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Interrupt> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Result<(), Interrupt> {
        let mut object = self.open('{', '}')?;
        object.field(name, value)?;
        object.close()
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Compound<'a>, Interrupt> {
        self.open('[', ']')
    }

    fn serialize_tuple(self, _: usize) -> Result<Compound<'a>, Interrupt> {
        self.open('[', ']')
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Interrupt> {
        self.open('[', ']')
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Interrupt> {
        self.variant(name, '[', ']')
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Compound<'a>, Interrupt> {
        self.open('{', '}')
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Compound<'a>, Interrupt> {
        self.open('{', '}')
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Compound<'a>, Interrupt> {
        self.variant(name, '{', '}')
    }
}

/// The serde traits of arrays and objects differ only in the names of their methods and in keys.
macro_rules! compounds {
    ($($name:ident: $($method:ident$([$key:ident])? $own:ident),+;)*) => {
        $(impl ser::$name for Compound<'_> {
            type Ok = ();
            type Error = Interrupt;

            $(fn $method<T: Serialize + ?Sized>(
                &mut self,
                $($key: &'static str,)?
                value: &T,
            ) -> Result<(), Interrupt> {
                self.$own($($key,)? value)
            })+

            fn end(self) -> Result<(), Interrupt> {
                self.close()
            }
        })*
    };
}

compounds! {
    SerializeSeq: serialize_element element;
    SerializeTuple: serialize_element element;
    SerializeTupleStruct: serialize_field element;
    SerializeTupleVariant: serialize_field element;
    SerializeMap: serialize_key key, serialize_value value;
    SerializeStruct: serialize_field[key] field;
    SerializeStructVariant: serialize_field[key] field;
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("the payload is too large"))
    }
}

impl std::error::Error for Interrupt {}

impl ser::Error for Interrupt {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Interrupt(Some(message.to_string()))
    }
}
