//! Does nothing: what remains is the cost of getting here and back.
#![no_std]
#![no_main]

use rex::kprobe::kprobe;
use rex::pt_regs::PtRegs;
use rex::{Result, rex_kprobe};

#[rex_kprobe(function = "kprobe_target_func")]
fn rex_prog1(_obj: &kprobe, _ctx: &mut PtRegs) -> Result {
    Ok(0)
}
