/** The screen over a real debugger: keys, prompts, panels, sizes, and what guests write. */
import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commands } from '../debugger/screen/commands.ts';
import type { Grid } from '../debugger/screen/grid.ts';
import { gridText } from '../debugger/screen/grid.ts';
import { panelNames } from '../debugger/screen/layout.ts';
import { ENTER, paint } from '../debugger/screen/painter.ts';
import { panels } from '../debugger/screen/panels/index.ts';
import { flagText } from '../debugger/screen/panels/registers.ts';
import type { Screen } from '../debugger/screen/screen.ts';
import { textOf } from '../debugger/screen/style.ts';
import { columnsOf } from '../debugger/screen/text/width.ts';
import { createHeadlessTerminal } from './support/headless-terminal.ts';
import { lowest, press, programScreen, sampleScreen, shown, type } from './support/screens.ts';
import { exit, tinyProgram } from './support/tiny-program.ts';

const slow = process.env['TEST_TIER'] === 'slow';

/** Writes the bytes to standard output, and exits. */
const writingProgram = (bytes: Uint8Array): Uint8Array =>
  tinyProgram(
    `\tmov $1, %edi\n\tmov $message, %esi\n\tmov $${bytes.length}, %edx\n\tmov $1, %eax\n\tsyscall\n${exit(0)}
message: .byte ${[...bytes].join(', ')}`,
  );

const loopingProgram = (): Uint8Array => tinyProgram('again: jmp again');

/** At the entry of the Rex program of error_injector: every kind of code is on the way there. */
const atProgram = async () => {
  const made = await sampleScreen('error_injector');
  press(made.screen, ':');
  type(made.screen, 'program err_injector');
  press(made.screen, 'c');
  return made;
};

const inside = await atProgram();
const marked = inside.session.rest.instruction;
/** the same place for every test that begins there */
function back(): typeof inside {
  const { screen, session } = inside;
  press(screen, 'escape', 'x');
  type(screen, '*');
  press(screen, 'g');
  type(screen, `${marked}`);
  assert.is(session.rest.instruction, marked);
  screen.resize(80, 24);
  screen.view.tab = 'source';
  screen.view.follow = undefined;
  screen.view.memory = '';
  press(screen, 'escape');
  return inside;
}

const panelText = (screen: Screen, name: (typeof panelNames)[number], columns = 80, rows = 30): string =>
  panels[name].lines(screen.view, columns, rows).map(textOf).join('\n');

test('a stop is typed, run to, and said', () => {
  const { screen } = back();
  assert.match(shown(screen)[0]!, /error_injector \| instruction 102,\d+ \| 2 userapp \| extension err_injector/);
  press(screen, 'S', ':');
  type(screen, 'program err_injector');
  assert.match(lowest(screen), /^added \d+: program err_injector$/);
  press(screen, 'c');
  assert.match(lowest(screen), /^stopped at err_injector \(program/);
});

test('steps forward and back come to the same place', () => {
  const { screen, session } = back();
  const before = shown(screen);
  press(screen, '5', 's');
  assert.is(session.rest.instruction, marked + 5);
  press(screen, '5', 'S');
  assert.is(session.rest.instruction, marked);
  press(screen, 's', 'b');
  // but for what the latest motion has changed, which is marked
  const unmarked = (lines: readonly string[]): string[] => lines.map((line) => line.replaceAll('*', ' ').trimEnd());
  assert.equal(unmarked(shown(screen).slice(1, -1)), unmarked(before.slice(1, -1)));
});

test('over a call and out of a function', () => {
  const { screen, session } = back();
  press(screen, '4', 's');
  const at = session.rest;
  assert.match(session.instructionAt()!.text, /^call/);
  press(screen, 'n');
  assert.is(session.rest.rip, at.rip + 5n);
  press(screen, 'N');
  assert.is(session.rest.instruction, at.instruction);
  press(screen, 'o');
  assert.is(session.describe(session.rest.rip).symbol, 'rex_exit');
});

test('changed registers are marked, by * where there are no colours', () => {
  const { screen } = back();
  screen.view.colours = false;
  press(screen, 's');
  // push %rbp
  assert.match(shown(screen).join('\n'), /\*rsp ffffc90000008fe8/);
  assert.not.match(shown(screen).join('\n'), /\*rbp/);
  screen.view.colours = true;
  assert.match(shown(screen).join('\n'), / rsp ffffc90000008fe8/);
});

test('flags are letters, upper case when set', () => {
  assert.is(flagText(0n), 'oditszapc');
  assert.is(flagText(0x246n), 'odItsZaPc');
  assert.is(flagText(0xfd5n), 'ODITSZAPC');
});

test('a line says in words what the next instruction does', () => {
  const { screen } = back();
  assert.match(shown(screen).slice(-3).join(' '), /push %rbp: mem64\[rsp-8\] <- rbp; rsp <- rsp - 8 {2}\[rbp = 0xffff/);
});

test('the cursor moves, a run goes until it, a stop is set and removed there', () => {
  const { screen, session } = back();
  press(screen, 'down', 'j', 'down', '.');
  assert.is(session.stops.length, 1);
  assert.match(shown(screen).join('\n'), /^-\*\s*\+7 lea/m);
  press(screen, '.');
  assert.is(session.stops.length, 0);
  press(screen, 'u');
  assert.is(session.rest.rip, session.describe(session.rest.rip).address);
  assert.is(session.rest.instruction, marked + 3);
});

test('prompts: until, find, memory, expression, goto, follow', () => {
  const { screen, session } = back();
  press(screen, 'u');
  assert.match(lowest(screen), /^until:/);
  type(screen, 'helper if pid == 2');
  assert.is(session.describe(session.rest.rip).symbol, 'bpf_map_lookup_elem');
  assert.equal(session.stops, []);
  press(screen, 'p');
  type(screen, 'rip == bpf_map_lookup_elem');
  assert.match(lowest(screen), /= 1 = 0x1/);
  press(screen, '/');
  type(screen, 'just_return');
  assert.match(lowest(screen), /^at just_return_func/);
  assert.match(shown(screen)[1]!, /code just_return_func/);
  press(screen, 'escape');
  assert.match(shown(screen)[1]!, /code bpf_map_lookup_elem/);
  press(screen, 'm');
  type(screen, 'rsi');
  assert.is(screen.view.tab, 'memory');
  // the key that the program looks up: its pid
  assert.match(shown(screen).join('\n'), /^ffffc9\w+ 02 00 00 00/m);
  press(screen, 'f');
  type(screen, '99');
  assert.match(lowest(screen), /there is no task 99: there are 1, 2/);
  press(screen, 'f');
  type(screen, '1');
  press(screen, 's');
  assert.is(session.rest.pid, 1);
  assert.match(shown(screen)[0]!, /follows pid 1/);
});

test('a stop is switched off and on, and its hits are counted', () => {
  const { screen, session } = back();
  press(screen, ':');
  type(screen, 'bpf_map_lookup_elem');
  const { id } = session.stops[0]!;
  press(screen, 'e');
  type(screen, `${id}`);
  assert.match(panelText(screen, 'stops'), new RegExp(`^ ${id} bpf_map_lookup_elem \\(off\\)$`));
  press(screen, ...String(id), 'e', 'c');
  assert.is(session.rest.rip, session.evaluate('bpf_map_lookup_elem'));
  assert.match(panelText(screen, 'stops'), new RegExp(`^>${id} bpf_map_lookup_elem  1 hit$`));
});

test('what is typed wrong is said, and nothing happens', () => {
  const { screen, session } = back();
  const wrong: readonly (readonly [key: string, text: string, message: RegExp])[] = [
    [':', 'syscall dpu', /dup/],
    [':', '*0x8000000000000000', /canonical/],
    [':', 'main.rs:19 if )', /./],
    ['x', '77', /77/],
    ['g', 'far', /whole number/],
    ['p', 'rax +', /./],
    ['m', 'u64[0]', /./],
    ['/', 'no such symbol', /no symbol contains/],
    ['f', 'cpu 9', /there is no CPU 9/],
  ];
  for (const [key, text, message] of wrong) {
    press(screen, key);
    type(screen, text);
    assert.ok(screen.view.message?.error, `${key}${text}`);
    assert.match(lowest(screen), message);
    assert.is(session.rest.instruction, marked);
  }
  press(screen, 'Z');
  assert.match(lowest(screen), /no such key/);
  assert.equal(session.stops, []);
});

test('a prompt is edited, left, and remembers', () => {
  const { screen } = back();
  press(screen, 'p', '1', '2', 'left', 'backspace', '3', 'home', 'delete', 'end', '4', 'enter');
  assert.match(lowest(screen), /^24 = 24/);
  press(screen, 'p', 'up', '0', 'enter');
  assert.match(lowest(screen), /^240 = 240/);
  press(screen, 'p', '1', 'escape');
  assert.is(screen.view.prompt, undefined);
  press(screen, 'p', ...'1'.repeat(300), 'left', 'left');
  assert.is(columnsOf(lowest(screen)) <= 80, true);
  press(screen, 'ctrl-c');
});

test('panels: source with inlining, story, stacks, maps, log, output, tasks', () => {
  const { screen } = back();
  press(screen, ':');
  type(screen, 'pt_regs.rs:54');
  press(screen, 'c');
  const source = panelText(screen, 'source');
  assert.match(source, /inlined set_return at pt_regs.rs:54/);
  assert.match(source, /inlined bpf_override_return at kprobe.rs/);
  assert.match(source, /^>54 .*self\.regs\.ip = ip;/m);
  const story = panelText(screen, 'story')
    .split('\n')
    .map((line) => line.slice(1).split(' ')[0]);
  for (const kind of ['program', 'dispatcher', 'kprobe', 'exception', 'syscall', 'user'])
    assert.ok(story.includes(kind), kind);
  const stack = panelText(screen, 'stack', 80, 60);
  for (const name of ['rex stack', 'kernel stack', 'user stack']) assert.match(stack, name as never);
  assert.match(panelText(screen, 'maps'), /pid_to_errno[^]*\[2\] = -22/);
  assert.match(panelText(screen, 'log'), /Linux version/);
  assert.match(panelText(screen, 'tasks'), /2 userapp {9}running/);
  press(screen, 'x');
  type(screen, '*');
  // once to the present, which the other tests have left ahead
  press(screen, 'c', 'c');
  assert.match(panelText(screen, 'output'), /2 dup: Invalid argument\n3 dup: success/);
});

test('every command has a key of its own and is in the help', () => {
  const { screen } = back();
  const keys = commands.flatMap((command) => command.keys);
  assert.is(new Set(keys).size, keys.length);
  screen.resize(120, 50);
  press(screen, '?');
  const help = shown(screen).join('\n');
  for (const command of commands) assert.ok(help.includes(command.help.slice(0, 80)), command.help);
  press(screen, '?');
  assert.not.match(shown(screen).join('\n'), /ends this/);
});

test('a run is made in slices: ctrl-c interrupts it, and it goes on', async () => {
  const { screen, session } = await programScreen(loopingProgram());
  screen.press('c');
  screen.advance();
  assert.ok(screen.busy);
  assert.match(shown(screen)[0]!, /continuing … \^C interrupts/);
  const { instruction } = session.rest;
  screen.press('s');
  screen.advance();
  assert.ok(session.rest.instruction > instruction + 1);
  screen.press('ctrl-c');
  assert.not.ok(screen.busy);
  assert.is(lowest(screen), 'interrupted');
  press(screen, 's');
  assert.match(shown(screen)[0]!, /program/);
});

test('going back is made in slices too: ctrl-c interrupts it, and it is where it was', async () => {
  const { screen, session } = await programScreen(loopingProgram());
  press(screen, ':');
  type(screen, '*0x401002');
  screen.press('c');
  screen.advance();
  screen.press('ctrl-c');
  const { instruction } = session.rest;
  assert.ok(instruction > 1_000_000);
  for (const key of ['C', 'N']) {
    screen.press(key);
    const slices = key === 'C' ? 3 : 0;
    for (let n = 0; n < slices; n++) screen.advance();
    assert.ok(screen.busy);
    screen.press('ctrl-c');
    assert.is(lowest(screen), 'interrupted');
    assert.is(session.rest.instruction, instruction);
  }
  press(screen, 'C');
  assert.match(lowest(screen), /beginning/);
  // and on to what has never been executed
  const target = instruction + 6_000_000;
  for (const key of `${target}g`) screen.press(key);
  screen.advance();
  assert.ok(screen.busy);
  screen.press('ctrl-c');
  assert.ok(session.rest.instruction > instruction && session.rest.instruction < target);
  press(screen, ...`${target}g`);
  assert.is(session.rest.instruction, target);
});

test('a run ends at its budget', async () => {
  const { screen, session } = await programScreen(loopingProgram(), { budget: 5_000_000 });
  press(screen, 'c');
  assert.is(session.rest.reason, 'budget');
  assert.ok(session.rest.instruction <= 5_000_001);
});

test('what a guest writes stays in its panel, whatever it is', async () => {
  const hostile = '\x1b[2J\x1b]0;title\x07 漢字 e\u0301 \u202eright\r\n\xff'.concat('w'.repeat(300));
  const { screen } = await programScreen(writingProgram(Uint8Array.from([...new TextEncoder().encode(hostile), 0xfe])));
  press(screen, 'c');
  screen.view.tab = 'output';
  const terminal = createHeadlessTerminal(80, 24);
  await terminal.write(ENTER);
  await terminal.write(paint(undefined, screen.draw(), { look: 'colour' }));
  assert.equal(terminal.text(), shown(screen));
  assert.match(terminal.text().join('\n'), /\\x1b\[2J\\x1b\]0;title\\x07 /);
  assert.match(terminal.text()[0]!, /^ program \|/);
});

test('any size shows something, and resizing at any time leaves the terminal as the grid is', async () => {
  const { screen } = back();
  const sizes = fc.array(fc.tuple(fc.integer({ min: 1, max: 220 }), fc.integer({ min: 1, max: 70 })), {
    minLength: 1,
    maxLength: 4,
  });
  const keys = fc.constantFrom('s', 'S', 'tab', '?', 'page-down', 'down', ':', 'x', 'escape', 'space');
  await fc.assert(
    fc.asyncProperty(sizes, keys, fc.constantFrom(...panelNames), async (each, key, tab) => {
      const terminal = createHeadlessTerminal(80, 24);
      await terminal.write(ENTER);
      let before: Grid | undefined;
      screen.view.tab = tab;
      for (const [columns, rows] of each) {
        screen.resize(columns, rows);
        terminal.resize(columns, rows);
        const grid = screen.draw();
        assert.is(grid.cells.length, columns * rows);
        // oxlint-disable-next-line no-await-in-loop
        await terminal.write(paint(before, grid, { look: 'colour' }));
        assert.equal(terminal.text(), gridText(grid));
        before = grid;
        press(screen, key);
      }
      assert.ok(shown(screen).some((line) => line.trim() !== ''));
      terminal.terminal.dispose();
    }),
    { numRuns: slow ? 500 : 25 },
  );
  press(screen, 'escape', 'escape');
  screen.resize(19, 24);
  assert.match(shown(screen).join(''), /too small/);
});

test('keys in any order never throw, and the screen can always be drawn', () => {
  const keys = commands
    .flatMap((command) => command.keys)
    .filter((key) => !['q', 'Q', 'c', 'C', 'u', 'o'].includes(key));
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.constantFrom(...keys, 'enter', 'é', '漢'), fc.constantFrom('1', '2', 'r', 'a', 'x', '*')), {
        maxLength: 20,
      }),
      (pressed) => {
        const { screen } = back();
        for (const key of pressed) {
          press(screen, key);
          assert.is(screen.draw().cells.length, 80 * 24);
        }
        // nobody is left in a prompt
        press(screen, 'escape', 'escape');
        screen.view.count = '';
        screen.view.help = false;
      },
    ),
    { numRuns: slow ? 300 : 20 },
  );
});

test.run();
