/** A sample that cannot be built: a tool that is missing or fails, or an image that breaks a rule. */
export class BuildError extends Error {
  override name = 'BuildError';
}
