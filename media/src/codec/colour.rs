//! Colour and dynamic range, `ISO/IEC 14496-12 §12.1.5` and `ISO/IEC 23091-2`.

use super::{CodecError, FourCc, bits::Bits};

/// Code points of `ISO/IEC 23091-2` (CICP).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Colour {
    /// `ColourPrimaries`: 1 is BT.709, 9 is BT.2020.
    pub primaries: u8,
    /// `TransferCharacteristics`: 1 is BT.709, 16 is PQ, 18 is HLG.
    pub transfer: u8,
    /// `MatrixCoefficients`: 1 is BT.709, 9 is BT.2020 non-constant luminance.
    pub matrix: u8,
    /// Whether samples use the full range of values.
    pub full_range: bool,
}

/// What a picture needs of a display, as HLS' `VIDEO-RANGE` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DynamicRange {
    /// Standard.
    Sdr,
    /// Hybrid log-gamma.
    Hlg,
    /// Perceptual quantiser: HDR10, Dolby Vision.
    Pq,
}

impl DynamicRange {
    /// The value of `VIDEO-RANGE`, RFC 8216bis §4.4.6.2.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sdr => "SDR",
            Self::Hlg => "HLG",
            Self::Pq => "PQ",
        }
    }
}

impl Colour {
    /// BT.709 in the narrow range: what most streams are, and what `codecs` strings leave out.
    pub(super) const BT709: Self = Self {
        primaries: 1,
        transfer: 1,
        matrix: 1,
        full_range: false,
    };

    /// What the transfer characteristics need of a display.
    #[must_use]
    pub fn dynamic_range(&self) -> DynamicRange {
        match self.transfer {
            16 => DynamicRange::Pq,
            18 => DynamicRange::Hlg,
            _ => DynamicRange::Sdr,
        }
    }

    /// Whether anything is said at all: 2 stands for "unspecified".
    pub(super) fn is_specified(&self) -> bool {
        [self.primaries, self.transfer, self.matrix]
            .iter()
            .any(|code| *code != 2)
    }

    /// Reads a `colr` box. ICC profiles say nothing a manifest could state: `None`.
    pub(super) fn read(payload: &[u8]) -> Result<Option<Self>, CodecError> {
        let mut bits = Bits::new(FourCc(*b"colr"), payload);
        let has_range = match bits.bytes(4)? {
            b"nclx" => true,
            b"nclc" => false,
            _ => return Ok(None),
        };
        let mut code = || -> Result<u8, CodecError> {
            let value = bits.u16()?;
            u8::try_from(value).map_err(|_| bits.invalid("a colour code point over 255"))
        };
        let (primaries, transfer, matrix) = (code()?, code()?, code()?);
        let full_range = has_range && bits.flag()?;
        Ok(Some(Self {
            primaries,
            transfer,
            matrix,
            full_range,
        }))
    }
}
