//! The sequence header, read for its colour, AV1 Bitstream §5.5.

use super::super::bits::Bits;
use super::super::{CodecError, Colour, FourCc};

/// `OBU_SEQUENCE_HEADER`, §6.2.2.
const SEQUENCE_HEADER: u32 = 1;
/// `SELECT_SCREEN_CONTENT_TOOLS`: chosen by each frame.
const CHOSEN_BY_FRAME: u32 = 2;

/// The colour stated by the sequence header among `obus`. A header that cannot
/// be read says nothing.
pub(super) fn colour(obus: &[u8]) -> Option<Colour> {
    let mut bits = Bits::new(FourCc(*b"av1C"), obus);
    while bits.remaining() >= 8 {
        let (obu_type, payload) = read_unit(&mut bits).ok()?;
        if obu_type == SEQUENCE_HEADER {
            return read(&mut Bits::new(FourCc(*b"av1C"), payload)).ok().flatten();
        }
    }
    None
}

/// Reads one open bitstream unit: its type and payload.
fn read_unit<'a>(bits: &mut Bits<'a>) -> Result<(u32, &'a [u8]), CodecError> {
    bits.skip(1)?; // obu_forbidden_bit
    let obu_type = bits.read(4)?;
    let has_extension = bits.flag()?;
    let has_size = bits.flag()?;
    bits.skip(1)?;
    if has_extension {
        bits.skip(8)?;
    }
    let mut size = bits.remaining() / 8;
    if has_size {
        size = 0;
        // leb128 of a 32-bit size takes at most five bytes.
        for shift in (0..35).step_by(7) {
            let byte = bits.u8()?;
            size |= usize::from(byte & 0x7F) << shift;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    Ok((obu_type, bits.bytes(size)?))
}

fn read(bits: &mut Bits<'_>) -> Result<Option<Colour>, CodecError> {
    let profile = bits.read(3)?;
    bits.skip(1)?; // still_picture
    let reduced = bits.flag()?;
    if reduced {
        bits.skip(5)?; // seq_level_idx
    } else {
        skip_operating_points(bits)?;
    }
    let (width_bits, height_bits) = (bits.read(4)? + 1, bits.read(4)? + 1);
    bits.read(width_bits)?;
    bits.read(height_bits)?;
    if !reduced && bits.flag()? {
        bits.skip(4 + 3)?; // delta_frame_id_length, additional_frame_id_length
    }
    bits.skip(3)?; // use_128x128_superblock, enable_filter_intra, enable_intra_edge_filter
    if !reduced {
        skip_tools(bits)?;
    }
    bits.skip(3)?; // enable_superres, enable_cdef, enable_restoration
    read_colour(bits, profile)
}

fn skip_operating_points(bits: &mut Bits<'_>) -> Result<(), CodecError> {
    let mut delay_bits = None;
    if bits.flag()? {
        bits.skip(64)?; // num_units_in_display_tick, time_scale
        if bits.flag()? {
            bits.ue()?; // num_ticks_per_picture_minus_1, uvlc: the same code as ue(v)
        }
        if bits.flag()? {
            delay_bits = Some(bits.read(5)? + 1);
            bits.skip(32 + 5 + 5)?; // num_units_in_decoding_tick and two more lengths
        }
    }
    let has_display_delay = bits.flag()?;
    for _ in 0..=bits.read(5)? {
        bits.skip(12)?; // operating_point_idc
        if bits.read(5)? > 7 {
            bits.skip(1)?; // seq_tier
        }
        if let Some(count) = delay_bits
            && bits.flag()?
        {
            bits.read(count)?; // decoder_buffer_delay
            bits.read(count)?; // encoder_buffer_delay
            bits.skip(1)?; // low_delay_mode_flag
        }
        if has_display_delay && bits.flag()? {
            bits.skip(4)?; // initial_display_delay_minus_1
        }
    }
    Ok(())
}

fn skip_tools(bits: &mut Bits<'_>) -> Result<(), CodecError> {
    bits.skip(4)?; // interintra, masked compound, warped motion, dual filter
    let has_order_hint = bits.flag()?;
    if has_order_hint {
        bits.skip(2)?; // enable_jnt_comp, enable_ref_frame_mvs
    }
    let screen_content = if bits.flag()? {
        CHOSEN_BY_FRAME
    } else {
        bits.read(1)?
    };
    if screen_content > 0 && !bits.flag()? {
        bits.skip(1)?; // seq_force_integer_mv
    }
    if has_order_hint {
        bits.skip(3)?; // order_hint_bits_minus_1
    }
    Ok(())
}

/// Reads `color_config`, §5.5.2.
fn read_colour(bits: &mut Bits<'_>, profile: u32) -> Result<Option<Colour>, CodecError> {
    let high_bitdepth = bits.flag()?;
    if profile == 2 && high_bitdepth {
        bits.skip(1)?; // twelve_bit
    }
    if profile != 1 {
        bits.skip(1)?; // mono_chrome
    }
    if !bits.flag()? {
        return Ok(None);
    }
    let (primaries, transfer, matrix) = (bits.u8()?, bits.u8()?, bits.u8()?);
    // sRGB leaves its range out: it is full.
    let full_range = (primaries, transfer, matrix) == (1, 13, 0) || bits.flag()?;
    Ok(Some(Colour {
        primaries,
        transfer,
        matrix,
        full_range,
    }))
}
