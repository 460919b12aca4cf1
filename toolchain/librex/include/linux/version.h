#ifndef REX_LINUX_VERSION_H
#define REX_LINUX_VERSION_H

#define KERNEL_VERSION(major, minor, patch) (((major) << 16) + ((minor) << 8) + (patch))
/* 7.1.0-rex */
#define LINUX_VERSION_CODE KERNEL_VERSION(7, 1, 0)

#endif
