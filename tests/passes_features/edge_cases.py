"""Textual IR that C rarely gives: each case is a small module with something odd in it."""

# ruff: noqa: E501

EDGE_CASES = {
    "empty module": "",
    "declarations only": """
        @outside = external global i32
        @weak = extern_weak global i8
        declare void @f(ptr, ...)
        declare i32 @llvm.ctpop.i32(i32)
    """,
    "naked function and module assembly": """
        target triple = "thumbv7em-none-unknown-eabi"
        module asm "nothing:"
        define void @f() naked noinline {
          call void asm sideeffect "bx lr", "~{memory}"()
          unreachable
        }
    """,
    "exceptions, Itanium": """
        @info = external constant ptr
        declare i32 @__gxx_personality_v0(...)
        declare i32 @g(i32)
        define i32 @f(i32 %x) personality ptr @__gxx_personality_v0 {
        entry:
          %a = invoke i32 @g(i32 7) to label %ok unwind label %pad
        ok:
          invoke void @llvm.donothing() to label %done unwind label %pad
        done:
          ret i32 %a
        pad:
          %l = landingpad { ptr, i32 } cleanup catch ptr @info filter [1 x ptr] [ptr @info]
          %e = extractvalue { ptr, i32 } %l, 0
          %n = insertvalue { ptr, i32 } %l, i32 3, 1
          resume { ptr, i32 } %n
        }
        declare void @llvm.donothing()
    """,
    "exceptions, funclets and bundles": """
        declare i32 @__CxxFrameHandler3(...)
        declare void @g(i32)
        define void @f() personality ptr @__CxxFrameHandler3 {
        entry:
          invoke void @g(i32 1) [ "deopt"(i32 1, ptr getelementptr (i8, ptr @v, i32 4)) ] to label %out unwind label %switch
        switch:
          %s = catchswitch within none [label %catch, label %other] unwind label %cleanup
        catch:
          %c = catchpad within %s [ptr null, i32 64, ptr null]
          call void @g(i32 2) [ "funclet"(token %c) ]
          catchret from %c to label %out
        other:
          %o = catchpad within %s [ptr null, i32 0, ptr null]
          catchret from %o to label %out
        cleanup:
          %d = cleanuppad within none []
          cleanupret from %d unwind to caller
        out:
          ret void
        }
        @v = internal global [2 x i32] zeroinitializer
    """,
    "asm goto": """
        define i32 @f(i32 %x) {
        entry:
          %r = callbr i32 asm "", "=r,r,!i,!i"(i32 %x) to label %a [label %b, label %b]
        a:
          ret i32 %r
        b:
          ret i32 0
        }
    """,
    "computed goto": """
        @targets = private constant [2 x ptr] [ptr blockaddress(@f, %a), ptr blockaddress(@f, %b)]
        define internal i32 @f(i32 %x) {
        entry:
          %p = getelementptr [2 x ptr], ptr @targets, i32 0, i32 %x
          %t = load ptr, ptr %p
          indirectbr ptr %t, [label %a, label %b, label %a]
        a:
          %n = phi i32 [ 1, %entry ], [ 1, %entry ], [ 2, %b ]
          ret i32 %n
        b:
          store ptr blockaddress(@f, %a), ptr %p
          br label %a
        }
    """,
    "scalable vectors": """
        %pair = type { i32, i32 }
        define <vscale x 4 x i32> @f(<vscale x 4 x i32> %v, ptr %p, <4 x float> %w) {
          %a = alloca <vscale x 4 x i32>, i32 2
          %l = load <vscale x 4 x i32>, ptr %p
          %s = add <vscale x 4 x i32> %l, splat (i32 3)
          %m = mul <vscale x 4 x i32> %s, zeroinitializer
          store <vscale x 4 x i32> %m, ptr %a
          %x = extractelement <4 x float> <float 1.0, float 2.0, float 3.0, float 4.0>, i32 1
          %y = insertelement <4 x float> %w, float %x, i32 2
          %z = shufflevector <4 x float> %y, <4 x float> poison, <4 x i32> <i32 3, i32 2, i32 1, i32 0>
          %d = fadd <4 x float> %z, zeroinitializer
          store <4 x float> %d, ptr %p, align 4
          ret <vscale x 4 x i32> %m
        }
    """,
    "unusual integers": """
        target datalayout = "e-p:32:32"
        define i128 @f(i128 %x, i3 %t, i24 %u, i65 %v, i256 %w, ptr %p) {
          %a = add i128 %x, 170141183460469231731687303715884105727
          %b = mul i128 %a, -1
          %c = sdiv i128 %b, 18446744073709551616
          %d = add i3 %t, 3
          %e = add i3 %t, -4
          %g = urem i24 %u, 8388608
          %h = icmp ult i65 %v, 36893488147419103231
          %i = shl i256 %w, 200
          %j = select i1 %h, i1 true, i1 false
          %k = and i32 1048576, -2147483648
          %l = or i64 2147483648, 4294963200
          %m = xor i16 -32, 2047
          %n = sub i8 -2048, -128
          store i24 %u, ptr %p, align 2
          store i65 %v, ptr %p, align 8
          store i256 %i, ptr %p, align 16
          store i3 %d, ptr %p, align 1
          store i3 %e, ptr %p, align 1
          ret i128 %c
        }
    """,
    "calls of every kind": """
        declare void @outside(i32, ptr, ...)
        declare i32 @llvm.fshl.i32(i32, i32, i32)
        declare {i32, i1} @llvm.sadd.with.overflow.i32(i32, i32)
        declare i32 @llvm.umax.i32(i32, i32)
        declare void @llvm.memcpy.inline.p0.p0.i32(ptr, ptr, i32, i1)
        declare void @llvm.memcpy.element.unordered.atomic.p0.p0.i32(ptr, ptr, i32, i32)
        declare void @llvm.memset.p0.i64(ptr, i8, i64, i1)
        declare i32 @llvm.read_register.i32(metadata)
        declare <4 x i32> @llvm.masked.load.v4i32.p0(ptr, i32, <4 x i1>, <4 x i32>)
        define internal i32 @once(i32 %x) { ret i32 %x }
        define internal void @never(i32 %x) { ret void }
        define private void @taken(ptr %p) { ret void }
        define void @recursive(i32 %x) { call void @recursive(i32 0) ret void }
        @alias = alias void (i32), ptr @recursive
        define void @f(ptr %p, i32 %x, i64 %n, <4 x i1> %m, ptr %q) {
          %a = call i32 @once(i32 1)
          call void (i32, ptr, ...) @outside(i32 1, ptr @taken, double 2.0, i32 %x, i32 undef)
          call void %p(i32 %x) [ "deopt"(i32 1, i32 2), "other"() ]
          call void @alias(i32 1)
          call void @outside(i32 4)
          %b = call i32 @llvm.fshl.i32(i32 %a, i32 %x, i32 3)
          %c = call {i32, i1} @llvm.sadd.with.overflow.i32(i32 %b, i32 100)
          %d = call i32 @llvm.umax.i32(i32 %b, i32 255)
          call void @llvm.memcpy.inline.p0.p0.i32(ptr %p, ptr %q, i32 16, i1 false)
          call void @llvm.memcpy.element.unordered.atomic.p0.p0.i32(ptr align 4 %p, ptr align 4 %q, i32 %x, i32 4)
          call void @llvm.memset.p0.i64(ptr %p, i8 0, i64 %n, i1 true)
          %r = call i32 @llvm.read_register.i32(metadata !0)
          %v = call <4 x i32> @llvm.masked.load.v4i32.p0(ptr %p, i32 4, <4 x i1> %m, <4 x i32> undef)
          tail call void @never2(ptr %p, i32 %x, i64 %n, <4 x i1> %m, ptr %q)
          musttail call void @never2(ptr %p, i32 %x, i64 %n, <4 x i1> %m, ptr %q)
          ret void
        }
        define weak_odr void @never2(ptr %p, i32 %x, i64 %n, <4 x i1> %m, ptr %q) { ret void }
        !0 = !{!"sp"}
    """,
    "constants": """
        @g = global [4 x i32] zeroinitializer
        declare void @use(...)
        define void @f(ptr %p, half %h) {
          call void (...) @use(i32 undef, i32 poison, ptr null, <2 x i32> undef, <2 x i32> zeroinitializer)
          call void (...) @use(float 0.0, float -0.0, double 1.5, half 0.0, bfloat 1.0, fp128 0xL0, x86_fp80 0xK00000000000000000001)
          call void (...) @use(ptr @g, ptr getelementptr (i8, ptr @g, i32 4), ptr inttoptr (i32 1073741824 to ptr))
          call void (...) @use(i32 ptrtoint (ptr @g to i32), ptr blockaddress(@f, %next), {i32, ptr} {i32 1, ptr @f})
          call void (...) @use(ptr addrspace(1) addrspacecast (ptr @g to ptr addrspace(1)), [2 x i8] c"ab")
          call void (...) @use(ptr addrspace(2) inttoptr (i64 4096 to ptr addrspace(2)), fp128 0xL00000000000000010000000000000000)
          br label %next
        next:
          %a = fadd half %h, 0xH8000
          %b = fpext half %a to double
          %c = fneg double %b
          %d = fptosi double %c to i64
          %e = bitcast i64 %d to double
          %x = freeze double %e
          %y = fcmp oeq double %x, 0.0
          br i1 true, label %end, label %next
        end:
          switch i32 7, label %next [ i32 1, label %out i32 2, label %out ]
        out:
          ret void
        }
    """,
    "globals": r"""
        $group = comdat any
        %"odd type, name" = type <{ i8, i32, [3 x i16] }>
        %hidden = type opaque
        @0 = private unnamed_addr constant [3 x i8] c"ab\00"
        @"quoted = global name" = internal global i32 7, section "a = global b, @c"
        @packed = global %"odd type, name" zeroinitializer, align 1
        @string = constant [12 x i8] c"mail@\22x\22 y\0A\00"
        @inner_zero = constant [3 x i8] c"a\00\00"
        @no_zero = constant [2 x i8] c"ab"
        @only_zero = constant [1 x i8] zeroinitializer
        @variable_string = global [2 x i8] c"a\00"
        @wide_string = constant [2 x i16] [i16 97, i16 0]
        @zero_float = global float 0.0
        @negative_zero = global double -0.0
        @zero_x86 = global x86_fp80 0xK00000000000000000000
        @zero_half = global half 0xH0000
        @zero_bool = global i1 false
        @null = global ptr null
        @undefined = global i32 undef
        @thread = thread_local(localexec) global i64 0
        @far = addrspace(3) global i32 5
        @common = common global [100 x i8] zeroinitializer
        @once = linkonce_odr constant i32 1, comdat($group)
        @available = available_externally global i32 1
        @handler = constant { ptr, i32 } { ptr @f, i32 2 }
        @opaque = external global %hidden
        @alias = internal alias i32, ptr @"quoted = global name"
        @chosen = ifunc void (), ptr @resolver
        @llvm.used = appending global [1 x ptr] [ptr @kept], section "llvm.metadata"
        @llvm.global_ctors = appending global [1 x { i32, ptr, ptr }] [{ i32, ptr, ptr } { i32 1, ptr @ctor, ptr null }]
        define linkonce_odr void @f() comdat($group) { ret void }
        define internal void @1() { ret void }
        define internal void @kept() { ret void }
        define internal void @2() { call void @3() ret void }
        define internal void @3() { ret void }
        define internal void @ctor() { ret void }
        define ptr @resolver() prefix ptr @"with \22 quote" { ret ptr @f }
        define internal void @"with \22 quote"() prologue i8 1 { ret void }
        define available_externally void @there() { ret void }
    """,
    "unreachable blocks": """
        define i32 @f(i32 %x) {
          ret i32 0
        dead:
          br label %loop
        loop:
          %c = icmp eq i32 %x, 0
          br i1 %c, label %loop, label %dead
        self:
          br label %self
        }
        define void @g(i1 %c) {
        entry:
          br i1 %c, label %cold, label %warm
        warm:
          br label %spin
        spin:
          br i1 %c, label %spin, label %cold
        cold:
          unreachable
        dead:
          br label %spin
        }
    """,
    "big endian": """
        target triple = "mips-unknown-linux-gnu"
        target datalayout = "m:e-E-p:16:16-i64:64"
        define i32 @f(i32 %x, ptr %p) {
          %a = mul i32 %x, 10
          %q = ptrtoint ptr %p to i16
          %b = udiv i16 %q, 5
          %c = inttoptr i16 %b to ptr
          %v = load ptr, ptr %c, align 1
          ret i32 %a
        }
    """,
    "atomics": """
        define void @f(ptr %p, i64 %x) {
          fence syncscope("singlethread") seq_cst
          %a = load atomic volatile i32, ptr %p syncscope("agent") acquire, align 4
          %b = load volatile i16, ptr %p, align 1
          store atomic i64 %x, ptr %p release, align 8
          store volatile i8 1, ptr %p
          %c = cmpxchg weak volatile ptr %p, i32 0, i32 1 acq_rel monotonic
          %d = atomicrmw volatile nand ptr %p, i64 4096 seq_cst
          ret void
        }
    """,
    "stack": """
        target datalayout = "e-p:32:32-A5"
        %node = type { ptr, i64, %node2 }
        %node2 = type { [3 x i8] }
        declare void @llvm.lifetime.start.p5(i64, ptr addrspace(5))
        declare void @llvm.assume(i1)
        declare void @use(ptr addrspace(5))
        define void @f(i32 %n, i1 %c) {
        entry:
          %a = alloca i32, addrspace(5)
          %b = alloca %node, i32 3, align 16, addrspace(5)
          %d = alloca i8, i32 %n, addrspace(5)
          %e = alloca { i8, [7 x <2 x float>] }, addrspace(5)
          %g = alloca inalloca [2 x i16], addrspace(5)
          %h = alloca %node, addrspace(5)
          %i = alloca i1, addrspace(5)
          %j = alloca float, addrspace(5)
          %k = alloca i32, i64 0, addrspace(5)
          %l = alloca ptr addrspace(5), addrspace(5)
          call void @llvm.lifetime.start.p5(i64 4, ptr addrspace(5) %a)
          call void @llvm.assume(i1 %c) [ "align"(ptr addrspace(5) %a, i32 16) ]
          store i32 1, ptr addrspace(5) %a
          %x = load i32, ptr addrspace(5) %a
          %y = load i32, ptr addrspace(5) %j
          store volatile i1 true, ptr addrspace(5) %i
          store %node zeroinitializer, ptr addrspace(5) %h
          store ptr addrspace(5) %l, ptr addrspace(5) %l
          call void @use(ptr addrspace(5) %e)
          br i1 %c, label %more, label %done
        more:
          %late = alloca i64, addrspace(5)
          br label %done
        done:
          ret void
        }
        define void @swift(ptr swifterror %e) {
          %a = alloca swifterror ptr, addrspace(5)
          ret void
        }
    """,
    "types of results": """
        declare target("spirv.Event") @event()
        declare token @llvm.experimental.gc.statepoint.p0(i64, i32, ptr, i32, i32, ...)
        define void @f(ptr %list, x86_fp80 %x, fp128 %y, bfloat %z) gc "statepoint-example" {
          %e = call target("spirv.Event") @event()
          %s = alloca target("spirv.Event")
          %a = va_arg ptr %list, i32
          %b = va_arg ptr %list, { i32, float }
          %c = fdiv x86_fp80 %x, %x
          %d = frem fp128 %y, %y
          %g = fptrunc fp128 %d to bfloat
          %h = addrspacecast ptr %list to ptr addrspace(1)
          %i = sext i1 true to i17
          %j = trunc i17 %i to i9
          %k = getelementptr { i32, [4 x i8] }, ptr %list, i64 0, i32 1, i9 %j
          %l = getelementptr i8, ptr %list, i32 12
          %m = getelementptr i8, <2 x ptr> zeroinitializer, <2 x i64> <i64 1, i64 1>
          ret void
        }
    """,
    "attributes": """
        define void @a() minsize optsize noinline "alwaysinline" { ret void }
        define void @b() alwaysinline noreturn { unreachable }
        define void @c() optnone noinline { ret void }
        define noundef i32 @d(ptr noalias "noinline", i32 signext %x, ...) inlinehint { ret i32 %x }
    """,
    "parallel edges, triangles and diamonds": """
        define void @f(i1 %c, i32 %x) {
        entry:
          br i1 %c, label %same, label %same
        same:
          switch i32 %x, label %triangle [ i32 1, label %triangle i32 2, label %triangle ]
        triangle:
          br i1 %c, label %then, label %join
        then:
          br label %join
        join:
          br i1 %c, label %left, label %right
        left:
          br label %end
        right:
          br label %end
        end:
          switch i32 %x, label %out [ ]
        out:
          ret void
        }
    """,
    "irreducible": """
        define void @f(i1 %c) {
        entry:
          br i1 %c, label %a, label %b
        a:
          br i1 %c, label %b, label %out
        b:
          br i1 %c, label %a, label %b
        out:
          ret void
        }
    """,
}
