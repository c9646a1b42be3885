//! Sound of MPEG-1 and MPEG-2, `ISO/IEC 11172-3 §2.4` and `ISO/IEC 13818-3 §2.4`. A
//! sample entry does not tell which layer it is of; every frame does.

use super::boxes;
use super::{Codec, CodecConfig, descriptor, sound};

/// Which of the three codings it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MpegLayer {
    /// Of 384 samples a frame.
    I,
    /// Of 1152 samples a frame.
    II,
    /// Of 1152 samples a frame, at the low rates of MPEG-2 576.
    III,
}

impl MpegLayer {
    /// That of the frame that `sample` begins with; `None` when it begins with none.
    pub(crate) fn of_frame(sample: &[u8]) -> Option<Self> {
        let head = u32::from_be_bytes(*sample.first_chunk()?);
        let field = |shift: u32, width: u32| head >> shift & ((1 << width) - 1);
        let is_frame = field(21, 11) == 0x7ff && field(19, 2) != 1;
        let states_rates = field(12, 4) != 15 && field(10, 2) != 3;
        match field(17, 2) {
            _ if !is_frame || !states_rates => None,
            3 => Some(Self::I),
            2 => Some(Self::II),
            1 => Some(Self::III),
            _ => None,
        }
    }
}

/// Whether `entry` is one of sound of MPEG-1 or MPEG-2, of any layer.
pub(super) fn has_layers(entry: &[u8]) -> bool {
    let object_type = || {
        let (four_cc, payload) = boxes::open(entry).ok()?;
        let (_, boxes) = sound::open(four_cc, payload).ok()?;
        let esds = boxes.find(b"esds").filter(|_| &four_cc.0 == b"mp4a")?;
        descriptor::object_type(esds).ok()
    };
    matches!(object_type(), Some(0x69 | 0x6B))
}

impl CodecConfig {
    /// The same, now that the layer is known of a codec that may be of any.
    #[must_use]
    pub(crate) fn of_layer(mut self, layer: MpegLayer) -> Self {
        // The audio object types of `ISO/IEC 14496-3` tell what the object type of the
        // entry does not, and players go by them: few play what is not layer III.
        let object_type = match layer {
            MpegLayer::I => 32,
            MpegLayer::II => 33,
            MpegLayer::III => return self,
        };
        if self.codec == Codec::Mp3 {
            self.codec = Codec::Mp2;
            self.rfc6381 = format!("mp4a.40.{object_type}");
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_tell_their_layer() {
        let cases: [(&[u8], Option<MpegLayer>); 9] = [
            (&[0xff, 0xfb, 0x94, 0xc4], Some(MpegLayer::III)),
            (&[0xff, 0xfd, 0x84, 0xc4], Some(MpegLayer::II)),
            (&[0xff, 0xff, 0x84, 0xc4], Some(MpegLayer::I)),
            // The low rates of MPEG-2, and the lowest.
            (&[0xff, 0xf3, 0x80, 0xc4], Some(MpegLayer::III)),
            (&[0xff, 0xf5, 0x80, 0xc4], Some(MpegLayer::II)),
            (&[0xff, 0xe3, 0x80, 0xc4], Some(MpegLayer::III)),
            // No layer, as in ADTS; no rate; too short.
            (&[0xff, 0xf1, 0x50, 0x80], None),
            (&[0xff, 0xfb, 0xf4, 0xc4], None),
            (&[0xff, 0xfb, 0x94], None),
        ];
        for (sample, layer) in cases {
            assert_eq!(MpegLayer::of_frame(sample), layer, "{sample:02x?}");
        }
    }
}
