//! Packets (`ISO/IEC 13818-1 §2.4.3`): bytes of a unit, cut into pieces of 184
//! behind headers of 4.

use bytes::Bytes;

use super::{PACKET_ROOM, PACKET_SIZE, clock};

/// Bytes handed out at once: whole packets, few enough to stay in the cache
/// between being written and being sent.
const BLOCK_SIZE: usize = 348 * PACKET_SIZE;

/// What a block may grow by, since headers and parameter sets are not split.
const BLOCK_SLACK: usize = 16 * PACKET_SIZE;

const SYNC_BYTE: u8 = 0x47;

/// `adaptation_field_control`.
const PAYLOAD: u8 = 0x10;
const ADAPTATION_FIELD: u8 = 0x20;

/// Flags of an adaptation field.
const RANDOM_ACCESS: u8 = 0x40;
const CLOCK_REFERENCE: u8 = 0x10;

static STUFFING: [u8; PACKET_ROOM] = [0xff; PACKET_ROOM];

/// How a unit lies in its packets.
#[derive(Clone, Copy, Debug)]
pub(super) struct UnitPackets {
    pub(super) pid: u16,
    /// Counter of the first packet.
    pub(super) counter: u8,
    /// Bytes it has.
    pub(super) size: u64,
    /// Number of packets. The last ones have a byte each where there are more than
    /// its bytes fill.
    pub(super) packets: u64,
    /// The clock reference in the first packet.
    pub(super) clock: Option<i64>,
    /// Decoding can start with it.
    pub(super) is_random_access: bool,
    /// Bytes of stuffing in the first packet, for what was planned and is not there.
    pub(super) spare: usize,
}

/// Writes units into packets, and gives the packets out in blocks.
#[derive(Clone, Debug)]
pub(super) struct PacketWriter {
    out: Vec<u8>,
    /// Bytes still to be given out in all: no block is larger.
    expected: u64,
    pid: [u8; 2],
    counter: u8,
    /// Bytes of the unit for which there is no packet yet.
    unit_left: u64,
    /// Packets of the unit that are not begun.
    packets_left: u64,
    /// Bytes the packet at hand still takes.
    room: usize,
    /// More was written than the unit has.
    is_overrun: bool,
}

impl PacketWriter {
    /// A writer that gives out about `expected` bytes, `head` first.
    pub(super) fn new(head: &[u8], expected: u64) -> Self {
        let mut writer = Self {
            out: Vec::new(),
            expected,
            pid: [0; 2],
            counter: 0,
            unit_left: 0,
            packets_left: 0,
            room: 0,
            is_overrun: false,
        };
        writer.reserve();
        writer.out.extend_from_slice(head);
        writer
    }

    /// Whether all of the unit is written, and no more.
    pub(super) fn is_unit_whole(&self) -> bool {
        self.unit_left == 0 && self.packets_left == 0 && self.room == 0 && !self.is_overrun
    }

    /// Whether the block at hand can be given out.
    pub(super) fn is_block_full(&self) -> bool {
        self.room == 0 && self.out.len() >= BLOCK_SIZE
    }

    /// Bytes of the block at hand.
    pub(super) fn block_size(&self) -> usize {
        self.out.len()
    }

    /// Gives out the block at hand.
    pub(super) fn take_block(&mut self) -> Bytes {
        self.expected = self.expected.saturating_sub(self.out.len() as u64);
        std::mem::take(&mut self.out).into()
    }

    /// Begins a unit: its first packet up to where its header goes.
    pub(super) fn begin_unit(&mut self, unit: &UnitPackets) {
        self.pid = unit.pid.to_be_bytes();
        self.counter = unit.counter;
        self.unit_left = unit.size;
        self.packets_left = unit.packets;
        let field = unit.clock.map_or(0, |_| super::layout::CLOCK_FIELD_SIZE) + unit.spare;
        self.begin_packet(0x40, PACKET_ROOM.saturating_sub(field), |out, size| {
            let random_access = if unit.is_random_access { RANDOM_ACCESS } else { 0 };
            write_field(out, size, unit.clock, random_access);
        });
    }

    /// Writes a packet with nothing but the clock.
    pub(super) fn write_clock(&mut self, pid: u16, counter: u8, ticks: i64) {
        self.reserve();
        let [pid_high, pid_low] = pid.to_be_bytes();
        self.out
            .extend([SYNC_BYTE, pid_high, pid_low, ADAPTATION_FIELD | counter]);
        write_field(&mut self.out, PACKET_ROOM, Some(ticks), 0);
    }

    /// Writes bytes of the unit, whatever the size of the block.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        self.write_up_to(bytes, usize::MAX);
    }

    /// Writes bytes of the unit until the block is full; how many.
    pub(super) fn write_in_block(&mut self, bytes: &[u8]) -> usize {
        self.write_up_to(bytes, BLOCK_SIZE)
    }

    /// The header of a unit, written by `write`.
    pub(super) fn write_header(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        // It always fits in the first packet.
        let before = self.out.len();
        write(&mut self.out);
        self.room = self.room.saturating_sub(self.out.len() - before);
    }

    #[inline]
    fn write_up_to(&mut self, bytes: &[u8], block_size: usize) -> usize {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.room == 0 {
                if self.out.len() >= block_size {
                    break;
                }
                rest = self.write_full_packets(rest, block_size);
                if rest.is_empty() || self.out.len() >= block_size {
                    break;
                }
                if self.packets_left == 0 {
                    self.is_overrun = true;
                    return bytes.len();
                }
                self.begin_packet(0, PACKET_ROOM, |out, size| write_field(out, size, None, 0));
            }
            let (now, later) = rest.split_at(self.room.min(rest.len()));
            self.out.extend_from_slice(now);
            self.room -= now.len();
            rest = later;
        }
        bytes.len() - rest.len()
    }

    /// Writes as many packets as `bytes` fill without stuffing; what is left of them.
    #[inline]
    fn write_full_packets<'a>(&mut self, bytes: &'a [u8], block_size: usize) -> &'a [u8] {
        // As long as each packet to come keeps a byte, those before it are full.
        let full = self.unit_left.saturating_sub(self.packets_left) / (PACKET_ROOM as u64 - 1);
        let in_block = block_size.saturating_sub(self.out.len()).div_ceil(PACKET_SIZE);
        let (payloads, _) = bytes.as_chunks::<PACKET_ROOM>();
        let count = usize::try_from(full.min(self.packets_left))
            .unwrap_or(usize::MAX)
            .min(in_block)
            .min(payloads.len());
        if count == 0 {
            return bytes;
        }
        self.reserve();
        self.out.reserve(count * PACKET_SIZE);
        let [pid_high, pid_low] = self.pid;
        for payload in payloads.iter().take(count) {
            let header = [SYNC_BYTE, pid_high, pid_low, PAYLOAD | self.counter];
            self.counter = (self.counter + 1) & 15;
            self.out.extend_from_slice(&header);
            self.out.extend_from_slice(payload);
        }
        self.packets_left -= count as u64;
        self.unit_left -= (count * PACKET_ROOM) as u64;
        bytes.get(count * PACKET_ROOM..).unwrap_or_default()
    }

    /// Begins a packet of at most `room_max` bytes; `write` makes the adaptation
    /// field of a size that fills the packet.
    fn begin_packet(&mut self, start: u8, room_max: usize, write: impl FnOnce(&mut Vec<u8>, usize)) {
        self.reserve();
        self.packets_left = self.packets_left.saturating_sub(1);
        let most = self.unit_left.saturating_sub(self.packets_left);
        self.room = usize::try_from(most).unwrap_or(usize::MAX).min(room_max);
        self.unit_left = self.unit_left.saturating_sub(self.room as u64);
        let field = PACKET_ROOM - self.room;
        let control = if field > 0 {
            PAYLOAD | ADAPTATION_FIELD
        } else {
            PAYLOAD
        };
        let [pid_high, pid_low] = self.pid;
        self.out
            .extend([SYNC_BYTE, start | pid_high, pid_low, control | self.counter]);
        self.counter = (self.counter + 1) & 15;
        if field > 0 {
            write(&mut self.out, field);
        }
    }

    /// Makes room for a new block.
    #[inline]
    fn reserve(&mut self) {
        if self.out.capacity() == 0 {
            let expected = usize::try_from(self.expected).unwrap_or(usize::MAX);
            self.out
                .reserve_exact(expected.min(BLOCK_SIZE).saturating_add(BLOCK_SLACK));
        }
    }
}

/// Writes an adaptation field of `size` bytes (§2.4.3.4): its length, then, when there
/// is room, flags, the clock and stuffing.
fn write_field(out: &mut Vec<u8>, size: usize, clock: Option<i64>, flags: u8) {
    let end = out.len() + size;
    out.push(u8::try_from(size.saturating_sub(1)).unwrap_or(u8::MAX));
    if size > 1 {
        out.push(flags | clock.map_or(0, |_| CLOCK_REFERENCE));
        if let Some(ticks) = clock {
            out.extend(clock::reference(ticks));
        }
        let stuffing = end.saturating_sub(out.len());
        out.extend_from_slice(STUFFING.get(..stuffing).unwrap_or(&STUFFING));
    }
}
