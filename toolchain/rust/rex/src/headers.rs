//! The headers of a packet, in network order.

pub use crate::layout::{ethhdr, iphdr, tcphdr, udphdr};

impl iphdr {
    /// The header's length in words of 4 bytes.
    pub fn ihl(&self) -> u8 {
        self.version_ihl & 0xf
    }

    /// 4.
    pub fn version(&self) -> u8 {
        self.version_ihl >> 4
    }

    /// The sender's address.
    #[inline(always)]
    pub fn saddr(&mut self) -> &mut u32 {
        &mut self.saddr
    }

    /// The receiver's address.
    #[inline(always)]
    pub fn daddr(&mut self) -> &mut u32 {
        &mut self.daddr
    }
}

macro_rules! tcp_flags {
    ($($name:ident = $bit:literal;)*) => {
        impl tcphdr {
            $(
                /// 1 or 0.
                pub fn $name(&self) -> u16 {
                    u16::from(self.tcp_flags >> $bit & 1)
                }
            )*

            /// The header's length in words of 4 bytes.
            pub fn doff(&self) -> u16 {
                u16::from(self.doff_res >> 4)
            }
        }
    };
}

tcp_flags! { fin = 0; syn = 1; rst = 2; psh = 3; ack = 4; urg = 5; ece = 6; cwr = 7; }

/// Zeroes the header's checksum and gives the right one, for the caller to store. The carry is added once, as upstream
/// does: for some headers the true sum needs it twice.
pub fn compute_ip_checksum(ip_header: &mut iphdr) -> u16 {
    ip_header.check = 0;
    let words: [u16; size_of::<iphdr>() / 2] = unsafe { core::mem::transmute(*ip_header) };
    let sum: u32 = words.into_iter().map(u32::from).sum();
    !((sum & 0xffff).wrapping_add(sum >> 16) as u16)
}

/// Where the headers are, for Ethernet and an IPv4 header without options: upstream looks at neither EtherType nor IHL.
pub mod offset {
    use super::{ethhdr, iphdr};
    pub const ETHERNET: usize = 0;
    pub const IP: usize = ETHERNET + size_of::<ethhdr>();
    pub const TRANSPORT: usize = IP + size_of::<iphdr>();
}

/// The header type `T` at `offset`. Panics when the packet ends before the header does.
#[inline(always)]
pub fn header_at<T: crate::utils::NoRef>(packet: &mut [u8], offset: usize) -> crate::utils::AlignedMut<'_, T> {
    crate::utils::convert_slice_to_struct_mut(&mut packet[offset..offset + size_of::<T>()])
}

macro_rules! packet_headers {
    ($program:ident, $context:ident) => {
        $crate::headers::packet_headers!($program, $context,
            eth_header: ethhdr = ETHERNET,
            ip_header: iphdr = IP,
            tcp_header: tcphdr = TRANSPORT,
            udp_header: udphdr = TRANSPORT
        );
    };
    ($program:ident, $context:ident, $($name:ident: $type:ident = $offset:ident),*) => {
        impl $program {
            $(
                #[doc = concat!("The packet's `", stringify!($type), "`, whatever the packet holds there.")]
                /// Panics when the packet is too short. Changes may reach the packet only when the result is dropped.
                #[inline(always)]
                pub fn $name<'b>(&self, ctx: &'b mut $context<'_>) -> $crate::utils::AlignedMut<'b, $type> {
                    $crate::headers::header_at(ctx.data_slice, $crate::headers::offset::$offset)
                }
            )*
        }
    };
}
pub(crate) use packet_headers;
