/** What a program may not say, and what it is told: by the compiler, by clippy, or when its image is checked. */
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compileRustSamples, lintRustSamples } from '../toolchain/build/build-rust.ts';
import { rustcVersion } from '../toolchain/build/cargo.ts';
import { BuildError } from '../toolchain/build/error.ts';
import { repositoryRoot } from '../toolchain/build/repository.ts';
import { createRustWorkspace, removeRustWorkspace, rustErrors } from './support/rust-workspace.ts';

interface Case {
  readonly name: string;
  /** behind the imports */
  readonly source: string;
  /** who refuses it */
  readonly by: 'compiler' | 'clippy' | 'image' | 'nobody';
  readonly message?: RegExp;
}

const imports = `#![no_std]
#![no_main]
#![allow(unused)]
use rex::kprobe::kprobe;
use rex::map::*;
use rex::pt_regs::PtRegs;
use rex::spinlock::*;
use rex::tracepoint::*;
use rex::utils::*;
use rex::xdp::*;
use rex::{Result, rex_kprobe, rex_map, rex_printk, rex_tracepoint, rex_uprobe, rex_xdp};
`;
/** A line that starts with `#![` goes before the imports. */
const withImports = (source: string) => source.replace(/^(#!\[[^\n]*\n)?/, `$1${imports}`);
const body = (statements: string) =>
  `#[rex_kprobe] fn program(obj: &kprobe, ctx: &mut PtRegs) -> Result { ${statements} }`;
const entry = `#[repr(C)] #[derive(Clone, Copy)] struct Entry { lock: bpf_spin_lock }
#[rex_map] static ENTRIES: RexArrayMap<Entry> = RexArrayMap::new(1, 0);`;
const guarded = (statements: string) =>
  `${entry}\n${body(`if let Some(entry) = ENTRIES.get_mut(&0) { let guard = rex_spinlock_guard::new(&mut entry.lock); ${statements} } Ok(0)`)}`;
const map = (type: string) =>
  `#[rex_map] static MAP: RexHashMap<u32, ${type}> = RexHashMap::new(1, 0);\n${body('Ok(0)')}`;

// prettier-ignore
const cases: readonly Case[] = [
  { name: 'unsafe_block',        by: 'compiler', message: /usage of an `unsafe` block/,                       source: body('Ok(unsafe { *(ctx.rdi() as *const i32) })') },
  { name: 'unsafe_fn',           by: 'compiler', message: /declaration of an `unsafe` function/,              source: `unsafe fn read() {}\n${body('Ok(0)')}` },
  { name: 'no_mangle',           by: 'compiler', message: /declaration of a `no_mangle` function/,            source: `#[unsafe(no_mangle)] fn rex_landingpad() {}\n${body('Ok(0)')}` },
  { name: 'allowed_again',       by: 'compiler', message: /allow\(unsafe_code\) incompatible with previous forbid/, source: `#[allow(unsafe_code)] mod m {}\n${body('Ok(0)')}` },
  { name: 'extern_block',        by: 'compiler', message: /usage of an `unsafe extern` block|unsafe_code/,    source: `unsafe extern "C" { safe fn printk(); }\n${body('printk(); Ok(0)')}` },
  { name: 'feature',             by: 'compiler', message: /`#!\[feature\]` may not be used on the stable release channel/, source: `#![feature(core_intrinsics)]\n${body('Ok(0)')}` },
  { name: 'abort',               by: 'compiler', message: /use of unstable library feature `core_intrinsics`/, source: body('core::intrinsics::abort()') },
  { name: 'portable_simd',       by: 'compiler', message: /use of unstable library feature `portable_simd`/,  source: body('Ok(core::simd::i32x4::splat(1)[0])') },
  { name: 'std_vec',             by: 'compiler', message: /cannot find (module or crate )?`std`|use of unresolved module or unlinked crate `std`/, source: body('Ok(std::process::id() as i32)') },
  { name: 'extern_std',          by: 'compiler', message: /duplicate lang item in crate `rex`[^]*`panic_impl`/,           source: `extern crate std;\n${body('Ok(0)')}` },
  { name: 'extern_alloc',        by: 'compiler', message: /no global memory allocator found/,                 source: `extern crate alloc;\n${body('Ok(alloc::vec![1, 2][ctx.rdi() as usize])')}` },
  { name: 'forget',              by: 'clippy',   message: /disallowed method `core::mem::forget`[^]*never be given back/, source: guarded('core::mem::forget(guard);') },
  { name: 'manually_drop',       by: 'clippy',   message: /disallowed type `core::mem::ManuallyDrop`[^]*never be given back/, source: guarded('let kept = core::mem::ManuallyDrop::new(guard);') },
  { name: 'maybe_uninit',        by: 'clippy',   message: /disallowed type `core::mem::MaybeUninit`/,         source: guarded('let kept = core::mem::MaybeUninit::new(guard);') },
  { name: 'float_type',          by: 'clippy',   message: /disallowed type `f64`/,                            source: `fn half(n: u64) -> f64 { n as f64 }\n${body('Ok(half(ctx.rdi()) as i32)')}` },
  { name: 'float_arithmetic',    by: 'clippy',   message: /floating-point arithmetic detected/,               source: body('Ok((2.5 * 4.0) as i32)') },
  { name: 'vector_type',         by: 'clippy',   message: /disallowed type `core::arch::x86_64::__m128i`/,    source: `use core::arch::x86_64::__m128i;\n${body('Ok(0)')}` },
  { name: 'float_image',         by: 'image',    message: /`\w+s[sd]` at 0x\w+ in float_image::program: floating point and SIMD are not for programs/, source: body('Ok((ctx.rdi() as f64 * 1.5) as i32)') },
  { name: 'vector_intrinsics',   by: 'compiler', message: /call to function `_mm_set1_epi32` with `#\[target_feature\]` is unsafe/, source: body('let v = core::arch::x86_64::_mm_set1_epi32(1); Ok(0)') },
  { name: 'program_struct',      by: 'compiler', message: /a Rex program's attribute stands on a `fn`/,       source: '#[rex_kprobe] struct Program;' },
  { name: 'bad_argument',        by: 'compiler', message: /`7`: expected no arguments, or `function = "name"`/, source: '#[rex_kprobe(function = 7)] fn program(obj: &kprobe, ctx: &mut PtRegs) -> Result { Ok(0) }' },
  { name: 'bad_syntax',          by: 'compiler', message: /expected no arguments, or `function = "name"`/,    source: '#[rex_uprobe(vfs_read)] fn program(obj: &kprobe, ctx: &mut PtRegs) -> Result { Ok(0) }' },
  { name: 'wrong_context',       by: 'compiler', message: /mismatched types[^]*xdp_md/,                       source: '#[rex_xdp] fn program(obj: &xdp, ctx: &mut PtRegs) -> Result { Ok(0) }' },
  { name: 'unknown_tracepoint',  by: 'compiler', message: /`PtRegs` is the context of no known tracepoint, expected a reference to one of SyscallsEnterOpenCtx, /, source: "#[rex_tracepoint] fn program(obj: &tracepoint<PtRegs>, ctx: &'static PtRegs) -> Result { Ok(0) }" },
  { name: 'context_by_value',    by: 'compiler', message: /expected the last parameter to be a reference to a tracepoint's context/, source: '#[rex_tracepoint] fn program(obj: &tracepoint<SyscallsEnterDupCtx>, ctx: SyscallsEnterDupCtx) -> Result { Ok(0) }' },
  { name: 'map_const',           by: 'compiler', message: /#\[rex_map\] stands on a `static`/,                source: '#[rex_map] const MAP: RexArrayMap<u32> = RexArrayMap::new(1, 0);' },
  { name: 'map_number',          by: 'compiler', message: /`u32` is no map/,                                  source: '#[rex_map] static MAP: u32 = 0;' },
  { name: 'map_reference',       by: 'compiler', message: /a type in a map or a packet holds a reference/,    source: map("&'static str") },
  { name: 'map_inner_reference', by: 'compiler', message: /a type in a map or a packet holds a reference/,    source: `#[repr(C, packed)] #[derive(Clone, Copy)] struct Value { a: u8, b: [(u8, &'static u32); 2] }\n${map('Value')}` },
  { name: 'map_function',        by: 'compiler', message: /a type in a map or a packet holds a reference, a function pointer/, source: map('fn()') },
  { name: 'map_bool',            by: 'compiler', message: /a bool, a char or an enumeration: use integers/,   source: map('[bool; 2]') },
  { name: 'map_enumeration',     by: 'compiler', message: /a bool, a char or an enumeration: use integers/,   source: map('Option<u32>') },
  { name: 'map_pointer',         by: 'compiler', message: /`\*const u8` cannot be in a map or a packet/, source: map('*const u8') },
  { name: 'map_not_copy',        by: 'compiler', message: /`Value` cannot be in a map or a packet[^]*the trait `Copy` is not implemented/,              source: `struct Value(u32);\n${map('Value')}` },
  { name: 'packet_bool',         by: 'compiler', message: /a bool, a char or an enumeration: use integers/,   source: body('Ok(i32::from(*convert_slice_to_struct::<bool>(&[2])))') },
  { name: 'read_reference',      by: 'compiler', message: /a type in a map or a packet holds a reference/,    source: body('let mut text = "a"; obj.bpf_probe_read_kernel(&mut text, core::ptr::null())') },
  { name: 'plain_values',        by: 'nobody',   source: `#[repr(C, packed)] #[derive(Clone, Copy)] struct Inner { a: u8, b: [(u8, u128); 2] }
#[derive(Clone, Copy)] struct Value { inner: Inner, unit: (), wide: [i64; 40] }\n${map('Value')}` },
];

if ((await rustcVersion(repositoryRoot)) === undefined) {
  test.skip('skipped: no rustc', () => {});
  console.log('restricted-rust: skipped: no rustc');
} else {
  const workspace = await createRustWorkspace(new Map(cases.map(({ name, source }) => [name, withImports(source)])));
  const { root, targetDirectory } = workspace;
  const [compiler, clippy] = [await rustErrors(workspace, 'build'), await rustErrors(workspace, 'clippy')];

  for (const { name, by, message } of cases) {
    test(`${name}: refused by ${by}`, async () => {
      if (by !== 'compiler') assert.is(compiler.get(name), undefined);
      if (by === 'compiler') assert.match(compiler.get(name) ?? 'it compiles', message!);
      if (by === 'clippy') assert.match(clippy.get(name) ?? 'clippy has nothing against it', message!);
      if (by !== 'image' && by !== 'nobody') return;
      const error = await compileRustSamples([name], root, { targetDirectory }).then(() => undefined, String);
      if (by === 'nobody') assert.is(error, undefined);
      else assert.match(error ?? 'the image is accepted', message!);
    });
  }

  test('a program without the lints is not built', async () => {
    const { writeFile } = await import('node:fs/promises');
    await writeFile(`${root}/samples/plain_values/Cargo.toml`, '[package]\nname = "plain_values"\n');
    const error: unknown = await lintRustSamples(['plain_values'], root).catch((reason: unknown) => reason);
    assert.instance(error, BuildError);
    assert.match((error as Error).message, /expected "\[lints\] workspace = true"/);
  });

  test.after(() => removeRustWorkspace(workspace));
}

test.run();
