# What a base program does if something runs it (upstream: bpf_func of BPF_PROG_TYPE_REX_BASE).
    .text
    .globl rex_base_func
    .type rex_base_func, @function
rex_base_func:
    xor %eax, %eax
    ret
    .size rex_base_func, . - rex_base_func
