/** execve of a program that lies in no file. */
import { execute } from '../../kernel/exec.ts';
import { latin1Bytes } from '../../kernel/fs/bytes.ts';
import { writeContent } from '../../kernel/fs/content.ts';
import { withUnnamed } from '../../kernel/fs/opening.ts';
import type { Kernel } from '../../kernel/kernel.ts';
import type { Task } from '../../kernel/task.ts';

/** `execute` for a task that is not running; its errors. */
export function executeBytes(
  kernel: Kernel,
  task: Task,
  path: string,
  bytes: Uint8Array,
  argv: readonly string[],
  envp: readonly string[] = [],
): void {
  withUnnamed(kernel, (inode) => {
    writeContent(kernel, inode, 0, bytes);
    execute(kernel, undefined, task, path, inode, argv.map(latin1Bytes), envp.map(latin1Bytes));
  });
}
