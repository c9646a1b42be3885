//! A reader of bit fields, with the Exp-Golomb codes of H.264 and H.265.

use super::{CodecError, FourCc};

/// Reads bits, most significant first. Reading past the end is an error that
/// names the part and the byte.
#[derive(Debug, Clone)]
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// Next bit. Never beyond the end.
    position: usize,
    part: FourCc,
}

impl<'a> Bits<'a> {
    /// `part` names the bytes in errors.
    pub(super) fn new(part: FourCc, data: &'a [u8]) -> Self {
        Self {
            data,
            position: 0,
            part,
        }
    }

    /// The next bit.
    pub(super) fn flag(&mut self) -> Result<bool, CodecError> {
        let byte = self.data.get(self.position / 8).ok_or_else(|| self.truncated())?;
        let set = byte & (0x80 >> (self.position % 8)) != 0;
        self.position += 1;
        Ok(set)
    }

    /// The next `count` bits (at most 32) as an unsigned number.
    pub(super) fn read(&mut self, count: u32) -> Result<u32, CodecError> {
        debug_assert!(count <= 32, "a read of {count} bits does not fit in 32");
        let mut value = 0;
        for _ in 0..count {
            value = (value << 1) | u32::from(self.flag()?);
        }
        Ok(value)
    }

    /// The next 8 bits.
    pub(super) fn u8(&mut self) -> Result<u8, CodecError> {
        let mut value = 0;
        for _ in 0..8 {
            value = (value << 1) | u8::from(self.flag()?);
        }
        Ok(value)
    }

    /// The next 16 bits.
    pub(super) fn u16(&mut self) -> Result<u16, CodecError> {
        Ok(u16::from_be_bytes([self.u8()?, self.u8()?]))
    }

    /// The next `count` bits (at most 8).
    pub(super) fn small(&mut self, count: u32) -> Result<u8, CodecError> {
        debug_assert!(count <= 8, "a read of {count} bits does not fit in 8");
        let mut value = 0;
        for _ in 0..count {
            value = (value << 1) | u8::from(self.flag()?);
        }
        Ok(value)
    }

    /// Leaves out `count` bits.
    pub(super) fn skip(&mut self, count: usize) -> Result<(), CodecError> {
        if count > self.remaining() {
            self.position = self.data.len() * 8;
            return Err(self.truncated());
        }
        self.position += count;
        Ok(())
    }

    /// Leaves out bits up to the next whole byte.
    pub(super) fn align(&mut self) {
        self.position = self.position.next_multiple_of(8);
    }

    /// The next `count` bytes, from the next whole byte on.
    pub(super) fn bytes(&mut self, count: usize) -> Result<&'a [u8], CodecError> {
        self.align();
        let start = self.position / 8;
        let bytes = self
            .data
            .get(start..start.saturating_add(count))
            .ok_or_else(|| self.truncated())?;
        self.position += count * 8;
        Ok(bytes)
    }

    /// All bytes from the next whole one on; the reader stays where it is.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.data.get(self.position.div_ceil(8)..).unwrap_or_default()
    }

    /// Bits left.
    pub(super) fn remaining(&self) -> usize {
        self.data.len() * 8 - self.position
    }

    /// `ue(v)`, `ITU-T H.264 §9.1`: at most `u32::MAX - 1`.
    pub(super) fn ue(&mut self) -> Result<u32, CodecError> {
        let mut zeros = 0;
        while !self.flag()? {
            zeros += 1;
            if zeros > 31 {
                return Err(self.invalid("an Exp-Golomb code of more than 32 bits"));
            }
        }
        Ok((1_u32 << zeros) - 1 + self.read(zeros)?)
    }

    /// `ue(v)` of at most `max`.
    pub(super) fn ue_max(&mut self, max: u32, reason: &'static str) -> Result<u32, CodecError> {
        let value = self.ue()?;
        if value > max {
            return Err(self.invalid(reason));
        }
        Ok(value)
    }

    /// `se(v)`, `ITU-T H.264 §9.1.1`.
    pub(super) fn se(&mut self) -> Result<i32, CodecError> {
        let code = self.ue()?;
        let magnitude = i32::try_from(code.div_ceil(2)).unwrap_or(i32::MAX);
        Ok(if code % 2 == 0 { -magnitude } else { magnitude })
    }

    /// An error at the present position.
    pub(super) fn invalid(&self, reason: &'static str) -> CodecError {
        CodecError::Invalid {
            part: self.part,
            offset: self.position / 8,
            reason,
        }
    }

    fn truncated(&self) -> CodecError {
        CodecError::Truncated {
            part: self.part,
            offset: self.position / 8,
        }
    }
}

/// A NAL unit's payload without its emulation prevention bytes,
/// `ITU-T H.264 §7.4.1`, `H.265 §7.4.2`.
pub(super) fn unescape(nal: &[u8]) -> Vec<u8> {
    let mut payload = Vec::with_capacity(nal.len());
    let mut zeros = 0;
    for &byte in nal {
        if zeros >= 2 && byte == 3 {
            zeros = 0;
            continue;
        }
        zeros = if byte == 0 { zeros + 1 } else { 0 };
        payload.push(byte);
    }
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    const PART: FourCc = FourCc(*b"test");

    #[test]
    fn exp_golomb_codes_read_as_in_the_table_of_h264() {
        // 1 | 010 | 011 | 00100 | 00101
        let mut bits = Bits::new(PART, &[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let values: Vec<u32> = (0..5).map(|_| bits.ue().unwrap()).collect();
        assert_eq!(values, [0, 1, 2, 3, 4]);
        let mut bits = Bits::new(PART, &[0b1010_0110, 0b0100_0010, 0b1000_0000]);
        let values: Vec<i32> = (0..5).map(|_| bits.se().unwrap()).collect();
        assert_eq!(values, [0, 1, -1, 2, -2]);
    }

    #[test]
    fn reading_past_the_end_names_the_byte() {
        let mut bits = Bits::new(PART, &[0xFF, 0xFF]);
        bits.read(12).unwrap();
        assert_eq!(
            bits.read(5),
            Err(CodecError::Truncated {
                part: PART,
                offset: 2
            })
        );
    }

    #[test]
    fn an_endless_exp_golomb_code_is_refused() {
        assert!(Bits::new(PART, &[0; 16]).ue().is_err());
    }

    #[test]
    fn emulation_prevention_bytes_are_taken_out() {
        assert_eq!(
            unescape(&[1, 0, 0, 3, 1, 0, 0, 3, 0, 0, 3]),
            [1, 0, 0, 1, 0, 0, 0, 0]
        );
    }
}
