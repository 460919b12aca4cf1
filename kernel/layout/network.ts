/** What XDP and TC programs see: the kernel's structures, and the headers of a packet (network order). */
import { structure, type Structure } from './structure.ts';

/** include/linux/skbuff.h, the fields extensions and the stack use. At TC, `data` is at the Ethernet header. */
export const sk_buff = structure(232, [
  ['next', 'pointer'],
  ['prev', 'pointer'],
  ['dev', 'pointer', 16],
  ['sk', 'pointer', 24],
  ['tstamp', 'i64', 32],
  ['cb', 'bytes[48]', 40],
  ['len', 'u32', 112],
  ['data_len', 'u32', 116],
  ['mac_len', 'u16', 120],
  ['hdr_len', 'u16', 122],
  ['queue_mapping', 'u16', 124],
  ['cloned', 'u8', 126],
  ['pkt_type', 'u8', 128],
  ['ip_summed', 'u8', 129],
  ['tc_at_ingress', 'u8', 130],
  ['tc_index', 'u16', 132],
  ['csum', 'u32', 136],
  ['priority', 'u32', 140],
  ['skb_iif', 'i32', 144],
  ['hash', 'u32', 148],
  ['vlan_proto', 'u16', 152],
  ['vlan_tci', 'u16', 154],
  ['napi_id', 'u32', 156],
  ['mark', 'u32', 164],
  ['protocol', 'u16', 176],
  ['transport_header', 'u16', 178],
  ['network_header', 'u16', 180],
  ['mac_header', 'u16', 182],
  ['tail', 'u32', 184],
  ['end', 'u32', 188],
  ['head', 'pointer', 192],
  ['data', 'pointer', 200],
  ['truesize', 'u32', 208],
  ['users', 'u32', 212],
]);

/** include/net/xdp.h */
export const xdp_buff = structure(56, [
  ['data', 'pointer'],
  ['data_end', 'pointer'],
  ['data_meta', 'pointer'],
  ['data_hard_start', 'pointer'],
  ['rxq', 'pointer'],
  ['txq', 'pointer'],
  ['frame_sz', 'u32'],
  ['flags', 'u32'],
]);

/** include/net/xdp.h; one cache line */
export const xdp_rxq_info = structure(64, [
  ['dev', 'pointer'],
  ['queue_index', 'u32'],
  ['reg_state', 'u32'],
]);

/** include/linux/netdevice.h at offsets of our own. */
export const net_device = structure(256, [
  ['name', 'bytes[16]'],
  ['ifindex', 'i32'],
  ['flags', 'u32'],
  ['mtu', 'u32'],
  ['type', 'u16'],
  ['hard_header_len', 'u16'],
  ['dev_addr', 'bytes[32]'],
  ['addr_len', 'u8'],
]);

/** include/net/sock.h: the start of `struct sock_common`. */
export const sock = structure(128, [
  ['skc_daddr', 'u32'],
  ['skc_rcv_saddr', 'u32'],
  ['skc_hash', 'u32'],
  ['skc_dport', 'u16'],
  ['skc_num', 'u16'],
  ['skc_family', 'u16'],
  ['skc_state', 'u8'],
  ['skc_bound_dev_if', 'i32', 20],
  ['sk_mark', 'u32', 64],
  ['sk_priority', 'u32', 68],
]);

/** include/uapi/linux/if_ether.h */
export const ethhdr = {
  ...structure(14, [
    ['h_dest', 'bytes[6]'],
    ['h_source', 'bytes[6]'],
    ['h_proto', 'u16'],
  ]),
  packed: true,
} as const;

/** include/uapi/linux/ip.h */
export const iphdr = structure(20, [
  ['version_ihl', 'u8'],
  ['tos', 'u8'],
  ['tot_len', 'u16'],
  ['id', 'u16'],
  ['frag_off', 'u16'],
  ['ttl', 'u8'],
  ['protocol', 'u8'],
  ['check', 'u16'],
  ['saddr', 'u32'],
  ['daddr', 'u32'],
]);

/** include/uapi/linux/tcp.h */
export const tcphdr = structure(20, [
  ['source', 'u16'],
  ['dest', 'u16'],
  ['seq', 'u32'],
  ['ack_seq', 'u32'],
  ['doff_res', 'u8'],
  ['tcp_flags', 'u8'],
  ['window', 'u16'],
  ['check', 'u16'],
  ['urg_ptr', 'u16'],
]);

/** include/uapi/linux/udp.h */
export const udphdr = structure(8, [
  ['source', 'u16'],
  ['dest', 'u16'],
  ['len', 'u16'],
  ['check', 'u16'],
]);

export const networkStructures = {
  sk_buff,
  xdp_buff,
  xdp_rxq_info,
  net_device,
  sock,
  ethhdr,
  iphdr,
  tcphdr,
  udphdr,
} satisfies Record<string, Structure>;
