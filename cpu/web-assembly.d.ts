/** The part of the WebAssembly JavaScript API that this project uses; the library types come with the DOM's only. */
declare namespace WebAssembly {
  class Memory {
    constructor(descriptor: { initial: number; maximum: number });
    readonly buffer: ArrayBuffer;
  }
}
