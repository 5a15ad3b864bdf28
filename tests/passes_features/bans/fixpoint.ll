target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
target triple = "x86_64-pc-linux-gnu"
@counter = external global i32
define zeroext i16 @function0() {
  %1 = alloca i32, align 4
  %2 = alloca [4 x i32], align 16
  %3 = alloca i64, align 8
  %4 = alloca i16, align 2
  store i32 1, ptr %1, align 4
  call void @llvm.lifetime.start.p0(i64 16, ptr %2)
  call void @llvm.memcpy.p0.p0.i64(ptr align 16 %2, ptr align 16 null, i64 16, i1 false)
  call void @llvm.lifetime.start.p0(i64 8, ptr %3)
  %5 = load i32, ptr @counter, align 4
  %6 = sext i32 %5 to i64
  store i64 %6, ptr %3, align 8
  %7 = load i32, ptr %1, align 4
  %8 = trunc i32 %7 to i16
  store i16 %8, ptr %4, align 2
  %9 = load i16, ptr %4, align 2
  %10 = zext i16 %9 to i32
  store i32 %10, ptr %1, align 4
  %11 = load i64, ptr %3, align 8
  %12 = mul nsw i64 0, %11
  %13 = load i32, ptr %2, align 4
  %14 = sext i32 %13 to i64
  %15 = add nsw i64 %14, %12
  %16 = trunc i64 %15 to i32
  store i32 %16, ptr %2, align 4
  ret i16 0
  uselistorder ptr %2, { 1, 0, 2, 3 }
}
declare void @llvm.lifetime.start.p0(i64 immarg, ptr nocapture)
declare void @llvm.memcpy.p0.p0.i64(ptr noalias nocapture writeonly, ptr noalias nocapture readonly, i64, i1 immarg)
