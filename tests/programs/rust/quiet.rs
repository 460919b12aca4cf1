//! Without the feature `debug_printk`, printing succeeds, prints nothing and evaluates nothing.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe, rex_printk};

#[rex_kprobe]
fn quiet(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    rex_printk!("{}\n", unreachable!("an argument"))?;
    Ok(8)
}
