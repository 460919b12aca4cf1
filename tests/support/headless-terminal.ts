/** A terminal without a window: what a person would see after some bytes. */
import xterm from '@xterm/headless';

type Terminal = InstanceType<typeof xterm.Terminal>;

export interface HeadlessTerminal {
  readonly terminal: Terminal;
  write(text: string): Promise<void>;
  /** rows of the buffer in front, without spaces at their ends */
  text(): string[];
  resize(columns: number, rows: number): void;
}

export function createHeadlessTerminal(columns: number, rows: number): HeadlessTerminal {
  const terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, scrollback: 0 });
  return {
    terminal,
    write: (text) => new Promise((resolve) => terminal.write(text, resolve)),
    text() {
      const { active } = terminal.buffer;
      return Array.from({ length: terminal.rows }, (_, row) =>
        (active.getLine(active.baseY + row)?.translateToString(true) ?? '').trimEnd(),
      );
    },
    resize: (width, height) => terminal.resize(width, height),
  };
}
