//===- Features.cpp - what a policy sees of a module --------------------===//

#include "Features.h"
#include "FlowGraph.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/DataLayout.h"
#include "llvm/IR/GlobalVariable.h"
#include "llvm/IR/InstrTypes.h"
#include "llvm/IR/Instructions.h"
#include "llvm/IR/IntrinsicInst.h"
#include "llvm/IR/Module.h"
#include "llvm/TargetParser/Triple.h"
#include <cmath>

using namespace llvm;

namespace mlcomp {

using FunctionValues = FunctionFeaturesAnalysis::Result;

constexpr unsigned SmallFunction = 10, ShortBlock = 3, LongBlock = 20, FewArguments = 4, SmallTripCount = 8,
                   MaxNaturalBits = 128;

namespace {

/// What happens in one block, for the features of loops and frequencies.
struct BlockCounts {
  unsigned Instructions = 0, Loads = 0, Stores = 0, Calls = 0, Branches = 0, MulDiv = 0, Float = 0, Wide = 0;
};

/// Hints are no code: neither they nor what they lead to must count.
bool isHint(Intrinsic::ID ID) {
  switch (ID) {
  case Intrinsic::dbg_assign:
  case Intrinsic::dbg_declare:
  case Intrinsic::dbg_label:
  case Intrinsic::dbg_value:
  case Intrinsic::pseudoprobe:
  case Intrinsic::assume:
  case Intrinsic::donothing:
  case Intrinsic::experimental_noalias_scope_decl:
  case Intrinsic::invariant_end:
  case Intrinsic::invariant_start:
  case Intrinsic::lifetime_end:
  case Intrinsic::lifetime_start:
  case Intrinsic::sideeffect:
  case Intrinsic::var_annotation:
    return true;
  default:
    return false;
  }
}

bool isHint(const User &U) {
  auto *Call = dyn_cast<CallBase>(&U);
  return Call && isHint(Call->getIntrinsicID());
}

/// The function that a call names, whatever type it is called with.
const Function *callee(const CallBase &Call) { return dyn_cast<Function>(Call.getCalledOperand()); }

feature::Id constantClass(const APInt &V) {
  if (V.isZero())
    return feature::const_zero;
  if (V.isOne())
    return feature::const_one;
  if (V.isAllOnes())
    return feature::const_minus_one;
  if (V.getSignificantBits() > 32)
    return feature::const_wide;
  int64_t N = V.getSExtValue();
  if (isInt<5>(N))
    return feature::const_s5;
  if (isInt<6>(N))
    return feature::const_s6;
  if (isUInt<8>(N))
    return feature::const_u8;
  if (isInt<12>(N))
    return feature::const_s12;
  return N & 0xfff ? feature::const_s32 : feature::const_upper;
}

feature::Id constantClass(const Constant &C) {
  if (isa<UndefValue>(C))
    return feature::const_undef;
  if (isa<GlobalValue>(C))
    return feature::const_global;
  if (auto *E = dyn_cast<ConstantExpr>(&C))
    return E->getOpcode() == Instruction::IntToPtr ? feature::const_address : feature::const_expression;
  if (C.getType()->isVectorTy() || C.getType()->isAggregateType())
    return feature::const_aggregate;
  if (auto *I = dyn_cast<ConstantInt>(&C))
    return constantClass(I->getValue());
  if (auto *F = dyn_cast<ConstantFP>(&C))
    return F->isZero() && !F->isNegative() ? feature::const_fp_zero : feature::const_fp;
  return isa<ConstantPointerNull>(C) ? feature::const_null : feature::const_expression;
}

/// Counts the instructions of one function.
class InstructionCounter {
public:
  InstructionCounter(const Function &F, FunctionValues &V)
      : F(F), DL(F.getParent()->getDataLayout()), PointerBits(DL.getPointerSizeInBits(0)), V(V) {}

  BlockCounts count(const BasicBlock &B);

private:
  void add(feature::Id Id, double N = 1) { V[Id] += N; }
  void addIf(bool Condition, feature::Id Id) { V[Id] += Condition; }

  void visit(const Instruction &I);
  void visitType(const Type &T);
  void visitConstants(const Instruction &I);
  void visitConstant(const Value *Operand);
  void visitInteger(const Type &T, bool MulDiv);
  void visitBinary(const Instruction &I);
  void visitCompare(const ICmpInst &I);
  void visitAccess(const Instruction &I, const Value &Pointer, const Type &T, Align A, feature::Id First);
  void visitAlloca(const AllocaInst &I);
  void visitCall(const CallBase &I);
  void visitIntrinsic(const CallBase &I, Intrinsic::ID ID);

  const Function &F;
  const DataLayout &DL;
  unsigned PointerBits;
  FunctionValues &V;
  BlockCounts Block;
};

void InstructionCounter::visitType(const Type &T) {
  switch (T.getTypeID()) {
  case Type::IntegerTyID:
    switch (T.getIntegerBitWidth()) {
    case 1:
      return add(feature::type_i1);
    case 8:
      return add(feature::type_i8);
    case 16:
      return add(feature::type_i16);
    case 32:
      return add(feature::type_i32);
    case 64:
      return add(feature::type_i64);
    default:
      return add(feature::type_int_other);
    }
  case Type::HalfTyID:
  case Type::BFloatTyID:
  case Type::FloatTyID:
    return add(feature::type_float);
  case Type::DoubleTyID:
  case Type::X86_FP80TyID:
  case Type::FP128TyID:
  case Type::PPC_FP128TyID:
    return add(feature::type_double);
  case Type::PointerTyID:
    return add(feature::type_pointer);
  case Type::FixedVectorTyID:
  case Type::ScalableVectorTyID:
    return add(feature::type_vector);
  case Type::StructTyID:
  case Type::ArrayTyID:
    return add(feature::type_aggregate);
  default: // void, token and target types
    return;
  }
}

void InstructionCounter::visitConstant(const Value *Operand) {
  if (auto *C = dyn_cast<Constant>(Operand))
    if (!isa<ConstantTokenNone>(C))
      add(constantClass(*C));
}

/// Operands that need a value in a register or an immediate field.
void InstructionCounter::visitConstants(const Instruction &I) {
  if (auto *Call = dyn_cast<CallBase>(&I)) {
    bool Intrinsic = callee(*Call) && callee(*Call)->isIntrinsic();
    for (auto [Number, Argument] : enumerate(Call->args()))
      if (isa<Constant>(Argument) && !(Intrinsic && Call->paramHasAttr(Number, Attribute::ImmArg)))
        visitConstant(Argument);
    return;
  }
  if (isa<AllocaInst>(I) || I.isEHPad() || isa<ResumeInst>(I))
    return;
  if (auto *Switch = dyn_cast<SwitchInst>(&I))
    return visitConstant(Switch->getCondition());
  for (const Use &Operand : I.operands())
    visitConstant(Operand);
}

/// Integer arithmetic and comparisons by the width of their operands.
void InstructionCounter::visitInteger(const Type &T, bool MulDiv) {
  if (!T.isIntegerTy())
    return;
  unsigned Width = T.getIntegerBitWidth();
  if (Width > PointerBits) {
    ++Block.Wide;
    add(feature::arith_wide);
    addIf(MulDiv, feature::arith_wide_mul_div);
  }
  addIf(Width == 8 || Width == 16, feature::arith_narrow);
}

void InstructionCounter::visitBinary(const Instruction &I) {
  const Value *Right = I.getOperand(1);
  bool MulDiv = false;
  switch (I.getOpcode()) {
  case Instruction::Mul:
    MulDiv = true;
    addIf(isa<ConstantInt>(Right) || isa<ConstantInt>(I.getOperand(0)), feature::arith_mul_constant);
    break;
  case Instruction::UDiv:
  case Instruction::URem:
  case Instruction::SDiv:
  case Instruction::SRem:
    MulDiv = true;
    if (auto *C = dyn_cast<ConstantInt>(Right)) {
      add(feature::arith_div_constant);
      addIf(C->getValue().isPowerOf2(), feature::arith_div_power_of_two);
    }
    break;
  case Instruction::Shl:
  case Instruction::LShr:
  case Instruction::AShr:
    addIf(!isa<Constant>(Right), feature::arith_shift_variable);
    break;
  default:
    break;
  }
  Block.MulDiv += MulDiv;
  visitInteger(*I.getType(), MulDiv);
}

void InstructionCounter::visitCompare(const ICmpInst &I) {
  add(I.isEquality() ? feature::op_icmp_equality
      : I.isSigned() ? feature::op_icmp_signed
                     : feature::op_icmp_unsigned);
  visitInteger(*I.getOperand(0)->getType(), false);
}

/// A load or store of type \p T; \p First is the first of the six features for
/// widths.
void InstructionCounter::visitAccess(const Instruction &I, const Value &Pointer, const Type &T, Align A,
                                     feature::Id First) {
  unsigned Bits = 0, Class = 5;
  if (T.isIntegerTy()) {
    Bits = T.getIntegerBitWidth();
    Class = Bits <= 8 ? 0 : Bits <= 16 ? 1 : Bits <= 32 ? 2 : 3;
  } else if (T.isPointerTy()) {
    Bits = PointerBits;
    Class = 4;
  }
  add(feature::Id(First + Class));
  addIf(A.value() * 8 < std::min(Bits, MaxNaturalBits), feature::mem_underaligned);
  addIf(I.isVolatile(), feature::mem_volatile);
  addIf(I.isAtomic(), feature::mem_atomic);
  addIf(isa<AllocaInst>(Pointer), feature::mem_access_stack);
  addIf(isa<Constant>(Pointer), feature::mem_access_global);
}

/// Whether every use loads or stores the whole variable and nothing else.
bool isPromotable(const AllocaInst &I) {
  if (I.isArrayAllocation())
    return false;
  const Type *T = I.getAllocatedType();
  return all_of(I.uses(), [&](const Use &U) {
    if (auto *Load = dyn_cast<LoadInst>(U.getUser()))
      return !Load->isVolatile() && Load->getType() == T;
    if (auto *Store = dyn_cast<StoreInst>(U.getUser()))
      return !Store->isVolatile() && U.getOperandNo() == 1 && Store->getValueOperand()->getType() == T;
    return isHint(*U.getUser());
  });
}

void InstructionCounter::visitAlloca(const AllocaInst &I) {
  add(feature::op_alloca);
  const Type &T = *I.getAllocatedType();
  addIf(T.isAggregateType(), feature::mem_alloca_aggregate);
  addIf(isPromotable(I), feature::mem_alloca_promotable);
  auto *Count = dyn_cast<ConstantInt>(I.getArraySize());
  if (!Count || I.getParent() != &F.getEntryBlock())
    return add(feature::mem_alloca_dynamic);
  if (!T.isScalableTy() && !T.isTargetExtTy())
    add(feature::mem_alloca_bytes, double(DL.getTypeAllocSize(I.getAllocatedType()).getFixedValue()) *
                                       double(Count->getValue().getLimitedValue()));
}

void InstructionCounter::visitIntrinsic(const CallBase &I, Intrinsic::ID ID) {
  add(feature::call_intrinsic);
  switch (ID) {
  case Intrinsic::memcpy:
  case Intrinsic::memcpy_inline:
  case Intrinsic::memcpy_element_unordered_atomic:
  case Intrinsic::memmove:
  case Intrinsic::memmove_element_unordered_atomic:
    add(feature::mem_memcpy);
    return addIf(isa<ConstantInt>(I.getArgOperand(2)), feature::mem_constant_length);
  case Intrinsic::memset:
  case Intrinsic::memset_inline:
  case Intrinsic::memset_element_unordered_atomic:
    add(feature::mem_memset);
    return addIf(isa<ConstantInt>(I.getArgOperand(2)), feature::mem_constant_length);
  case Intrinsic::bitreverse:
  case Intrinsic::bswap:
  case Intrinsic::ctlz:
  case Intrinsic::ctpop:
  case Intrinsic::cttz:
  case Intrinsic::fshl:
  case Intrinsic::fshr:
    return add(feature::call_intrinsic_bits);
  case Intrinsic::abs:
  case Intrinsic::smax:
  case Intrinsic::smin:
  case Intrinsic::umax:
  case Intrinsic::umin:
    return add(feature::call_intrinsic_minmax);
  case Intrinsic::sadd_sat:
  case Intrinsic::sadd_with_overflow:
  case Intrinsic::smul_with_overflow:
  case Intrinsic::ssub_sat:
  case Intrinsic::ssub_with_overflow:
  case Intrinsic::uadd_sat:
  case Intrinsic::uadd_with_overflow:
  case Intrinsic::umul_with_overflow:
  case Intrinsic::usub_sat:
  case Intrinsic::usub_with_overflow:
    return add(feature::call_intrinsic_overflow);
  default:
    return;
  }
}

void InstructionCounter::visitCall(const CallBase &I) {
  const Function *Callee = callee(I);
  if (Callee && Callee->isIntrinsic())
    return visitIntrinsic(I, Callee->getIntrinsicID());
  if (I.isInlineAsm())
    return add(feature::call_inline_asm);
  ++Block.Calls;
  addIf(!Callee, feature::call_indirect);
  addIf(Callee == &F, feature::call_recursive);
  add(feature::call_arguments, I.arg_size());
  addIf(I.arg_size() > FewArguments, feature::call_many_arguments);
  if (Callee)
    add(feature::call_constant_arguments, count_if(I.args(), [](const Use &A) { return isa<Constant>(A); }));
  if (auto *Call = dyn_cast<CallInst>(&I)) {
    addIf(Call->getTailCallKind() == CallInst::TCK_Tail, feature::call_tail);
    addIf(Call->isMustTailCall(), feature::call_musttail);
  }
}

void InstructionCounter::visit(const Instruction &I) {
  switch (I.getOpcode()) {
  case Instruction::Ret:
    add(feature::op_ret);
    break;
  case Instruction::Br:
    if (cast<BranchInst>(I).isConditional()) {
      ++Block.Branches;
      add(feature::op_br_conditional);
      addIf(isa<Constant>(I.getOperand(0)), feature::cfg_constant_branches);
    } else {
      add(feature::op_br_unconditional);
    }
    break;
  case Instruction::Switch: {
    ++Block.Branches;
    double Cases = cast<SwitchInst>(I).getNumCases();
    add(feature::op_switch);
    add(feature::cfg_switch_cases, Cases);
    V[feature::cfg_max_switch_cases] = std::max(V[feature::cfg_max_switch_cases], Cases);
    addIf(isa<Constant>(I.getOperand(0)), feature::cfg_constant_branches);
    break;
  }
  case Instruction::IndirectBr:
    add(feature::op_indirectbr);
    break;
  case Instruction::CallBr:
    add(feature::op_indirectbr);
    visitCall(cast<CallBase>(I));
    break;
  case Instruction::Invoke:
    add(feature::op_invoke);
    visitCall(cast<CallBase>(I));
    break;
  case Instruction::Call: {
    auto &Call = cast<CallInst>(I);
    if (isHint(Call.getIntrinsicID()))
      return;
    add(feature::op_call);
    visitCall(Call);
    break;
  }
  case Instruction::Resume:
  case Instruction::LandingPad:
  case Instruction::CatchPad:
  case Instruction::CatchRet:
  case Instruction::CatchSwitch:
  case Instruction::CleanupPad:
  case Instruction::CleanupRet:
    add(feature::op_eh);
    break;
  case Instruction::Unreachable:
    add(feature::op_unreachable);
    break;
  case Instruction::Add:
    add(feature::op_add);
    visitBinary(I);
    break;
  case Instruction::Sub:
    add(feature::op_sub);
    visitBinary(I);
    break;
  case Instruction::Mul:
    add(feature::op_mul);
    visitBinary(I);
    break;
  case Instruction::UDiv:
  case Instruction::URem:
    add(feature::op_div_unsigned);
    visitBinary(I);
    break;
  case Instruction::SDiv:
  case Instruction::SRem:
    add(feature::op_div_signed);
    visitBinary(I);
    break;
  case Instruction::Shl:
    add(feature::op_shl);
    visitBinary(I);
    break;
  case Instruction::LShr:
    add(feature::op_lshr);
    visitBinary(I);
    break;
  case Instruction::AShr:
    add(feature::op_ashr);
    visitBinary(I);
    break;
  case Instruction::And:
    add(feature::op_and);
    visitBinary(I);
    break;
  case Instruction::Or:
    add(feature::op_or);
    visitBinary(I);
    break;
  case Instruction::Xor:
    add(feature::op_xor);
    visitBinary(I);
    break;
  case Instruction::FNeg:
  case Instruction::FAdd:
  case Instruction::FSub:
    ++Block.Float;
    add(feature::op_fadd);
    break;
  case Instruction::FMul:
    ++Block.Float;
    add(feature::op_fmul);
    break;
  case Instruction::FDiv:
  case Instruction::FRem:
    ++Block.Float;
    add(feature::op_fdiv);
    break;
  case Instruction::FCmp:
    ++Block.Float;
    add(feature::op_fcmp);
    break;
  case Instruction::FPToUI:
  case Instruction::FPToSI:
  case Instruction::UIToFP:
  case Instruction::SIToFP:
  case Instruction::FPTrunc:
  case Instruction::FPExt:
    ++Block.Float;
    add(feature::op_fp_cast);
    break;
  case Instruction::ICmp:
    visitCompare(cast<ICmpInst>(I));
    break;
  case Instruction::Select:
    add(feature::op_select);
    break;
  case Instruction::PHI:
    add(feature::op_phi);
    add(feature::cfg_phi_incoming, cast<PHINode>(I).getNumIncomingValues());
    break;
  case Instruction::Trunc:
    add(feature::op_trunc);
    break;
  case Instruction::ZExt:
    add(feature::op_zext);
    break;
  case Instruction::SExt:
    add(feature::op_sext);
    break;
  case Instruction::PtrToInt:
  case Instruction::IntToPtr:
  case Instruction::AddrSpaceCast:
    add(feature::op_pointer_cast);
    break;
  case Instruction::BitCast:
    add(feature::op_bitcast);
    break;
  case Instruction::Freeze:
    add(feature::op_freeze);
    break;
  case Instruction::ExtractElement:
  case Instruction::InsertElement:
  case Instruction::ShuffleVector:
    add(feature::op_vector);
    break;
  case Instruction::ExtractValue:
  case Instruction::InsertValue:
    add(feature::op_aggregate);
    break;
  case Instruction::Alloca:
    visitAlloca(cast<AllocaInst>(I));
    break;
  case Instruction::Load: {
    auto &Load = cast<LoadInst>(I);
    ++Block.Loads;
    add(feature::op_load);
    visitAccess(I, *Load.getPointerOperand(), *I.getType(), Load.getAlign(), feature::mem_load_8);
    break;
  }
  case Instruction::Store: {
    auto &Store = cast<StoreInst>(I);
    ++Block.Stores;
    add(feature::op_store);
    visitAccess(I, *Store.getPointerOperand(), *Store.getValueOperand()->getType(), Store.getAlign(),
                feature::mem_store_8);
    addIf(isa<Constant>(Store.getValueOperand()), feature::mem_store_constant);
    break;
  }
  case Instruction::GetElementPtr: {
    auto &Gep = cast<GetElementPtrInst>(I);
    add(feature::op_gep);
    addIf(Gep.hasAllConstantIndices(), feature::mem_gep_constant);
    addIf(Gep.getNumIndices() > 1, feature::mem_gep_struct);
    break;
  }
  case Instruction::Fence:
  case Instruction::AtomicCmpXchg:
  case Instruction::AtomicRMW:
    add(feature::op_atomic);
    break;
  case Instruction::VAArg:
    add(feature::op_va_arg);
    break;
  default:
    break;
  }
  ++Block.Instructions;
  visitType(*I.getType());
  visitConstants(I);
}

BlockCounts InstructionCounter::count(const BasicBlock &B) {
  Block = BlockCounts();
  for (const Instruction &I : B)
    visit(I);
  add(feature::instructions, Block.Instructions);
  addIf(Block.Instructions <= ShortBlock, feature::cfg_short_blocks);
  addIf(Block.Instructions > LongBlock, feature::cfg_long_blocks);
  addIf(isa<PHINode>(B.front()), feature::cfg_phi_blocks);
  V[feature::max_block_instructions] =
      std::max(V[feature::max_block_instructions], double(Block.Instructions));
  return Block;
}

/// The shape of the graph: everything but its loops.
void countShape(const FlowGraph &G, ArrayRef<BlockCounts> Counts, FunctionValues &V) {
  auto Outs = [&](unsigned B) { return G.successors(B).size(); };
  auto Ins = [&](unsigned B) { return G.predecessors(B).size(); };
  // A block that only its one predecessor enters and that goes to one place.
  auto Target = [&](unsigned B) {
    return Ins(B) == 1 && Outs(B) == 1 ? G.successors(B)[0] : FlowGraph::None;
  };

  V[feature::blocks] = G.size();
  V[feature::cfg_irreducible_edges] = G.irreducibleEdges();
  for (unsigned B = 0; B != G.size(); ++B) {
    auto Next = G.successors(B);
    V[feature::edges] += Next.size();
    V[Next.empty()       ? feature::cfg_no_successor
      : Next.size() == 1 ? feature::cfg_one_successor
      : Next.size() == 2 ? feature::cfg_two_successors
                         : feature::cfg_many_successors] += 1;
    if (Ins(B) != 0 || B != 0)
      V[Ins(B) == 0   ? feature::cfg_no_predecessor
        : Ins(B) == 1 ? feature::cfg_one_predecessor
        : Ins(B) == 2 ? feature::cfg_two_predecessors
                      : feature::cfg_many_predecessors] += 1;
    V[feature::cfg_dead_blocks] += !G.isReachable(B);
    for (unsigned S : Next) {
      V[feature::cfg_critical_edges] += Next.size() > 1 && Ins(S) > 1;
      V[feature::cfg_chains] += Next.size() == 1 && Ins(S) == 1;
    }
    auto *Br = dyn_cast_or_null<BranchInst>(G.block(B)->getTerminator());
    if (!Br)
      continue;
    if (Br->isUnconditional()) {
      V[feature::cfg_forwarding_blocks] += Counts[B].Instructions == 1;
      continue;
    }
    unsigned Then = Target(Next[0]), Else = Target(Next[1]);
    V[feature::cfg_triangles] += Then == Next[1] || Else == Next[0];
    V[feature::cfg_diamonds] += Then != FlowGraph::None && Then == Else;
  }
}

void countLoops(const FlowGraph &G, ArrayRef<BlockCounts> Counts, FunctionValues &V) {
  struct Contents {
    double Blocks = 0, Instructions = 0, Calls = 0;
  };
  SmallVector<Contents, 4> InLoop(G.loops().size());
  for (unsigned B = 0; B != G.size(); ++B) {
    if (G.loopOf(B) == FlowGraph::None)
      continue;
    V[feature::loop_blocks] += 1;
    V[feature::loop_instructions] += Counts[B].Instructions;
    V[feature::loop_loads] += Counts[B].Loads;
    V[feature::loop_stores] += Counts[B].Stores;
    V[feature::loop_calls] += Counts[B].Calls;
    Contents &C = InLoop[G.loopOf(B)];
    C.Blocks += 1;
    C.Instructions += Counts[B].Instructions;
    C.Calls += Counts[B].Calls;
  }
  for (auto [Index, L] : enumerate(G.loops())) {
    const Contents &C = InLoop[Index];
    if (L.Parent != FlowGraph::None) {
      Contents &Outer = InLoop[L.Parent];
      Outer.Blocks += C.Blocks;
      Outer.Instructions += C.Instructions;
      Outer.Calls += C.Calls;
    }
    V[feature::loop_count] += 1;
    V[L.Depth == 1   ? feature::loop_depth_1
      : L.Depth == 2 ? feature::loop_depth_2
                     : feature::loop_depth_3] += 1;
    V[feature::loop_max_depth] = std::max(V[feature::loop_max_depth], double(L.Depth));
    V[feature::loop_max_instructions] = std::max(V[feature::loop_max_instructions], C.Instructions);
    if (L.Innermost) {
      V[feature::loop_innermost] += 1;
      V[feature::loop_innermost_instructions] += C.Instructions;
    }
    V[feature::loop_single_block] += C.Blocks == 1;
    V[feature::loop_single_exit] += L.ExitingBlocks == 1;
    V[feature::loop_several_latches] += L.Latches > 1;
    V[feature::loop_rotated] += L.LatchExits;
    V[feature::loop_preheader] += L.HasPreheader;
    V[feature::loop_with_call] += C.Calls > 0;
    if (L.TripCount) {
      V[feature::loop_known_trip] += 1;
      V[feature::loop_known_trip_small] += *L.TripCount <= SmallTripCount;
      V[feature::loop_log_trips] += std::log2(double(*L.TripCount));
    }
  }
}

void weighByFrequency(const FlowGraph &G, ArrayRef<BlockCounts> Counts, FunctionValues &V) {
  double Highest = 0;
  for (unsigned B = 0; B != G.size(); ++B) {
    double Weight = G.frequency(B);
    const BlockCounts &N = Counts[B];
    V[feature::freq_instructions] += Weight * N.Instructions;
    V[feature::freq_loads] += Weight * N.Loads;
    V[feature::freq_stores] += Weight * N.Stores;
    V[feature::freq_calls] += Weight * N.Calls;
    V[feature::freq_branches] += Weight * N.Branches;
    V[feature::freq_mul_div] += Weight * N.MulDiv;
    V[feature::freq_float] += Weight * N.Float;
    V[feature::freq_wide] += Weight * N.Wide;
    Highest = std::max(Highest, Weight);
  }
  V[feature::freq_max] = std::log2(1 + Highest);
}

//===----------------------------------------------------------------------===//
// What other functions, attributes and globals say. A pass may change these
// without changing the function's body, so they are never cached.
//===----------------------------------------------------------------------===//

/// Whether something other than dead constants leads to a use of \p U.
bool isLive(const User &U) {
  auto *C = dyn_cast<Constant>(&U);
  if (!C || isa<GlobalValue>(C))
    return true;
  return any_of(C->users(), [](const User *Next) { return isLive(*Next); });
}

struct FunctionUses {
  unsigned Calls = 0;
  bool Other = false;

  explicit FunctionUses(const Function &F) {
    for (const Use &U : F.uses()) {
      auto *Call = dyn_cast<CallBase>(U.getUser());
      if (Call && Call->isCallee(&U))
        ++Calls;
      else
        Other |= !isa<BlockAddress>(U.getUser()) && isLive(*U.getUser());
    }
  }
  bool isSingleSite(const Function &F) const { return F.hasLocalLinkage() && Calls == 1 && !Other; }
};

/// Adds \p N calls of \p Callee, which is not an intrinsic.
void addCalls(const Function &Callee, const FunctionUses &Uses, double N, FunctionValues &V) {
  V[Callee.isDeclaration() ? feature::call_declared : feature::call_defined] += N;
  if (Callee.isDeclaration())
    return;
  V[feature::call_internal] += Callee.hasLocalLinkage() ? N : 0;
  V[feature::call_single_site] += Uses.isSingleSite(Callee) ? N : 0;
}

/// Facts about a defined function from outside of its body.
void addFacts(const Function &F, const FunctionUses &Uses, FunctionValues &V) {
  V[feature::func_internal] += F.hasLocalLinkage();
  V[feature::func_linkonce] += F.hasLinkOnceLinkage() || F.hasWeakLinkage();
  V[feature::func_single_site] += Uses.isSingleSite(F);
  V[feature::func_unused] += F.hasLocalLinkage() && !Uses.Calls && !Uses.Other;
  V[feature::func_address_taken] += Uses.Other;
  AttributeSet Attributes = F.getAttributes().getFnAttrs();
  auto Add = [&](Attribute::AttrKind Kind, feature::Id Id) { V[Id] += Attributes.hasAttribute(Kind); };
  Add(Attribute::MinSize, feature::func_minsize);
  Add(Attribute::OptimizeForSize, feature::func_optsize);
  Add(Attribute::OptimizeNone, feature::func_optnone);
  Add(Attribute::NoInline, feature::func_noinline);
  Add(Attribute::AlwaysInline, feature::func_alwaysinline);
  Add(Attribute::InlineHint, feature::func_inlinehint);
  Add(Attribute::NoReturn, feature::func_noreturn);
}

void addGlobal(const GlobalVariable &G, const DataLayout &DL, FunctionValues &V) {
  if (G.getName().starts_with("llvm."))
    return;
  if (!G.hasInitializer()) {
    V[feature::global_declared] += 1;
    return;
  }
  const Constant *Init = G.getInitializer();
  Type *T = G.getValueType();
  V[feature::global_variables] += 1;
  V[feature::global_constants] += G.isConstant();
  V[feature::global_internal] += G.hasLocalLinkage();
  V[feature::global_aggregates] += T->isAggregateType();
  auto *Data = dyn_cast<ConstantDataSequential>(Init);
  V[feature::global_strings] += G.isConstant() && Data && Data->isCString();
  if (!T->isSized() || T->isScalableTy())
    return;
  double Bytes = double(DL.getTypeAllocSize(T).getFixedValue());
  V[G.isConstant()        ? feature::global_bytes_constant
    : Init->isNullValue() ? feature::global_bytes_zero
                          : feature::global_bytes_data] += Bytes;
  V[feature::global_max_bytes] = std::max(V[feature::global_max_bytes], Bytes);
}

void addTarget(const Module &M, FunctionValues &V) {
  V[feature::target_pointer_bits] = M.getDataLayout().getPointerSizeInBits(0);
  V[feature::target_big_endian] = M.getDataLayout().isBigEndian();
  Triple T(M.getTargetTriple());
  V[feature::target_riscv] = T.isRISCV();
  V[feature::target_arm] = T.isARM() || T.isThumb();
  V[feature::target_thumb] = T.isThumb();
  V[feature::target_x86] = T.isX86();
}

/// From raw values to the feature vector.
FeatureVector finish(const FunctionValues &Raw) {
  FeatureVector Out;
  for (unsigned I = 0; I != NumFeatures; ++I) {
    const FeatureInfo &Info = FeatureTable[I];
    double Value = Raw[I];
    if (Info.Kind == Aggregate::Log)
      Value = std::log2(1 + Value);
    else if (Info.Kind == Aggregate::Ratio)
      Value = Raw[Info.Of[1]] == 0 ? 0 : Raw[Info.Of[0]] / Raw[Info.Of[1]];
    Out[I] = float(Value);
  }
  return Out;
}

} // namespace

ArrayRef<StringLiteral> featureNames() { return FeatureNames; }

AnalysisKey FunctionFeaturesAnalysis::Key;

FunctionValues FunctionFeaturesAnalysis::run(Function &F, FunctionAnalysisManager &) {
  FunctionValues V{};
  if (F.isDeclaration())
    return V;
  FlowGraph Graph(F);
  InstructionCounter Counter(F, V);
  SmallVector<BlockCounts, 32> Counts;
  for (const BasicBlock &B : F)
    Counts.push_back(Counter.count(B));
  countShape(Graph, Counts, V);
  countLoops(Graph, Counts, V);
  weighByFrequency(Graph, Counts, V);

  V[feature::functions] = 1;
  V[feature::max_function_instructions] = V[feature::instructions];
  V[feature::max_function_blocks] = V[feature::blocks];
  V[feature::func_arguments] = F.arg_size();
  V[feature::func_max_arguments] = F.arg_size();
  V[feature::func_vararg] = F.isVarArg();
  V[feature::func_leaf] = none_of(Counts, [](const BlockCounts &N) { return N.Calls > 0; });
  V[feature::func_small] = V[feature::instructions] <= SmallFunction;
  V[feature::func_single_block] = Graph.size() == 1;
  V[feature::func_with_loop] = !Graph.loops().empty();
  return V;
}

void registerFeatureAnalyses(FunctionAnalysisManager &FAM) {
  FAM.registerPass([] { return FunctionFeaturesAnalysis(); });
}

FeatureVector moduleFeatures(Module &M, ModuleAnalysisManager &MAM) {
  auto &FAM = MAM.getResult<FunctionAnalysisManagerModuleProxy>(M).getManager();
  registerFeatureAnalyses(FAM);
  FunctionValues Sum{}, Max{};
  for (Function &F : M) {
    if (F.isIntrinsic())
      continue;
    FunctionUses Uses(F);
    addCalls(F, Uses, Uses.Calls, Sum);
    if (F.isDeclaration()) {
      Sum[feature::func_declared] += 1;
      continue;
    }
    addFacts(F, Uses, Sum);
    const FunctionValues &V = FAM.getResult<FunctionFeaturesAnalysis>(F);
    for (unsigned I = 0; I != NumFeatures; ++I) {
      Sum[I] += V[I];
      Max[I] = std::max(Max[I], V[I]);
    }
  }
  for (unsigned I = 0; I != NumFeatures; ++I)
    if (FeatureTable[I].Kind == Aggregate::Max)
      Sum[I] = Max[I];
  for (const GlobalVariable &G : M.globals())
    addGlobal(G, M.getDataLayout(), Sum);
  addTarget(M, Sum);
  return finish(Sum);
}

FeatureVector functionFeatures(Function &F, FunctionAnalysisManager &FAM) {
  if (F.isDeclaration())
    return FeatureVector{};
  registerFeatureAnalyses(FAM);
  FunctionValues V = FAM.getResult<FunctionFeaturesAnalysis>(F);
  addFacts(F, FunctionUses(F), V);
  SmallDenseMap<const Function *, FunctionUses, 8> Callees;
  for (const BasicBlock &B : F)
    for (const Instruction &I : B)
      if (auto *Call = dyn_cast<CallBase>(&I))
        if (const Function *Callee = callee(*Call); Callee && !Callee->isIntrinsic())
          addCalls(*Callee, Callees.try_emplace(Callee, *Callee).first->second, 1, V);
  addTarget(*F.getParent(), V);
  return finish(V);
}

} // namespace mlcomp
