#include "Outliner.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/CodeGen/LivePhysRegs.h"
#include "llvm/CodeGen/LiveRegUnits.h"
#include "llvm/CodeGen/MachineFunction.h"
#include "llvm/CodeGen/MachineInstrBuilder.h"
#include "llvm/CodeGen/MachineModuleInfo.h"
#include "llvm/CodeGen/Passes.h"
#include "llvm/CodeGen/TargetInstrInfo.h"
#include "llvm/CodeGen/TargetSubtargetInfo.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/InitializePasses.h"
#include "llvm/PassRegistry.h"
#include "llvm/Support/CommandLine.h"
#include "llvm/Support/SuffixTree.h"
#include "llvm/Target/TargetMachine.h"
#include <queue>

using namespace llvm;

namespace mlcomp {

static cl::opt<unsigned> Rounds("mlcomp-outline", cl::init(0), cl::Hidden,
                                cl::desc("RISC-V: look for code to share so many times"));
static cl::opt<bool> Frames("mlcomp-align-frames", cl::init(false), cl::Hidden,
                            cl::desc("With -mlcomp-outline: make frames alike, so that more can be shared"));

namespace {

/// Opcodes and registers of the target, found by name: its headers are not
/// installed.
struct Names {
  explicit Names(const TargetSubtargetInfo &STI);
  bool complete() const {
    return Add && Load && Store && Call && CallThrough && Return && Tail && JumpAndLink && Zero && Ra && Sp &&
           T0 && T1;
  }

  unsigned Add = 0, Load = 0, Store = 0;
  unsigned Call = 0, CallThrough = 0, CallIndirect = 0, Return = 0, Tail = 0, TailIndirect = 0,
           JumpAndLink = 0;
  MCRegister Zero, Ra, Sp, T0, T1;
  unsigned CallFlag = 0; ///< Target flag of a callee.
};

/// How an outlined function is entered and left.
enum class Shape {
  Tail,      ///< Jumped to; returns to the caller's caller.
  Thunk,     ///< Called through ra, and ends in a jump to what it would call.
  Linked,    ///< Called through ra.
  Alternate, ///< Called through t0.
};

/// One place in the code, with what lives before it.
struct Step {
  MachineInstr *Instr = nullptr; ///< None: a boundary.
  unsigned Bytes = 0;
  uint64_t Address = 0; ///< From the start of the module's code.
  bool RaFree = false, T0Free = false, T1Free = false;
};

/// Code that stands in several places.
struct Repeat {
  unsigned Length = 0, Bytes = 0;
  Shape How = Shape::Tail;
  std::vector<const Step *> Places;
  int64_t Benefit = 0;
};

struct Worse {
  const std::vector<Repeat> &All;
  bool operator()(unsigned A, unsigned B) const {
    return std::pair(All[A].Benefit, B) < std::pair(All[B].Benefit, A);
  }
};

/// The part of a prologue or epilogue that makes or frees the frame and saves or
/// restores registers at its top, ra first.
struct FrameEdge {
  MachineInstr *Adjust = nullptr;
  SmallVector<MachineInstr *, 13> Accesses; ///< From the top of the frame down.
  int64_t Frame = 0;                        ///< Bytes.
  bool Setup = false;

  /// The least frame that holds the registers.
  int64_t least() const { return alignTo(4 * Accesses.size(), 16); }
};

class Outliner : public ModulePass {
public:
  static char ID;
  Outliner() : ModulePass(ID) {}
  StringRef getPassName() const override { return "mlcomp outliner"; }
  void getAnalysisUsage(AnalysisUsage &AU) const override {
    AU.addRequired<MachineModuleInfoWrapperPass>();
    AU.addPreserved<MachineModuleInfoWrapperPass>();
    AU.setPreservesAll();
    ModulePass::getAnalysisUsage(AU);
  }
  bool runOnModule(Module &M) override;

private:
  /// All code as a string of steps, and each step's number; equal numbers are
  /// equal instructions.
  struct Code {
    std::vector<Step> Steps;
    std::vector<unsigned> Numbers;
  };
  void collect(MachineFunction &MF);
  std::optional<FrameEdge> edgeAt(MachineInstr &Adjust) const;
  void alignFrames();
  void split(const FrameEdge &E) const;
  void append(Code &To, const Step &S);
  void find(const Code &From);
  std::optional<Shape> bestShape(Repeat &R);
  std::vector<const Step *> feasible(const Repeat &R, Shape How) const;
  int64_t benefit(const Repeat &R, Shape How, ArrayRef<const Step *> Places) const;
  bool once(Module &M);
  void outline(Module &M, const Repeat &R);
  void replace(const Repeat &R, const Step *Place, Function &Body);
  bool isTaken(const Step *First, unsigned Length) const;

  MachineModuleInfo *MMI = nullptr;
  std::optional<Names> N;
  unsigned CallBytes = 8; ///< After relaxation, if the linker does that.
  bool Compressed = false;
  unsigned Made = 0;
  uint64_t CodeBytes = 0;
  std::vector<MachineFunction *> Functions; ///< Those that code may be taken out of.
  DenseMap<MachineInstr *, unsigned, MachineInstrExpressionTrait> Numbering;
  unsigned NextBoundary = 0;
  Code Whole;  ///< Calls are instructions like any other.
  Code Pieces; ///< Calls end a piece; no ends of functions.
  std::vector<Repeat> Repeats;
  DenseSet<const MachineInstr *> Taken;
};

} // namespace

char Outliner::ID = 0;

Names::Names(const TargetSubtargetInfo &STI) {
  const TargetInstrInfo &TII = *STI.getInstrInfo();
  for (auto [Name, Opcode] : {std::pair("ADDI", &Add),
                              {"LW", &Load},
                              {"SW", &Store},
                              {"PseudoCALL", &Call},
                              {"PseudoCALLReg", &CallThrough},
                              {"PseudoCALLIndirect", &CallIndirect},
                              {"PseudoRET", &Return},
                              {"PseudoTAIL", &Tail},
                              {"PseudoTAILIndirect", &TailIndirect},
                              {"JALR", &JumpAndLink}})
    for (unsigned I = 0; I != TII.getNumOpcodes(); ++I)
      if (TII.getName(I) == Name)
        *Opcode = I;
  const TargetRegisterInfo &TRI = *STI.getRegisterInfo();
  for (auto [Name, Register] : {std::pair("X0", &Zero), {"X1", &Ra}, {"X2", &Sp}, {"X5", &T0}, {"X6", &T1}})
    for (unsigned I = 1; I != TRI.getNumRegs(); ++I)
      if (TRI.getName(I) == StringRef(Name))
        *Register = I;
  for (auto [Flag, Name] : TII.getSerializableDirectMachineOperandTargetFlags())
    if (StringRef(Name) == "riscv-call")
      CallFlag = Flag;
}

/// Whether code may be taken out of \p F at all. What may be unwound needs tables that tell about every
/// place.
static bool mayOutlineFrom(const Function &F) {
  return F.hasMinSize() && !F.needsUnwindTableEntry() && !F.hasOptNone() && !F.hasSection() &&
         !F.hasLinkOnceODRLinkage() && !F.hasFnAttribute(Attribute::Naked) &&
         !F.hasFnAttribute("nooutline") && !F.hasFnAttribute("interrupt") &&
         !F.hasFnAttribute("patchable-function") && !F.hasFnAttribute("patchable-function-entry") &&
         !F.hasFnAttribute(Attribute::ShadowCallStack) && !F.callsFunctionThatReturnsTwice();
}

constexpr StringLiteral TargetAttributes[] = {"target-cpu", "target-features", "tune-cpu"};

/// Whether code of one may stand in the other.
static bool haveSameTarget(const Function &F, const Function &G) {
  return all_of(TargetAttributes,
                [&](StringRef Key) { return F.getFnAttribute(Key) == G.getFnAttribute(Key); });
}

/// What an instruction is to the outliner.
enum class Role { Invisible, Boundary, Plain, CallRole, End };

static Role roleOf(const MachineInstr &MI, const Names &N) {
  if (MI.isDebugInstr() || MI.isKill() || MI.isImplicitDef() || MI.isCFIInstruction())
    return Role::Invisible;
  if (MI.isPosition() || MI.isInlineAsm() || MI.isBundle() || MI.isBundled() || MI.getPreInstrSymbol() ||
      MI.getPostInstrSymbol() || MI.isNotDuplicable() || MI.isConvergent())
    return Role::Boundary;
  if (MI.getFlag(MachineInstr::NoMerge))
    return Role::Boundary;
  for (const MachineOperand &O : MI.operands()) {
    if (O.isMBB() || O.isBlockAddress() || O.isCPI() || O.isJTI() || O.isCFIIndex() || O.isFI() ||
        O.isTargetIndex() || O.isMCSymbol())
      return Role::Boundary;
    if (O.isGlobal() && O.getGlobal()->isThreadLocal())
      return Role::Boundary;
  }
  unsigned Opcode = MI.getOpcode();
  if (Opcode == N.Return || Opcode == N.Tail || Opcode == N.TailIndirect)
    return MI.getParent()->succ_empty() ? Role::End : Role::Boundary;
  if (MI.isTerminator())
    return Role::Boundary;
  if (Opcode == N.Call || Opcode == N.CallIndirect)
    return Role::CallRole;
  if (Opcode == N.CallThrough && MI.getOperand(0).getReg() == N.T0)
    return Role::Plain;
  if (MI.isCall() || MI.isPseudo())
    return Role::Boundary;
  return Role::Plain;
}

void Outliner::append(Code &To, const Step &S) {
  To.Steps.push_back(S);
  if (!S.Instr) {
    To.Numbers.push_back(--NextBoundary);
    return;
  }
  To.Numbers.push_back(Numbering.try_emplace(S.Instr, Numbering.size()).first->second);
}

/// Appends a function's code to both strings.
void Outliner::collect(MachineFunction &MF) {
  const TargetInstrInfo &TII = *MF.getSubtarget().getInstrInfo();
  const TargetRegisterInfo &TRI = *MF.getSubtarget().getRegisterInfo();
  for (MachineBasicBlock &MBB : MF) {
    std::vector<std::pair<Step, Role>> Block;
    LiveRegUnits Live(TRI);
    Live.addLiveOuts(MBB);
    for (MachineInstr &MI : reverse(MBB)) {
      if (!MI.isDebugInstr())
        Live.stepBackward(MI);
      Role R = roleOf(MI, *N);
      if (R == Role::Invisible)
        continue;
      Step S{&MI,
             TII.getInstSizeInBytes(MI),
             0,
             Live.available(N->Ra),
             Live.available(N->T0),
             Live.available(N->T1)};
      if (MI.isCall() && S.Bytes == 8)
        S.Bytes = CallBytes;
      Block.push_back({S, R});
    }
    for (auto &[S, R] : reverse(Block)) {
      S.Address = CodeBytes;
      CodeBytes += S.Bytes;
      bool Inside = R != Role::Boundary;
      append(Whole, Inside ? S : Step());
      append(Pieces, Inside && R != Role::End ? S : Step());
      if (R == Role::CallRole)
        append(Pieces, Step());
    }
    append(Whole, Step());
    append(Pieces, Step());
  }
}

/// The edge of a frame around `addi sp, sp, n`; none if it is of another form.
std::optional<FrameEdge> Outliner::edgeAt(MachineInstr &Adjust) const {
  auto Is = [](const MachineOperand &O, MCRegister R) { return O.isReg() && O.getReg() == R; };
  if (Adjust.getOpcode() != N->Add || !Is(Adjust.getOperand(0), N->Sp) || !Is(Adjust.getOperand(1), N->Sp) ||
      !Adjust.getOperand(2).isImm())
    return std::nullopt;
  FrameEdge E;
  E.Adjust = &Adjust;
  E.Setup = Adjust.getFlag(MachineInstr::FrameSetup);
  if (!E.Setup && !Adjust.getFlag(MachineInstr::FrameDestroy))
    return std::nullopt;
  E.Frame = E.Setup ? -Adjust.getOperand(2).getImm() : Adjust.getOperand(2).getImm();
  if (E.Frame <= 0 || E.Frame % 16)
    return std::nullopt;
  // By depth below the top of the frame, in words.
  SmallVector<MachineInstr *, 13> Found;
  auto Add = [&](MachineInstr &MI) {
    if (MI.getOpcode() != (E.Setup ? N->Store : N->Load) || !Is(MI.getOperand(1), N->Sp) ||
        !MI.getOperand(2).isImm() || Is(MI.getOperand(0), N->Sp) || MI.hasOrderedMemoryRef())
      return false;
    if (any_of(Found, [&](MachineInstr *Other) {
          return Other && Other->getOperand(0).getReg() == MI.getOperand(0).getReg();
        }))
      return false;
    int64_t Depth = E.Frame - MI.getOperand(2).getImm();
    if (Depth % 4 || Depth < 4 || Depth > 4 * 13)
      return false;
    size_t Index = Depth / 4 - 1;
    if (Index >= Found.size())
      Found.resize(Index + 1);
    if (Found[Index])
      return false;
    Found[Index] = &MI;
    return true;
  };
  MachineBasicBlock &MBB = *Adjust.getParent();
  if (E.Setup) {
    for (auto I = std::next(Adjust.getIterator()); I != MBB.instr_end() && (I->isCFIInstruction() || Add(*I));
         ++I) {
    }
  } else {
    for (auto I = std::next(Adjust.getReverseIterator());
         I != MBB.instr_rend() && (I->isCFIInstruction() || Add(*I)); ++I) {
    }
  }
  if (Found.empty() || is_contained(Found, nullptr) || !Is(Found[0]->getOperand(0), N->Ra))
    return std::nullopt;
  E.Accesses = std::move(Found);
  return E;
}

/// Makes the edge that of the least frame, and the rest of the frame in another
/// step.
void Outliner::split(const FrameEdge &E) const {
  int64_t Rest = E.Frame - E.least();
  MachineBasicBlock &MBB = *E.Adjust->getParent();
  MachineInstr *Outside = MBB.getParent()->CloneMachineInstr(E.Adjust);
  Outside->getOperand(2).setImm(E.Setup ? -Rest : Rest);
  E.Adjust->getOperand(2).setImm(E.Setup ? -E.least() : E.least());
  for (MachineInstr *Access : E.Accesses) {
    MachineOperand &Offset = Access->getOperand(2);
    Offset.setImm(Offset.getImm() - Rest);
  }
  // The accesses stand between the two steps.
  if (E.Setup)
    MBB.insertAfter(E.Accesses.back()->getIterator(), Outside);
  else
    MBB.insert(E.Accesses.back()->getIterator(), Outside);
}

/// Gives frames equal edges: registers are restored in the reverse of the order
/// in which they are saved, and where it pays, larger frames are made in two
/// steps, of which the first is that of many functions.
void Outliner::alignFrames() {
  std::vector<FrameEdge> Edges;
  for (MachineFunction *MF : Functions)
    for (MachineBasicBlock &MBB : *MF)
      for (MachineInstr &MI : MBB)
        if (std::optional<FrameEdge> E = edgeAt(MI))
          Edges.push_back(std::move(*E));
  for (const FrameEdge &E : Edges) {
    MachineBasicBlock &MBB = *E.Adjust->getParent();
    auto Here = E.Setup ? std::next(E.Adjust->getIterator()) : E.Adjust->getIterator();
    for (MachineInstr *Access : E.Accesses) {
      MBB.splice(Here, &MBB, Access->getIterator());
      if (!E.Setup)
        Here = Access->getIterator();
      Access->clearKillInfo();
    }
  }
  // Others that begin, or end, like the first step.
  auto Alike = [&](const FrameEdge &E) {
    return count_if(Edges, [&](const FrameEdge &O) {
      return O.Setup == E.Setup && O.least() == E.least() && O.Accesses.size() >= E.Accesses.size();
    });
  };
  for (const FrameEdge &E : Edges)
    if (E.Frame > E.least() && E.Accesses.size() >= (E.Setup ? 3u : 2u) && Alike(E) >= 3)
      split(E);
}

/// The places of \p R where \p How keeps what lives there.
std::vector<const Step *> Outliner::feasible(const Repeat &R, Shape How) const {
  std::vector<const Step *> Places;
  for (const Step *First : R.Places) {
    bool Free = How == Shape::Tail ? First->T1Free : How == Shape::Alternate ? First->T0Free : First->RaFree;
    if (Free)
      Places.push_back(First);
  }
  if (Places.empty())
    return Places;
  const TargetRegisterInfo &TRI = *Places[0]->Instr->getMF()->getSubtarget().getRegisterInfo();
  ArrayRef Body(Places[0], R.Length);
  auto Changes = [&](MCRegister Link, ArrayRef<Step> Part) {
    return any_of(Part, [&](const Step &S) {
      return S.Instr->modifiesRegister(Link, &TRI) || S.Instr->readsRegister(Link, &TRI);
    });
  };
  bool Broken = How == Shape::Alternate ? Changes(N->T0, Body)
                : How == Shape::Linked  ? Changes(N->Ra, Body)
                : How == Shape::Thunk   ? Changes(N->Ra, Body.drop_back())
                                        : false;
  if (Broken)
    Places.clear();
  return Places;
}

/// Bytes that are saved. Jumps, and calls through ra, are compressed within
/// 2 KiB; what is outlined stands beside the middle one of its places.
int64_t Outliner::benefit(const Repeat &R, Shape How, ArrayRef<const Step *> Places) const {
  constexpr int64_t Reach = 2048;
  int64_t Middle = Places[Places.size() / 2]->Address;
  int64_t Saved = -int64_t(R.Bytes);
  if (How == Shape::Alternate || How == Shape::Linked)
    Saved -= Compressed ? 2 : 4; // the return
  for (const Step *First : Places) {
    bool Near = Compressed && CallBytes < 8 && How != Shape::Alternate &&
                std::abs(int64_t(First->Address) - Middle) < Reach;
    Saved += R.Bytes - (Near ? 2 : CallBytes);
  }
  return Saved;
}

/// The shape that saves most, with the places that allow it.
std::optional<Shape> Outliner::bestShape(Repeat &R) {
  const MachineInstr &Last = *R.Places[0][R.Length - 1].Instr;
  SmallVector<Shape, 2> Shapes;
  if (roleOf(Last, *N) == Role::End)
    Shapes = {Shape::Tail};
  else if (roleOf(Last, *N) == Role::CallRole)
    Shapes = {Shape::Thunk};
  else
    Shapes = {Shape::Linked, Shape::Alternate};
  if (Shapes[0] == Shape::Thunk && Last.getOpcode() == N->CallIndirect &&
      (!N->TailIndirect || Last.getOperand(0).getReg() == N->Ra))
    return std::nullopt;
  std::optional<Shape> Best;
  std::vector<const Step *> BestPlaces;
  R.Benefit = 0;
  for (Shape How : Shapes) {
    std::vector<const Step *> Places = feasible(R, How);
    int64_t Saved = Places.size() < 2 ? 0 : benefit(R, How, Places);
    if (Saved > R.Benefit) {
      R.Benefit = Saved;
      Best = How;
      BestPlaces = std::move(Places);
    }
  }
  if (Best) {
    R.How = *Best;
    R.Places = std::move(BestPlaces);
  }
  return Best;
}

void Outliner::find(const Code &From) {
  if (From.Numbers.empty())
    return;
  SuffixTree Tree(From.Numbers, /*OutlinerLeafDescendants=*/true);
  for (const SuffixTree::RepeatedSubstring &RS : Tree) {
    Repeat R;
    R.Length = RS.Length;
    std::vector<unsigned> Starts(RS.StartIndices.begin(), RS.StartIndices.end());
    llvm::sort(Starts);
    unsigned End = 0;
    for (unsigned Start : Starts)
      if (Start >= End) {
        R.Places.push_back(&From.Steps[Start]);
        End = Start + R.Length;
      }
    if (R.Places.size() < 2)
      continue;
    for (const Step &S : ArrayRef(R.Places[0], R.Length))
      R.Bytes += S.Bytes;
    // In the whole string only what ends functions is sought.
    if (&From == &Whole && roleOf(*R.Places[0][R.Length - 1].Instr, *N) != Role::End)
      continue;
    if (bestShape(R))
      Repeats.push_back(std::move(R));
  }
}

bool Outliner::isTaken(const Step *First, unsigned Length) const {
  return any_of(ArrayRef(First, Length), [&](const Step &S) { return Taken.contains(S.Instr); });
}

/// The call or jump to \p Body in place of the code at \p Place.
void Outliner::replace(const Repeat &R, const Step *Place, Function &Body) {
  MachineInstr &First = *Place->Instr, &Last = *Place[R.Length - 1].Instr;
  MachineBasicBlock &MBB = *First.getParent();
  MachineFunction &MF = *MBB.getParent();
  const TargetInstrInfo &TII = *MF.getSubtarget().getInstrInfo();
  const TargetRegisterInfo &TRI = *MF.getSubtarget().getRegisterInfo();
  MachineInstrBuilder New;
  switch (R.How) {
  case Shape::Tail:
    New = BuildMI(MBB, First, DebugLoc(), TII.get(N->Tail));
    break;
  case Shape::Thunk:
  case Shape::Linked:
    New = BuildMI(MBB, First, DebugLoc(), TII.get(N->Call));
    break;
  case Shape::Alternate:
    New = BuildMI(MBB, First, DebugLoc(), TII.get(N->CallThrough), N->T0);
    break;
  }
  New.addGlobalAddress(&Body, 0, N->CallFlag);
  // What it reads and writes, for liveness in later rounds.
  LiveRegUnits Inside(TRI);
  DenseSet<Register> Written, Read;
  SmallVector<Register> Defs, Uses;
  for (const Step &S : ArrayRef(Place, R.Length)) {
    for (const MachineOperand &O : S.Instr->operands()) {
      if (O.isRegMask())
        New->addOperand(MF, MachineOperand::CreateRegMask(O.getRegMask()));
      if (!O.isReg() || !O.getReg() || O.getReg() == N->Zero)
        continue;
      if (O.readsReg() && !Written.contains(O.getReg()) && Read.insert(O.getReg()).second)
        Uses.push_back(O.getReg());
    }
    for (const MachineOperand &O : S.Instr->operands())
      if (O.isReg() && O.getReg() && O.isDef() && O.getReg() != N->Zero && Written.insert(O.getReg()).second)
        Defs.push_back(O.getReg());
  }
  for (Register U : Uses)
    New.addReg(U, RegState::Implicit);
  for (Register D : Defs)
    New.addReg(D, RegState::ImplicitDefine);
  if (R.How == Shape::Linked || R.How == Shape::Thunk)
    New.addReg(N->Ra, RegState::ImplicitDefine);
  for (const Step &S : ArrayRef(Place, R.Length))
    if (S.Instr->shouldUpdateCallSiteInfo())
      MF.eraseCallSiteInfo(S.Instr);
  MBB.erase(MachineBasicBlock::iterator(First), std::next(MachineBasicBlock::iterator(Last)));
}

void Outliner::outline(Module &M, const Repeat &R) {
  const Function &Parent = R.Places[0]->Instr->getMF()->getFunction();
  LLVMContext &C = M.getContext();
  std::string Name;
  do
    Name = ("OUTLINED_FUNCTION_" + Twine(Made++)).str();
  while (M.getNamedValue(Name));
  Function *F =
      Function::Create(FunctionType::get(Type::getVoidTy(C), false), Function::InternalLinkage, Name, M);
  F->removeFromParent();
  Function &Middle = R.Places[R.Places.size() / 2]->Instr->getMF()->getFunction();
  M.getFunctionList().insertAfter(Middle.getIterator(), F);
  F->setUnnamedAddr(GlobalValue::UnnamedAddr::Global);
  for (auto Attribute : {Attribute::OptimizeForSize, Attribute::MinSize, Attribute::NoUnwind})
    F->addFnAttr(Attribute);
  F->addFnAttr("nooutline"); // LLVM's outliner could not see what lives behind it.
  for (StringRef Key : TargetAttributes)
    if (Parent.hasFnAttribute(Key))
      F->addFnAttr(Parent.getFnAttribute(Key));
  IRBuilder<>(BasicBlock::Create(C, "entry", F)).CreateRetVoid();

  MachineFunction &MF = MMI->getOrCreateMachineFunction(*F);
  MF.getProperties().reset(MachineFunctionProperties::Property::IsSSA);
  for (auto Property :
       {MachineFunctionProperties::Property::NoPHIs, MachineFunctionProperties::Property::NoVRegs,
        MachineFunctionProperties::Property::TracksLiveness})
    MF.getProperties().set(Property);
  MF.getRegInfo().freezeReservedRegs();
  MachineBasicBlock &MBB = *MF.CreateMachineBasicBlock();
  MF.push_back(&MBB);
  const TargetInstrInfo &TII = *MF.getSubtarget().getInstrInfo();
  for (const Step &S : ArrayRef(R.Places[0], R.Length)) {
    MachineInstr &New = TII.duplicate(MBB, MBB.end(), *S.Instr);
    New.dropMemRefs(MF);
    New.setDebugLoc(DebugLoc());
    New.clearKillInfo();
  }
  switch (R.How) {
  case Shape::Tail:
    break;
  case Shape::Thunk: {
    MachineInstr &Last = MBB.back();
    bool Direct = Last.getOpcode() == N->Call;
    BuildMI(MBB, MBB.end(), DebugLoc(), TII.get(Direct ? N->Tail : N->TailIndirect)).add(Last.getOperand(0));
    Last.eraseFromParent();
    break;
  }
  case Shape::Linked:
    BuildMI(MBB, MBB.end(), DebugLoc(), TII.get(N->Return));
    break;
  case Shape::Alternate:
    BuildMI(MBB, MBB.end(), DebugLoc(), TII.get(N->JumpAndLink), N->Zero).addReg(N->T0).addImm(0);
    break;
  }
  LivePhysRegs Live(*MF.getSubtarget().getRegisterInfo());
  for (const MachineInstr &MI : reverse(MBB))
    Live.stepBackward(MI);
  addLiveIns(MBB, Live);
  for (const Step *Place : R.Places)
    replace(R, Place, *F);
}

/// One round; whether it has found anything.
bool Outliner::once(Module &M) {
  Whole = {};
  Pieces = {};
  Numbering.clear();
  Repeats.clear();
  Taken.clear();
  NextBoundary = ~1u;
  CodeBytes = 0;
  for (MachineFunction *MF : Functions)
    collect(*MF);
  find(Whole);
  find(Pieces);

  std::priority_queue<unsigned, std::vector<unsigned>, Worse> Queue(Worse{Repeats});
  for (unsigned I = 0; I != Repeats.size(); ++I)
    Queue.push(I);
  bool Changed = false;
  while (!Queue.empty()) {
    unsigned Best = Queue.top();
    Queue.pop();
    Repeat &R = Repeats[Best];
    size_t Before = R.Places.size();
    erase_if(R.Places, [&](const Step *First) { return isTaken(First, R.Length); });
    if (R.Places.size() < 2)
      continue;
    if (R.Places.size() != Before) { // worth less than it was: in its turn again
      R.Benefit = benefit(R, R.How, R.Places);
      if (R.Benefit > 0)
        Queue.push(Best);
      continue;
    }
    for (const Step *First : R.Places)
      for (const Step &S : ArrayRef(First, R.Length))
        Taken.insert(S.Instr);
    outline(M, R);
    Changed = true;
  }
  return Changed;
}

bool Outliner::runOnModule(Module &M) {
  if (!Triple(M.getTargetTriple()).isRISCV32())
    return false;
  MMI = &getAnalysis<MachineModuleInfoWrapperPass>().getMMI();
  for (const Function &F : M)
    if (MachineFunction *MF = mayOutlineFrom(F) ? MMI->getMachineFunction(F) : nullptr;
        MF && MF->getRegInfo().tracksLiveness())
      if (Functions.empty() || haveSameTarget(F, Functions[0]->getFunction()))
        Functions.push_back(MF);
  if (Functions.empty())
    return false;
  const TargetSubtargetInfo &STI = Functions[0]->getSubtarget();
  N.emplace(STI);
  if (!N->complete())
    return false;
  CallBytes = STI.checkFeatures("+relax") ? 4 : 8;
  Compressed = STI.checkFeatures("+c") || STI.checkFeatures("+zca");
  for (MachineFunction *MF : Functions) // LLVM's outliner counts twice what a call costs
    MF->getFunction().addFnAttr("nooutline");
  if (Frames)
    alignFrames();
  bool Changed = Frames;
  for (unsigned Round = 0; Round != Rounds && once(M); ++Round)
    Changed = true;
  return Changed;
}

bool outlinerPlaceIsTaken(const Module &M) {
  return any_of(M, [](const Function &F) { return F.hasMetadata(LLVMContext::MD_pcsections); });
}

static PassInfo::NormalCtor_t OriginalConstructor;

/// At a place behind all that changes code, where LLVM's own pass has work only
/// for functions with sanitizer metadata.
void installOutliner() {
  PassRegistry &Registry = *PassRegistry::getPassRegistry();
  initializeCodeGen(Registry);
  auto *Place = const_cast<PassInfo *>(Registry.getPassInfo(&MachineSanitizerBinaryMetadataID));
  if (!Place || OriginalConstructor)
    return;
  OriginalConstructor = Place->getNormalCtor();
  Place->setNormalCtor([]() -> Pass * { return Rounds ? new Outliner : OriginalConstructor(); });
}

} // namespace mlcomp
