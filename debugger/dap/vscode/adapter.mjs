/** What an editor starts: the adapter on standard input and output, from whatever folder. */
import { register } from 'tsx/esm/api';

register();
await import('../../../debug-adapter.ts');
