//! Program association and program map (`ISO/IEC 13818-1 §2.4.4`).

use bytes::Bytes;

use super::stream::Stream;
use super::{PACKET_ROOM, PACKET_SIZE, TsError};

/// The one program of the stream.
const PROGRAM: u16 = 1;
const MAP_PID: u16 = 0x1000;
const ASSOCIATION_PID: u16 = 0;

/// `table_id`.
const ASSOCIATION: u8 = 0;
const MAP: u8 = 2;

/// `version_number` 0, `current_next_indicator` 1.
const CURRENT: u8 = 0xc1;

/// Largest section in a packet, behind its pointer.
const SECTION_SIZE_MAX: usize = PACKET_ROOM - 1;

/// The two packets a segment begins with. Each table has one packet a segment, so
/// the number of the segment is its continuity counter.
///
/// # Errors
/// When the streams do not fit in one packet.
pub(super) fn head(segment: usize, streams: &[Stream], clock_stream: usize) -> Result<Bytes, TsError> {
    let [.., counter] = segment.to_be_bytes();
    let clock_pid = streams.get(clock_stream).map_or(0x1fff, |stream| stream.pid);
    let mut association = Vec::new();
    association.extend(PROGRAM.to_be_bytes());
    association.extend((0xe000 | MAP_PID).to_be_bytes());
    let mut map = Vec::new();
    map.extend((0xe000 | clock_pid).to_be_bytes());
    map.extend([0xf0, 0]);
    for stream in streams {
        let size = u16::try_from(stream.descriptors.len()).unwrap_or(u16::MAX);
        map.push(stream.stream_type);
        map.extend((0xe000 | stream.pid).to_be_bytes());
        map.extend((0xf000 | (size & 0xfff)).to_be_bytes());
        map.extend(&stream.descriptors);
    }
    let map = section(MAP, &map);
    if map.len() > SECTION_SIZE_MAX {
        return Err(TsError::TrackCount { count: streams.len() });
    }
    let mut packets = Vec::with_capacity(2 * PACKET_SIZE);
    write_packet(
        &mut packets,
        ASSOCIATION_PID,
        counter,
        &section(ASSOCIATION, &association),
    );
    write_packet(&mut packets, MAP_PID, counter, &map);
    Ok(packets.into())
}

/// A whole section (§2.4.4.11). Its version follows its contents, so that a player
/// that changes between renditions of different codecs reads the new map.
fn section(table_id: u8, body: &[u8]) -> Vec<u8> {
    let size = u16::try_from(body.len() + 9).unwrap_or(u16::MAX) & 0xfff;
    let mut section = vec![table_id];
    section.extend((0xb000 | size).to_be_bytes());
    section.extend(PROGRAM.to_be_bytes());
    let [.., version] = checksum(body).to_be_bytes();
    section.extend([CURRENT | (version & 0x1f) << 1, 0, 0]);
    section.extend(body);
    section.extend(checksum(&section).to_be_bytes());
    section
}

/// A packet with one section, filled up.
fn write_packet(out: &mut Vec<u8>, pid: u16, counter: u8, section: &[u8]) {
    let end = out.len() + PACKET_SIZE;
    let [pid_high, pid_low] = pid.to_be_bytes();
    // payload_unit_start_indicator; payload only; a pointer to the very next byte.
    out.extend([0x47, 0x40 | pid_high, pid_low, 0x10 | (counter & 15), 0]);
    out.extend(section);
    out.resize(end, 0xff);
}

/// The checksum of sections (Annex A): a section with its own comes to 0.
fn checksum(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x04c1_1db7;
    bytes.iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte) << 24, |sum, _| {
            (sum << 1) ^ if sum >> 31 == 1 { POLYNOMIAL } else { 0 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_standards() {
        assert_eq!(checksum(b"123456789"), 0x0376_e6e7);
        let section = section(ASSOCIATION, &[0, 1, 0xf0, 0]);
        assert_eq!(checksum(&section), 0);
        assert_eq!(section.len(), 16);
    }
}
