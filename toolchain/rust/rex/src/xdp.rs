//! Programs that run for each packet a network device receives, before the kernel's stack sees it.

use crate::base_helpers::base_helpers;
use crate::headers::packet_headers;
use crate::layout::xdp_rxq_info;
use crate::program::program_type;
use crate::termination::termination_check;
use crate::{Result, ffi};

pub use crate::headers::{compute_ip_checksum, ethhdr, iphdr, tcphdr, udphdr};
pub use crate::layout::{
    IPPROTO_TCP, IPPROTO_UDP, XDP_ABORTED, XDP_DROP, XDP_PASS, XDP_REDIRECT, XDP_TX, net_device, xdp_buff,
};

program_type!(
    /// The program object of an XDP program. The kernel's context is a `struct xdp_buff *`, not the uapi's `xdp_md`.
    xdp, BPF_PROG_TYPE_XDP, __rex_entry_xdp, |ctx| &mut xdp_md::new(&mut *ctx.cast()) => &mut xdp_md<'_>
);

base_helpers!([] xdp);
packet_headers!(xdp, xdp_md);

/// A received packet. Only its linear part can be reached.
#[allow(non_camel_case_types)]
pub struct xdp_md<'a> {
    /// The packet, from the Ethernet header on.
    pub data_slice: &'a mut [u8],
    kptr: &'static mut xdp_buff,
}

/// # Safety
/// `buff` describes a packet that nobody else uses for `'a`.
unsafe fn packet<'a>(buff: &xdp_buff) -> &'a mut [u8] {
    let length = (buff.data_end as usize).saturating_sub(buff.data as usize);
    unsafe { core::slice::from_raw_parts_mut(buff.data.cast(), length) }
}

impl xdp_md<'_> {
    unsafe fn new(kptr: &'static mut xdp_buff) -> Self {
        Self { data_slice: unsafe { packet(kptr) }, kptr }
    }

    fn rxq(&self) -> *const xdp_rxq_info {
        self.kptr.rxq.cast_const().cast()
    }

    /// Bytes of the packet.
    #[inline(always)]
    pub fn data_length(&self) -> usize {
        self.data_slice.len()
    }

    /// The address of what the driver put before the packet.
    #[inline(always)]
    pub fn data_meta(&self) -> usize {
        self.kptr.data_meta as usize
    }

    /// The index of the device that received the packet.
    #[inline(always)]
    pub fn ingress_ifindex(&self) -> u32 {
        unsafe { (*(*self.rxq()).dev.cast_const().cast::<net_device>()).ifindex as u32 }
    }

    /// The receive queue the packet came in by. The name is upstream's.
    #[inline(always)]
    pub fn rx_qeueu_index(&self) -> u32 {
        unsafe { (*self.rxq()).queue_index }
    }

    /// Always 0: there are no programs on devmaps.
    #[inline(always)]
    pub fn egress_ifindex(&self) -> u32 {
        0
    }
}

impl xdp {
    /// Moves the packet's end by `offset` bytes; what it grows by is zeroed. Errors: `-22` (EINVAL) when there is no room
    /// or less than an Ethernet header would be left.
    pub fn bpf_xdp_adjust_tail(&self, ctx: &mut xdp_md<'_>, offset: i32) -> Result {
        let status = termination_check!(unsafe { ffi::bpf_xdp_adjust_tail(ctx.kptr, offset) });
        if status != 0 {
            return Err(status);
        }
        ctx.data_slice = unsafe { packet(ctx.kptr) };
        Ok(0)
    }
}
