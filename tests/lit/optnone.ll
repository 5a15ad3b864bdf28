; Functions that must not be optimised are not: optnone and naked survive a policy's sequence unchanged.
; RUN: %opt_ml -passes=mlcomp '-mlcomp-sequence=function(sroa,instcombine<no-verify-fixpoint>)' -S %s -o - | %FileCheck %s
; CHECK-LABEL: define i32 @kept(
; CHECK: alloca
; CHECK-LABEL: define void @bare(
; CHECK-NEXT: call void asm sideeffect "ret", ""()
; CHECK-LABEL: define i32 @changed(
; CHECK-NOT: alloca
target triple = "riscv32-unknown-elf"
target datalayout = "e-m:e-p:32:32-i64:64-n32-S128"
define i32 @kept(i32 %x) noinline optnone {
  %p = alloca i32
  store i32 %x, ptr %p
  %y = load i32, ptr %p
  ret i32 %y
}
define void @bare() naked {
  call void asm sideeffect "ret", ""()
  unreachable
}
define i32 @changed(i32 %x) {
  %p = alloca i32
  store i32 %x, ptr %p
  %y = load i32, ptr %p
  ret i32 %y
}
