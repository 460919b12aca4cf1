/** A small generator of reproducible numbers (xorshift32); the same sequence for the same seed everywhere. */
export interface Random {
  /** 0 … 2^32 - 1 */
  next(): number;
  /** 0 … limit - 1 */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  /** 64 bits */
  wide(): bigint;
}

export function createRandom(seed: number): Random {
  let state = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ 0x1234567) >>> 0 || 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
  const below = (limit: number): number => Math.floor((next() / 2 ** 32) * limit);
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const wide = (): bigint => (BigInt(next()) << 32n) | BigInt(next());
  for (let n = 0; n < 4; n++) next();
  return { next, below, chance: (probability) => next() / 2 ** 32 < probability, pick, wide };
}
