/** Guest time is a bigint of ns since boot: exact however long a box sleeps. include/linux/ktime.h */

/** the last ktime_t, 292 years after boot: a deadline that never comes */
export const KTIME_MAX = 2n ** 63n - 1n;
export const NSEC_PER_SEC = 1_000_000_000n;

/** CLOCK_REALTIME at boot, ns: the box has no other source, so it is always 2025-01-01 00:00:00 UTC. */
export const BOOT_TIME = 1_735_689_600n * NSEC_PER_SEC;

export const earlier = (left: bigint, right: bigint): bigint => (left < right ? left : right);
export const later = (left: bigint, right: bigint): bigint => (left > right ? left : right);

/** ktime_add_safe: `duration` ns after `time`. */
export const timeAfter = (time: bigint, duration: bigint): bigint => earlier(time + duration, KTIME_MAX);

/** timespec64_to_ktime */
export const ktimeOf = (seconds: bigint, nanoseconds: bigint): bigint =>
  earlier(seconds * NSEC_PER_SEC + nanoseconds, KTIME_MAX);

/** As the log shows a time: seconds, and six digits of microseconds. */
export function formatTime(time: bigint): string {
  const seconds = (time / NSEC_PER_SEC).toString().padStart(5);
  const micros = ((time % NSEC_PER_SEC) / 1000n).toString().padStart(6, '0');
  return `${seconds}.${micros}`;
}
