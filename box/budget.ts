/** Most instructions that a run executes when nobody says how many. */
export const DEFAULT_BUDGET = 1_000_000_000;
