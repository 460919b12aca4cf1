/* include/uapi/linux/pkt_sched.h: handles of queueing disciplines. */
#ifndef REX_LINUX_PKT_SCHED_H
#define REX_LINUX_PKT_SCHED_H

#define TC_H_MAJ_MASK 0xffff0000U
#define TC_H_MIN_MASK 0x0000ffffU
#define TC_H_MAKE(major, minor) (((major) & TC_H_MAJ_MASK) | ((minor) & TC_H_MIN_MASK))
#define TC_H_CLSACT 0xfffffff1U
#define TC_H_MIN_INGRESS 0xfff2U
#define TC_H_MIN_EGRESS 0xfff3U

#endif
