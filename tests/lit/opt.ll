; opt-19 -passes=mlcomp runs the policy too.
; RUN: %make_policy %t.policy 'sequence_scores=[0.0, 0.5, -1.0]'
; RUN: %opt_ml -passes=mlcomp -mlcomp-policy=%t.policy -mlcomp-effort=0 -S %s -o - | %FileCheck %s
; CHECK-LABEL: define i32 @f(
; CHECK-NEXT: %r = add i32 %x, 1
; CHECK-NEXT: ret i32 %r
target triple = "riscv32-unknown-elf"
target datalayout = "e-m:e-p:32:32-i64:64-n32-S128"
define i32 @f(i32 %x) {
  %p = alloca i32
  store i32 %x, ptr %p
  %y = load i32, ptr %p
  %r = add i32 %y, 1
  ret i32 %r
}
