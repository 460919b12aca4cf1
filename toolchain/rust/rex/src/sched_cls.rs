//! Programs that run for each packet that passes a traffic control hook.

use crate::base_helpers::base_helpers;
use crate::headers::packet_headers;
use crate::layout::{net_device, sk_buff};
use crate::program::program_type;
use crate::termination::termination_check;
use crate::utils::u16be;
use crate::{Result, ffi};
use core::ffi::c_char;

pub use crate::headers::{compute_ip_checksum, ethhdr, iphdr, tcphdr, udphdr};
pub use crate::layout::{IPPROTO_TCP, IPPROTO_UDP, TC_ACT_OK, TC_ACT_REDIRECT, TC_ACT_SHOT, sock};

program_type!(
    /// The program object of a classifier. The kernel's context is a `struct sk_buff *`, not the uapi's `__sk_buff`.
    sched_cls, BPF_PROG_TYPE_SCHED_CLS, __rex_entry_sched_cls,
    |ctx| &mut __sk_buff::new(&mut *ctx.cast()) => &mut __sk_buff<'_>
);

base_helpers!([] sched_cls);
packet_headers!(sched_cls, __sk_buff);

/// A packet on its way through the kernel. Only its linear part can be reached.
#[allow(non_camel_case_types)]
pub struct __sk_buff<'a> {
    /// The packet, from the Ethernet header on.
    pub data_slice: &'a mut [u8],
    kptr: &'static mut sk_buff,
}

/// # Safety
/// `skb` describes a packet that nobody else uses for `'a`.
unsafe fn packet<'a>(skb: &sk_buff) -> &'a mut [u8] {
    let length = skb.len.saturating_sub(skb.data_len) as usize;
    unsafe { core::slice::from_raw_parts_mut(skb.data.cast(), length) }
}

macro_rules! fields {
    ($($name:ident: $type:ty = $field:ident, $what:literal;)*) => {
        #[allow(clippy::len_without_is_empty)]
        impl __sk_buff<'_> {
            $(
                #[doc = $what]
                #[inline(always)]
                pub fn $name(&self) -> $type {
                    self.kptr.$field.into()
                }
            )*
        }
    };
}

fields! {
    len: u32 = len, "Bytes of the packet.";
    data_len: u32 = data_len, "Bytes of the packet outside its linear part.";
    priority: u32 = priority, "The queueing priority.";
    hash: u32 = hash, "The flow's hash, 0 while nobody computed it.";
    queue_mapping: u16 = queue_mapping, "The device's queue.";
    vlan_tci: u16 = vlan_tci, "The VLAN tag.";
    tc_index: u16 = tc_index, "The traffic control index.";
}

macro_rules! without_source {
    ($($name:ident)*) => {
        impl __sk_buff<'_> {
            $(
                /// Always 0, as upstream has it.
                #[inline(always)]
                pub fn $name(&self) -> u32 {
                    0
                }
            )*
        }
    };
}

without_source! { ingress_ifindex mark pkt_type vlan_present tc_classid napi_id data_meta }

impl __sk_buff<'_> {
    unsafe fn new(kptr: &'static mut sk_buff) -> Self {
        Self { data_slice: unsafe { packet(kptr) }, kptr }
    }

    /// The EtherType.
    #[inline(always)]
    pub fn protocol(&self) -> u16be {
        u16be(self.kptr.protocol)
    }

    /// The VLAN tag's protocol.
    #[inline(always)]
    pub fn vlan_proto(&self) -> u16be {
        u16be(self.kptr.vlan_proto)
    }

    /// The index of the packet's device.
    #[inline(always)]
    pub fn ifindex(&self) -> u32 {
        unsafe { (*self.kptr.dev.cast_const().cast::<net_device>()).ifindex as u32 }
    }

    /// The first 20 bytes of the control buffer.
    #[inline(always)]
    pub fn cb(&self) -> [c_char; 20] {
        core::array::from_fn(|index| self.kptr.cb[index] as c_char)
    }

    /// The socket the packet belongs to. Panics when it belongs to none.
    #[inline(always)]
    pub fn sk(&self) -> &sock {
        unsafe { self.kptr.sk.cast_const().cast::<sock>().as_ref() }.expect("the packet belongs to no socket")
    }
}

impl sched_cls {
    /// Sends a copy of the packet through the device `ifindex`: out with `flags` 0, in with 1. Errors: a negative errno.
    pub fn bpf_clone_redirect(&self, skb: &mut __sk_buff<'_>, ifindex: u32, flags: u64) -> Result {
        let status = termination_check!(unsafe { ffi::bpf_clone_redirect(skb.kptr, ifindex, flags) });
        if status != 0 {
            return Err(status);
        }
        skb.data_slice = unsafe { packet(skb.kptr) };
        Ok(0)
    }
}
