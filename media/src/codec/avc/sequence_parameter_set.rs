//! The sequence parameter set, `ITU-T H.264 §7.3.2.1.1` and Annex E.

use super::super::bits::Bits;
use super::super::{CodecError, Colour, FourCc, FrameRate, PixelAspect, VideoDetails};

/// Shapes of a sample by `aspect_ratio_idc`, `ITU-T H.264 Table E-1`; the same in H.265.
const PIXEL_ASPECTS: [(u32, u32); 17] = [
    (0, 0),
    (1, 1),
    (12, 11),
    (10, 11),
    (16, 11),
    (40, 33),
    (24, 11),
    (20, 11),
    (32, 11),
    (80, 33),
    (18, 11),
    (15, 11),
    (64, 33),
    (160, 99),
    (4, 3),
    (3, 2),
    (2, 1),
];
/// `aspect_ratio_idc` of a shape written out.
const EXTENDED_SAR: u32 = 255;

/// The profiles whose parameter sets state a chroma format.
const HIGH_PROFILES: [u8; 13] = [100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135];

/// What is taken from a sequence parameter set.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SequenceParameterSet {
    /// Of the picture after cropping, in luma samples.
    width: u32,
    height: u32,
    bit_depth: u8,
    pixel_aspect: Option<PixelAspect>,
    colour: Option<Colour>,
    frame_rate: Option<FrameRate>,
}

impl SequenceParameterSet {
    /// Reads a NAL unit without its emulation prevention bytes, its header included.
    pub(super) fn read(nal: &[u8]) -> Result<Self, CodecError> {
        let mut bits = Bits::new(FourCc(*b"avcC"), nal);
        bits.skip(8)?; // NAL unit header
        let profile_idc = bits.u8()?;
        bits.skip(16)?; // constraint flags, level_idc
        bits.ue()?; // seq_parameter_set_id
        let mut set = Self {
            bit_depth: 8,
            ..Self::default()
        };
        let mut chroma_format = 1;
        if HIGH_PROFILES.contains(&profile_idc) {
            chroma_format = read_chroma_format(&mut bits)?;
            set.bit_depth = 8 + u8::try_from(bits.ue_max(6, "a bit depth over 14")?).unwrap_or(0);
            bits.ue()?; // bit_depth_chroma_minus8
            bits.skip(1)?; // qpprime_y_zero_transform_bypass_flag
            if bits.flag()? {
                skip_scaling_matrix(&mut bits, if chroma_format == 3 { 12 } else { 8 })?;
            }
        }
        bits.ue()?; // log2_max_frame_num_minus4
        skip_picture_order_count(&mut bits)?;
        bits.ue()?; // max_num_ref_frames
        bits.skip(1)?; // gaps_in_frame_num_value_allowed_flag
        set.read_size(&mut bits, chroma_format)?;
        if bits.flag()? {
            set.read_usability(&mut bits)?;
        }
        Ok(set)
    }

    /// Completes what the sample entry's own boxes leave open.
    pub(super) fn fill(self, details: &mut VideoDetails) {
        if details.width == 0 || details.height == 0 {
            (details.width, details.height) = (self.width, self.height);
        }
        details.bit_depth = Some(self.bit_depth);
        details.pixel_aspect = details.pixel_aspect.or(self.pixel_aspect);
        details.colour = details.colour.or(self.colour);
        details.frame_rate = self.frame_rate;
    }

    fn read_size(&mut self, bits: &mut Bits<'_>, chroma_format: u32) -> Result<(), CodecError> {
        const MACROBLOCKS_MAX: u32 = 4096; // 65536 samples; level 6.2 allows 16880
        let too_large = "a picture over 65536 samples wide or high";
        let columns = bits.ue_max(MACROBLOCKS_MAX, too_large)? + 1;
        let rows = bits.ue_max(MACROBLOCKS_MAX, too_large)? + 1;
        let frames_only = bits.flag()?;
        let fields = if frames_only { 1 } else { 2 };
        if !frames_only {
            bits.skip(1)?; // mb_adaptive_frame_field_flag
        }
        bits.skip(1)?; // direct_8x8_inference_flag
        (self.width, self.height) = (columns * 16, rows * 16 * fields);
        if bits.flag()? {
            // SubWidthC and SubHeightC, Table 6-1; monochrome crops in luma samples.
            let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
            let unit_y = if chroma_format == 1 { 2 * fields } else { fields };
            let mut crop = |unit: u32| -> Result<u32, CodecError> {
                let (before, after) = (bits.ue()?, bits.ue()?);
                Ok(before.saturating_add(after).saturating_mul(unit))
            };
            let (crop_x, crop_y) = (crop(unit_x)?, crop(unit_y)?);
            if crop_x >= self.width || crop_y >= self.height {
                return Err(bits.invalid("a crop that leaves no picture"));
            }
            self.width -= crop_x;
            self.height -= crop_y;
        }
        Ok(())
    }

    /// Reads `vui_parameters` up to the timing.
    fn read_usability(&mut self, bits: &mut Bits<'_>) -> Result<(), CodecError> {
        self.pixel_aspect = read_pixel_aspect(bits)?;
        if bits.flag()? {
            bits.skip(1)?; // overscan_appropriate_flag
        }
        self.colour = read_colour(bits)?;
        if bits.flag()? {
            bits.ue()?; // chroma_sample_loc_type_top_field
            bits.ue()?; // chroma_sample_loc_type_bottom_field
        }
        if bits.flag()? {
            let (units_in_tick, time_scale) = (bits.read(32)?, bits.read(32)?);
            // A tick is a field: two make a frame.
            if units_in_tick != 0 && time_scale != 0 {
                self.frame_rate = Some(FrameRate {
                    numerator: u64::from(time_scale),
                    denominator: u64::from(units_in_tick) * 2,
                });
            }
        }
        Ok(())
    }
}

/// Reads `chroma_format_idc`; separately coded planes count as monochrome.
fn read_chroma_format(bits: &mut Bits<'_>) -> Result<u32, CodecError> {
    let format = bits.ue_max(3, "a chroma_format_idc over 3")?;
    Ok(if format == 3 && bits.flag()? { 0 } else { format })
}

/// Reads `aspect_ratio_info`, the same in H.265's Annex E.
pub(in super::super) fn read_pixel_aspect(bits: &mut Bits<'_>) -> Result<Option<PixelAspect>, CodecError> {
    if !bits.flag()? {
        return Ok(None);
    }
    let (horizontal, vertical) = match bits.read(8)? {
        EXTENDED_SAR => (bits.read(16)?, bits.read(16)?),
        index => usize::try_from(index)
            .ok()
            .and_then(|index| PIXEL_ASPECTS.get(index))
            .copied()
            .unwrap_or((0, 0)),
    };
    Ok(PixelAspect::new(horizontal, vertical))
}

/// Reads `video_signal_type`, the same in H.265's Annex E.
pub(in super::super) fn read_colour(bits: &mut Bits<'_>) -> Result<Option<Colour>, CodecError> {
    if !bits.flag()? {
        return Ok(None);
    }
    bits.skip(3)?; // video_format
    let full_range = bits.flag()?;
    if !bits.flag()? {
        return Ok(None);
    }
    let colour = Colour {
        primaries: bits.u8()?,
        transfer: bits.u8()?,
        matrix: bits.u8()?,
        full_range,
    };
    Ok(Some(colour).filter(Colour::is_specified))
}

fn skip_scaling_matrix(bits: &mut Bits<'_>, list_count: u32) -> Result<(), CodecError> {
    for list in 0..list_count {
        if !bits.flag()? {
            continue;
        }
        let (mut last, mut next) = (8_i32, 8_i32);
        for _ in 0..if list < 6 { 16 } else { 64 } {
            if next != 0 {
                next = last.wrapping_add(bits.se()?).wrapping_add(256) & 0xFF;
            }
            last = if next == 0 { last } else { next };
        }
    }
    Ok(())
}

fn skip_picture_order_count(bits: &mut Bits<'_>) -> Result<(), CodecError> {
    match bits.ue_max(2, "a pic_order_cnt_type over 2")? {
        0 => {
            bits.ue()?; // log2_max_pic_order_cnt_lsb_minus4
        }
        1 => {
            bits.skip(1)?; // delta_pic_order_always_zero_flag
            bits.se()?; // offset_for_non_ref_pic
            bits.se()?; // offset_for_top_to_bottom_field
            for _ in 0..bits.ue_max(255, "over 255 reference frames in a picture order count cycle")? {
                bits.se()?;
            }
        }
        _ => {}
    }
    Ok(())
}
