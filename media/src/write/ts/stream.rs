//! Elementary streams: what the program map says of a track, and how its samples
//! are framed.

use bytes::Bytes;

use super::{TsError, TsTrack, descriptor};
use crate::codec::{CodecConfig, Details};
use crate::multiplex::{self, AdtsProfile, Carriage};
use crate::plan::FileIndex;
use crate::track::Track;

/// The stream with pictures, and the first with sound: the same in every segment of
/// a title, whichever tracks are in it.
const PICTURES_PID: u16 = 0x100;
const FIRST_SOUND_PID: u16 = 0x101;

/// A NAL unit's start in a byte stream (`ITU-T H.264 Annex B`).
pub(super) const START_CODE: [u8; 4] = [0, 0, 0, 1];

/// One track in the transport stream.
#[derive(Clone, Debug)]
pub(super) struct Stream {
    pub(super) pid: u16,
    /// `ISO/IEC 13818-1 Table 2-34`, `ATSC A/53-3 §6`.
    pub(super) stream_type: u8,
    /// Of packetized units, Table 2-22.
    pub(super) stream_id: u8,
    pub(super) descriptors: Vec<u8>,
    pub(super) file: FileIndex,
    /// One a sample entry.
    pub(super) framings: Vec<Framing>,
    has_pictures: bool,
}

/// What becomes of a sample's bytes.
#[derive(Clone, Debug)]
pub(super) enum Framing {
    /// NAL units behind lengths become a byte stream.
    NalUnits {
        syntax: NalSyntax,
        /// Bytes of a length: 1, 2 or 4.
        length_size: u8,
        /// As a byte stream.
        parameter_sets: Bytes,
    },
    /// A header goes before the sample.
    Adts(AdtsProfile),
    /// The sample is taken as it is.
    Plain,
}

/// Which NAL units there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NalSyntax {
    Avc,
    Hevc,
}

impl NalSyntax {
    /// Bytes of an access unit delimiter with its start code.
    pub(super) fn delimiter_size(self) -> u64 {
        match self {
            Self::Avc => 6,
            Self::Hevc => 7,
        }
    }

    /// Whether a NAL unit that begins with `head` is an access unit delimiter.
    pub(super) fn is_delimiter(self, head: [u8; 2]) -> bool {
        let [first, _] = head;
        match self {
            Self::Avc => first & 0x1f == 9,
            Self::Hevc => first >> 1 & 0x3f == 35,
        }
    }

    /// The delimiter, with its start code, of an access unit whose first NAL unit
    /// begins with `head`. It allows slices of all types (`ITU-T H.264 §7.4.2.4`,
    /// `H.265 §7.4.3.5`).
    pub(super) fn delimiter(self, head: [u8; 2]) -> Bytes {
        match (self, head) {
            (Self::Avc, _) => Bytes::from_static(&[0, 0, 0, 1, 0x09, 0xf0]),
            (Self::Hevc, [_, 0..=1]) => Bytes::from_static(&[0, 0, 0, 1, 0x46, 1, 0x50]),
            // It is in the temporal sub-layer of its access unit.
            (Self::Hevc, [_, layer]) => Bytes::copy_from_slice(&[0, 0, 0, 1, 0x46, (layer & 7).max(1), 0x50]),
        }
    }
}

/// The streams of a segment.
pub(super) fn of(tracks: &[TsTrack<'_>]) -> Result<Vec<Stream>, TsError> {
    let mut streams: Vec<Stream> = Vec::with_capacity(tracks.len());
    let mut sound_pid = FIRST_SOUND_PID;
    for TsTrack { track, .. } in tracks {
        let mut stream = Stream::new(track)?;
        if !stream.has_pictures {
            stream.pid = sound_pid;
            // The program map is full long before.
            sound_pid = sound_pid.saturating_add(1);
        } else if streams.iter().any(Stream::has_pictures) {
            let token = track.token.clone();
            return Err(TsError::SecondPictures { token });
        }
        streams.push(stream);
    }
    if streams.is_empty() {
        return Err(TsError::TrackCount { count: 0 });
    }
    Ok(streams)
}

impl Stream {
    fn new(track: &Track) -> Result<Self, TsError> {
        let excluded = |reason| TsError::Excluded {
            token: track.token.clone(),
            reason,
        };
        let carriage = multiplex::carriage_of(track).map_err(excluded)?;
        let (stream_type, stream_id, has_pictures) = match carriage {
            Carriage::Avc => (0x1b, 0xe0, true),
            Carriage::Hevc => (0x24, 0xe0, true),
            Carriage::Adts(_) => (0x0f, 0xc0, false),
            Carriage::Mpeg1Audio => (0x03, 0xc0, false),
            Carriage::Mpeg2Audio => (0x04, 0xc0, false),
            // private_stream_1
            Carriage::Ac3 => (0x81, 0xbd, false),
            Carriage::Eac3 => (0x87, 0xbd, false),
        };
        let mut framings = Vec::with_capacity(track.codecs.len());
        for codec in &track.codecs {
            framings.push(Framing::new(codec, multiplex::carriage(codec).map_err(excluded)?));
        }
        Ok(Self {
            pid: PICTURES_PID,
            stream_type,
            stream_id,
            descriptors: descriptor::of(track, carriage),
            file: track.file,
            framings,
            has_pictures,
        })
    }

    pub(super) fn has_pictures(&self) -> bool {
        self.has_pictures
    }
}

impl Framing {
    fn new(codec: &CodecConfig, carriage: Carriage) -> Self {
        let syntax = match carriage {
            Carriage::Avc => NalSyntax::Avc,
            Carriage::Hevc => NalSyntax::Hevc,
            Carriage::Adts(profile) => return Self::Adts(profile),
            Carriage::Mpeg1Audio | Carriage::Mpeg2Audio | Carriage::Ac3 | Carriage::Eac3 => {
                return Self::Plain;
            }
        };
        let stated = match &codec.details {
            Details::Video(details) => details.nal_length_size,
            Details::Audio(_) | Details::Text => None,
        };
        let mut parameter_sets = Vec::new();
        for set in codec.parameter_sets() {
            parameter_sets.extend(START_CODE);
            parameter_sets.extend(set);
        }
        Self::NalUnits {
            syntax,
            length_size: stated.filter(|size| matches!(size, 1 | 2)).unwrap_or(4),
            parameter_sets: parameter_sets.into(),
        }
    }

    /// Whether the size of a framed sample follows from the sample's own.
    pub(super) fn keeps_size(&self) -> bool {
        !matches!(
            self,
            Self::NalUnits {
                length_size: 1 | 2,
                ..
            }
        )
    }
}
