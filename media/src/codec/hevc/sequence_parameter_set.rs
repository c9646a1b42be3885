//! The sequence parameter set, `ITU-T H.265 §7.3.2.2` and Annex E.

use super::super::avc::{read_colour, read_pixel_aspect};
use super::super::bits::Bits;
use super::super::{CodecError, Colour, FourCc, FrameRate, PixelAspect, VideoDetails};

/// What is taken from a sequence parameter set.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SequenceParameterSet {
    /// Of the picture within its conformance window, in luma samples.
    width: u32,
    height: u32,
    pixel_aspect: Option<PixelAspect>,
    colour: Option<Colour>,
    frame_rate: Option<FrameRate>,
}

impl SequenceParameterSet {
    /// Reads a NAL unit without its emulation prevention bytes, its header included.
    pub(super) fn read(nal: &[u8]) -> Result<Self, CodecError> {
        let mut bits = Bits::new(FourCc(*b"hvcC"), nal);
        bits.skip(16 + 4)?; // NAL unit header, sps_video_parameter_set_id
        let sub_layers = bits.read(3)?; // sps_max_sub_layers_minus1
        bits.skip(1)?; // sps_temporal_id_nesting_flag
        skip_profile_tier_level(&mut bits, sub_layers)?;
        bits.ue()?; // sps_seq_parameter_set_id
        let mut set = Self::default();
        set.read_size(&mut bits)?;
        bits.ue()?; // bit_depth_luma_minus8
        bits.ue()?; // bit_depth_chroma_minus8
        let order_bits = 4 + bits.ue_max(12, "a picture order count of over 16 bits")?;
        let first = if bits.flag()? { 0 } else { sub_layers };
        for _ in first..=sub_layers {
            bits.ue()?; // sps_max_dec_pic_buffering_minus1
            bits.ue()?; // sps_max_num_reorder_pics
            bits.ue()?; // sps_max_latency_increase_plus1
        }
        for _ in 0..6 {
            bits.ue()?; // block sizes and transform depths
        }
        if bits.flag()? && bits.flag()? {
            skip_scaling_lists(&mut bits)?;
        }
        bits.skip(2)?; // amp_enabled_flag, sample_adaptive_offset_enabled_flag
        if bits.flag()? {
            bits.skip(8)?; // pcm_sample_bit_depth
            bits.ue()?;
            bits.ue()?;
            bits.skip(1)?; // pcm_loop_filter_disabled_flag
        }
        skip_short_term_sets(&mut bits)?;
        if bits.flag()? {
            for _ in 0..bits.ue_max(32, "over 32 long-term reference pictures")? {
                bits.read(order_bits)?;
                bits.skip(1)?; // used_by_curr_pic_lt_sps_flag
            }
        }
        bits.skip(2)?; // sps_temporal_mvp_enabled_flag, strong_intra_smoothing_enabled_flag
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
        details.pixel_aspect = details.pixel_aspect.or(self.pixel_aspect);
        details.colour = details.colour.or(self.colour);
        details.frame_rate = self.frame_rate;
    }

    fn read_size(&mut self, bits: &mut Bits<'_>) -> Result<(), CodecError> {
        const SIZE_MAX: u32 = 65_536; // level 6.2 allows 16888
        let too_large = "a picture over 65536 samples wide or high";
        let chroma_format = bits.ue_max(3, "a chroma_format_idc over 3")?;
        if chroma_format == 3 {
            bits.skip(1)?; // separate_colour_plane_flag
        }
        self.width = bits.ue_max(SIZE_MAX, too_large)?;
        self.height = bits.ue_max(SIZE_MAX, too_large)?;
        if bits.flag()? {
            let unit_x = if matches!(chroma_format, 1 | 2) { 2 } else { 1 };
            let unit_y = if chroma_format == 1 { 2 } else { 1 };
            let mut window = |unit: u32| -> Result<u32, CodecError> {
                let (before, after) = (bits.ue()?, bits.ue()?);
                Ok(before.saturating_add(after).saturating_mul(unit))
            };
            let (crop_x, crop_y) = (window(unit_x)?, window(unit_y)?);
            if crop_x >= self.width || crop_y >= self.height {
                return Err(bits.invalid("a conformance window that leaves no picture"));
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
        bits.skip(3)?; // neutral_chroma_indication, field_seq, frame_field_info_present
        if bits.flag()? {
            for _ in 0..4 {
                bits.ue()?; // default display window
            }
        }
        if bits.flag()? {
            let (units_in_tick, time_scale) = (bits.read(32)?, bits.read(32)?);
            if units_in_tick != 0 && time_scale != 0 {
                self.frame_rate = Some(FrameRate {
                    numerator: u64::from(time_scale),
                    denominator: u64::from(units_in_tick),
                });
            }
        }
        Ok(())
    }
}

fn skip_profile_tier_level(bits: &mut Bits<'_>, sub_layers: u32) -> Result<(), CodecError> {
    bits.skip(88 + 8)?; // general profile and constraints, general_level_idc
    let mut present = Vec::with_capacity(8);
    for _ in 0..sub_layers {
        present.push((bits.flag()?, bits.flag()?));
    }
    if sub_layers > 0 {
        for _ in sub_layers..8 {
            bits.skip(2)?; // reserved_zero_2bits
        }
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    Ok(())
}

fn skip_scaling_lists(bits: &mut Bits<'_>) -> Result<(), CodecError> {
    for size in 0..4 {
        for _ in 0..if size == 3 { 2 } else { 6 } {
            if !bits.flag()? {
                bits.ue()?; // scaling_list_pred_matrix_id_delta
                continue;
            }
            if size > 1 {
                bits.se()?; // scaling_list_dc_coef_minus8
            }
            for _ in 0..if size == 0 { 16 } else { 64 } {
                bits.se()?; // scaling_list_delta_coef
            }
        }
    }
    Ok(())
}

/// Leaves out all `st_ref_pic_set`, `ITU-T H.265 §7.3.7`.
fn skip_short_term_sets(bits: &mut Bits<'_>) -> Result<(), CodecError> {
    let mut previous_count = 0;
    for index in 0..bits.ue_max(64, "over 64 short-term reference picture sets")? {
        // Predicted from the set before, or written out.
        previous_count = if index > 0 && bits.flag()? {
            bits.skip(1)?; // delta_rps_sign
            bits.ue()?; // abs_delta_rps_minus1
            let mut count = 0;
            for _ in 0..=previous_count {
                let used = bits.flag()?;
                if used || bits.flag()? {
                    count += 1;
                }
            }
            count
        } else {
            let negative = bits.ue_max(16, "over 16 reference pictures")?;
            let positive = bits.ue_max(16, "over 16 reference pictures")?;
            for _ in 0..negative + positive {
                bits.ue()?; // delta_poc_minus1
                bits.skip(1)?; // used_by_curr_pic_flag
            }
            negative + positive
        };
    }
    Ok(())
}
