//! A reader of transport streams that forgives nothing.

#![allow(dead_code, reason = "each test binary uses a part of it")]

use std::collections::BTreeMap;

/// One packetized unit.
#[derive(Clone, Debug)]
pub struct Unit {
    pub pts: u64,
    pub dts: u64,
    pub payload: Vec<u8>,
    pub is_random_access: bool,
    has_stated_size: bool,
    stated_size: usize,
}

/// What a stream holds.
#[derive(Clone, Debug, Default)]
pub struct Stream {
    pub stream_type: u8,
    pub descriptors: Vec<u8>,
    pub units: Vec<Unit>,
    /// Counters of packets with payload.
    pub counters: Vec<u8>,
}

/// Reads one segment and checks all that holds for every one: tables first, counters
/// from 0 to 15 without a gap, the clock at least every 0.1 s and ahead of what is
/// decoded, units of the size they state, no packet with more stuffing than it may have.
pub fn check(segment: &[u8]) -> BTreeMap<u16, Stream> {
    assert_eq!(segment.len() % 188, 0);
    let mut packets = segment.chunks(188);
    let map_pid = read_association(packets.next().unwrap());
    let (clock_pid, mut streams) = read_map(map_pid, packets.next().unwrap());
    let mut clocks: Vec<u64> = Vec::new();
    for packet in packets {
        assert_eq!(packet[0], 0x47);
        let pid = u16::from_be_bytes([packet[1] & 0x1f, packet[2]]);
        let is_start = packet[1] & 0x40 != 0;
        assert_eq!(packet[1] & 0xa0, 0);
        let (control, counter) = (packet[3] >> 4, packet[3] & 15);
        let stream = streams
            .get_mut(&pid)
            .unwrap_or_else(|| panic!("PID {pid:#x} is not in the map"));
        let mut payload = &packet[4..];
        let mut is_random_access = false;
        if control & 2 != 0 {
            let (field, rest) = payload[1..].split_at(payload[0].into());
            payload = rest;
            let flags = field.first().copied().unwrap_or(0);
            is_random_access = flags & 0x40 != 0;
            assert_eq!(flags & !0x50, 0, "no other flag is set");
            let mut stuffing = field.get(1..).unwrap_or_default();
            if flags & 0x10 != 0 {
                assert_eq!(pid, clock_pid);
                let base = stuffing[..6]
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                clocks.push(base >> 15);
                stuffing = &stuffing[6..];
            }
            assert!(stuffing.iter().all(|byte| *byte == 0xff));
        }
        if control & 1 == 0 {
            assert!(
                payload.is_empty(),
                "a packet without payload is an adaptation field"
            );
            assert_eq!(counter, stream.counters.last().map_or(15, |last| *last));
            continue;
        }
        assert!(!payload.is_empty());
        stream.counters.push(counter);
        if is_start {
            assert!(!clocks.is_empty(), "the clock comes first");
            stream.units.push(read_header(&mut payload, is_random_access));
            let dts = stream.units.last().unwrap().dts;
            assert!(
                wrapped_distance(*clocks.last().unwrap(), dts) <= 90_000,
                "a unit arrives before it is decoded, a second at most"
            );
        }
        stream.units.last_mut().unwrap().payload.extend(payload);
    }
    for (before, after) in clocks.iter().zip(clocks.iter().skip(1)) {
        assert!(
            wrapped_distance(*before, *after) <= 9000,
            "clock {before} → {after}"
        );
    }
    for stream in streams.values() {
        check_stream(stream);
    }
    streams
}

fn wrapped_distance(from: u64, to: u64) -> u64 {
    to.wrapping_sub(from) & ((1 << 33) - 1)
}

fn check_stream(stream: &Stream) {
    for (index, counter) in stream.counters.iter().enumerate() {
        assert_eq!(usize::from(*counter), index % 16);
    }
    assert_eq!(
        stream.counters.len() % 16,
        0,
        "segments follow on from each other"
    );
    for unit in &stream.units {
        if unit.has_stated_size {
            assert_eq!(unit.payload.len(), unit.stated_size);
        }
        assert!(wrapped_distance(unit.dts, unit.pts) < 1 << 32);
    }
    for pair in stream.units.windows(2) {
        let step = wrapped_distance(pair[0].dts, pair[1].dts);
        assert!(step < 1 << 32, "decode times go forward");
    }
}

fn read_association(packet: &[u8]) -> u16 {
    assert_eq!(packet[..3], [0x47, 0x40, 0]);
    let section = read_section(packet);
    assert_eq!(section[0], 0);
    u16::from_be_bytes([section[10] & 0x1f, section[11]])
}

fn read_map(pid: u16, packet: &[u8]) -> (u16, BTreeMap<u16, Stream>) {
    assert_eq!(u16::from_be_bytes([packet[1] & 0x1f, packet[2]]), pid);
    let section = read_section(packet);
    assert_eq!(section[0], 2);
    let clock_pid = u16::from_be_bytes([section[8] & 0x1f, section[9]]);
    let mut streams = BTreeMap::new();
    let mut rest = &section[12..section.len() - 4];
    while let [stream_type, high, low, size_high, size_low, after @ ..] = rest {
        let size = u16::from_be_bytes([size_high & 0xf, *size_low]);
        let (descriptors, after) = after.split_at(size.into());
        let stream = Stream {
            stream_type: *stream_type,
            descriptors: descriptors.to_vec(),
            ..Stream::default()
        };
        streams.insert(u16::from_be_bytes([high & 0x1f, *low]), stream);
        rest = after;
    }
    assert!(rest.is_empty());
    (clock_pid, streams)
}

fn read_section(packet: &[u8]) -> &[u8] {
    assert_eq!(packet[4], 0, "the section starts right away");
    let size = usize::from(u16::from_be_bytes([packet[6] & 0xf, packet[7]])) + 3;
    let (section, stuffing) = packet[5..].split_at(size);
    assert!(stuffing.iter().all(|byte| *byte == 0xff));
    section
}

fn read_header(payload: &mut &[u8], is_random_access: bool) -> Unit {
    let header = *payload;
    assert_eq!(header[..3], [0, 0, 1]);
    let stated = usize::from(u16::from_be_bytes([header[4], header[5]]));
    let header_size = usize::from(header[8]);
    let stamp = |at: usize| {
        let bytes = &header[at..at + 5];
        assert!(bytes[0] & bytes[2] & bytes[4] & 1 == 1);
        u64::from(bytes[0] >> 1 & 7) << 30
            | u64::from(bytes[1]) << 22
            | u64::from(bytes[2] >> 1) << 15
            | u64::from(bytes[3]) << 7
            | u64::from(bytes[4] >> 1)
    };
    let (pts, dts) = match header[7] {
        0x80 => (stamp(9), stamp(9)),
        0xc0 => (stamp(9), stamp(14)),
        other => panic!("flags {other:#x}"),
    };
    *payload = &header[9 + header_size..];
    let has_stated_size = stated != 0;
    if !has_stated_size {
        assert_eq!(header[3], 0xe0, "only pictures may leave their size out");
    }
    Unit {
        pts,
        dts,
        payload: Vec::new(),
        is_random_access,
        has_stated_size,
        stated_size: stated.saturating_sub(3 + header_size),
    }
}
