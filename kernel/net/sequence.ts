/** TCP's sequence numbers wrap: RFC 9293 §3.4. */
export const before = (left: number, right: number): boolean => ((left - right) | 0) < 0;
export const after = (left: number, right: number): boolean => before(right, left);
export const advance = (sequence: number, by: number): number => (sequence + by) >>> 0;
export const distance = (from: number, to: number): number => (to - from) >>> 0;
