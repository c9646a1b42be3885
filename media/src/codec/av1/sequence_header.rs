//! The sequence header, AV1 Bitstream §5.5.

use super::super::bits::Bits;
use super::super::{CodecError, Colour, FourCc};

/// `OBU_SEQUENCE_HEADER`, §6.2.2.
const SEQUENCE_HEADER: u32 = 1;
/// `SELECT_SCREEN_CONTENT_TOOLS`: chosen by each frame.
const CHOSEN_BY_FRAME: u32 = 2;

/// What configures a decoder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SequenceHeader {
    pub(super) profile: u8,
    /// Of the first operating point.
    pub(super) level: u8,
    pub(super) is_high_tier: bool,
    pub(super) coding: ColourCoding,
}

/// How colours are coded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ColourCoding {
    pub(super) is_high_depth: bool,
    pub(super) is_twelve_bit: bool,
    pub(super) is_monochrome: bool,
    /// Horizontally, vertically.
    pub(super) subsampling: (bool, bool),
    /// `chroma_sample_position`.
    pub(super) sample_position: u8,
    pub(super) colour: Option<Colour>,
}

/// The colour stated by the sequence header among `obus`. A header that cannot
/// be read says nothing.
pub(super) fn colour(obus: &[u8]) -> Option<Colour> {
    find(obus)?.1.coding.colour
}

/// The sequence header among `obus`, and its payload; `None` when there is none, or it
/// cannot be read.
pub(super) fn find(obus: &[u8]) -> Option<(&[u8], SequenceHeader)> {
    let mut bits = Bits::new(FourCc(*b"av01"), obus);
    while bits.remaining() >= 8 {
        let (obu_type, payload) = read_unit(&mut bits).ok()?;
        if obu_type == SEQUENCE_HEADER {
            let header = read(&mut Bits::new(FourCc(*b"av01"), payload)).ok()?;
            return Some((payload, header));
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

fn read(bits: &mut Bits<'_>) -> Result<SequenceHeader, CodecError> {
    let profile = bits.small(3)?;
    bits.skip(1)?; // still_picture
    let reduced = bits.flag()?;
    let (level, is_high_tier) = if reduced {
        (bits.small(5)?, false)
    } else {
        read_operating_points(bits)?
    };
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
    Ok(SequenceHeader {
        profile,
        level,
        is_high_tier,
        coding: read_colour(bits, profile)?,
    })
}

/// The level and tier of the first operating point.
fn read_operating_points(bits: &mut Bits<'_>) -> Result<(u8, bool), CodecError> {
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
    let mut first = None;
    for _ in 0..=bits.read(5)? {
        bits.skip(12)?; // operating_point_idc
        let level = bits.small(5)?;
        let is_high_tier = level > 7 && bits.flag()?;
        first.get_or_insert((level, is_high_tier));
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
    Ok(first.unwrap_or_default())
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
fn read_colour(bits: &mut Bits<'_>, profile: u8) -> Result<ColourCoding, CodecError> {
    let is_high_depth = bits.flag()?;
    let is_twelve_bit = profile == 2 && is_high_depth && bits.flag()?;
    let is_monochrome = profile != 1 && bits.flag()?;
    let described = match bits.flag()? {
        true => Some((bits.u8()?, bits.u8()?, bits.u8()?)),
        false => None,
    };
    // sRGB leaves its range out, which is full, and its subsampling: there is none.
    let is_srgb = !is_monochrome && described == Some((1, 13, 0));
    let full_range = is_srgb || bits.flag()?;
    let subsampling = match profile {
        _ if is_monochrome => (true, true),
        _ if is_srgb => (false, false),
        0 => (true, true),
        1 => (false, false),
        _ if is_twelve_bit => {
            let horizontal = bits.flag()?;
            (horizontal, horizontal && bits.flag()?)
        }
        _ => (true, false),
    };
    let sample_position = match subsampling {
        (true, true) if !is_monochrome => bits.small(2)?,
        _ => 0,
    };
    let colour = described.map(|(primaries, transfer, matrix)| Colour {
        primaries,
        transfer,
        matrix,
        full_range,
    });
    Ok(ColourCoding {
        is_high_depth,
        is_twelve_bit,
        is_monochrome,
        subsampling,
        sample_position,
        colour,
    })
}
