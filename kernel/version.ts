/** What uname(2) says: the fields of struct utsname in their order. */
export const utsname = {
  sysname: 'Linux',
  nodename: 'box',
  release: '7.1.0-rex',
  version: '#1 SMP PREEMPT_DYNAMIC',
  machine: 'x86_64',
  domainname: '(none)',
} as const;
