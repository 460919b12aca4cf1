;; registers and flags only: a loop of two instructions
;; again: addq %rcx, %rax; subq $1, %rcx; jnz again; hlt
(module
  (type 0 (func (result i32)))
  (type 1 (func (param i64 i32) (result i32)))
  (type 2 (func (param i32 i64 i64 i64 i32) (result i32)))
  (type 3 (func (param i32 i32) (result i32)))
  (import "box" "locate" (func 0 (type 1)))
  (import "box" "step" (func 1 (type 0)))
  (import "box" "settle" (func 2 (type 2)))
  (import "box" "native" (func 3 (type 3)))
  (import "box" "away" (func 4 (type 0)))
  (import "box" "memory" (memory 2 2))
  (export "0" (func 5))
  (func 5 (type 0) (result i32)
    (local $0..$15 i64)
    (local $16..$31 v128)
    (local $32 i32)
    (local $33..$35 i64)
    (local $36..$40 i32)
    (local $41 i64)
    i32.const 0
    i64.load
    local.set $0
    i32.const 0
    i64.load offset=8
    local.set $1
    i32.const 0
    i32.load offset=144
    local.set $32
    i32.const 0
    i64.load offset=152
    local.set $33
    i32.const 0
    i64.load offset=160
    local.set $34
    i32.const 0
    i64.load offset=168
    local.set $35
    i32.const 0
    i32.load offset=136
    local.set $36
    local.get $36
    i32.const 2261
    i32.and
    local.set $36
    i32.const 0
    i32.load offset=1216
    local.set $37
    loop ;; @1
      local.get $37
      i32.const 3
      i32.lt_s
      if ;; @2, unlikely
        i32.const 0
        local.get $0
        i64.store
        i32.const 0
        local.get $1
        i64.store offset=8
        i32.const 0
        local.get $32
        i32.store offset=144
        i32.const 0
        local.get $33
        i64.store offset=152
        i32.const 0
        local.get $34
        i64.store offset=160
        i32.const 0
        local.get $35
        i64.store offset=168
        i32.const 0
        i32.const 0
        i32.load offset=136
        i32.const -2262
        i32.and
        local.get $36
        i32.or
        i32.store offset=136
        i32.const 0
        i64.const 0x10000
        i64.store offset=128
        i32.const 0
        local.get $37
        i32.store offset=1216
        i32.const 2
        return
      end
      local.get $37
      i32.const 3
      i32.sub
      local.set $37
      local.get $1
      i64.const 1
      i64.ne
      local.set $40
      local.get $1
      i64.const -1
      i64.add
      local.set $41
      local.get $0
      local.get $1
      i64.add
      local.get $41
      i32.const 16386
      local.get $1
      i64.const 1
      local.get $41
      local.get $36
      local.set $36
      local.set $35
      local.set $34
      local.set $33
      local.set $32
      local.set $1
      local.set $0
      local.get $40
      if ;; @2
        br 1 ;; @1
      else
        local.get $37
        i32.const 0
        i32.sub
        local.set $37
        i32.const 0
        local.get $0
        i64.store
        i32.const 0
        local.get $1
        i64.store offset=8
        i32.const 0
        local.get $32
        i32.store offset=144
        i32.const 0
        local.get $33
        i64.store offset=152
        i32.const 0
        local.get $34
        i64.store offset=160
        i32.const 0
        local.get $35
        i64.store offset=168
        i32.const 0
        i32.const 0
        i32.load offset=136
        i32.const -2262
        i32.and
        local.get $36
        i32.or
        i32.store offset=136
        i32.const 0
        i64.const 0x10009
        i64.store offset=128
        i32.const 0
        local.get $37
        i32.store offset=1216
        call 4 ;; box.away
        return
      end
      unreachable
    end
    unreachable
  )
)

;; a store: the TLB in line, a way out
;; movb %al, 16(%rdi); hlt
(module
  (type 0 (func (result i32)))
  (type 1 (func (param i64 i32) (result i32)))
  (type 2 (func (param i32 i64 i64 i64 i32) (result i32)))
  (type 3 (func (param i32 i32) (result i32)))
  (import "box" "locate" (func 0 (type 1)))
  (import "box" "step" (func 1 (type 0)))
  (import "box" "settle" (func 2 (type 2)))
  (import "box" "native" (func 3 (type 3)))
  (import "box" "away" (func 4 (type 0)))
  (import "box" "memory" (memory 2 2))
  (export "0" (func 5))
  (func 5 (type 0) (result i32)
    (local $0..$15 i64)
    (local $16..$31 v128)
    (local $32 i32)
    (local $33..$35 i64)
    (local $36..$39 i32)
    (local $40 i64)
    (local $41..$42 i32)
    i32.const 0
    i64.load
    local.set $0
    i32.const 0
    i64.load offset=56
    local.set $7
    i32.const 0
    i32.load offset=1216
    local.set $37
    local.get $37
    i32.const 1
    i32.lt_s
    if ;; @1, unlikely
      i32.const 0
      i64.const 0x10000
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.store offset=1216
      i32.const 2
      return
    end
    local.get $37
    i32.const 1
    i32.sub
    local.set $37
    block ;; @1
      block ;; @2
        local.get $7
        i64.const 16
        i64.add
        local.tee $40
        i64.const 8
        i64.shr_u
        i32.wrap_i64
        i32.const 16368
        i32.and
        local.tee $41
        i64.load offset=16908288
        local.get $40
        i64.xor
        i64.const 4095
        i64.gt_u
        if ;; @3, unlikely
          local.get $40
          i32.const 7
          call 0 ;; box.locate
          local.tee $42
          i32.const -1
          i32.eq
          br_if 1 ;; @2, unlikely
        else
          local.get $40
          i32.wrap_i64
          local.get $41
          i32.load offset=16908296
          i32.add
          local.set $42
        end
        local.get $42
        local.get $0
        i32.wrap_i64
        i32.const 255
        i32.and
        i32.store8
        br 1 ;; @1
      end
      i32.const 0
      i64.const 0x10000
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.const 1
      i32.add
      i32.store offset=1216
      i32.const 1
      return
    end
    i32.const 0
    i64.const 0x10003
    i64.store offset=128
    i32.const 0
    local.get $37
    i32.store offset=1216
    call 4 ;; box.away
    return
    unreachable
  )
)

;; a call that is followed, and its return
;; call f; hlt; f: ret
(module
  (type 0 (func (result i32)))
  (type 1 (func (param i64 i32) (result i32)))
  (type 2 (func (param i32 i64 i64 i64 i32) (result i32)))
  (type 3 (func (param i32 i32) (result i32)))
  (import "box" "locate" (func 0 (type 1)))
  (import "box" "step" (func 1 (type 0)))
  (import "box" "settle" (func 2 (type 2)))
  (import "box" "native" (func 3 (type 3)))
  (import "box" "away" (func 4 (type 0)))
  (import "box" "memory" (memory 2 2))
  (export "0" (func 5))
  (func 5 (type 0) (result i32)
    (local $0..$15 i64)
    (local $16..$31 v128)
    (local $32 i32)
    (local $33..$35 i64)
    (local $36..$39 i32)
    (local $40 i64)
    (local $41..$42 i32)
    (local $43 i64)
    i32.const 0
    i64.load offset=32
    local.set $4
    i32.const 0
    i32.load offset=1216
    local.set $37
    local.get $37
    i32.const 2
    i32.lt_s
    if ;; @1, unlikely
      i32.const 0
      i64.const 0x10000
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.store offset=1216
      i32.const 2
      return
    end
    local.get $37
    i32.const 1
    i32.sub
    local.set $37
    block ;; @1
      block ;; @2
        local.get $4
        i64.const -8
        i64.add
        local.tee $40
        i64.const 8
        i64.shr_u
        i32.wrap_i64
        i32.const 16368
        i32.and
        local.tee $41
        i64.load offset=16908288
        local.get $40
        i64.xor
        i64.const 4088
        i64.gt_u
        if ;; @3, unlikely
          local.get $40
          i32.const 33
          call 0 ;; box.locate
          local.tee $42
          i32.const -1
          i32.eq
          br_if 1 ;; @2, unlikely
        else
          local.get $40
          i32.wrap_i64
          local.get $41
          i32.load offset=16908296
          i32.add
          local.set $42
        end
        local.get $42
        i64.const 0x10005
        i64.store
        local.get $4
        i64.const -8
        i64.add
        local.set $4
        br 1 ;; @1
      end
      i32.const 0
      i64.const 0x10000
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.const 1
      i32.add
      i32.store offset=1216
      i32.const 1
      return
    end
    local.get $37
    i32.const 1
    i32.sub
    local.set $37
    block ;; @1
      block ;; @2
        local.get $42
        i64.load
        local.set $40
        local.get $40
        local.set $43
        local.get $43
        i64.const 0x10005
        i64.ne
        if ;; @3
          local.get $43
          i64.const 16
          i64.shl
          i64.const 16
          i64.shr_s
          local.get $43
          i64.ne
          br_if 1 ;; @2, unlikely
        end
        local.get $4
        i64.const 8
        i64.add
        local.set $4
        br 1 ;; @1
      end
      i32.const 0
      local.get $4
      i64.store offset=32
      i32.const 0
      i64.const 0x10006
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.const 1
      i32.add
      i32.store offset=1216
      i32.const 1
      return
    end
    local.get $43
    i64.const 0x10005
    i64.eq
    if ;; @1
      local.get $37
      i32.const 0
      i32.sub
      local.set $37
      i32.const 0
      local.get $4
      i64.store offset=32
      i32.const 0
      i64.const 0x10005
      i64.store offset=128
      i32.const 0
      local.get $37
      i32.store offset=1216
      call 4 ;; box.away
      return
    end
    i32.const 0
    local.get $4
    i64.store offset=32
    i32.const 0
    local.get $43
    i64.store offset=128
    i32.const 0
    local.get $37
    i32.store offset=1216
    i32.const 0
    return
    unreachable
  )
)
