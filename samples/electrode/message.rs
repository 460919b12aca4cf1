//! A packet of the protocol: Ethernet, IPv4, UDP, then
//!
//! ```text
//! 42  magic           u32
//! 46  type length     u64, little endian; bit 31 asks for a broadcast
//! 54  type            text, such as specpaxos.vr.proto.PrepareMessage
//!     fast data       3 x u32, little endian: view, operation, batch start or replica
//!     protobuf
//! ```

pub const FAST_PAXOS_PORT: u16 = 12345;
pub const MAGIC: usize = 14 + 20 + 8;
pub const TYPE_LENGTH: usize = MAGIC + NONFRAG_MAGIC.len();
pub const TYPE: usize = TYPE_LENGTH + size_of::<u64>();
pub const FAST_PAXOS_DATA_LEN: usize = 12;
pub const BROADCAST_SIGN_BIT: u64 = 1 << 31;
const MTU: u64 = 1500;

/// 0x20050318; fragments have 0x20101010 and are left to the process.
pub const NONFRAG_MAGIC: [u8; 4] = 0x20050318u32.to_le_bytes();

pub enum Header {
    /// not ours
    Foreign,
    /// ours, and damaged
    Bad,
    /// bytes of the type, and whether it is to go to every replica
    Message { type_length: usize, broadcast: bool },
}

/// What the UDP payload of `packet` is. The type and the fast data of a message lie within the packet.
pub fn header(packet: &[u8]) -> Header {
    let Some(payload) = packet.get(MAGIC..) else {
        return Header::Foreign;
    };
    if !payload.starts_with(&NONFRAG_MAGIC) {
        return Header::Foreign;
    }
    let Some(length) = packet
        .get(TYPE_LENGTH..TYPE)
        .and_then(|bytes| bytes.try_into().ok())
        .map(u64::from_le_bytes)
    else {
        return Header::Bad;
    };
    let type_length = length & !BROADCAST_SIGN_BIT;
    let left = packet.len() - TYPE;
    if type_length == 0 || type_length >= MTU || left < type_length as usize + FAST_PAXOS_DATA_LEN {
        return Header::Bad;
    }
    Header::Message {
        type_length: type_length as usize,
        broadcast: length & BROADCAST_SIGN_BIT != 0,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Request,
    Prepare,
    PrepareOk,
    MyPrepareOk,
    Other,
}

/// By the letters that tell the types apart.
pub fn kind(type_name: &[u8]) -> Kind {
    if type_name.get(10..12) != Some(b"vr") {
        return Kind::Other;
    }
    if type_name.get(13..17) == Some(b"MyPr") {
        return Kind::MyPrepareOk;
    }
    match type_name.get(19..27) {
        Some(b"RequestM") => Kind::Request,
        Some(b"PrepareM") => Kind::Prepare,
        Some(b"PrepareO") => Kind::PrepareOk,
        _ => Kind::Other,
    }
}

/// The three numbers behind the type, which `header` has found room for.
pub fn fast_data(packet: &[u8], type_length: usize) -> [u32; 3] {
    core::array::from_fn(|index| {
        let start = TYPE + type_length + index * size_of::<u32>();
        u32::from_le_bytes([
            packet[start],
            packet[start + 1],
            packet[start + 2],
            packet[start + 3],
        ])
    })
}
