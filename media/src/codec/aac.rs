//! AAC's configuration, `ISO/IEC 14496-3 §1.6`.

use super::bits::Bits;
use super::{CodecError, FourCc};

const ESDS: FourCc = FourCc(*b"esds");

/// Audio object types, `ISO/IEC 14496-3 Table 1.17`.
const SBR: u8 = 5;
const ER_BSAC: u8 = 22;
const PARAMETRIC_STEREO: u8 = 29;
const USAC: u8 = 42;

/// `syncExtensionType` values of backward-compatible signalling, §1.6.6.
const SYNC_SBR: u32 = 0x2B7;
const SYNC_PARAMETRIC_STEREO: u32 = 0x548;

/// Sampling rates by `samplingFrequencyIndex`, Table 1.18.
const SAMPLE_RATES: [u32; 13] = [
    96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350,
];
/// `samplingFrequencyIndex` of a rate written out.
const RATE_WRITTEN_OUT: u32 = 15;

/// Channels by `channelConfiguration`, Table 1.19; 0 is said elsewhere or reserved.
const CHANNELS: [u16; 16] = [0, 1, 2, 3, 4, 5, 6, 8, 0, 0, 0, 7, 8, 24, 8, 0];

/// What an `AudioSpecificConfig` says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioSpecificConfig {
    /// Object type of the core decoder: 2 is low complexity, 42 is USAC (xHE-AAC).
    pub object_type: u8,
    /// Samples a second of the core decoder.
    pub core_sample_rate: u32,
    /// Samples a second at the output.
    pub sample_rate: u32,
    /// `channelConfiguration`, the numbering of `ISO/IEC 23091-3`; 0: the stream itself says.
    pub channel_configuration: u8,
    /// Channels at the output; 0: not said.
    pub channels: u16,
    /// Whether spectral band replication is signalled (HE-AAC).
    pub spectral_band_replication: bool,
    /// Whether parametric stereo is signalled (HE-AAC v2).
    pub parametric_stereo: bool,
    /// Whether the extensions are signalled so that decoders that do not know them
    /// play the core (backward-compatible) rather than by the object type.
    pub backward_compatible: bool,
    /// Samples of one frame of the core decoder: 1024, 960, or 768.
    pub core_samples_per_frame: u16,
}

impl AudioSpecificConfig {
    /// Reads the `DecoderSpecificInfo` of an `mp4a` entry.
    ///
    /// # Errors
    ///
    /// [`CodecError::Truncated`], [`CodecError::Invalid`].
    pub fn read(record: &[u8]) -> Result<Self, CodecError> {
        let mut bits = Bits::new(ESDS, record);
        let mut object_type = read_object_type(&mut bits)?;
        let core_sample_rate = read_sample_rate(&mut bits)?;
        let channel_configuration = bits.small(4)?;
        let mut config = Self {
            object_type,
            core_sample_rate,
            sample_rate: core_sample_rate,
            channel_configuration,
            channels: CHANNELS
                .get(usize::from(channel_configuration))
                .copied()
                .unwrap_or(0),
            spectral_band_replication: false,
            parametric_stereo: false,
            backward_compatible: false,
            core_samples_per_frame: 1024,
        };
        let is_explicit = matches!(object_type, SBR | PARAMETRIC_STEREO);
        if is_explicit {
            config.spectral_band_replication = true;
            config.parametric_stereo = object_type == PARAMETRIC_STEREO;
            config.sample_rate = read_sample_rate(&mut bits)?;
            object_type = read_object_type(&mut bits)?;
            config.object_type = object_type;
            if object_type == ER_BSAC {
                bits.skip(4)?; // extensionChannelConfiguration
            }
        }
        match object_type {
            1..=4 | 6 | 7 | 17 | 19..=23 => config.read_general(&mut bits)?,
            USAC => config.read_usac(&mut bits)?,
            // Other types have configurations of their own, none of which says
            // what a manifest needs; what follows them cannot be found.
            _ => return Ok(config),
        }
        if matches!(object_type, 17 | 19..=23) {
            bits.skip(2)?; // epConfig
        }
        if !is_explicit {
            config.read_sync_extension(&mut bits)?;
        }
        if config.parametric_stereo && config.channels == 1 {
            config.channels = 2;
        }
        Ok(config)
    }

    /// The object type of the `codecs` parameter: 29 with parametric stereo, 5 with
    /// spectral band replication, the core's without.
    #[must_use]
    pub fn signalled_object_type(&self) -> u8 {
        if self.parametric_stereo {
            PARAMETRIC_STEREO
        } else if self.spectral_band_replication {
            SBR
        } else {
            self.object_type
        }
    }

    /// The core's rate by its `samplingFrequencyIndex`, Table 1.18: 0 to 12, or
    /// `None` for a rate that has none.
    #[must_use]
    pub fn sampling_frequency_index(&self) -> Option<u8> {
        let index = SAMPLE_RATES
            .iter()
            .position(|rate| *rate == self.core_sample_rate)?;
        u8::try_from(index).ok()
    }

    /// Reads `GASpecificConfig`, §4.4.1.
    fn read_general(&mut self, bits: &mut Bits<'_>) -> Result<(), CodecError> {
        if bits.flag()? {
            self.core_samples_per_frame = 960;
        }
        if bits.flag()? {
            bits.skip(14)?; // coreCoderDelay
        }
        let has_extension = bits.flag()?;
        if self.channel_configuration == 0 {
            self.channels = read_program_config(bits)?;
        }
        if matches!(self.object_type, 6 | 20) {
            bits.skip(3)?; // layerNr
        }
        if has_extension {
            match self.object_type {
                ER_BSAC => bits.skip(5 + 11)?,      // numOfSubFrame, layer_length
                17 | 19 | 20 | 23 => bits.skip(3)?, // error resilience flags
                _ => {}
            }
            bits.skip(1)?; // extensionFlag3
        }
        Ok(())
    }

    /// Reads the start of `UsacConfig`, `ISO/IEC 23003-3 §5.2`.
    fn read_usac(&mut self, bits: &mut Bits<'_>) -> Result<(), CodecError> {
        if bits.read(5)? == 31 {
            bits.skip(24)?; // usacSamplingFrequency
        }
        // coreSbrFrameLengthIndex, Table 70: 0 is 768 samples, all others 1024.
        let frame_length = bits.read(3)?;
        self.core_samples_per_frame = if frame_length == 0 { 768 } else { 1024 };
        if self.channel_configuration == 0 {
            self.channel_configuration = bits.small(5)?;
            self.channels = CHANNELS
                .get(usize::from(self.channel_configuration))
                .copied()
                .unwrap_or(0);
        }
        Ok(())
    }

    /// Reads the extension after the configuration, if there is one.
    fn read_sync_extension(&mut self, bits: &mut Bits<'_>) -> Result<(), CodecError> {
        if self.object_type == USAC || bits.remaining() < 16 || bits.read(11)? != SYNC_SBR {
            return Ok(());
        }
        let extension_type = read_object_type(bits)?;
        if !matches!(extension_type, SBR | ER_BSAC) || !bits.flag()? {
            return Ok(());
        }
        self.spectral_band_replication = true;
        self.backward_compatible = true;
        self.sample_rate = read_sample_rate(bits)?;
        if extension_type == SBR && bits.remaining() >= 12 && bits.read(11)? == SYNC_PARAMETRIC_STEREO {
            self.parametric_stereo = bits.flag()?;
        }
        Ok(())
    }
}

fn read_object_type(bits: &mut Bits<'_>) -> Result<u8, CodecError> {
    match bits.small(5)? {
        31 => Ok(32 + bits.small(6)?),
        object_type => Ok(object_type),
    }
}

fn read_sample_rate(bits: &mut Bits<'_>) -> Result<u32, CodecError> {
    let index = bits.read(4)?;
    let rate = match index {
        RATE_WRITTEN_OUT => Some(bits.read(24)?),
        index => usize::try_from(index)
            .ok()
            .and_then(|index| SAMPLE_RATES.get(index))
            .copied(),
    };
    rate.filter(|rate| *rate != 0)
        .ok_or_else(|| bits.invalid("a reserved sampling rate"))
}

/// Reads `program_config_element`, §4.4.1.1: how many channels it lists.
fn read_program_config(bits: &mut Bits<'_>) -> Result<u16, CodecError> {
    bits.skip(4 + 2 + 4)?; // element_instance_tag, object_type, sampling_frequency_index
    let speaker_elements = [bits.read(4)?, bits.read(4)?, bits.read(4)?];
    let low_frequency = bits.small(2)?;
    let (data_count, coupling_count) = (bits.small(3)?, bits.small(4)?);
    for width in [4, 4, 3] {
        if bits.flag()? {
            bits.skip(width)?; // mono, stereo and matrix mixdowns
        }
    }
    let mut channels = 0;
    for count in speaker_elements {
        for _ in 0..count {
            channels += if bits.flag()? { 2 } else { 1 };
            bits.skip(4)?;
        }
    }
    bits.skip(
        4 * usize::from(low_frequency) + 4 * usize::from(data_count) + 5 * usize::from(coupling_count),
    )?;
    bits.align();
    let comment_size = bits.u8()?;
    bits.bytes(usize::from(comment_size))?;
    Ok(channels + u16::from(low_frequency))
}
