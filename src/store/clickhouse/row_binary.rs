//! Rows in the format `RowBinary`: the values of each row, one after another, without separators.

use crate::error::{Error, Result};

/// Rows to insert.
#[derive(Debug, Default)]
pub(super) struct RowWriter(Vec<u8>);

/// A value of a column.
pub(super) trait Value {
    /// Appends the bytes of the value.
    fn write(self, to: &mut Vec<u8>);
}

impl RowWriter {
    /// Appends the value of the next column.
    pub(super) fn add(&mut self, value: impl Value) -> &mut Self {
        value.write(&mut self.0);
        self
    }

    /// Returns true if there is no row.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

macro_rules! numbers {
    ($($number:ty),+) => {
        $(impl Value for $number {
            fn write(self, to: &mut Vec<u8>) {
                to.extend(self.to_le_bytes());
            }
        })+
    };
}

numbers!(u8, u32, u64, u128, i64);

impl Value for bool {
    fn write(self, to: &mut Vec<u8>) {
        to.push(self.into());
    }
}

impl Value for &[u8] {
    fn write(self, to: &mut Vec<u8>) {
        write_length(self.len(), to);
        to.extend_from_slice(self);
    }
}

impl Value for &str {
    fn write(self, to: &mut Vec<u8>) {
        self.as_bytes().write(to);
    }
}

impl<T: Value> Value for Option<T> {
    fn write(self, to: &mut Vec<u8>) {
        to.push(self.is_none().into());
        if let Some(value) = self {
            value.write(to);
        }
    }
}

impl<T: Value> Value for Vec<T> {
    fn write(self, to: &mut Vec<u8>) {
        write_length(self.len(), to);
        self.into_iter().for_each(|value| value.write(to));
    }
}

/// Appends a length in LEB128.
fn write_length(length: usize, to: &mut Vec<u8>) {
    let mut rest = length;
    while rest >= 0x80 {
        to.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    to.push(rest as u8);
}

/// Reads rows, value by value.
#[derive(Debug)]
pub(super) struct RowReader<'a>(&'a [u8]);

/// A type of values that are read.
pub(super) trait FromRow<'a>: Sized {
    fn read(from: &mut RowReader<'a>) -> Result<Self>;
}

impl<'a> RowReader<'a> {
    pub(super) fn new(answer: &'a [u8]) -> Self {
        RowReader(answer)
    }

    /// Returns true after the last row.
    pub(super) fn is_at_end(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the value of the next column.
    ///
    /// # Errors
    ///
    /// If the answer ends before the value does.
    pub(super) fn next<T: FromRow<'a>>(&mut self) -> Result<T> {
        T::read(self)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self
            .0
            .split_at_checked(length)
            .ok_or_else(|| Error::store("the answer of the store ends in the middle of a row"))?;
        self.0 = rest;
        Ok(taken)
    }

    fn length(&mut self) -> Result<usize> {
        let mut length = 0;
        for shift in (0..63).step_by(7) {
            let byte = self.take(1)?[0];
            length |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(length);
            }
        }
        Err(Error::store(
            "the answer of the store has a length that is too large",
        ))
    }
}

macro_rules! read_numbers {
    ($($number:ty),+) => {
        $(impl FromRow<'_> for $number {
            fn read(from: &mut RowReader<'_>) -> Result<Self> {
                let bytes = from.take(size_of::<$number>())?;
                Ok(<$number>::from_le_bytes(bytes.try_into().expect("as many bytes were taken")))
            }
        })+
    };
}

read_numbers!(u8, u16, u32, u64, u128, i64);

impl FromRow<'_> for bool {
    fn read(from: &mut RowReader<'_>) -> Result<Self> {
        Ok(from.take(1)?[0] != 0)
    }
}

impl<'a> FromRow<'a> for &'a [u8] {
    fn read(from: &mut RowReader<'a>) -> Result<Self> {
        let length = from.length()?;
        from.take(length)
    }
}

/// Bytes that are not UTF-8, which another program may have inserted, are replaced.
impl FromRow<'_> for String {
    fn read(from: &mut RowReader<'_>) -> Result<Self> {
        let bytes: &[u8] = from.next()?;
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }
}

impl<'a, T: FromRow<'a>> FromRow<'a> for Option<T> {
    fn read(from: &mut RowReader<'a>) -> Result<Self> {
        match from.take(1)?[0] {
            0 => from.next().map(Some),
            _ => Ok(None),
        }
    }
}

impl<'a, A, B, C, D> FromRow<'a> for (A, B, C, D)
where
    A: FromRow<'a>,
    B: FromRow<'a>,
    C: FromRow<'a>,
    D: FromRow<'a>,
{
    fn read(from: &mut RowReader<'a>) -> Result<Self> {
        Ok((from.next()?, from.next()?, from.next()?, from.next()?))
    }
}

impl<'a, A: FromRow<'a>, B: FromRow<'a>> FromRow<'a> for (A, B) {
    fn read(from: &mut RowReader<'a>) -> Result<Self> {
        Ok((from.next()?, from.next()?))
    }
}

impl<'a, T: FromRow<'a>> FromRow<'a> for Vec<T> {
    fn read(from: &mut RowReader<'a>) -> Result<Self> {
        let length = from.length()?;
        (0..length).map(|_| from.next()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let long = "ü".repeat(200);
        let mut rows = RowWriter::default();
        rows.add(7_u8).add(u128::MAX - 1).add(-1_i64).add(true);
        rows.add(&*long)
            .add(None::<u64>)
            .add(Some("x"))
            .add(vec![1_u64, 2]);
        let mut reader = RowReader::new(rows.as_bytes());
        assert_eq!(reader.next::<u8>().unwrap(), 7);
        assert_eq!(reader.next::<u128>().unwrap(), u128::MAX - 1);
        assert_eq!(reader.next::<i64>().unwrap(), -1);
        assert!(reader.next::<bool>().unwrap());
        assert_eq!(reader.next::<String>().unwrap(), long);
        assert_eq!(reader.next::<Option<u64>>().unwrap(), None);
        assert_eq!(reader.next::<Option<String>>().unwrap().unwrap(), "x");
        assert_eq!(reader.next::<Vec<u64>>().unwrap(), [1, 2]);
        assert!(reader.is_at_end());
    }

    #[test]
    fn a_damaged_answer_is_an_error() {
        let check = |bytes: &[u8]| {
            let mut reader = RowReader::new(bytes);
            let error = reader.next::<Vec<String>>().unwrap_err();
            assert!(error.is_store(), "{bytes:?}");
        };
        check(&[]);
        check(&[1]);
        check(&[1, 5, b'a']);
        check(&[0xff; 12]);
        check(&[0xff, 0xff, 0xff, 0xff, 0x7f]);
    }
}
