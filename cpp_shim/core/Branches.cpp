#include "Branches.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/CodeGen/LivePhysRegs.h"
#include "llvm/CodeGen/MachineBasicBlock.h"
#include "llvm/CodeGen/MachineFunction.h"
#include "llvm/CodeGen/MachineInstr.h"
#include "llvm/CodeGen/MachineRegisterInfo.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/MC/MCCodeEmitter.h"
#include "llvm/MC/MCContext.h"
#include "llvm/MC/MCExpr.h"
#include "llvm/MC/MCFixup.h"
#include "llvm/MC/MCInst.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Target/TargetMachine.h"
#include <algorithm>
#include <memory>
#include <numeric>

using namespace llvm;

namespace mlcomp {

namespace {

/// A jump takes so many bytes within a distance, and elsewhere.
constexpr unsigned ShortBytes = 2, LongBytes = 5, LongConditionalBytes = 6;
constexpr int64_t Reach = 127;
/// What sizes may be wrong by, where they decide which jump is near.
constexpr int64_t Doubt = 8;
constexpr uint64_t MostWork = 4'000'000; ///< Blocks that are looked at to order a function's.

/// How many bytes instructions take.
class Sizer {
public:
  explicit Sizer(MachineFunction &MF)
      : TII(*MF.getSubtarget().getInstrInfo()), STI(MF.getSubtarget()), Asm(*MF.getTarget().getMCAsmInfo()),
        Zero(MCConstantExpr::create(0, MF.getContext())),
        Emitter(MF.getTarget().getTarget().createMCCodeEmitter(*MF.getTarget().getMCInstrInfo(),
                                                               MF.getContext())) {}
  unsigned operator()(const MachineInstr &MI) const;

private:
  const TargetInstrInfo &TII;
  const TargetSubtargetInfo &STI;
  const MCAsmInfo &Asm;
  const MCExpr *Zero;
  std::unique_ptr<MCCodeEmitter> Emitter;
};

struct Jump {
  MachineInstr *Instr = nullptr;
  unsigned Block = 0, Target = 0;
  bool IsConditional = false, IsLong = false;
  int64_t End = 0; ///< Address behind it.

  unsigned bytes() const { return !IsLong ? ShortBytes : IsConditional ? LongConditionalBytes : LongBytes; }
};

/// The blocks of a function and their order. Blocks that fall through to the
/// next stay together, as a chain.
class Layout {
public:
  explicit Layout(MachineFunction &MF);
  bool isUsable() const { return Usable; }
  bool order();
  bool chain();

private:
  struct Block {
    MachineBasicBlock *MBB = nullptr;
    unsigned Bytes = 0; ///< Without jumps.
    unsigned FirstJump = 0, JumpCount = 0;
    int64_t Start = 0;
  };
  uint64_t measure(ArrayRef<unsigned> Order);
  bool isSkipped(const Jump &J, const Block &B, unsigned Next) const;
  bool leadsOn(const Jump &From, const Jump &Over) const;
  MachineBasicBlock *splitAt(MachineInstr &Instr);

  MachineFunction &MF;
  bool Usable = true;
  std::vector<Block> Blocks;
  std::vector<Jump> Jumps; ///< In the order of blocks.
  std::vector<std::vector<unsigned>> Chains;
};

} // namespace

/// Whether an immediate operand of 32 bits becomes one of 8 where it fits.
static bool hasShortImmediate(StringRef Name) {
  constexpr StringLiteral Operations[] = {"ADD", "OR", "ADC", "SBB", "AND", "SUB", "XOR", "CMP", "IMUL"};
  return any_of(Operations, [&](StringRef Operation) { return Name.starts_with(Operation); }) &&
         (Name.ends_with("i") || Name.ends_with("i32"));
}

unsigned Sizer::operator()(const MachineInstr &MI) const {
  constexpr unsigned Unknown = 5;
  if (MI.isMetaInstruction())
    return 0;
  if (MI.isInlineAsm())
    return TII.getInlineAsmLength(MI.getOperand(0).getSymbolName(), Asm, &STI);
  if (MI.isPseudo())
    return Unknown;
  MCInst Inst;
  Inst.setOpcode(MI.getOpcode());
  bool ShortImmediate = false;
  for (const MachineOperand &O : MI.explicit_operands()) {
    if (O.isReg())
      Inst.addOperand(MCOperand::createReg(O.getReg()));
    else if (O.isImm()) {
      ShortImmediate = isInt<8>(O.getImm());
      Inst.addOperand(MCOperand::createImm(O.getImm()));
    } else if (!O.isRegMask() && !O.isMetadata())
      Inst.addOperand(MCOperand::createExpr(Zero));
  }
  SmallVector<char, 16> Bytes;
  SmallVector<MCFixup, 2> Fixups;
  Emitter->encodeInstruction(Inst, Bytes, Fixups, STI);
  StringRef Name = TII.getName(MI.getOpcode());
  bool Shrinks = ShortImmediate && hasShortImmediate(Name) && !Name.contains("8") && Bytes.size() > 4;
  return Shrinks ? Bytes.size() - (Name.contains("16") ? 1 : 3) : Bytes.size();
}

Layout::Layout(MachineFunction &MF) : MF(MF) {
  const TargetInstrInfo &TII = *MF.getSubtarget().getInstrInfo();
  Sizer Size(MF);
  DenseMap<const MachineBasicBlock *, unsigned> Number;
  for (MachineBasicBlock &MBB : MF)
    Number[&MBB] = Number.size();
  for (MachineBasicBlock &MBB : MF) {
    bool Starts = Blocks.empty() || !Blocks.back().MBB->canFallThrough();
    if (Starts)
      Chains.emplace_back();
    Chains.back().push_back(Blocks.size());
    Block B;
    B.MBB = &MBB;
    B.FirstJump = Jumps.size();
    for (MachineInstr &MI : MBB) {
      StringRef Name = TII.getName(MI.getOpcode());
      if (MI.getOpcode() == TargetOpcode::INLINEASM_BR)
        Usable = false;
      if (Name != "JMP_1" && Name != "JCC_1") {
        B.Bytes += Size(MI);
        continue;
      }
      if (!MI.getOperand(0).isMBB()) { // a tail call
        B.Bytes += LongConditionalBytes;
        continue;
      }
      Jump J;
      J.Instr = &MI;
      J.Block = Blocks.size();
      J.Target = Number.lookup(MI.getOperand(0).getMBB());
      J.IsConditional = Name == "JCC_1";
      Jumps.push_back(J);
    }
    B.JumpCount = Jumps.size() - B.FirstJump;
    Blocks.push_back(B);
  }
}

/// Whether a jump is not needed, as its target comes next.
bool Layout::isSkipped(const Jump &J, const Block &B, unsigned Next) const {
  return J.Target == Next && !J.IsConditional && &J == &Jumps[B.FirstJump + B.JumpCount - 1];
}

/// Bytes of the function in this order; notes where jumps stand and which are
/// long.
uint64_t Layout::measure(ArrayRef<unsigned> Order) {
  for (Jump &J : Jumps)
    J.IsLong = false;
  for (bool Changed = true; Changed;) {
    int64_t At = 0;
    for (auto [Place, Index] : enumerate(Order)) {
      Block &B = Blocks[Index];
      B.Start = At;
      At += B.Bytes;
      unsigned Next = Place + 1 < Order.size() ? Order[Place + 1] : ~0u;
      for (Jump &J : MutableArrayRef(Jumps).slice(B.FirstJump, B.JumpCount)) {
        At += isSkipped(J, B, Next) ? 0 : J.bytes();
        J.End = At;
      }
    }
    Changed = false;
    for (Jump &J : Jumps)
      if (int64_t Distance = Blocks[J.Target].Start - J.End;
          !J.IsLong && (Distance > Reach || Distance < -Reach - 1))
        J.IsLong = Changed = true;
    if (!Changed)
      return At;
  }
  return 0;
}

static std::vector<unsigned> flatten(ArrayRef<std::vector<unsigned>> Chains) {
  std::vector<unsigned> Order;
  for (const std::vector<unsigned> &Chain : Chains)
    Order.insert(Order.end(), Chain.begin(), Chain.end());
  return Order;
}

/// Moves what stands at \p From to \p To, and all between them aside.
static void moveChain(std::vector<std::vector<unsigned>> &Chains, size_t From, size_t To) {
  auto At = Chains.begin();
  if (From < To)
    std::rotate(At + From, At + From + 1, At + To + 1);
  else
    std::rotate(At + To, At + From, At + From + 1);
}

/// Moves each chain but the first to where the function is shortest.
bool Layout::order() {
  std::vector<unsigned> First = flatten(Chains);
  uint64_t Least = measure(First);
  uint64_t Work = Chains.size() * Chains.size() * Blocks.size();
  if (Least <= Reach || Work > MostWork)
    return false;
  for (size_t From = 1; From < Chains.size(); ++From) {
    size_t Best = From;
    for (size_t To = 1; To < Chains.size(); ++To) {
      std::vector<std::vector<unsigned>> Moved = Chains;
      moveChain(Moved, From, To);
      if (uint64_t Bytes = measure(flatten(Moved)); Bytes < Least) {
        Least = Bytes;
        Best = To;
      }
    }
    moveChain(Chains, From, Best);
  }
  std::vector<unsigned> Order = flatten(Chains);
  if (Order == First)
    return false;
  for (auto [Before, After] : zip(ArrayRef(Order).drop_back(), ArrayRef(Order).drop_front()))
    Blocks[After].MBB->moveAfter(Blocks[Before].MBB);
  for (auto [Before, After] : zip(ArrayRef(Order).drop_back(), ArrayRef(Order).drop_front())) {
    const Block &B = Blocks[Before];
    for (Jump &J : MutableArrayRef(Jumps).slice(B.FirstJump, B.JumpCount))
      if (isSkipped(J, B, After)) {
        J.Instr->eraseFromParent();
        J.Instr = nullptr;
      }
  }
  return true;
}

/// Whether one that takes \p From takes \p Over as well, if it goes there.
bool Layout::leadsOn(const Jump &From, const Jump &Over) const {
  if (Over.Block == From.Block)
    return false;
  // The condition is the second operand.
  bool IsTaken = !Over.IsConditional || (From.IsConditional && From.Instr->getOperand(1).getImm() ==
                                                                   Over.Instr->getOperand(1).getImm());
  // What follows must be jumps too: it becomes a block of its own.
  bool IsTail = all_of(
      make_range(Over.Instr->getIterator(), Over.Instr->getParent()->instr_end()),
      [](const MachineInstr &MI) { return MI.isDebugInstr() || (MI.isBranch() && !MI.isIndirectBranch()); });
  return IsTaken && IsTail;
}

static bool jumpsTo(const MachineBasicBlock &From, const MachineBasicBlock &To) {
  return any_of(From.terminators(), [&](const MachineInstr &MI) {
    return any_of(MI.operands(), [&](const MachineOperand &O) { return O.isMBB() && O.getMBB() == &To; });
  });
}

/// Makes a block of \p Instr and what follows.
MachineBasicBlock *Layout::splitAt(MachineInstr &Instr) {
  MachineBasicBlock *Head = Instr.getParent();
  if (Head->getFirstNonDebugInstr() == Instr.getIterator())
    return Head;
  MachineBasicBlock *Follows = Head->getFallThrough();
  MachineBasicBlock *Tail = MF.CreateMachineBasicBlock(Head->getBasicBlock());
  MF.insert(std::next(Head->getIterator()), Tail);
  Tail->splice(Tail->end(), Head, Instr.getIterator(), Head->end());
  for (MachineBasicBlock *Next : SmallVector<MachineBasicBlock *>(Head->successors())) {
    if (Next == Follows || jumpsTo(*Tail, *Next))
      Tail->addSuccessorWithoutProb(Next);
    if (!jumpsTo(*Head, *Next) && !Next->isEHPad())
      Head->removeSuccessor(Next);
  }
  Head->addSuccessorWithoutProb(Tail);
  if (MF.getRegInfo().tracksLiveness()) {
    LivePhysRegs Live;
    computeAndAddLiveIns(Live, *Tail);
  }
  return Tail;
}

/// Has long jumps go to others near them that lead to their target, themselves
/// or over others that are nearer to it.
bool Layout::chain() {
  measure(flatten(Chains));
  MapVector<unsigned, std::vector<const Jump *>> ByTarget;
  for (const Jump &J : Jumps)
    if (J.Instr)
      ByTarget[J.Target].push_back(&J);
  std::vector<std::pair<const Jump *, const Jump *>> Hops;
  for (auto &[Target, Group] : ByTarget) {
    int64_t Goal = Blocks[Target].Start;
    llvm::stable_sort(Group, [&](const Jump *A, const Jump *B) {
      return std::abs(A->End - Goal) < std::abs(B->End - Goal);
    });
    for (size_t I = 1; I < Group.size(); ++I)
      for (size_t K = 0; Group[I]->IsLong && K != I; ++K)
        if (std::abs(Group[K]->End - Group[I]->End) <= Reach - Doubt && leadsOn(*Group[I], *Group[K])) {
          Hops.push_back({Group[I], Group[K]});
          break;
        }
  }
  for (auto [From, Over] : Hops) {
    MachineBasicBlock *Old = From->Instr->getOperand(0).getMBB(), *New = splitAt(*Over->Instr);
    MachineBasicBlock *Block = From->Instr->getParent();
    From->Instr->getOperand(0).setMBB(New);
    if (!jumpsTo(*Block, *Old) && Block->getFallThrough() != Old)
      Block->removeSuccessor(Old);
    if (!Block->isSuccessor(New))
      Block->addSuccessorWithoutProb(New);
  }
  return !Hops.empty();
}

bool shortenBranches(MachineFunction &MF) {
  if (MF.hasBBSections() || MF.hasEHFunclets())
    return false;
  Layout L(MF);
  if (!L.isUsable())
    return false;
  bool Changed = L.order();
  return L.chain() || Changed;
}

} // namespace mlcomp
